/**
 * The way to the server: a WebSocket, and where none gets through, plain HTTP until one does.
 *
 * Events as of `Connection`: `frame` and `state` of whichever is in use.
 */

import { Connection } from "./connection.js";

/**
 * @import {Polling, PollingAddresses} from "./polling.js"
 * @import {SocketClass} from "./connection.js"
 */

/**
 *
 * @typedef {object} TransportOptions
 * @property {SocketClass} [WebSocket]
 * @property {() => number} [random] in [0, 1)
 * @property {PollingAddresses} [polling] without it there is only the WebSocket
 */

/** Handshakes in a row that fail before the other way is tried. */
const BLOCKED = 3;

export class Transport extends EventTarget {
  /**
   * @param {string} url
   * @param {TransportOptions} [options]
   */
  constructor(url, { polling, ...options } = {}) {
    super();
    this.#addresses = polling;
    this.#connection = new Connection(url, options);
    this.#connection.addEventListener("state", (event) => {
      if (!this.#isPolling) this.#tell("state", event);
    });
    this.#connection.addEventListener("frame", (event) => {
      // The server has taken the socket in: it is the better way.
      if (this.#isPolling) this.#leave();
      this.#tell("frame", event);
    });
    this.#connection.addEventListener("blocked", () => this.#blocked());
  }

  #addresses;
  #connection;
  /** @type {Polling | null} */
  #polling = null;
  #loading = false;

  get #isPolling() {
    return this.#polling !== null && this.#polling.state !== "connecting";
  }

  connect() {
    this.#connection.connect();
  }

  stop() {
    this.#leave();
    this.#connection.stop();
  }

  /**
   * @param {Record<string, any>} frame
   * @returns {boolean} whether there was a connection to give it to
   */
  send(frame) {
    return this.#isPolling ? /** @type {Polling} */ (this.#polling).send(frame) : this.#connection.send(frame);
  }

  /** The peer took us in. */
  settle() {
    if (!this.#isPolling) this.#connection.settle();
  }

  /** Ask whether the connection really lives. */
  probe() {
    this.#polling?.probe();
    this.#connection.probe();
  }

  async #blocked() {
    if (!this.#addresses || this.#polling || this.#loading || this.#connection.blocked < BLOCKED) return;
    this.#loading = true;
    try {
      const { Polling } = await import("./polling.js");
      // Meanwhile it may have got through, or be wanted no more.
      if (this.#connection.blocked >= BLOCKED && this.#connection.state !== "stopped") this.#enter(new Polling(this.#addresses));
    } catch {
      // Not even the module can be fetched: there is no network at all.
    }
    this.#loading = false;
  }

  /** @param {Polling} polling */
  #enter(polling) {
    this.#polling = polling;
    let wasOpen = false;
    polling.addEventListener("frame", (event) => polling === this.#polling && this.#tell("frame", event));
    polling.addEventListener("state", (event) => {
      if (polling !== this.#polling || polling.state === "connecting") return;
      if (polling.state === "open") wasOpen = true;
      if (polling.state !== "offline") return this.#tell("state", event);
      this.#leave();
      if (wasOpen) this.#connection.connect();
      const { state } = this.#connection;
      this.dispatchEvent(new CustomEvent("state", { detail: { state: state === "open" ? "connecting" : state } }));
    });
    polling.connect();
  }

  #leave() {
    const polling = this.#polling;
    this.#polling = null;
    polling?.stop();
  }

  /**
   * @param {string} type
   * @param {Event} event
   */
  #tell(type, event) {
    this.dispatchEvent(new CustomEvent(type, { detail: /** @type {CustomEvent} */ (event).detail }));
  }
}
