/** `<llmchat-thread>`: the branch of the conversation that is shown, scrolled as the reader wants it. */

import { isLive } from "./conversation.js";
import { h, icon } from "./dom.js";
import { t } from "./labels.js";
import { MessageElement } from "./message.js";
import { perFrame } from "./schedule.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */

/** Pixels from the end within which the reader is taken to be there. */
const NEAR = 48;

export class ThreadElement extends HTMLElement {
  /** @type {Map<string, MessageElement>} */
  #elements = new Map();
  /** @type {Set<string>} ids of messages whose text has changed since the last frame */
  #changed = new Set();
  /** @type {Conversation | null} */
  #conversation = null;
  #sticky = true;
  #list = h("div", { class: "lc-column", role: "log", "aria-live": "off" });
  #news = h("span", {}, t("newBelow"));
  #below = h(
    "button",
    { type: "button", class: "lc-below", hidden: true, "aria-label": t("toEnd"), onclick: () => this.toEnd() },
    icon("arrow-down"),
    this.#news,
  );
  #draw = perFrame(() => this.#drawChanged());

  connectedCallback() {
    if (this.firstChild) return;
    this.#list.setAttribute("aria-label", t("conversation"));
    this.append(this.#list, this.#below);
    this.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The composer grows, the window shrinks, an image of code unfolds: the end stays in sight.
    new ResizeObserver(() => this.#follow()).observe(this.#list);
    new ResizeObserver(() => this.#follow()).observe(this);
  }

  /**
   * Show the present branch of a conversation.
   *
   * @param {Conversation} conversation
   */
  show(conversation) {
    if (conversation !== this.#conversation) {
      this.#conversation = conversation;
      this.#elements.clear();
      this.#list.replaceChildren();
      this.#sticky = true;
    }
    const branch = conversation.branch().filter(({ role }) => role === "user" || role === "assistant");
    const idle = !branch.some(isLive);
    const kept = new Set(branch.map(({ id }) => id));
    for (const [id, element] of this.#elements) {
      if (kept.has(id)) continue;
      element.remove();
      this.#elements.delete(id);
    }
    branch.forEach((message, index) => {
      const { ids, index: version } = conversation.versions(message);
      const element = this.#element(message.id);
      element.show(message, { version, versions: ids, last: index === branch.length - 1, idle });
      if (this.#list.children[index] !== element) this.#list.insertBefore(element, this.#list.children[index] ?? null);
    });
    this.#follow();
  }

  /**
   * A provisional message has got its real id.
   *
   * @param {string} from
   * @param {string} to
   */
  rename(from, to) {
    const element = this.#elements.get(from);
    if (!element || this.#elements.has(to)) return;
    this.#elements.delete(from);
    this.#elements.set(to, element);
  }

  /** @param {string} id of a message whose text, status or events have changed */
  touch(id) {
    this.#changed.add(id);
    this.#draw();
  }

  toEnd() {
    this.#sticky = true;
    this.#follow();
  }

  /** @param {string} id */
  spoken(id) {
    return this.#elements.get(id)?.spoken ?? "";
  }

  /** @param {string} id */
  #element(id) {
    let element = this.#elements.get(id);
    if (!element) {
      element = new MessageElement();
      this.#elements.set(id, element);
    }
    return element;
  }

  #drawChanged() {
    for (const id of this.#changed) {
      const message = this.#conversation?.messages.get(id);
      if (message) this.#elements.get(id)?.show(message);
    }
    this.#changed.clear();
    if (!this.#sticky) this.#news.hidden = false;
    this.#follow();
  }

  get #distance() {
    return this.scrollHeight - this.scrollTop - this.clientHeight;
  }

  #scrolled() {
    const sticky = this.#distance < NEAR;
    if (this.#sticky && !sticky) this.#news.hidden = true;
    this.#sticky = sticky;
    this.#below.hidden = sticky;
  }

  #follow() {
    if (this.#sticky) this.scrollTop = this.scrollHeight;
    this.#below.hidden = this.#sticky || this.#distance < NEAR;
  }
}

customElements.define("llmchat-thread", ThreadElement);
