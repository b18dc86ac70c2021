/** `<llmchat-search>`: a field above the list; while there is something in it, what was found is below. */

import { addStyles, announce, h, icon, iconButton } from "./dom.js";
import { t } from "./labels.js";

/**
 * @import {Api, Hit} from "./api.js"
 * @import {ChatError} from "./commands.js"
 */

/** Milliseconds after the last letter until the server is asked. */
const PAUSE = 180;
const NEAR = 300;

export class SearchElement extends HTMLElement {
  /** @type {Api} */
  // @ts-ignore -- set by the page before anybody can type
  api;
  /** @type {string} where to ask */
  endpoint = "";
  /** @type {string} address of a conversation's page, with `{id}` in it */
  address = "";
  /** @type {HTMLInputElement} */
  // @ts-ignore -- found when connected
  #field;
  #clear = iconButton("x", "", { class: "lc-icon-button", hidden: true, onclick: () => this.leave() });
  #list = h("ul", { class: "lc-results" });
  #note = h("p", { class: "lc-list-empty", hidden: true });
  #results = h("div", { class: "lc-results-box", hidden: true }, this.#list, this.#note);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {AbortController | null} */
  #asking = null;
  /** @type {string | null} */
  #next = null;
  /** @type {Set<string>} conversations shown already */
  #shown = new Set();

  connectedCallback() {
    if (this.#field) return;
    this.#field = /** @type {HTMLInputElement} */ (this.querySelector("input"));
    this.#clear.setAttribute("aria-label", t("clearSearch"));
    this.#clear.title = t("clearSearch");
    this.#field.after(this.#clear);
    addStyles(String(this.dataset.styles));
    this.append(this.#results);
    this.#field.addEventListener("input", () => this.#typed());
    this.addEventListener("keydown", (event) => this.#pressed(event));
    this.#results.addEventListener("scroll", () => this.#wantMore(), { passive: true });
    if (this.#field.value) this.#typed();
  }

  /** Empty the field and show the list again. */
  leave() {
    this.#field.value = "";
    this.#typed();
    this.#field.focus();
  }

  get #query() {
    return this.#field.value.trim();
  }

  #typed() {
    const searching = this.#query !== "";
    this.classList.toggle("lc-searching", searching);
    this.#results.hidden = !searching;
    this.#clear.hidden = this.#field.value === "";
    clearTimeout(this.#timer);
    this.#asking?.abort();
    if (searching) this.#timer = setTimeout(() => this.#ask(), PAUSE);
    else this.#empty();
  }

  #empty() {
    this.#list.replaceChildren();
    this.#note.hidden = true;
    this.#next = null;
    this.#shown.clear();
  }

  /** @param {string | null} [page] the `next` of the page before */
  async #ask(page = null) {
    const query = this.#query;
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    this.#results.setAttribute("aria-busy", "true");
    try {
      const first = `${this.endpoint}?${new URLSearchParams({ q: query })}`;
      const { results, next } = await this.api.request("GET", page ?? first, undefined, asking.signal);
      if (asking.signal.aborted) return;
      if (!page) this.#empty();
      this.#next = next;
      this.#put(results);
      this.#say(query, !page);
    } catch (error) {
      if (asking.signal.aborted) return;
      if (page) {
        this.#next = page;
        return;
      }
      this.#empty();
      this.#note.textContent = /** @type {ChatError} */ (error).message || t("searchFailed");
      this.#note.hidden = false;
    } finally {
      if (this.#asking === asking) this.#results.removeAttribute("aria-busy");
    }
    this.#wantMore();
  }

  /** @param {Hit[]} hits */
  #put(hits) {
    for (const hit of hits) {
      if (this.#shown.has(hit.conversation)) continue;
      this.#shown.add(hit.conversation);
      this.#list.append(this.#item(hit));
    }
  }

  /**
   * @param {string} query
   * @param {boolean} first
   */
  #say(query, first) {
    const none = this.#list.childElementCount === 0 && !this.#next;
    this.#note.hidden = !none;
    this.#note.textContent = t("nothingFoundFor", { query });
    if (first) announce(this, "say", none ? this.#note.textContent : t("found", { n: this.#list.childElementCount }));
  }

  /** @param {Hit} hit */
  #item({ conversation, message, title, snippet, archived }) {
    const href = this.address.replace("{id}", conversation) + (message ? `#message-${message}` : "");
    const heading = h("span", { class: "lc-result-title" }, h("span", { dir: "auto" }, ...pieces(title.length ? title : [[t("untitled"), false]])), archived ? icon("archive") : null);
    const text = snippet.length ? h("span", { class: "lc-result-text", dir: "auto" }, ...pieces(snippet)) : null;
    const link = h("a", { href, onclick: (/** @type {MouseEvent} */ event) => this.#open(event, conversation, message) }, heading, text);
    return h("li", {}, link);
  }

  /**
   * @param {MouseEvent} event
   * @param {string} id
   * @param {string | null} message
   */
  #open(event, id, message) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    announce(this, "open-at", { id, message });
  }

  #wantMore() {
    const { scrollHeight, scrollTop, clientHeight } = this.#results;
    const page = this.#next;
    if (!page || this.#results.hidden || scrollHeight - scrollTop - clientHeight > NEAR) return;
    this.#next = null;
    this.#ask(page);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const links = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("a")]);
    const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "Escape" && this.#field.value) {
      this.leave();
    } else if (event.key === "ArrowDown") {
      if (this.#query) links[at + 1]?.focus();
      else announce(this, "below");
    } else if (event.key === "ArrowUp" && at >= 0) {
      (links[at - 1] ?? this.#field).focus();
    } else if (event.key === "Enter" && event.target === this.#field) {
      links[0]?.click();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @param {[string, boolean][]} parts */
function pieces(parts) {
  return parts.map(([text, found]) => (found ? h("mark", {}, text) : document.createTextNode(text)));
}

customElements.define("llmchat-search", SearchElement);
