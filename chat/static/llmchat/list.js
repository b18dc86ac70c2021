/** `<llmchat-list>`: the conversations, newest first, pinned ones on top. */

import { announce, h, icon, iconButton } from "./dom.js";
import { titleField } from "./editable.js";
import { t } from "./labels.js";
import { openMenu } from "./menu.js";

/** @typedef {import("./api.js").Summary} Summary */

export class ListElement extends HTMLElement {
  /** @type {Map<string, Summary>} */
  #summaries = new Map();
  /** @type {Set<string>} deleted, but it can still be undone */
  #hidden = new Set();
  /** @type {string | null} */
  #current = null;
  /** @type {string | null} */
  #renaming = null;
  /** @type {string} address of a conversation's page, with `{id}` in it */
  address = "";
  #items = h("ul", { class: "lc-list" });
  #empty = h("p", { class: "lc-list-empty", hidden: true }, t("noConversations"));

  connectedCallback() {
    if (this.firstChild) return;
    this.#empty.textContent = t("noConversations");
    this.append(this.#items, this.#empty);
    this.addEventListener("scroll", () => {
      if (this.scrollHeight - this.scrollTop - this.clientHeight < 200) announce(this, "more");
    });
  }

  /** @param {Summary[]} summaries */
  put(...summaries) {
    for (const summary of summaries) {
      const known = this.#summaries.get(summary.id);
      this.#summaries.set(summary.id, { ...known, ...summary });
    }
    this.#draw();
  }

  /**
   * Take over the first page as it is now: what is missing from it has gone.
   *
   * @param {Summary[]} summaries
   * @param {boolean} complete whether no page follows
   */
  refresh(summaries, complete) {
    const oldest = summaries.at(-1)?.updated ?? "";
    const present = new Set(summaries.map(({ id }) => id));
    for (const { id, updated, pinned } of this.#summaries.values()) {
      if (!present.has(id) && (complete || (!pinned && updated > oldest))) this.#summaries.delete(id);
    }
    this.put(...summaries);
  }

  /** @param {string} id */
  get(id) {
    return this.#summaries.get(id);
  }

  /** @param {string} id */
  drop(id) {
    this.#summaries.delete(id);
    this.#hidden.delete(id);
    this.#draw();
  }

  /**
   * @param {string} id
   * @param {boolean} hidden
   */
  hide(id, hidden) {
    if (hidden) this.#hidden.add(id);
    else this.#hidden.delete(id);
    this.#draw();
  }

  /** @param {string | null} id */
  set current(id) {
    this.#current = id;
    this.#draw();
  }

  #draw() {
    const shown = [...this.#summaries.values()]
      .filter(({ id }) => !this.#hidden.has(id))
      .sort((a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || b.updated.localeCompare(a.updated));
    const known = new Map([.../** @type {NodeListOf<HTMLElement>} */ (this.#items.querySelectorAll(":scope > li"))].map((item) => [item.dataset.id, item]));
    shown.forEach((summary, index) => {
      const key = JSON.stringify([summary.title, summary.state, summary.pinned, summary.id === this.#current]);
      let item = known.get(summary.id);
      known.delete(summary.id);
      if (!item || (item.dataset.key !== key && this.#renaming !== summary.id)) {
        const made = this.#item(summary, key);
        const focused = item?.contains(document.activeElement);
        item?.replaceWith(made);
        if (focused) made.querySelector("a")?.focus();
        item = made;
      }
      if (this.#items.children[index] !== item) this.#items.insertBefore(item, this.#items.children[index] ?? null);
    });
    for (const item of known.values()) item.remove();
    this.#empty.hidden = shown.length > 0;
  }

  /**
   * @param {Summary} summary
   * @param {string} key
   */
  #item(summary, key) {
    const { id, state, pinned } = summary;
    const title = summary.title || t("untitled");
    const current = id === this.#current;
    const dot = state === "running" || state === "failed" ? h("span", { class: `lc-dot lc-dot-${state}`, role: "img", "aria-label": t(`state_${state}`) }) : null;
    const link = h("a", { href: this.address.replace("{id}", id), "aria-current": current && "page", title, onclick: (/** @type {MouseEvent} */ event) => this.#open(event, id) }, h("span", { dir: "auto" }, title), pinned ? icon("pin") : null, dot);
    const more = iconButton("ellipsis", t("moreFor", { title }), { "aria-haspopup": "menu", onclick: () => this.#menu(id, more) });
    return h("li", { "data-id": id, "data-key": key, class: current && "lc-current" }, link, more);
  }

  /**
   * @param {MouseEvent} event
   * @param {string} id
   */
  #open(event, id) {
    // A new tab stays the browser's affair.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    announce(this, "open", id);
  }

  /**
   * @param {string} id
   * @param {HTMLElement} anchor
   */
  #menu(id, anchor) {
    const pinned = this.#summaries.get(id)?.pinned ?? false;
    openMenu(anchor, [
      { icon: "pencil", label: t("rename"), act: () => this.rename(id) },
      { icon: pinned ? "pin-off" : "pin", label: t(pinned ? "unpin" : "pin"), act: () => announce(this, "pin", { id, pinned: !pinned }) },
      { icon: "trash-2", label: t("delete"), danger: true, act: () => announce(this, "delete", id) },
    ]);
  }

  /** @param {string} id */
  rename(id) {
    const item = /** @type {HTMLElement | null} */ (this.#items.querySelector(`[data-id="${id}"]`));
    const summary = this.#summaries.get(id);
    if (!item || !summary) return;
    this.#renaming = id;
    const field = titleField(summary.title, (title) => {
      this.#renaming = null;
      if (title) announce(this, "rename", { id, title });
      item.dataset.key = "";
      this.#draw();
      /** @type {HTMLElement | null} */ (this.#items.querySelector(`[data-id="${id}"] a`))?.focus();
    });
    item.replaceChildren(field);
  }
}

customElements.define("llmchat-list", ListElement);
