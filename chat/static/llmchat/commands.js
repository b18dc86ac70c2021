/** Commands that create something: kept, and given again to every new connection, until answered. */

/**
 * @typedef {object} Accepted
 * @property {string} id
 * @property {string} conversation
 * @property {string} user_message
 * @property {string} assistant_message
 * @property {number} generation
 * @property {boolean} duplicate
 *
 * @typedef {object} AnswerError
 * @property {string} code
 * @property {string} message a translated sentence for the user
 * @property {string} [reference]
 *
 * @typedef {object} Pending
 * @property {Record<string, any>} frame
 * @property {(accepted: Accepted) => void} resolve
 * @property {(error: ChatError) => void} reject
 */

const FRAME_LIMIT = 64 * 1024;

const encoder = new TextEncoder();

/** Raised when a command is refused; `message` is translated and fit for a user, or empty. */
export class ChatError extends Error {
  /** @param {{code: string, message?: string, retry_after?: number, reference?: string, restorable?: boolean}} frame */
  constructor({ code, message = "", retry_after, reference, restorable = false }) {
    super(message);
    this.name = "ChatError";
    this.code = code;
    /** Seconds to wait before the command may succeed. */
    this.retryAfter = retry_after;
    this.reference = reference;
    /** Whether it is gone because its owner has deleted it, who can take that back. */
    this.restorable = restorable;
  }
}

/** A random UUID, also on a page served without TLS, where `crypto.randomUUID` is missing. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export class Commands {
  /** @param {(frame: Record<string, any>) => void} send gives a frame to the connection, if there is one */
  constructor(send) {
    this.#send = send;
  }

  #send;
  /** @type {Map<string, Pending>} */
  #pending = new Map();

  /**
   * @param {string} type
   * @param {{id?: string} & Record<string, any>} fields `id` repeats an earlier attempt
   * @returns {Promise<Accepted>}
   */
  issue(type, { id = uuid(), ...fields }) {
    const frame = { type, id, ...fields };
    if (encoder.encode(JSON.stringify(frame)).length > FRAME_LIMIT) {
      return Promise.reject(new ChatError({ code: "too_large" }));
    }
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { frame, resolve, reject });
      this.#send(frame);
    });
  }

  /** Give every unanswered command to a new connection, oldest first. */
  repeat() {
    for (const { frame } of this.#pending.values()) this.#send(frame);
  }

  /** @param {Accepted} frame */
  accept(frame) {
    this.#settle(frame.id)?.resolve(frame);
  }

  /**
   * @param {any} frame `error`
   * @returns {boolean} whether it answered a command
   */
  refuse(frame) {
    if (!this.#pending.has(frame.id)) return false;
    // The process is going away; the next one gets the command again.
    if (frame.code !== "shutting_down") this.#settle(frame.id)?.reject(new ChatError(frame));
    return true;
  }

  /** @param {string} id */
  #settle(id) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
