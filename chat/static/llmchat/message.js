/**
 * `<llmchat-message>`: one message of the branch shown, with its state and what can be done with it.
 *
 * It is an empty box of about its height until it is `fill`ed: of a long conversation only what is near
 * the reader is made at once.
 */

import { row, rowKey } from "./actions.js";
import { copy } from "./clipboard.js";
import { isLive } from "./conversation.js";
import { announce, h, icon } from "./dom.js";
import { t } from "./labels.js";
import { outcome, waiting } from "./states.js";
import { steady } from "./steady.js";

/**
 * @import {Message} from "./conversation.js"
 * @import {Place} from "./actions.js"
 * @import {Renderer} from "./render.js"
 * @import * as RenderModule from "./render.js"
 */

/** Waiting is silent for so long, in milliseconds; then it says what for. */
const PATIENCE = 1_000;
/** Milliseconds until the renderer is asked for again that could not be fetched. */
const RETRY = 1_000;
/** Blocks at the end of a growing answer that are laid out. */
const NEAR = 12;
/** For the height of what is not there yet: characters of a line, pixels of one, of all around the text. */
const GUESS = { line: 80, height: 26, around: 72 };

/** @type {typeof RenderModule | null} */
let rendering = null;
/** @type {Promise<void> | null} */
let loading = null;

/** Markdown weighs more than all the rest: it is fetched when the first answer is near. */
export function loadRenderer() {
  if (loading) return loading;
  // All at once: the browser would find out about them one after the other.
  const modules = [import("./render.js"), import("./code.js"), import("./formula.js"), import("./markdown.js"), import("./vendor/markdown-it.js"), import("./entities.js")];
  loading = Promise.all(modules).then(
    ([module]) => {
      rendering = /** @type {typeof RenderModule} */ (module);
    },
    async () => {
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      loading = null;
    },
  );
  return loading;
}

export class MessageElement extends HTMLElement {
  /** @type {Message} */
  // @ts-ignore -- set by `show`, before anything reads it
  #message;
  /** @type {Place} */
  #place = { version: 0, versions: [], last: false, idle: true };
  /** @type {HTMLElement} */
  // @ts-ignore -- set by `fill`
  #body;
  /** @type {HTMLElement} */
  // @ts-ignore -- set by `fill`
  #state;
  /** @type {HTMLElement} */
  // @ts-ignore -- set by `fill`
  #actions;
  /** @type {Renderer | null} */
  #answer = null;
  /** @type {Renderer | null} */
  #thoughts = null;
  /** @type {HTMLElement} */
  // @ts-ignore -- made with the first thought
  #summary;
  /** When the first thought came, while it was waited for here. */
  #thinkingSince = 0;
  /** What stands there: text, reasoning, and of which state. */
  #shown = { text: "", reasoning: "", live: false };
  #shownState = "";
  #shownActions = "";
  #since = Date.now();
  #editing = false;
  /** Blocks that have been laid out, and those left alone. */
  #laid = 0;
  #resting = 0;
  filled = false;

  get message() {
    return this.#message;
  }

  /**
   * @param {Message} message
   * @param {Place} [place] unchanged when left out
   */
  show(message, place = this.#place) {
    if (this.#message !== message) {
      this.#message = message;
      this.className = `lc-message lc-${message.role}`;
    }
    this.#place = place;
    const id = `message-${message.id}`;
    if (this.getAttribute("id") !== id) this.setAttribute("id", id);
    if (this.filled) this.#draw();
    else this.#guess();
  }

