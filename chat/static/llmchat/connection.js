/**
 * One WebSocket that is always there: reconnected for ever, replaced when it only looks alive.
 *
 * Events: `frame` (detail: {frame, bytes}), `state` (detail: {state, code}), `blocked` (a handshake has failed).
 */

/** @typedef {"connecting" | "open" | "offline" | "signed-out" | "forbidden" | "too-many" | "stopped"} ConnectionState */

const CAP = 30_000;
const FIRST = 500;
/** A handshake that takes longer is given up. */
const HANDSHAKE = 10_000;
/** Silence after which the connection is asked whether it lives. */
const QUIET = 30_000;
const PONG = 2_000;

/** @type {Record<number, ConnectionState>} */
const REFUSALS = { 4401: "signed-out", 4403: "forbidden", 4429: "too-many" };

const encoder = new TextEncoder();

/** @typedef {typeof globalThis.WebSocket} SocketClass */

export class Connection extends EventTarget {
  /**
   * @param {string} url
   * @param {object} [options]
   * @param {SocketClass} [options.WebSocket]
   * @param {() => number} [options.random] in [0, 1)
   */
  constructor(url, { WebSocket = globalThis.WebSocket, random = Math.random } = {}) {
    super();
    this.url = url;
    /** @type {ConnectionState} */
    this.state = "stopped";
    this.#WebSocket = WebSocket;
    this.#random = random;
  }

  #WebSocket;
  #random;
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  /** Handshakes in a row that came to nothing. */
  blocked = 0;
  #settled = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #watchdog;

  /** Connect at once, also when signed out or waiting; does nothing while connected. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#retry);
    this.#enter("connecting");
    const socket = new this.#WebSocket(this.url, "llmchat.v1");
    this.#socket = socket;
    this.#settled = false;
    this.#watch(HANDSHAKE, () => this.replace());
    socket.onopen = () => {
      this.#enter("open");
      this.#expectSound();
    };
    socket.onmessage = (event) => {
      this.#expectSound();
      this.#receive(event.data);
    };
    socket.onclose = (event) => this.#closed(event.code);
  }

  /** Stop for good; `connect` starts again. */
  stop() {
    this.#drop();
    this.#enter("stopped");
  }

  /**
   * @param {Record<string, any>} frame
   * @returns {boolean} whether there was a connection to give it to
   */
  send(frame) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** The peer took us in: the next loss starts counting from one again. */
  settle() {
    this.#failures = 0;
    this.blocked = 0;
    this.#settled = true;
  }

  /** Ask whether the connection really lives; it is replaced when no answer comes in two seconds. */
  probe() {
    if (this.send({ type: "ping" })) this.#watch(PONG, () => this.replace());
    else if (this.state !== "stopped" && this.state !== "connecting") this.connect();
  }

  /** Give the present connection up and open another at once. */
  replace() {
    this.#lost();
    this.#drop();
    this.connect();
  }

  /** @param {string} data */
  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    const bytes = encoder.encode(data).length;
    this.dispatchEvent(new CustomEvent("frame", { detail: { frame, bytes } }));
  }

  /** @param {number} code */
  #closed(code) {
    // A code of the server's own, as 4503, has come through what blocks others.
    if (code < 4000) this.#lost();
    this.#drop();
    const refusal = REFUSALS[code];
    this.#enter(refusal ?? "offline", code);
    if (refusal) return;
    const ceiling = Math.min(CAP, FIRST * 2 ** this.#failures);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.connect(), this.#random() * ceiling);
  }

  #lost() {
    if (this.#settled || !this.#socket) return;
    this.blocked += 1;
    this.dispatchEvent(new CustomEvent("blocked"));
  }

  #drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #expectSound() {
    this.#watch(QUIET, () => this.probe());
  }

  /**
   * @param {number} delay
   * @param {() => void} act
   */
  #watch(delay, act) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(act, delay);
  }

  /**
   * @param {ConnectionState} state
   * @param {number} [code]
   */
  #enter(state, code) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, code } }));
  }
}
