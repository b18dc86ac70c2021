/** The HTTP door of the conversations. */

import { ChatError } from "./commands.js";

/**
 * @import {Opinion} from "./conversation.js"
 * @import {Model} from "./models.js"
 */

/**
 * @typedef {object} Summary
 * @property {string} id
 * @property {string} title
 * @property {number} revision
 * @property {string} state idle, running, failed or deleted
 * @property {string} updated ISO 8601
 * @property {boolean} [pinned]
 * @property {boolean} [archived]
 * @property {boolean} [unread] an answer has ended that nobody has looked at
 *
 * @typedef {{title?: string, pinned?: boolean, archived?: boolean, unread?: boolean, deleted?: boolean,
 *   temporary?: false, system_prompt?: string, options?: object}} Changes
 *
 * @typedef {object} Hit
 * @property {string} conversation
 * @property {string | null} message the newest with what was asked for; null where only the title has it
 * @property {[string, boolean][]} title pieces, and whether they are what was asked for
 * @property {[string, boolean][]} snippet
 * @property {boolean} archived
 *
 * @typedef {object} Csrf
 * @property {string} token as of the page's load
 * @property {string} cookie the cookie's name; it may be out of a script's reach
 * @property {string} header
 */

export class Api {
  /**
   * @param {string} conversations address of the list
   * @param {Csrf} csrf
   */
  constructor(conversations, csrf) {
    this.#conversations = conversations;
    this.#csrf = csrf;
  }

  #conversations;
  #csrf;

  /**
   * @param {string | null} [page] the `next` of the page before
   * @param {boolean} [archived]
   * @returns {Promise<{results: Summary[], next: string | null}>}
   */
  list(page, archived = false) {
    return this.request("GET", page ?? `${this.#conversations}${archived ? "?archived=1" : ""}`);
  }

  /**
   * A whole conversation, all pages of it.
   *
   * @param {string} id
   */
  async read(id) {
    const detail = await this.request("GET", this.#address(id));
    for (let { next } = detail; next; ) {
      const page = await this.request("GET", next);
      detail.messages.push(...page.messages);
      next = page.next;
    }
    return detail;
  }

  /**
   * @param {string} id
   * @param {Changes} changes
   * @returns {Promise<Summary>}
   */
  change(id, changes) {
    return this.request("PATCH", this.#address(id), changes);
  }

  /** @param {string} id */
  remove(id) {
    return this.request("DELETE", this.#address(id));
  }

  /**
   * A new conversation with all messages up to one.
   *
   * @param {string} id
   * @param {string} message
   * @returns {Promise<Summary>}
   */
  fork(id, message) {
    return this.request("POST", `${this.#address(id)}fork/`, { message });
  }

  /**
   * @param {string} message
   * @param {Opinion | null} opinion null takes it back
   */
  rate(message, opinion) {
    return this.request(opinion ? "PUT" : "DELETE", new URL(`../messages/${message}/feedback/`, new URL(this.#conversations, location.href)).href, opinion ?? undefined);
  }

  /** @param {object} changes of what the reader has set for every device */
  prefer(changes) {
    return this.request("PATCH", new URL("../preferences/", new URL(this.#conversations, location.href)).href, changes);
  }

  /** @returns {Promise<{results: Model[]}>} */
  models() {
    return this.request("GET", new URL("../models/", new URL(this.#conversations, location.href)).href);
  }

  /** @param {string} id */
  #address(id) {
    return `${this.#conversations}${id}/`;
  }

  /**
   * Raises `ChatError`: with the server's code and sentence, or `unreachable`.
   *
   * @param {string} method
   * @param {string} address
   * @param {object} [body]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  async request(method, address, body, signal) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") Object.assign(headers, this.csrf);
    if (body) headers["Content-Type"] = "application/json";
    let response;
    try {
      // keepalive: a deletion asked for by a closing page still arrives.
      response = await fetch(address, { method, headers, body: body && JSON.stringify(body), keepalive: method !== "GET", signal });
    } catch {
      throw new ChatError({ code: "unreachable" });
    }
    const isJson = response.status !== 204 && response.headers.get("Content-Type")?.startsWith("application/json");
    const data = isJson ? await response.json() : null;
    if (response.ok) return data;
    if (response.status === 401) throw new ChatError({ code: "signed_out" });
    throw new ChatError(data?.error ?? { code: response.status === 404 ? "not_found" : "unavailable" });
  }

  /** The headers that change something. Signing in again changes the token: the cookie knows the present one. */
  get csrf() {
    const name = `${this.#csrf.cookie}=`;
    const cookie = document.cookie.split("; ").find((one) => one.startsWith(name));
    return { [this.#csrf.header]: cookie?.slice(name.length) ?? this.#csrf.token };
  }
}
