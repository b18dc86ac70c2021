/** A conversation as a tree of messages of which one branch is shown. No DOM, no network. */

/**
 * @import {AnswerError} from "./commands.js"
 * @import {Tuned} from "./tuning.js"
 */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} parent
 * @property {"user" | "assistant"} role
 * @property {string} text
 * @property {string} reasoning
 * @property {string} status sending, queued, running, complete, stopped, interrupted or error
 * @property {string} [model]
 * @property {number | null} [generation] the last one
 * @property {AnswerError | null} [error]
 * @property {string | null} [finish_reason]
 * @property {string | null} [reason]
 * @property {Record<string, any>[]} [events]
 * @property {Record<string, any> | null} [usage] of the last generation, as are the next two
 * @property {string | null} [cost]
 * @property {Record<string, number> | null} [timings] milliseconds
 * @property {Opinion | null} [feedback] what the reader thinks of it
 *
 * @typedef {{rating: number, reasons: string[], comment: string}} Opinion
 */

/** Statuses of a message that is still being written. */
const LIVE = new Set(["sending", "queued", "running"]);

/** @param {Message} message */
export function isLive(message) {
  return LIVE.has(message.status);
}

export class Conversation {
  /** @param {string | null} id null until the first message is accepted */
  constructor(id = null) {
    this.id = id;
    this.title = "";
    this.revision = 0;
    /** @type {Partial<Tuned> | undefined} what the server keeps for it, once it was read */
    this.tuned = undefined;
    /** Whether it is in no list, and goes after a while. */
    this.temporary = false;
    /** @type {Map<string, Message>} */
    this.messages = new Map();
    /** @type {Map<string | null, string[]>} children in the order they were written */
    this.children = new Map();
    /** @type {Map<string | null, string>} the child that is shown, where it is not the last one */
    this.chosen = new Map();
  }

  /**
   * Take over a state read from the server, keeping what is shown and what is on its way there.
   *
   * @param {{title: string, revision: number, leaf: string | null, messages: Message[], temporary?: boolean} & Tuned} detail
   */
  load({ title, revision, leaf, messages, temporary = false, model, system_prompt, options }) {
    this.tuned = { model, system_prompt, options };
    const fresh = this.messages.size === 0;
    this.title = title;
    this.revision = revision;
    this.temporary = temporary;
    for (const message of messages) this.put(message);
    if (fresh && leaf) this.show(leaf);
  }

  /** @param {Message} message new or changed; the text of one being written here is kept */
  put(message) {
    const known = this.messages.get(message.id);
    if (known) {
      // Read before it ended, and come after that.
      if (isLive(message) && !isLive(known) && message.generation === known.generation) return known;
      const { text, reasoning, events } = known;
      Object.assign(known, message, isLive(message) && known.text ? { text, reasoning, events } : {});
      return known;
    }
    this.messages.set(message.id, message);
    const siblings = this.children.get(message.parent) ?? [];
    siblings.push(message.id);
    this.children.set(message.parent, siblings);
    return message;
  }

  /** @param {string} id */
  remove(id) {
    const message = this.messages.get(id);
    if (!message) return;
    this.messages.delete(id);
    const siblings = (this.children.get(message.parent) ?? []).filter((one) => one !== id);
    this.children.set(message.parent, siblings);
    if (this.chosen.get(message.parent) === id) this.chosen.delete(message.parent);
  }

  /**
   * Give a provisional message its real id; where that one is known already, the provisional goes.
   *
   * @param {string} from
   * @param {string} to
   */
  rename(from, to) {
    const message = this.messages.get(from);
    if (!message) return;
    const below = this.children.get(from) ?? [];
    for (const id of below) /** @type {Message} */ (this.messages.get(id)).parent = to;
    this.children.delete(from);
    this.children.set(to, [...(this.children.get(to) ?? []), ...below]);
    const chosen = this.chosen.get(from);
    this.chosen.delete(from);
    if (chosen) this.chosen.set(to, chosen);
    if (this.messages.has(to)) {
      this.remove(from);
      this.show(to);
      return;
    }
    this.messages.delete(from);
    this.messages.set(to, message);
    message.id = to;
    const siblings = /** @type {string[]} */ (this.children.get(message.parent));
    siblings[siblings.indexOf(from)] = to;
    if (this.chosen.get(message.parent) === from) this.chosen.set(message.parent, to);
  }

  /** The branch that is shown, from the first message to the last. */
  branch() {
    /** @type {Message[]} */
    const shown = [];
    let parent = null;
    for (;;) {
      const siblings = this.children.get(parent);
      if (!siblings?.length) return shown;
      parent = this.chosen.get(parent) ?? siblings[siblings.length - 1];
      shown.push(/** @type {Message} */ (this.messages.get(parent)));
    }
  }

  /** Whether there is more of it on the server, and nothing here yet. */
  get unread() {
    return this.id !== null && !this.tuned && !this.messages.size;
  }

  /** The last message shown. */
  get leaf() {
    return this.branch().at(-1) ?? null;
  }

  /**
   * Show the branch on which a message lies, and below it the newest.
   *
   * @param {string} id
   */
  show(id) {
    let message = this.messages.get(id);
    while (message) {
      this.chosen.set(message.parent, message.id);
      message = message.parent ? this.messages.get(message.parent) : undefined;
    }
  }

  /**
   * Where a message stands among the versions of it.
   *
   * @param {Message} message
   */
  versions(message) {
    const ids = this.children.get(message.parent) ?? [];
    return { ids, index: ids.indexOf(message.id) };
  }
}
