/**
 * What a connection does, over plain HTTP, for networks that let no WebSocket through: commands are
 * posted, and what a socket would say is fetched, again and again. Loaded only when it is needed.
 *
 * Events as of `Connection`: `frame` (detail: {frame, bytes}), `state` (detail: {state}).
 */

/** @import {ConnectionState} from "./connection.js" */

/**
 *
 * @typedef {object} PollingAddresses
 * @property {string} commands
 * @property {string} watch
 * @property {() => Record<string, string>} headers of a POST: the CSRF token
 *
 * @typedef {object} Watch
 * @property {Map<number, number>} seen the last frame of each answer that has not ended
 * @property {number | null} revision
 * @property {string} because
 * @property {AbortController} abort
 */

/** Seconds that the server may let a request wait. */
const WAIT = 15;
/** Milliseconds: a request that takes longer is given up. */
const PATIENCE = 30_000;
/** Milliseconds between two requests, at least. */
const PAUSE = 250;
/** Milliseconds until a request is made again that the server could not serve just now. */
const LATER = 2_000;

/** @type {Record<number, ConnectionState>} */
const REFUSALS = { 401: "signed-out", 403: "forbidden" };
const COMMANDS = new Set(["send", "edit", "regenerate", "continue", "stop"]);

export class Polling extends EventTarget {
  /**
   * @param {PollingAddresses} addresses
   * @param {typeof globalThis.fetch} [fetch]
   */
  constructor(addresses, fetch = globalThis.fetch.bind(globalThis)) {
    super();
    this.#addresses = addresses;
    this.#fetch = fetch;
  }

  #addresses;
  #fetch;
  /** @type {ConnectionState} */
  state = "stopped";
  /** @type {Map<string, Watch>} by conversation */
  #watches = new Map();
  #abort = new AbortController();

  /** Ask who we are; `state` is `open` once the server has answered. */
  async connect() {
    if (this.state === "connecting" || this.state === "open") return;
    this.#abort = new AbortController();
    this.#enter("connecting");
    const frames = await this.#get({}, this.#abort.signal);
    // A refusal has said so by itself, a stop has been asked for meanwhile.
    if (!frames || this.#abort.signal.aborted) return;
    this.#enter("open");
    this.#say(frames);
  }

  stop() {
    this.#halt();
    this.#enter("stopped");
  }

  /**
   * @param {Record<string, any>} frame
   * @returns {boolean} whether it is on its way
   */
  send(frame) {
    if (this.state !== "open") return false;
    if (COMMANDS.has(frame.type)) this.#post(frame);
    else if (frame.type === "watch") this.#watch(frame.conversation, frame);
    else if (frame.type === "unwatch") this.#unwatch(frame.conversation);
    return true;
  }

  /** After a sleep or on another network: whatever is under way may never come back. */
  probe() {
    if (this.state !== "open") this.connect();
    for (const [conversation, watch] of this.#watches) this.#restart(conversation, watch);
  }

  /**
   * @param {string} conversation
   * @param {{seen?: Record<string, number>, because?: string}} frame
   */
  #watch(conversation, { seen = {}, because = "" }) {
    const watch = this.#watches.get(conversation) ?? { seen: new Map(), revision: null, because: "", abort: new AbortController() };
    for (const [id, n] of Object.entries(seen)) watch.seen.set(Number(id), n);
    watch.because = because;
    this.#restart(conversation, watch);
  }

  /**
   * @param {string} conversation
   * @param {Watch} watch
   */
  #restart(conversation, watch) {
    watch.abort.abort();
    const fresh = { ...watch, abort: new AbortController() };
    this.#watches.set(conversation, fresh);
    this.#follow(conversation, fresh);
  }

