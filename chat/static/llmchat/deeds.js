/** What a reader does with an answer besides reading: think well or ill of it, ask another model, fork, look closer. */

import { t } from "./labels.js";

/**
 * @import {Api} from "./api.js"
 * @import {Chat} from "./chat.js"
 * @import {Message, Opinion} from "./conversation.js"
 * @import {Entry} from "./menu.js"
 */

/**
 * @typedef {{message: Message, button: HTMLElement, idle: boolean}} Asked
 */

export class Deeds {
  /**
   * @param {HTMLElement} app
   * @param {Api} api
   * @param {Chat} chat
   * @param {{changed: (id: string) => void, go: (id: string) => void, failed: (error: any) => void, say: (text: string) => void}} then
   */
  constructor(app, api, chat, then) {
    this.#app = app;
    this.#api = api;
    this.#chat = chat;
    this.#then = then;
  }

  #app;
  #api;
  #chat;
  #then;

  /** By the name of the event with which a message asks for it. */
  wishes = {
    "message-menu": (/** @type {Asked} */ asked) => this.#openMenu(asked),
    "other-model": (/** @type {Asked} */ { message, button }) => this.#chooseModel(message, button),
    rate: (/** @type {{message: Message, rating: number}} */ { message, rating }) => this.#rate(message, rating),
  };

  /** @param {Asked} asked */
  async #openMenu({ message, button, idle }) {
    const { openMenu } = await import("./menu.js");
    /** @type {Entry[]} */
    const entries = [{ icon: "git-fork", label: t("fork"), act: () => this.#fork(message) }];
    if (idle) entries.unshift({ icon: "refresh-cw", label: t("other-model"), act: () => this.#chooseModel(message, button) });
    entries.push({ icon: "info", label: t("details"), act: () => this.#showDetails(message, button) });
    openMenu(button, entries);
  }

  /**
   * @param {Message} message
   * @param {HTMLElement} button
   */
  async #chooseModel(message, button) {
    try {
      const [{ results }, { openPicker }] = await Promise.all([this.#api.models(), import("./picker.js")]);
      openPicker(button, results, message.model ?? "", (name) => this.#chat.regenerate(message.id, name));
    } catch (error) {
      this.#then.failed(error);
    }
  }

  /** @param {Message} message */
  async #fork(message) {
    const { id } = this.#chat.conversation;
    if (!id) return;
    try {
      const fork = await this.#api.fork(id, message.id);
      this.#then.go(fork.id);
      this.#then.say(t("forked"));
    } catch (error) {
      this.#then.failed(error);
    }
  }

  /**
   * @param {Message} message
   * @param {HTMLElement} button
   */
  async #showDetails(message, button) {
    const { openDetails } = await import("./details.js");
    openDetails(button, message);
  }

  /**
   * A thumb pressed once more is taken back. It counts at once; why is asked after a thumb down.
   *
   * @param {Message} message
   * @param {number} rating
   */
  async #rate(message, rating) {
    const before = message.feedback ?? null;
    if (before?.rating === rating) return this.#keep(message, null);
    await this.#keep(message, { rating, reasons: [], comment: "" });
    if (rating > 0 || message.feedback?.rating !== rating) return;
    const { askWhy } = await import("./feedback.js");
    askWhy(this.#app, message.feedback, (opinion) => this.#keep(message, opinion));
  }

  /**
   * @param {Message} message
   * @param {Opinion | null} opinion
   */
  async #keep(message, opinion) {
    const before = message.feedback ?? null;
    message.feedback = opinion;
    this.#then.changed(message.id);
    try {
      await this.#api.rate(message.id, opinion);
      this.#then.say(t(opinion ? "thanks" : "feedbackGone"));
    } catch (error) {
      message.feedback = before;
      this.#then.changed(message.id);
      this.#then.failed(error);
    }
  }
}
