/**
 * The protocol client: conversations watched, commands sent exactly once, answers put together.
 *
 *     const chat = new ChatSocket("wss://example.org/chat/ws/");
 *     chat.addEventListener("text", (event) => show(event.detail.generation.text));
 *     chat.connect();
 *     const accepted = await chat.send({ conversation: null, text: "Hello" });
 *
 * Events about an answer carry `{generation, frame}`: `begin`, `text`, `snapshot`, `event`, `end`,
 * and `mismatch` when an end did not fit what was held (it is repaired by itself). The others carry
 * the frame: `ready`, `watching`, `conversation`, `message`, `error`; `lost` carries
 * `{conversation, code}` of one that cannot be watched (any longer), `state` carries `{state}`.
 */

import { Acks } from "./acks.js";
import { Commands } from "./commands.js";
import { Generations } from "./generations.js";
import { Transport } from "./transport.js";

/**
 * @import {Generation, Verdict} from "./generations.js"
 * @import {TransportOptions} from "./transport.js"
 */

/** A repair that did not help is tried again after this many milliseconds, doubled each time. */
const REPAIR_DELAY = 500;
const REPAIR_CAP = 30_000;
/** Milliseconds until a watch is tried again that the server could not serve just now. */
const WATCH_DELAY = 2_000;

