/** Short sentences above the composer: one per subject, each with at most one thing to do. */

import { h, iconButton } from "./dom.js";
import { t } from "./labels.js";

/** @typedef {{label: string, act?: () => void, href?: string}} Action */

/** Those that go by themselves when their cause does; the others can be closed. */
const LASTING = new Set(["offline", "signed-out", "forbidden", "too-many"]);

export class Notices {
  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} live region that is read aloud
   */
  constructor(place, live) {
    this.#place = place;
    this.#live = live;
  }

  #place;
  #live;
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /**
   * @param {string} subject an earlier notice on it is replaced
   * @param {string} text
   * @param {Action} [action]
   * @param {number} [duration] milliseconds; it stays until hidden when left out
   */
  show(subject, text, action = undefined, duration = undefined) {
    this.hide(subject);
    const { label, act, href } = action ?? {};
    const button = href
      ? h("a", { class: "lc-button lc-primary", href }, label ?? "")
      : act && h("button", { type: "button", class: "lc-button", onclick: act }, label ?? "");
    const close = LASTING.has(subject) ? null : iconButton("x", t("close"), { onclick: () => this.hide(subject) });
    const notice = h("div", { class: `lc-notice lc-notice-${subject}` }, h("p", {}, text), button ?? null, close);
    this.#shown.set(subject, notice);
    this.#place.append(notice);
    this.say(text);
    if (duration) this.#timers.set(subject, setTimeout(() => this.hide(subject), duration));
  }

  /** @param {string} subject */
  hide(subject) {
    clearTimeout(this.#timers.get(subject));
    this.#shown.get(subject)?.remove();
    this.#shown.delete(subject);
  }

  /** @param {string} text read aloud, not shown */
  say(text) {
    this.#live.textContent = text;
  }
}