  /** @param {string} conversation */
  #unwatch(conversation) {
    this.#watches.get(conversation)?.abort.abort();
    this.#watches.delete(conversation);
  }

  /**
   * @param {string} conversation
   * @param {Watch} watch
   */
  async #follow(conversation, watch) {
    const { signal } = watch.abort;
    while (!signal.aborted && this.state === "open") {
      const { because, revision } = watch;
      watch.because = "";
      const frames = await this.#get(
        {
          conversation,
          seen: JSON.stringify(Object.fromEntries(watch.seen)),
          wait: String(WAIT),
          ...(because && { because }),
          ...(revision !== null && { revision: String(revision) }),
        },
        signal,
        conversation,
      );
      if (signal.aborted) return;
      if (frames) this.#say(frames, watch);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  /**
   * @param {any[]} frames
   * @param {Watch} [watch]
   */
  #say(frames, watch) {
    for (const frame of frames) {
      if (watch) note(watch, frame);
      this.dispatchEvent(new CustomEvent("frame", { detail: { frame, bytes: 0 } }));
    }
  }

  /** @param {Record<string, any>} command */
  async #post(command) {
    const { signal } = this.#abort;
    const answer = await this.#request(this.#addresses.commands, signal, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...this.#addresses.headers() },
      body: JSON.stringify(command),
    });
    if (!answer || signal.aborted) return;
    const frame = await answer.json().catch(() => null);
    if (answer.ok || (frame?.type === "error" && frame.code !== "shutting_down")) {
      // Its sender watches the conversation from now on.
      if (frame?.type === "accepted") this.#watch(frame.conversation, { seen: { [frame.generation]: -1 } });
      // The end of a stopped answer comes with those who follow it.
      if (frame && frame.type !== "end") this.#say([frame]);
      return;
    }
    // A page of the proxy's, of Django's for a token that has changed, or a server that goes: it is given again.
    this.#break();
  }

  /**
   * @param {Record<string, string>} query
   * @param {AbortSignal} signal
   * @param {string} [conversation]
   * @returns {Promise<any[] | null>} null when there is nothing to say of it
   */
  async #get(query, signal, conversation) {
    const answer = await this.#request(`${this.#addresses.watch}?${new URLSearchParams(query)}`, signal);
    if (!answer || signal.aborted) return null;
    const body = await answer.json().catch(() => null);
    if (signal.aborted) return null;
    if (answer.ok && Array.isArray(body)) return body;
    const code = body?.error?.code;
    if (REFUSALS[answer.status] && code) this.#enter(REFUSALS[answer.status]);
    else if (answer.status === 404 && code && conversation) {
      this.#unwatch(conversation);
      this.#say([{ type: "error", id: conversation, code, message: body.error.message }]);
    } else if ((answer.status === 429 || answer.status === 503) && code && this.state === "open") {
      const seconds = Number(answer.headers.get("Retry-After"));
      await new Promise((resolve) => setTimeout(resolve, seconds ? seconds * 1_000 : LATER));
    } else this.#break();
    return null;
  }

  /**
   * @param {string} address
   * @param {AbortSignal} signal
   * @param {RequestInit} [init]
   */
  async #request(address, signal, init = {}) {
    try {
      const headers = { Accept: "application/json", ...init.headers };
      return await this.#fetch(address, { ...init, headers, signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) });
    } catch {
      if (!signal.aborted) this.#break();
      return null;
    }
  }

  /** The way is gone, or was never there. */
  #break() {
    if (this.state !== "open" && this.state !== "connecting") return;
    this.#halt();
    this.#enter("offline");
  }

  #halt() {
    this.#abort.abort();
    for (const conversation of [...this.#watches.keys()]) this.#unwatch(conversation);
  }

  /** @param {ConnectionState} state */
  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  }
}

/**
 * Keep what the next request has to say.
 *
 * @param {Watch} watch
 * @param {any} frame
 */
function note(watch, frame) {
  if (Array.isArray(frame)) watch.seen.set(frame[0], frame[1]);
  else if (frame.type === "watching") watch.revision = frame.revision;
  else if (frame.type === "end") watch.seen.delete(frame.generation);
  else if (["begin", "event", "snapshot"].includes(frame.type)) watch.seen.set(frame.generation, Math.max(frame.n, watch.seen.get(frame.generation) ?? -1));
}
