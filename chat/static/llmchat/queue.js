/** Messages that wait for the end of an answer, kept in the browser until they are sent or taken back. */

import { uuid } from "./commands.js";

/** @import {Store} from "./store.js" */

/**
 * @typedef {object} Waiting
 * @property {string} id of the command it becomes: whichever tab sends it, it is sent once
 * @property {string} text
 */

export class Queue {
  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  #store;

  /**
   * @param {string | null} conversation
   * @returns {Waiting[]} the next one first
   */
  of(conversation) {
    return this.#store.kept(key(conversation)) ?? [];
  }

  /**
   * @param {string | null} conversation
   * @param {string} text
   * @returns {boolean} whether it could be kept
   */
  add(conversation, text) {
    return this.#store.keep(key(conversation), [...this.of(conversation), { id: uuid(), text }]);
  }

  /**
   * @param {string | null} conversation
   * @param {string} id
   */
  remove(conversation, id) {
    const rest = this.of(conversation).filter((one) => one.id !== id);
    this.#store.keep(key(conversation), rest.length ? rest : null);
  }

  /** @param {string} conversation the id that the new conversation has got */
  identified(conversation) {
    const waiting = this.of(null);
    if (!waiting.length) return;
    this.#store.keep(key(conversation), [...this.of(conversation), ...waiting]);
    this.#store.keep(key(null), null);
  }
}

/** @param {string | null} conversation */
function key(conversation) {
  return `queue:${conversation ?? "new"}`;
}
