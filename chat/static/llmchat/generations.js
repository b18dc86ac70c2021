/**
 * What this page holds of each answer, put together from numbered frames.
 *
 * The rules are the protocol's: `begin` is ignored once anything is held, a frame is applied only in
 * order, a snapshot always replaces, and an `end` counts only when its number, length and checksum
 * fit what is held. Nothing here knows of sockets or of the DOM.
 */

import { crc32 } from "./crc32.js";

/** @import {AnswerError} from "./commands.js" */

/**
 * @typedef {"applied" | "dropped" | "gap" | "checksum"} Verdict
 *   What became of a frame; the last two say why the server has to be asked again.
 *
 * @typedef {{text: string, reasoning: string}} Held
 *
 *
 * @typedef {object} End
 * @property {number} generation
 * @property {number} n
 * @property {string} message
 * @property {string} conversation
 * @property {"complete" | "stopped" | "interrupted" | "error"} status
 * @property {string | null} finish_reason
 * @property {number} text_length UTF-16 units of the message's whole text
 * @property {number} crc32 of the message's whole text in UTF-8
 * @property {Record<string, any> | null} usage
 * @property {string | null} cost
 * @property {Record<string, number> | null} timings milliseconds
 * @property {AnswerError | null} error
 * @property {string | null} reason
 */

/** The text of one message as the latest of its generations leaves it. */
export class Generation {
  /**
   * @param {number} id
   * @param {string} conversation
   * @param {string | null} message null until a frame names it
   */
  constructor(id, conversation, message = null) {
    this.id = id;
    this.conversation = conversation;
    this.message = message;
    /** The number of the last frame applied; -1 before `begin`. */
    this.last = -1;
    this.text = "";
    this.reasoning = "";
    this.crc = 0;
    this.model = "";
    /** @type {Record<string, any>[]} */
    this.events = [];
    /** @type {End | null} */
    this.end = null;
    /** Set while a repair is under way: frames out of order are expected and not reported again. */
    this.repairing = false;
    /** Repairs asked for since the text was last proven right. */
    this.repairs = 0;
  }

  /**
   * @param {any} frame `begin`
   * @param {Held | null} held what the message is known to hold already
   * @returns {Verdict}
   */
  begin(frame, held) {
    if (this.last >= 0) return "dropped";
    this.message = frame.message;
    this.model = frame.model ?? "";
    // The first answer of a message begins with nothing, whatever a continuation has made of it since.
    const known = frame.text_length === 0 ? null : held;
    const base = known?.text ?? "";
    const crc = crc32(base);
    if (base.length !== frame.text_length || crc !== frame.crc32) return "checksum";
    this.text = base;
    this.reasoning = known?.reasoning ?? "";
    this.crc = crc;
    this.last = frame.n;
    this.repairing = false;
    return "applied";
  }

  /**
   * @param {number} n
   * @param {(generation: Generation) => void} apply
   * @returns {Verdict}
   */
  #inOrder(n, apply) {
    if (n <= this.last) return "dropped";
    if (n > this.last + 1) return "gap";
    apply(this);
    this.last = n;
    this.repairing = false;
    this.repairs = 0;
    return "applied";
  }

  /**
   * @param {number} n
   * @param {string} text
   * @param {boolean} reasoning
   */
  delta(n, text, reasoning) {
    return this.#inOrder(n, () => {
      if (reasoning) {
        this.reasoning += text;
      } else {
        this.text += text;
        this.crc = crc32(text, this.crc);
      }
    });
  }

  /** @param {any} frame `event` */
  event(frame) {
    return this.#inOrder(frame.n, () => this.events.push(frame));
  }

  /** @param {any} frame `snapshot` */
  snapshot(frame) {
    this.message = frame.message;
    this.text = frame.text;
    this.reasoning = frame.reasoning ?? "";
    this.events = [...(frame.events ?? [])];
    this.crc = crc32(this.text);
    this.last = frame.n;
    this.end = null;
    this.repairing = false;
  }

  /**
   * @param {End} frame
   * @returns {Verdict} "dropped" for a repeated end that fits
   */
  finish(frame) {
    const fits = frame.text_length === this.text.length && frame.crc32 === this.crc;
    if (this.end && fits) return "dropped";
    if (!this.end && frame.n !== this.last + 1) return "gap";
    if (!fits) return "checksum";
    this.message = frame.message;
    this.end = frame;
    this.last = frame.n;
    this.repairing = false;
    this.repairs = 0;
    return "applied";
  }

  /** Forget everything but the identity: a snapshot is to come. */
  reset() {
    this.last = -1;
    this.end = null;
  }
}

/** All answers a page knows of, by generation, and the text each message is known to have. */
export class Generations {
  constructor() {
    /** @type {Map<number, Generation>} */
    this.byId = new Map();
    /** @type {Map<string, Held>} what finished answers left, by message */
    this.texts = new Map();
  }

  /**
   * @param {number} id
   * @param {string} conversation
   * @param {string | null} [message]
   */
  open(id, conversation, message = null) {
    let generation = this.byId.get(id);
    if (!generation) {
      generation = new Generation(id, conversation, message);
      this.byId.set(id, generation);
    }
    generation.message ??= message;
    return generation;
  }

  /**
   * What a message is known to hold, from its latest answer or as the page was told.
   *
   * @param {string} message
   * @returns {Held | null}
   */
  held(message) {
    return this.texts.get(message) ?? null;
  }

  /** @param {Generation} generation */
  keep(generation) {
    const { message, text, reasoning } = generation;
    if (message) this.texts.set(message, { text, reasoning });
  }

  /** @param {string} conversation */
  unfinished(conversation) {
    return [...this.byId.values()].filter((one) => one.conversation === conversation && !one.end);
  }

  /** @param {string} conversation */
  forget(conversation) {
    for (const one of this.byId.values()) {
      if (one.conversation !== conversation) continue;
      this.byId.delete(one.id);
      if (one.message) this.texts.delete(one.message);
    }
  }
}
