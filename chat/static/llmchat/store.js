/** What the page keeps in the browser: drafts, messages on their way, and where the reader is. */

/**
 * @typedef {object} Sending
 * @property {string} id of the command
 * @property {string | null} conversation
 * @property {string} text
 * @property {string} [message] that is edited
 * @property {string | null} [parent]
 * @property {boolean} [temporary]
 * @property {string} [model]
 * @property {Record<string, any>} [options]
 * @property {string} [system_prompt]
 *
 * @typedef {object} Position where the reader is
 * @property {string} id of the first message that is read
 * @property {number} [part] of it: 0 itself, then the blocks of its answer
 * @property {number} offset of its top from the upper edge, in pixels
 */

/** Of so many conversations it is kept where the reader is. */
const POSITIONS = 100;

export class Store {
  /** @param {string} prefix differs by mount and by user, who must not meet another's words */
  constructor(prefix) {
    this.#prefix = prefix;
  }

  #prefix;
  /** @type {Map<string, string>} drafts that the browser would not keep: they last as long as the page */
  #unkept = new Map();

  /** @param {string | null} conversation */
  draft(conversation) {
    const key = `draft:${conversation ?? "new"}`;
    return this.#unkept.get(key) ?? this.#read(() => localStorage, key) ?? "";
  }

  /**
   * @param {string | null} conversation
   * @param {string} text
   * @returns {boolean} whether it could be kept
   */
  keepDraft(conversation, text) {
    const key = `draft:${conversation ?? "new"}`;
    this.#unkept.delete(key);
    const kept = this.#write(() => localStorage, key, text);
    if (!kept) this.#unkept.set(key, text);
    return kept;
  }

  /**
   * Where the reader is in a conversation; null at its end.
   *
   * @param {string} conversation
   * @returns {Position | null}
   */
  position(conversation) {
    return this.#positions.find(([id]) => id === conversation)?.[1] ?? null;
  }

  /**
   * @param {string} conversation
   * @param {Position | null} position
   */
  keepPosition(conversation, position) {
    const others = this.#positions.filter(([id]) => id !== conversation);
    const kept = position ? [.../** @type {[string, any][]} */ (others.slice(1 - POSITIONS)), [conversation, position]] : others;
    this.#write(() => localStorage, "positions", kept.length ? JSON.stringify(kept) : "");
  }

  /** @returns {[string, Position][]} */
  get #positions() {
    try {
      return JSON.parse(this.#read(() => localStorage, "positions") ?? "[]");
    } catch {
      return [];
    }
  }

  /** Messages that this tab has sent and that nobody has confirmed, oldest first. */
  get outbox() {
    try {
      return /** @type {Sending[]} */ (JSON.parse(this.#read(() => sessionStorage, "outbox") ?? "[]"));
    } catch {
      return [];
    }
  }

  /** @param {Sending} sending */
  post(sending) {
    this.#write(() => sessionStorage, "outbox", JSON.stringify([...this.outbox, sending]));
  }

  /** @param {string} id */
  posted(id) {
    const rest = this.outbox.filter((one) => one.id !== id);
    this.#write(() => sessionStorage, "outbox", rest.length ? JSON.stringify(rest) : "");
  }

  /**
   * @param {string} name
   * @returns {any} null when nothing was kept
   */
  kept(name) {
    try {
      return JSON.parse(this.#read(() => localStorage, name) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * @param {string} name
   * @param {any} value null to forget it
   * @returns {boolean} whether it could be kept
   */
  keep(name, value) {
    return this.#write(() => localStorage, name, value === null ? "" : JSON.stringify(value));
  }

  /**
   * @param {() => Storage} area reading the property may already be forbidden
   * @param {string} key
   */
  #read(area, key) {
    try {
      return area().getItem(this.#prefix + key);
    } catch {
      return null;
    }
  }

  /**
   * @param {() => Storage} area
   * @param {string} key
   * @param {string} value empty to remove it
   */
  #write(area, key, value) {
    try {
      if (value) area().setItem(this.#prefix + key, value);
      else area().removeItem(this.#prefix + key);
      return true;
    } catch {
      return false;
    }
  }
}
