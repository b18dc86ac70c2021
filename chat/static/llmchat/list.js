/** `<llmchat-list>`: the conversations in groups by time, pinned ones on top; or the archived ones. */

import { announce, h, iconButton } from "./dom.js";
import { grouped } from "./groups.js";
import { t } from "./labels.js";

/**
 * @import * as RowsModule from "./rows.js"
 * @import {Summary} from "./api.js"
 */

/** Pixels from the end of the list at which the next page is asked for. */
const NEAR = 300;
const KEYS = new Set(["ArrowDown", "ArrowUp", "Home", "End", "F2", "Delete"]);

export class ListElement extends HTMLElement {
  /** @type {Map<string, Summary>} */
  #summaries = new Map();
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** @type {Map<string, HTMLElement>} */
  #sections = new Map();
  /** @type {string | null} */
  #current = null;
  /** @type {string | null} */
  #renaming = null;
  /** @type {Promise<typeof RowsModule | null> | null} */
  #loading = null;
  /** The one that Tab reaches; the arrow keys go to the others. @type {string | null} */
  #active = null;
  #archived = false;
  #loaded = false;
  /** @type {string} address of a conversation's page, with `{id}` in it */
  address = "";
  #head = h("div", { class: "lc-list-head", hidden: true });
  #groups = h("div");
  #empty = h("p", { class: "lc-list-empty", hidden: true });

