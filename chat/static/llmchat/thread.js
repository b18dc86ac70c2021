/**
 * `<llmchat-thread>`: the branch of the conversation that is shown, scrolled as the reader wants it.
 *
 * It follows the end while the reader is there, and else stays where the reader is: across reloads, other
 * conversations and what grows above. Messages far away are boxes that are filled when they come near, or
 * when nothing else is to do.
 */

import { isLive } from "./conversation.js";
import { config } from "./config.js";
import { h, icon } from "./dom.js";
import { t } from "./labels.js";
import { perFrame } from "./schedule.js";

/**
 * @import {Conversation} from "./conversation.js"
 * @import {Position} from "./store.js"
 * @import {MessageElement} from "./message.js"
 * @import * as MessageModule from "./message.js"
 */

/**
 * @typedef {typeof MessageModule} Messages
 */

/** @type {Messages | null} */
let messages = null;

/** An empty page needs nothing of messages: they are fetched when there are any, or soon will be. */
export async function loadMessages() {
  messages ??= /** @type {Messages} */ (await import(config.messages));
  return messages;
}

/** Pixels from the end within which the reader is taken to be there. */
const NEAR = 48;
/** Pixels around what is seen in which messages are filled. */
const MARGIN = 1_200;
/** Milliseconds that filling in advance may take at a time. */
const BUDGET = 6;
/** Milliseconds after the last scroll at which the position is kept. */
const SETTLED = 150;
/** Milliseconds of drawing after which it rests, and for how many times as long. */
const LONG = 6;
const REST = 6;
/** Milliseconds that a place is still held after the last message has been filled. */
const HELD = 1_000;
/**
 * What a place can be told by: a message itself, and the blocks of its answer.
 *
 * @param {HTMLElement} message
 */
const parts = (message) => [message, ...message.querySelectorAll(".lc-prose > *")];
/** What of the reader says that a position kept is not to be held any longer. */
const INPUT = ["wheel", "touchstart", "pointerdown", "keydown"];

const idly = globalThis.requestIdleCallback ?? ((/** @type {() => void} */ work) => setTimeout(work, 50));
/** Milliseconds for which a message that was looked for stands out. */
const FOUND = 2_000;

