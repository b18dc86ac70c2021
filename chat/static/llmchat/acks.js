/** Tells the server what has been taken in, often enough for it never to hold a frame back. */

const FRAMES = 16;
const BYTES = 16 * 1024;
const DELAY = 1_000;

export class Acks {
  /** @param {(generations: Iterable<number>) => void} send */
  constructor(send) {
    this.#send = send;
  }

  #send;
  #frames = 0;
  #bytes = 0;
  /** @type {Set<number>} */
  #generations = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * Count a frame that is about to be applied.
   *
   * @param {number} generation
   * @param {number} bytes
   */
  count(generation, bytes) {
    this.#frames += 1;
    this.#bytes += bytes;
    this.#generations.add(generation);
    // A microtask later the frame has been applied.
    if (this.#frames >= FRAMES || this.#bytes >= BYTES) queueMicrotask(() => this.flush());
    else this.#timer ??= setTimeout(() => this.flush(), DELAY);
  }

  flush() {
    const generations = this.#generations;
    this.clear();
    if (generations.size) this.#send(generations);
  }

  /** A new connection owes nothing. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#frames = 0;
    this.#bytes = 0;
    this.#generations = new Set();
  }
}