  /** Show what is in it, from now on. */
  fill() {
    if (this.filled) return;
    this.filled = true;
    this.#body = h("div", { class: "lc-body" });
    this.#state = h("div", { class: "lc-state" });
    this.#actions = h("div", { class: "lc-actions" });
    this.append(h("span", { class: "lc-hidden" }, t(this.#message.role === "user" ? "youSaid" : "assistantSaid")), this.#body, this.#state, this.#actions);
    this.addEventListener("click", (event) => this.#clicked(event));
    this.#draw();
  }

  /** The text as it is read aloud when the answer is done. */
  get spoken() {
    return this.querySelector(".lc-body > .lc-prose")?.textContent ?? "";
  }

  /** Take about the room that the message will take. */
  #guess() {
    const { text } = this.#message;
    let lines = 1 + text.length / GUESS.line;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines += 0.5;
    this.style.setProperty("--lc-height", `${Math.round(lines * GUESS.height + GUESS.around)}px`);
  }

  #draw() {
    if (this.#message.role === "user") {
      if (!this.#editing) this.#showText();
    } else {
      this.#showAnswer();
    }
    this.#showState();
    this.#showActions();
  }

  #showText() {
    if (this.#body.firstChild?.textContent === this.#message.text) return;
    this.#body.replaceChildren(h("div", { class: "lc-bubble", dir: "auto" }, this.#message.text));
  }

  #showAnswer() {
    const { text, reasoning } = this.#message;
    const live = isLive(this.#message);
    const shown = this.#shown;
    if (this.#answer && shown.text === text && shown.reasoning === reasoning && shown.live === live) return;
    if (!rendering) {
      if (text || reasoning) loadRenderer().then(() => this.#showAnswer());
      return;
    }
    if (reasoning) {
      this.#thoughts ??= this.#addThoughts(rendering);
      this.#thoughts.update(reasoning, live);
      this.#showThinking();
    }
    if (!this.#answer) {
      const prose = h("div", { class: "lc-prose", dir: "auto" });
      this.#body.append(prose);
      this.#answer = new rendering.Renderer(prose, () => announce(this, "drawn"));
    }
    this.#answer.update(live ? steady(text, this.#answer.endsInCode) : text, live);
    this.#shown = { text, reasoning, live };
    this.classList.toggle("lc-writing", live && Boolean(text));
    if (live) this.#rest(/** @type {HTMLElement} */ (this.#body.lastElementChild).children);
  }

  /**
   * Leave alone what is far above and was laid out before.
   *
   * @param {HTMLCollection} blocks of the answer
   */
  #rest(blocks) {
    const far = Math.min(this.#laid, blocks.length - NEAR);
    for (; this.#resting < far; this.#resting += 1) blocks[this.#resting].classList.add("lc-far");
    this.#laid = blocks.length;
  }

  /** @param {typeof RenderModule} module */
  #addThoughts({ Renderer }) {
    this.#summary = h("span");
    const prose = h("div", { class: "lc-prose", dir: "auto" });
    const summary = h("summary", {}, icon("chevron-right"), this.#summary);
    this.#body.prepend(h("details", { class: "lc-reasoning" }, summary, prose));
    return new Renderer(prose);
  }

  #showThinking() {
    const message = this.#message;
    if (isLive(message) && !message.text) {
      this.#thinkingSince ||= Date.now();
      this.#summary.textContent = t("thinking");
      this.#summary.classList.add("lc-thinking");
      return;
    }
    this.#summary.classList.remove("lc-thinking");
    const measured = message.timings?.reasoning;
    if (!measured && this.#summary.textContent && this.#summary.textContent !== t("thinking")) return;
    const duration = measured || (this.#thinkingSince && Date.now() - this.#thinkingSince);
    this.#summary.textContent = duration ? t("thoughtFor", { seconds: Math.max(1, Math.round(duration / 1_000)) }) : t("reasoning");
  }

  #showState() {
    const message = this.#message;
    const waits = message.role === "assistant" && isLive(message) && !message.text && !message.reasoning;
    const patient = Date.now() - this.#since < PATIENCE;
    const shown = waits ? waiting(message, patient) : isLive(message) ? null : outcome(message, this.#place);
    if (waits && patient) setTimeout(() => this.#showState(), PATIENCE);
    const key = JSON.stringify(shown);
    if (key === this.#shownState) return;
    this.#shownState = key;
    this.#state.className = `lc-state ${shown ? `lc-state-${shown.kind}` : ""}`;
    if (!shown) return this.#state.replaceChildren();
    if (shown.kind === "waiting") return this.#state.replaceChildren(dots(), h("span", {}, shown.text));
    this.#state.replaceChildren(
      ...(shown.kind === "error" ? [icon("circle-alert")] : []),
      h("p", {}, shown.text, shown.reference ? h("small", { class: "lc-reference" }, ` ${shown.reference}`) : null),
      ...(shown.action ? [h("button", { type: "button", class: "lc-button", "data-action": shown.action }, t(shown.action))] : []),
    );
  }

  #showActions() {
    const key = `${this.#editing} ${rowKey(this.#message, this.#place)}`;
    if (key === this.#shownActions) return;
    this.#shownActions = key;
    const focused = this.#actions.contains(document.activeElement) && /** @type {HTMLElement} */ (document.activeElement).dataset.action;
    this.#actions.replaceChildren(...(this.#editing ? [] : row(this.#message, this.#place)));
    if (focused) /** @type {HTMLElement | null} */ (this.#actions.querySelector(`[data-action="${focused}"]`))?.focus();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const action = button?.dataset.action;
    if (!button || !action) return;
    const { version, versions } = this.#place;
    const message = this.#message;
    if (action === "copy") copy(message.text, button);
    else if (action.endsWith("-code")) this.#toCode(action, button);
    else if (action === "edit") this.edit();
    else if (action === "previous") announce(this, "branch", versions[version - 1]);
    else if (action === "next") announce(this, "branch", versions[version + 1]);
    else if (action === "menu" || action === "other-model") announce(this, action === "menu" ? "message-menu" : action, { message, button, idle: this.#place.idle });
    else if (action === "thumb-up" || action === "thumb-down") announce(this, "rate", { message, rating: action === "thumb-up" ? 1 : -1 });
    else announce(this, action, message.id);
  }

  /**
   * @param {string} action
   * @param {HTMLElement} button in a block of code
   */
  #toCode(action, button) {
    const figure = button.closest("figure");
    if (!figure) return;
    if (action === "copy-code") copy(figure.querySelector("code")?.textContent ?? "", button);
    if (action === "wrap-code") button.setAttribute("aria-pressed", String(figure.classList.toggle("lc-wrapped")));
    if (action === "download-code") rendering?.download(figure);
    if (action === "unfold-code") rendering?.toggleFold(figure);
  }

  /** Replace the bubble by a field, until it is sent or given up. */
  async edit() {
    const { editor } = await import("./editor.js");
    if (this.#editing || this.#message.role !== "user") return;
    this.fill();
    this.#editing = true;
    const form = editor(this.#message.text, (text) => {
      this.#editing = false;
      this.#body.replaceChildren();
      this.show(this.#message);
      if (text) announce(this, "edit", { id: this.#message.id, text });
      else /** @type {HTMLElement | null} */ (this.#actions.querySelector('[data-action="edit"]'))?.focus();
    });
    this.#body.replaceChildren(form);
    this.#showActions();
  }
}

function dots() {
  return h("span", { class: "lc-dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
}

customElements.define("llmchat-message", MessageElement);