export class ThreadElement extends HTMLElement {
  /** @type {Map<string, MessageElement>} */
  #elements = new Map();
  /** @type {Set<string>} ids of messages whose text has changed since the last frame */
  #changed = new Set();
  /** @type {Conversation | null} */
  #conversation = null;
  #sticky = true;
  /** @type {Position | null} where to stay while what is around it is still being filled */
  #held = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  #filling = false;
  /** When drawing may go on, as `performance.now()` counts. */
  #rested = 0;
  #list = h("div", { class: "lc-column", role: "log", "aria-live": "off" });
  #news = h("span", {}, t("newBelow"));
  #below = h(
    "button",
    { type: "button", class: "lc-below", hidden: true, "aria-label": t("toEnd"), onclick: () => this.toEnd() },
    icon("arrow-down"),
    this.#news,
  );
  #draw = perFrame(() => this.#drawChanged());
  #near = new IntersectionObserver((entries) => this.#came(entries), { root: this, rootMargin: `${MARGIN}px 0px` });
  /** @type {{position: (conversation: string) => Position | null, keepPosition: (conversation: string, position: Position | null) => void} | null} */
  positions = null;

  connectedCallback() {
    if (this.firstChild) return;
    this.#list.setAttribute("aria-label", t("conversation"));
    this.append(this.#list, this.#below);
    this.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    for (const type of INPUT) this.addEventListener(type, () => (this.#held = null), { passive: true });
    // Only what is not kept yet: a page that goes may be laid out anew before, for another pointer or size.
    window.addEventListener("pagehide", () => this.#settling && this.#keep());
    window.addEventListener("beforeprint", () => this.#fillAll(Infinity));
    // The composer grows, the window shrinks, a block of code unfolds: the end, or the reader's place, stays in sight.
    const size = new ResizeObserver(() => this.#follow());
    size.observe(this.#list);
    size.observe(this);
  }

  /**
   * Show the present branch of a conversation.
   *
   * @param {Conversation} conversation
   */
  show(conversation) {
    if (conversation !== this.#conversation) this.#change(conversation);
    const branch = conversation.branch().filter(({ role }) => role === "user" || role === "assistant");
    if (branch.length && !messages) {
      loadMessages().then(() => conversation === this.#conversation && this.show(conversation));
      return;
    }
    const idle = !branch.some(isLive);
    const kept = new Set(branch.map(({ id }) => id));
    for (const [id, element] of this.#elements) {
      if (kept.has(id)) continue;
      this.#near.unobserve(element);
      element.remove();
      this.#elements.delete(id);
    }
    const empty = this.#elements.size === 0;
    let next = this.#list.firstElementChild;
    branch.forEach((message, index) => {
      const { ids, index: version } = conversation.versions(message);
      const element = this.#element(message.id);
      element.show(message, { version, versions: ids, last: index === branch.length - 1, idle });
      if (next === element) next = element.nextElementSibling;
      else this.#list.insertBefore(element, next);
    });
    if (empty && branch.length > 0) this.#open(branch.map(({ id }) => id));
    else for (const message of branch.slice(-2)) this.#elements.get(message.id)?.fill();
    for (const element of this.#elements.values()) if (!element.filled) this.#near.observe(element);
    this.#fillLater();
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
    this.#held = null;
    this.#follow();
  }

  /** @param {string} id of a message on the branch shown, which was looked for */
  async reveal(id) {
    await loadMessages();
    const element = this.#elements.get(id);
    if (!element) return;
    this.#sticky = false;
    this.#held = { id, offset: Math.round(this.clientHeight / 4) };
    element.fill();
    this.#follow();
    element.classList.add("lc-found");
    setTimeout(() => element.classList.remove("lc-found"), FOUND);
  }

  /** @param {string} id */
  spoken(id) {
    return this.#elements.get(id)?.spoken ?? "";
  }

  /** @param {Conversation} conversation */
  #change(conversation) {
    this.#keep();
    this.#conversation = conversation;
    this.#near.disconnect();
    this.#elements.clear();
    this.#changed.clear();
    this.#list.replaceChildren();
    this.#sticky = true;
    this.#held = null;
  }

  /**
   * The first messages of a conversation are there: fill those that will be seen, and go where the reader was.
   *
   * @param {string[]} ids
   */
  #open(ids) {
    const { id } = /** @type {Conversation} */ (this.#conversation);
    const position = id ? this.positions?.position(id) : null;
    const at = position ? ids.indexOf(position.id) : -1;
    this.#held = at < 0 ? null : /** @type {Position} */ (position);
    this.#sticky = at < 0;
    // From the end backwards, or from the reader's place on, as many as fill what is seen.
    const order = at < 0 ? ids.toReversed() : ids.slice(at);
    let room = Math.max(this.clientHeight, 400);
    for (const one of order) {
      const element = /** @type {MessageElement} */ (this.#elements.get(one));
      element.fill();
      if ((room -= element.offsetHeight) < 0) break;
    }
  }

  /** @param {string} id */
  #element(id) {
    let element = this.#elements.get(id);
    if (!element) {
      element = new /** @type {Messages} */ (messages).MessageElement();
      this.#elements.set(id, element);
    }
    return element;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #came(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#near.unobserve(target);
      /** @type {MessageElement} */ (target).fill();
    }
    this.#follow();
  }

  /** Fill what is far away while nothing else is to do: the browser's own search then finds it. */
  #fillLater() {
    if (this.#filling) return;
    this.#filling = true;
    idly(() => {
      this.#filling = false;
      if (this.#fillAll(performance.now() + BUDGET)) this.#fillLater();
      // All heights are known now, or will be with the next frames: nothing is left to hold the place against.
      else setTimeout(() => (this.#held = null), HELD);
    });
  }

  /**
   * @param {number} deadline as `performance.now()` counts
   * @returns {boolean} whether there is more to fill
   */
  #fillAll(deadline) {
    for (const element of [...this.#elements.values()].reverse()) {
      if (element.filled) continue;
      if (performance.now() > deadline) return true;
      this.#near.unobserve(element);
      element.fill();
    }
    return false;
  }

  #drawChanged() {
    // A block so long that reading it takes a good part of a frame is read less often.
    const started = performance.now();
    if (started < this.#rested) {
      setTimeout(this.#draw, this.#rested - started);
      return;
    }
    for (const id of this.#changed) {
      const message = this.#conversation?.messages.get(id);
      if (message) this.#elements.get(id)?.show(message);
    }
    this.#changed.clear();
    if (!this.#sticky) this.#news.hidden = false;
    this.#follow();
    const took = performance.now() - started;
    this.#rested = took > LONG ? started + took * REST : 0;
  }

  get #distance() {
    return this.scrollHeight - this.scrollTop - this.clientHeight;
  }

  #scrolled() {
    if (this.#held) return;
    const sticky = this.#distance < NEAR;
    if (this.#sticky && !sticky) this.#news.hidden = true;
    this.#sticky = sticky;
    this.#offer(!sticky);
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#keep(), SETTLED);
  }

  #follow() {
    if (this.#held) this.#return(this.#held);
    else if (this.#sticky) this.scrollTop = this.scrollHeight;
    this.#offer(!this.#sticky && this.#distance >= NEAR);
  }

  /** @param {boolean} way whether to show the way to the end; said again it would cost a pass of styles */
  #offer(way) {
    if (this.#below.hidden === way) this.#below.hidden = !way;
  }

  /** @param {Position} position */
  #return({ id, part = 0, offset }) {
    const element = this.#elements.get(id);
    if (!element) return;
    this.scrollTop += (parts(element)[part] ?? element).getBoundingClientRect().top - this.getBoundingClientRect().top - offset;
  }

  /** Remember where the reader is; at the end, that there is nothing to remember. */
  #keep() {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    const id = this.#conversation?.id;
    if (!id || this.#elements.size === 0 || this.hidden) return;
    this.positions?.keepPosition(id, this.#held ?? (this.#sticky ? null : this.#here()));
  }

  /** @returns {Position | null} */
  #here() {
    const { top, bottom } = this.getBoundingClientRect();
    let here = null;
    for (const [id, element] of this.#elements) {
      if (element.getBoundingClientRect().bottom <= top) continue;
      for (const [part, piece] of parts(element).entries()) {
        const edge = piece.getBoundingClientRect().top;
        if (here && edge >= bottom) return here;
        here = { id, part, offset: Math.round(edge - top) };
        if (edge >= top) return here;
      }
    }
    return here;
  }
}

customElements.define("llmchat-thread", ThreadElement);
