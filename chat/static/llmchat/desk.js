/** The reader's desk: what waits to be sent, what is asked of the model, and all that can be done by name or key. */

import { t } from "./labels.js";
import { Queue } from "./queue.js";
import { Tuning } from "./tuning.js";

/**
 * @import {Api} from "./api.js"
 * @import {Chat} from "./chat.js"
 * @import {ComposerElement} from "./composer.js"
 * @import {Message} from "./conversation.js"
 * @import {ModelsElement} from "./models.js"
 * @import {Notices} from "./notices.js"
 * @import {Settings} from "./preferences.js"
 * @import {Store} from "./store.js"
 * @import {ThreadElement} from "./thread.js"
 */

/**
 * @typedef {object} Around
 * @property {Chat} chat
 * @property {Api} api
 * @property {Store} store
 * @property {Notices} notices
 * @property {Settings} settings
 * @property {string} model the site's choice
 * @property {(id: string | null) => void} open
 */

export class Desk {
  /**
   * @param {HTMLElement} app
   * @param {Around} around
   */
  constructor(app, around) {
    this.#app = app;
    this.#around = around;
    this.#composer = /** @type {ComposerElement} */ (app.querySelector("llmchat-composer"));
    this.#thread = /** @type {ThreadElement} */ (app.querySelector("llmchat-thread"));
    this.#models = /** @type {ModelsElement} */ (app.querySelector("llmchat-models"));
    this.#queue = new Queue(around.store);
    this.#tuning = new Tuning(around.api, around.store);
    this.#tuning.addEventListener("change", () => this.#showTuning());
    // Another tab has sent, or taken back, what waits.
    window.addEventListener("storage", () => this.showWaiting());
  }

  #app;
  #around;
  #composer;
  #thread;
  #models;
  #queue;
  #tuning;
  /** @type {string | null | undefined} the conversation that was written into before it was read */
  #early;

  /** @type {Record<string, (detail: any) => void>} what the parts of the page ask for */
  wishes = {
    queue: (text) => this.#wait(text),
    unqueue: (id) => this.#takeBack(id),
    "send-waiting": (id) => this.#send(id),
    "edit-last": () => this.#editLast(),
    model: (name) => this.#tuning.change({ model: name }),
  };

  /** What a message takes along. */
  get fields() {
    return this.#tuning.fields;
  }

  get #open() {
    return this.#around.chat.conversation.id;
  }

  async loadModels() {
    try {
      this.#models.models = (await this.#around.api.models()).results;
      this.#showTuning();
    } catch {
      // The name of the model is shown all the same, and the site's choice answers.
    }
  }

  /** The open conversation is another one, or the server has told more of it. */
  show() {
    const { id, tuned, unread } = this.#around.chat.conversation;
    this.#tuning.open(id, tuned);
    if (this.#early !== id || unread) return;
    this.#early = undefined;
    this.#sendNext();
  }

  showWaiting() {
    this.#composer.waiting = this.#queue.of(this.#open);
  }

  /**
   * @param {string} id that a new conversation has got
   * @param {boolean} open whether it is still the one shown
   */
  identified(id, open) {
    if (open) this.#tuning.identified(id);
    this.#queue.identified(id);
    this.showWaiting();
  }

  /** @param {Message} answer of the open conversation, which has ended */
  ended({ status }) {
    // After an error it is the reader's turn.
    if (status === "complete" || status === "stopped") this.#sendNext();
  }

  #sendNext() {
    const [next] = this.#queue.of(this.#open);
    if (next) this.#send(next.id);
  }

  /** @param {string} conversation that is not open and has become idle */
  endedElsewhere(conversation) {
    const [next] = this.#queue.of(conversation);
    if (!next) return;
    this.#around.chat.sendTo(conversation, next);
    this.#queue.remove(conversation, next.id);
  }

  /** @param {HTMLElement} anchor */
  async tune(anchor) {
    if (anchor.getAttribute("aria-expanded") === "true") return;
    const { openTuner } = await import("./tuner.js");
    openTuner(anchor, this.#tuning, (error) => this.#around.notices.show("error", error.message || t("notSaved")));
  }

  async openPalette() {
    if (this.#app.querySelector("dialog[open]")) return;
    const [{ openPalette }, { deck }] = await Promise.all([import("./palette.js"), import("./deck.js")]);
    const { chat, settings, notices, open } = this.#around;
    const means = {
      chat,
      settings,
      open,
      models: this.#models,
      sheet: () => void this.openSheet(),
      editLast: () => this.#editLast(),
      write: () => this.#composer.focusField(),
      say: (/** @type {string} */ text) => notices.say(text),
      notice: (/** @type {string} */ text) => notices.show("notice", text),
    };
    openPalette(this.#app, deck(this.#app, means));
  }

  async openSheet() {
    if (this.#app.querySelector("dialog[open]")) return;
    const { openSheet } = await import("./sheet.js");
    const { settings } = this.#around;
    openSheet(this.#app, {
      enterKey: settings.enterKey,
      singleKeys: settings.local.singleKeys,
      useSingleKeys: (use) => {
        settings.local = { singleKeys: use };
      },
    });
  }

  /** @param {string} text is sent when the answer has ended */
  #wait(text) {
    const { notices, store } = this.#around;
    if (!this.#queue.add(this.#open, text)) return notices.show("error", t("storageFull"));
    if (this.#around.chat.conversation.unread) this.#early = this.#open;
    this.#composer.text = "";
    store.keepDraft(this.#open, "");
    this.showWaiting();
    notices.say(t("queuedMessage"));
  }

  /** @param {string} id */
  #takeBack(id) {
    this.#queue.remove(this.#open, id);
    this.showWaiting();
  }

  /** @param {string} id of a message that waits */
  #send(id) {
    const { chat } = this.#around;
    const conversation = this.#open;
    const waiting = this.#queue.of(conversation).find((one) => one.id === id);
    if (!waiting || chat.running || chat.conversation.unread) return;
    chat.send(waiting.text, { ...this.fields, id });
    this.#queue.remove(conversation, id);
    this.showWaiting();
    this.#thread.toEnd();
  }

  /** What was asked last, to be asked anew. */
  #editLast() {
    const asked = [...this.#thread.querySelectorAll(".lc-user")].at(-1);
    /** @type {HTMLElement | null | undefined} */ (asked?.querySelector('[data-action="edit"]'))?.click();
  }

  #showTuning() {
    this.#models.current = this.#tuning.model || (this.#models.models.length ? "" : this.#around.model);
    this.#app.querySelector("[data-do=tune]")?.classList.toggle("lc-touched", this.#tuning.isTouched);
  }
}