export class ChatSocket extends EventTarget {
  /**
   * @param {string} url absolute, ws: or wss:
   * @param {TransportOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.generations = new Generations();
    this.#connection = new Transport(url, options);
    this.#connection.addEventListener("state", (event) => {
      const { state } = /** @type {CustomEvent} */ (event).detail;
      // An open connection is of use only once the server has said `ready`.
      if (state !== "open") this.#enter(state);
    });
    this.#connection.addEventListener("frame", (event) => {
      const { frame, bytes } = /** @type {CustomEvent} */ (event).detail;
      this.#receive(frame, bytes);
    });
  }

  /** @type {"ready" | "connecting" | "offline" | "signed-out" | "forbidden" | "too-many" | "stopped"} */
  state = "stopped";
  #connection;
  #acks = new Acks((generations) => this.#ack(generations));
  #commands = new Commands((frame) => this.#send(frame));
  /** @type {Set<string>} */
  #watched = new Set();
  /** @type {Set<number>} generations asked to stop that have not ended */
  #stopping = new Set();

  connect() {
    this.#connection.connect();
  }

  close() {
    this.#connection.stop();
  }

  /** Notice sleep, a changed network and a page taken from the back/forward cache. */
  followPage() {
    const probe = () => {
      if (document.visibilityState === "visible") this.#connection.probe();
    };
    document.addEventListener("visibilitychange", probe);
    window.addEventListener("online", probe);
    window.addEventListener("pageshow", probe);
  }

  /**
   * Send a message; `id` repeats an earlier attempt, whose answer it then gets.
   *
   * @param {{conversation: string | null, text: string, parent?: string | null, model?: string,
   *   options?: Record<string, any>, temporary?: boolean, id?: string}} command
   */
  send(command) {
    return this.#commands.issue("send", command);
  }

  /** @param {{message: string, text: string, id?: string}} command a message of the user's */
  edit(command) {
    return this.#commands.issue("edit", command);
  }

  /** @param {{message: string, model?: string, id?: string}} command a message of the assistant's */
  regenerate(command) {
    return this.#commands.issue("regenerate", command);
  }

  /** @param {{message: string, id?: string}} command an answer that was stopped or interrupted */
  continue(command) {
    return this.#commands.issue("continue", command);
  }

  /** @param {number} generation */
  stop(generation) {
    this.#stopping.add(generation);
    this.#send({ type: "stop", generation });
  }

  /**
   * Be told what happens in a conversation, across reconnects, until `unwatch`.
   *
   * @param {string} conversation
   * @param {number[]} [running] generations known to be running of which nothing is held
   */
  watch(conversation, running = []) {
    for (const id of running) this.generations.open(id, conversation);
    this.#watched.add(conversation);
    this.#sendWatch(conversation);
  }

  /** @param {string} conversation */
  unwatch(conversation) {
    if (!this.#watched.delete(conversation)) return;
    this.#acks.flush();
    this.#send({ type: "unwatch", conversation });
    this.generations.forget(conversation);
  }

  /**
   * Tell what a finished message holds (read over HTTP), so that a continuation goes on from it.
   *
   * @param {string} message
   * @param {string} text
   * @param {string} [reasoning]
   */
  adopt(message, text, reasoning = "") {
    this.generations.texts.set(message, { text, reasoning });
  }

  /**
   * @param {any} frame
   * @param {number} bytes
   */
  #receive(frame, bytes) {
    if (!Array.isArray(frame)) {
      if (Object.hasOwn(this.#handlers, frame?.type)) this.#handlers[frame.type](frame, bytes);
      return;
    }
    const [id, n, text, kind] = frame;
    const generation = this.#counted(id, bytes);
    if (generation) this.#judge(generation, generation.delta(n, text, kind === "r"), "text", frame);
  }

  /** @type {Record<string, (frame: any, bytes: number) => void>} */
  #handlers = {
    ready: (frame) => this.#resume(frame),
    accepted: (frame) => {
      this.#watched.add(frame.conversation);
      this.generations.open(frame.generation, frame.conversation, frame.assistant_message);
      this.#commands.accept(frame);
    },
    error: (frame) => {
      if (this.#commands.refuse(frame)) return;
      if (this.#watched.has(frame.id)) this.#refuseWatch(frame);
      else this.#emit("error", frame);
    },
    watching: (frame) => {
      for (const id of frame.live) this.generations.open(id, frame.conversation);
      this.#emit("watching", frame);
    },
    begin: (frame, bytes) => {
      this.generations.open(frame.generation, frame.conversation, frame.message);
      const generation = this.#counted(frame.generation, bytes);
      if (!generation) return;
      const verdict = generation.begin(frame, this.generations.held(frame.message));
      this.#judge(generation, verdict, "begin", frame);
    },
    event: (frame, bytes) => {
      const generation = this.#counted(frame.generation, bytes);
      if (generation) this.#judge(generation, generation.event(frame), "event", frame);
    },
    snapshot: (frame, bytes) => {
      const generation = this.#counted(frame.generation, bytes);
      if (!generation) return;
      generation.snapshot(frame);
      this.#judge(generation, "applied", "snapshot", frame);
    },
    end: (frame, bytes) => {
      this.generations.open(frame.generation, frame.conversation, frame.message);
      const generation = this.#counted(frame.generation, bytes);
      if (!generation) return;
      const verdict = generation.finish(frame);
      if (generation.end) {
        this.#stopping.delete(generation.id);
        this.generations.keep(generation);
      }
      this.#judge(generation, verdict, "end", frame);
    },
    conversation: (frame) => this.#emit("conversation", frame),
    message: (frame) => this.#emit("message", frame),
  };

  /**
   * @param {number} id
   * @param {number} bytes
   */
  #counted(id, bytes) {
    this.#acks.count(id, bytes);
    return this.generations.byId.get(id);
  }

  /**
   * Publish what was applied; ask again for what does not fit.
   *
   * @param {Generation} generation
   * @param {Verdict} verdict
   * @param {string} type
   * @param {any} frame
   */
  #judge(generation, verdict, type, frame) {
    if (verdict === "applied") this.#emit(type, { generation, frame });
    if (verdict === "applied" || verdict === "dropped" || generation.repairing) return;
    generation.repairing = true;
    if (type === "end") this.#emit("mismatch", { generation, frame, because: verdict });
    const whole = type === "begin" || type === "end";
    const ask = () => {
      if (!generation.repairing || !this.#watched.has(generation.conversation)) return;
      if (whole) generation.reset();
      this.#sendWatch(generation.conversation, [generation], whole ? verdict : undefined);
    };
    const delay = generation.repairs && Math.min(REPAIR_CAP, REPAIR_DELAY * 2 ** generation.repairs);
    generation.repairs += 1;
    if (delay) setTimeout(ask, delay);
    else ask();
  }

  /** @param {any} ready */
  #resume(ready) {
    this.#connection.settle();
    this.#acks.clear();
    for (const generation of this.generations.byId.values()) generation.repairing = false;
    this.#enter("ready");
    this.#emit("ready", ready);
    for (const conversation of this.#watched) this.#sendWatch(conversation);
    this.#commands.repeat();
    for (const generation of this.#stopping) this.#send({ type: "stop", generation });
  }

  /**
   * @param {string} conversation
   * @param {Generation[]} [generations]
   * @param {"gap" | "checksum"} [because]
   */
  #sendWatch(conversation, generations = this.generations.unfinished(conversation), because = undefined) {
    const seen = Object.fromEntries(generations.map((one) => [one.id, one.last]));
    // The conversation's own id serves as the command's: an error then names what it is about.
    this.#send({ type: "watch", id: conversation, conversation, seen, ...(because && { because }) });
  }

  /** @param {any} frame `error` that answers a watch */
  #refuseWatch(frame) {
    const { id: conversation, code, retry_after: seconds } = frame;
    if (code === "not_found" || code === "forbidden") {
      this.#watched.delete(conversation);
      this.generations.forget(conversation);
      this.#emit("lost", { conversation, code });
      return;
    }
    const delay = seconds ? seconds * 1_000 : WATCH_DELAY;
    setTimeout(() => this.#watched.has(conversation) && this.#sendWatch(conversation), delay);
  }

  /** @param {Iterable<number>} generations */
  #ack(generations) {
    /** @type {Record<string, number>} */
    const seen = {};
    for (const id of generations) {
      const last = this.generations.byId.get(id)?.last ?? -1;
      if (last >= 0) seen[id] = last;
    }
    this.#send({ type: "ack", seen });
  }

  /** @param {Record<string, any>} frame dropped unless ready: what matters is kept and given again */
  #send(frame) {
    if (this.state === "ready") this.#connection.send(frame);
  }

  /** @param {ChatSocket["state"]} state */
  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#emit("state", { state });
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
