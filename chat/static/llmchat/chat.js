/**
 * The conversation that is open: what is asked of the server, and what comes back, put into its tree.
 *
 * Events: `change` (the branch or a state), `touch` (detail: id of a message whose text grew),
 * `renamed` ({from, to}), `identified` (the new conversation that has got its id), `ended` (the message),
 * `refused` ({conversation, error, text}), `missing`, `failed` (the error with which reading it failed).
 */

import { uuid } from "./commands.js";
import { Conversation, isLive } from "./conversation.js";
import { perFrame } from "./schedule.js";

/**
 * @import {Api} from "./api.js"
 * @import {Accepted} from "./commands.js"
 * @import {Message} from "./conversation.js"
 * @import {Generation} from "./generations.js"
 * @import {ChatSocket} from "./socket.js"
 * @import {Store, Sending} from "./store.js"
 */

/** Events after which a message shows what its generation holds. */
const GROWTH = ["begin", "text", "snapshot", "event", "end"];

export class Chat extends EventTarget {
  /**
   * @param {ChatSocket} socket
   * @param {Api} api
   * @param {Store} store
   */
  constructor(socket, api, store) {
    super();
    this.#socket = socket;
    this.#api = api;
    this.#store = store;
    for (const type of GROWTH) {
      socket.addEventListener(type, (event) => {
        const { generation, frame } = /** @type {CustomEvent} */ (event).detail;
        this.#grow(type, generation, frame);
      });
    }
    this.#on("message", (frame) => this.#put(frame));
    this.#on("watching", ({ conversation, revision }) => {
      if (conversation === this.conversation.id && revision > this.conversation.revision) this.#reread();
    });
    this.#on("conversation", (frame) => {
      if (frame.conversation !== this.conversation.id) return;
      if (frame.state === "deleted") this.#emit("missing");
      this.conversation.title = frame.title;
      this.#emit("change");
    });
    this.#on("lost", ({ conversation }) => conversation === this.conversation.id && this.#emit("missing"));
    this.#on("ready", () => this.#unread && this.#reread());
  }

  conversation = new Conversation();
  #socket;
  #api;
  #store;
  /** Whether the open conversation could not be read yet. */
  #unread = false;
  /** @type {Set<string>} commands that this page has given to the socket already */
  #given = new Set();
  /** @type {Set<string>} answers to stop as soon as they have a generation */
  #unwanted = new Set();
  #reread = perFrame(() => this.#read(this.conversation));

  /** @param {string | null} id null for a new conversation */
  async open(id) {
    if (this.conversation.id) this.#socket.unwatch(this.conversation.id);
    this.conversation = new Conversation(id);
    this.#emit("change");
    if (id) await this.#read(this.conversation);
  }

  /** Send what this tab had not been confirmed when it was last left. */
  resume() {
    for (const sending of this.#store.outbox) {
      if (this.#given.has(sending.id)) continue;
      const { id, messages } = this.conversation;
      // Each new conversation is one of its own.
      const open = sending.conversation === id && (id || !messages.size);
      this.#deliver(open ? this.conversation : new Conversation(sending.conversation), sending);
    }
  }

  /**
   * @param {string} text
   * @param {Record<string, any>} [fields] further ones of the command, such as `model`; `id` repeats an attempt
   */
  send(text, fields = {}) {
    const { id: conversation, leaf } = this.conversation;
    const place = conversation ? { parent: leaf?.id ?? null } : this.conversation.temporary && { temporary: true };
    this.#post(this.conversation, { id: uuid(), ...fields, conversation, text, ...place });
  }

  /**
   * Send into a conversation that is not open.
   *
   * @param {string} conversation
   * @param {{id: string, text: string}} waiting
   */
  sendTo(conversation, waiting) {
    this.#post(new Conversation(conversation), { ...waiting, conversation });
  }

  /**
   * @param {string} id of a message of the user's
   * @param {string} text
   */
  edit(id, text) {
    const { parent } = this.#message(id);
    this.#post(this.conversation, { id: uuid(), conversation: this.conversation.id, message: id, parent, text });
  }

  /**
   * @param {string} id of an answer
   * @param {string} [model] another one than it was written by
   */
  regenerate(id, model) {
    const answer = { ...provisional("assistant"), parent: this.#message(id).parent };
    this.#issue(this.conversation, [answer], "", () => this.#socket.regenerate({ message: id, ...(model && { model }) }));
  }

  /** @param {string} id of an answer that was stopped or interrupted */
  async continue(id) {
    const conversation = this.conversation;
    const message = this.#message(id);
    const { status, generation } = message;
    Object.assign(message, { status: "queued", generation: null });
    this.#emit("change");
    try {
      const accepted = await this.#socket.continue({ message: id });
      message.generation = accepted.generation;
      if (this.#unwanted.delete(id)) this.#socket.stop(accepted.generation);
    } catch (error) {
      this.#unwanted.delete(id);
      Object.assign(message, { status, generation });
      this.#refuse(conversation, error, "");
    }
  }

  /** Stop what is being written on the branch shown. */
  stop() {
    for (const { id, generation } of this.conversation.branch().filter(isLive)) {
      if (generation) this.#socket.stop(generation);
      else this.#unwanted.add(id);
    }
  }

  /** @param {string} id of the message whose branch is to be shown */
  show(id) {
    this.conversation.show(id);
    this.#emit("change");
  }

  /** Whether an answer is on its way on the branch shown. */
  get running() {
    return this.conversation.branch().some(isLive);
  }

  /**
   * @param {Conversation} conversation
   * @param {Sending} sending
   */
  #post(conversation, sending) {
    this.#store.post(sending);
    this.#deliver(conversation, sending);
  }

  /**
   * @param {Conversation} conversation
   * @param {Sending} sending
   */
  #deliver(conversation, sending) {
    const { id, message, parent = null, text } = sending;
    this.#given.add(id);
    const user = { ...provisional("user"), parent, text };
    const answer = { ...provisional("assistant"), parent: user.id };
    this.#issue(conversation, [user, answer], text, async () => {
      try {
        return await (message ? this.#socket.edit({ id, message, text }) : this.#socket.send(sending));
      } finally {
        this.#store.posted(id);
      }
    });
  }

  /**
   * Show provisional messages until the server has named them, or has refused.
   *
   * @param {Conversation} conversation
   * @param {Message[]} messages the question, if there is a new one, and the answer
   * @param {string} text given back when it is refused
   * @param {() => Promise<Accepted>} command
   */
  async #issue(conversation, messages, text, command) {
    const before = conversation.leaf;
    for (const message of messages) conversation.put(message);
    const answer = /** @type {Message} */ (messages.at(-1));
    conversation.show(answer.id);
    this.#emit("change");
    let accepted;
    try {
      accepted = await command();
    } catch (error) {
      for (const { id } of messages.toReversed()) conversation.remove(id);
      if (before) conversation.show(before.id);
      this.#refuse(conversation, error, text);
      return;
    }
    if (messages.length === 2) this.#rename(conversation, messages[0], accepted.user_message, "complete");
    const wanted = !this.#unwanted.delete(answer.id);
    this.#rename(conversation, answer, accepted.assistant_message, "queued");
    const named = conversation.messages.get(accepted.assistant_message);
    if (named) named.generation = accepted.generation;
    if (!wanted) this.#socket.stop(accepted.generation);
    if (conversation.id === null) {
      conversation.id = accepted.conversation;
      this.#emit("identified", conversation);
    }
    if (conversation === this.conversation) this.#emit("change");
    else if (accepted.conversation !== this.conversation.id) this.#socket.unwatch(accepted.conversation);
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} message
   * @param {string} id
   * @param {string} status
   */
  #rename(conversation, message, id, status) {
    const from = message.id;
    if (message.status === "sending") message.status = status;
    conversation.rename(from, id);
    if (conversation === this.conversation) this.#emit("renamed", { from, to: id });
  }

  /**
   * @param {Conversation} conversation
   * @param {any} error
   * @param {string} text
   */
  #refuse(conversation, error, text) {
    if (conversation === this.conversation) this.#emit("change");
    this.#emit("refused", { conversation, error, text });
  }

  /** @param {Conversation} conversation */
  async #read(conversation) {
    const { id } = conversation;
    if (!id) return;
    this.#unread = true;
    let detail;
    try {
      detail = await this.#api.read(id);
    } catch (error) {
      if (conversation === this.conversation) this.#emit("failed", error);
      return;
    }
    if (conversation !== this.conversation) return;
    this.#unread = false;
    conversation.load(detail);
    for (const message of detail.messages) this.#adopt(message);
    const running = [...conversation.messages.values()].filter((one) => isLive(one) && one.generation);
    this.#socket.watch(id, running.map((one) => Number(one.generation)));
    this.#emit("change");
  }

  /** @param {Message} message */
  #adopt(message) {
    if (message.role === "assistant" && !isLive(message)) {
      this.#socket.adopt(message.id, message.text, message.reasoning);
    }
  }

  /** @param {{conversation: string, revision: number, message: Message}} frame */
  #put({ conversation, revision, message }) {
    if (conversation !== this.conversation.id) return;
    this.conversation.revision = Math.max(revision, this.conversation.revision);
    const { messages } = this.conversation;
    // The sender's own question is shown already; `accepted` is about to name it.
    if (!messages.has(message.id) && [...messages.values()].some((one) => isEcho(one, message))) return;
    this.conversation.put(message);
    this.#adopt(message);
    this.#emit("change");
  }

  /**
   * @param {string} type
   * @param {Generation} generation
   * @param {any} frame
   */
  #grow(type, generation, frame) {
    if (generation.conversation !== this.conversation.id || !generation.message) return;
    const message = this.conversation.messages.get(generation.message);
    if (!message) return this.#reread();
    const { text, reasoning, events } = generation;
    Object.assign(message, { text, reasoning, events, generation: generation.id });
    if (generation.model) message.model = generation.model;
    if (type === "end") {
      const { status, finish_reason, error, reason, usage, cost, timings } = frame;
      Object.assign(message, { status, finish_reason, error, reason, usage, cost, timings });
      this.#emit("change");
      this.#emit("ended", message);
    } else if (!isLive(message) || (text && message.status !== "running")) {
      message.status = "running";
      this.#emit("change");
    } else {
      this.#emit("touch", message.id);
    }
  }

  /** @param {string} id */
  #message(id) {
    return /** @type {Message} */ (this.conversation.messages.get(id));
  }

  /**
   * @param {string} type
   * @param {(frame: any) => void} listener
   */
  #on(type, listener) {
    this.#socket.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  }

  /**
   * @param {string} type
   * @param {any} [detail]
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * A message that the server has not named yet.
 *
 * @param {"user" | "assistant"} role
 * @returns {Message}
 */
function provisional(role) {
  return { id: `new-${uuid()}`, parent: null, role, text: "", reasoning: "", status: "sending", generation: null };
}

/**
 * @param {Message} shown
 * @param {Message} message
 */
function isEcho(shown, message) {
  return shown.status === "sending" && shown.role === message.role && shown.parent === message.parent && shown.text === message.text;
}