  connectedCallback() {
    if (this.firstChild) return;
    this.#head.append(iconButton("arrow-left", t("backToChats"), { onclick: () => announce(this, "archived", false) }), h("h2", {}, t("archivedChats")));
    this.append(this.#head, this.#groups, this.#empty);
    this.addEventListener("scroll", () => this.#wantMore(), { passive: true });
    this.addEventListener("keydown", (event) => this.#pressed(event));
    this.addEventListener("focusin", (event) => this.#focused(event));
    this.addEventListener("pointerenter", () => this.#deeds());
    // What was today is yesterday, and what was read elsewhere is read.
    document.addEventListener("visibilitychange", () => this.#draw());
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
    const last = summaries.at(-1);
    const present = new Set(summaries.map(({ id }) => id));
    for (const { id, updated, pinned } of this.#summaries.values()) {
      // Pinned ones come first: behind the last row of the page lies what sorts below it.
      const covered = complete || (last && (Boolean(pinned) === Boolean(last.pinned) ? updated > last.updated : pinned));
      if (!present.has(id) && covered) this.#summaries.delete(id);
    }
    this.#loaded = true;
    this.put(...summaries);
    this.#wantMore();
  }

  get archived() {
    return this.#archived;
  }

  /** @param {boolean} archived whether the archived ones are shown from now on */
  set archived(archived) {
    this.#archived = archived;
    this.#loaded = false;
    this.#summaries.clear();
    this.#head.hidden = !archived;
    this.#draw();
    if (archived) /** @type {HTMLElement} */ (this.#head.firstChild).focus();
  }

  /** @param {string} id */
  get(id) {
    return this.#summaries.get(id);
  }

  /** @param {string} id */
  drop(id) {
    if (this.#summaries.delete(id)) this.#draw();
  }

  /** @param {string | null} id */
  set current(id) {
    this.#current = id;
    this.#active = id;
    this.#draw();
    if (id) this.#rows.get(id)?.scrollIntoView({ block: "nearest" });
  }

  focusFirst() {
    this.links[0]?.focus();
  }

  get links() {
    return /** @type {HTMLElement[]} */ ([...this.#groups.querySelectorAll("li > a")]);
  }

  #wantMore() {
    if (this.#loaded && this.scrollHeight - this.scrollTop - this.clientHeight < NEAR) announce(this, "more");
  }

  #draw() {
    const focus = this.#focus();
    const groups = grouped(this.#summaries.values(), new Date(), document.documentElement.lang || undefined);
    const ids = groups.flatMap(({ summaries }) => summaries.map(({ id }) => id));
    if (!this.#active || !this.#summaries.has(this.#active)) this.#active = ids[0] ?? null;
    for (const [id, row] of this.#rows) {
      if (this.#summaries.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    const sections = groups.map(({ key, label, summaries }) => {
      const section = this.#section(key, label);
      arrange(/** @type {HTMLElement} */ (section.lastElementChild), summaries.map((summary) => this.#row(summary)));
      return section;
    });
    arrange(this.#groups, sections);
    this.#empty.textContent = t(this.#archived ? "noArchived" : "noConversations");
    this.#empty.hidden = ids.length > 0 || !this.#loaded;
    if (focus) this.#refocus(focus, ids);
  }

  /** Where the focus is in the list, for rows that move or go while they have it. */
  #focus() {
    const row = /** @type {HTMLElement | null} */ (this.contains(document.activeElement) && document.activeElement?.closest("li"));
    if (!row || this.#renaming) return null;
    return { id: row.dataset.id ?? "", index: this.links.findIndex((link) => link.parentElement === row), button: document.activeElement?.localName === "button" };
  }

  /**
   * @param {{id: string, index: number, button: boolean}} focus
   * @param {string[]} ids
   */
  #refocus({ id, index, button }, ids) {
    const row = this.#rows.get(this.#rows.has(id) ? id : (ids[Math.min(index, ids.length - 1)] ?? ""));
    const target = /** @type {HTMLElement | null | undefined} */ (row?.querySelector(button && row.dataset.id === id ? "button" : "a"));
    if (target && target !== document.activeElement) target.focus();
  }

  /**
   * @param {string} key
   * @param {string} label
   */
  #section(key, label) {
    let section = this.#sections.get(key);
    if (!section) {
      const heading = h("h3", { class: "lc-group", id: `llmchat-group-${key}` });
      section = h("section", { "aria-labelledby": heading.id }, heading, h("ul", { class: "lc-list" }));
      this.#sections.set(key, section);
    }
    /** @type {HTMLElement} */ (section.firstElementChild).textContent = label;
    return section;
  }

  /** @param {Summary} summary */
  #row(summary) {
    const { id } = summary;
    const row = this.#rows.get(id) ?? h("li", { "data-id": id });
    this.#rows.set(id, row);
    const mark = this.#mark(summary);
    const key = JSON.stringify([summary.title, mark, id === this.#current, id === this.#active]);
    if (row.dataset.key === key || this.#renaming === id) return row;
    row.dataset.key = key;
    row.classList.toggle("lc-current", id === this.#current);
    const title = summary.title || t("untitled");
    const dot = mark ? h("span", { class: `lc-dot lc-dot-${mark}`, role: "img", "aria-label": t(`state_${mark}`), title: t(`state_${mark}`) }) : null;
    const tabindex = id === this.#active ? 0 : -1;
    const link = h(
      "a",
      { href: this.address.replace("{id}", id), tabindex, "aria-current": id === this.#current && "page", title, onclick: (/** @type {MouseEvent} */ event) => this.#open(event, id) },
      h("span", { dir: "auto" }, title),
      dot,
    );
    const more = iconButton("ellipsis", t("moreFor", { title }), { tabindex, "aria-haspopup": "menu", onclick: async () => (await this.#deeds())?.openRowMenu(this, id, more) });
    row.replaceChildren(link, more);
    return row;
  }

  /** @param {Summary} summary */
  #mark({ id, state, unread }) {
    if (state === "running") return "running";
    const seen = id === this.#current && document.visibilityState === "visible";
    if (state === "failed") return unread && !seen ? "failed" : "";
    return unread && !seen ? "unread" : "";
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

  /** What can be done with rows; null without a network. */
  #deeds() {
    this.#loading ??= import("./rows.js").catch(() => (this.#loading = null));
    return this.#loading;
  }

  /** @param {string} id */
  row(id) {
    return this.#rows.get(id);
  }

  /** @param {string | null} id of the row in which a title is being changed, which is left alone meanwhile */
  set renaming(id) {
    const row = this.#rows.get(this.#renaming ?? "");
    if (row) row.dataset.key = "";
    this.#renaming = id;
    this.#draw();
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    this.#deeds();
    const row = /** @type {HTMLElement} */ (event.target).closest("li");
    if (!row?.dataset.id || row.dataset.id === this.#active) return;
    for (const element of this.#groups.querySelectorAll('[tabindex="0"]')) element.setAttribute("tabindex", "-1");
    this.#active = row.dataset.id;
    for (const element of row.querySelectorAll("[tabindex]")) element.setAttribute("tabindex", "0");
  }

  /** @param {KeyboardEvent} event */
  async #pressed(event) {
    const row = /** @type {HTMLElement} */ (event.target).closest("li");
    if (!row?.dataset.id || this.#renaming || event.altKey || event.ctrlKey || event.metaKey || !KEYS.has(event.key)) return;
    event.preventDefault();
    (await this.#deeds())?.press(this, row.dataset.id, event.key);
  }
}

/**
 * Make these the children of `parent`, touching only what is not in its place.
 *
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} children
 */
function arrange(parent, children) {
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild?.remove();
}

customElements.define("llmchat-list", ListElement);
