/** `<llmchat-message>`: one message of the branch shown, with its state and what can be done with it. */

import { isLive } from "./conversation.js";
import { announce, h, icon, iconButton } from "./dom.js";
import { editor } from "./editor.js";
import { t } from "./labels.js";
import { outcome, waiting } from "./states.js";

/**
 * @typedef {import("./conversation.js").Message} Message
 *
 * @typedef {object} Place of a message in the conversation
 * @property {number} version from 0
 * @property {string[]} versions ids of all of them
 * @property {boolean} last whether nothing follows it
 * @property {boolean} idle whether nothing is being written on this branch
 */

/** Waiting is silent for so long, in milliseconds; then it says what for. */
const PATIENCE = 1_000;
const COPIED = 1_500;

/** Milliseconds until the renderer is asked for again that could not be fetched. */
const RETRY = 1_000;

/** @type {typeof import("./render.js") | null} */
let rendering = null;
/** @type {Promise<void> | null} */
let loading = null;

/** Markdown weighs more than all the rest: it is fetched when the first answer is near. */
export function loadRenderer() {
  loading ??= import("./render.js").then(
    (module) => {
      rendering = module;
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
  #body = h("div", { class: "lc-body" });
  #state = h("div", { class: "lc-state" });
  #actions = h("div", { class: "lc-actions" });
  /** @type {import("./render.js").Renderer | null} */
  #answer = null;
  /** @type {import("./render.js").Renderer | null} */
  #thoughts = null;
  #summary = h("span");
  /** When the first thought came, while it was waited for here. */
  #thinkingSince = 0;
  #shownState = "";
  #shownActions = "";
  #since = Date.now();
  #editing = false;

  connectedCallback() {
    if (this.isConnected && !this.contains(this.#body)) {
      this.append(h("span", { class: "lc-hidden" }, t(this.#message.role === "user" ? "youSaid" : "assistantSaid")), this.#body, this.#state, this.#actions);
      this.addEventListener("click", (event) => this.#clicked(event));
    }
  }

  get message() {
    return this.#message;
  }

  /**
   * @param {Message} message
   * @param {Place} [place] unchanged when left out
   */
  show(message, place = this.#place) {
    this.#message = message;
    this.#place = place;
    this.className = `lc-message lc-${message.role}`;
    this.id = `message-${message.id}`;
    if (message.role === "user") {
      if (!this.#editing) this.#showText();
    } else {
      this.#showAnswer();
    }
    this.#showState();
    this.#showActions();
  }

  /** The text as it is read aloud when the answer is done. */
  get spoken() {
    return this.#body.querySelector(".lc-prose")?.textContent ?? "";
  }

  #showText() {
    if (this.#body.firstChild?.textContent === this.#message.text) return;
    this.#body.replaceChildren(h("div", { class: "lc-bubble", dir: "auto" }, this.#message.text));
  }

  #showAnswer() {
    const { text, reasoning } = this.#message;
    if (!rendering) {
      if (text || reasoning) loadRenderer().then(() => this.#showAnswer());
      return;
    }
    if (reasoning) {
      this.#thoughts ??= this.#addThoughts(rendering);
      this.#thoughts.update(reasoning);
      this.#showThinking();
    }
    if (!this.#answer) {
      const prose = h("div", { class: "lc-prose", dir: "auto" });
      this.#body.append(prose);
      this.#answer = new rendering.Renderer(prose);
    }
    this.#answer.update(text);
    this.classList.toggle("lc-writing", isLive(this.#message) && Boolean(text));
  }

  /** @param {typeof import("./render.js")} module */
  #addThoughts({ Renderer }) {
    const prose = h("div", { class: "lc-prose", dir: "auto" });
    const summary = h("summary", {}, icon("chevron-right"), this.#summary);
    this.#body.prepend(h("details", { class: "lc-reasoning" }, summary, prose));
    return new Renderer(prose);
  }

  #showThinking() {
    const thinking = isLive(this.#message) && !this.#message.text;
    if (thinking) this.#thinkingSince ||= Date.now();
    else if (this.#summary.textContent && this.#summary.textContent !== t("thinking")) return;
    const seconds = Math.max(1, Math.round((Date.now() - this.#thinkingSince) / 1_000));
    this.#summary.textContent = thinking ? t("thinking") : this.#thinkingSince ? t("thoughtFor", { seconds }) : t("reasoning");
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
      h("p", {}, shown.text, shown.reference ? h("small", {}, ` ${shown.reference}`) : null),
      ...(shown.action ? [h("button", { type: "button", class: "lc-button", "data-action": shown.action }, t(shown.action))] : []),
    );
  }

  #showActions() {
    const { version, versions, idle } = this.#place;
    const message = this.#message;
    const busy = isLive(message) || this.#editing;
    const key = JSON.stringify([version, versions.length, busy, idle, message.role, message.status, message.text === ""]);
    if (key === this.#shownActions) return;
    this.#shownActions = key;
    const focused = this.#actions.contains(document.activeElement) && /** @type {HTMLElement} */ (document.activeElement).dataset.action;
    this.#actions.replaceChildren();
    if (this.#editing) return;
    if (versions.length > 1) this.#actions.append(this.#branches());
    if (!busy && message.text) this.#actions.append(iconButton("copy", t("copy"), { "data-action": "copy" }));
    if (!busy && idle && message.role === "user") this.#actions.append(iconButton("pencil", t("edit"), { "data-action": "edit" }));
    // The card of an error has this very button.
    if (!busy && idle && message.role === "assistant" && message.status !== "error") this.#actions.append(iconButton("refresh-cw", t("regenerate"), { "data-action": "regenerate" }));
    if (focused) /** @type {HTMLElement | null} */ (this.#actions.querySelector(`[data-action="${focused}"]`))?.focus();
  }

  #branches() {
    const { version, versions } = this.#place;
    return h(
      "span",
      { class: "lc-branches", role: "group", "aria-label": t("versions") },
      iconButton("chevron-left", t("previousVersion"), { "data-action": "previous", disabled: version === 0 }),
      h("span", { "aria-label": t("versionOf", { number: version + 1, count: versions.length }) }, `${version + 1}/${versions.length}`),
      iconButton("chevron-right", t("nextVersion"), { "data-action": "next", disabled: version === versions.length - 1 }),
    );
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const action = button?.dataset.action;
    if (!button || !action) return;
    const { version, versions } = this.#place;
    const id = this.#message.id;
    if (action === "copy") copy(this.#message.text, button);
    else if (action === "copy-code") copy(button.closest("figure")?.querySelector("code")?.textContent ?? "", button);
    else if (action === "wrap-code") button.closest("figure")?.classList.toggle("lc-wrapped");
    else if (action === "edit") this.#edit();
    else if (action === "previous") announce(this, "branch", versions[version - 1]);
    else if (action === "next") announce(this, "branch", versions[version + 1]);
    else announce(this, action, id);
  }

  /** Replace the bubble by a field, until it is sent or given up. */
  #edit() {
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

/**
 * @param {string} text
 * @param {HTMLElement} button shows for a moment that it worked
 */
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a clipboard (no TLS, no permission) there is nothing to promise.
    announce(button, "notice", t("copyFailed"));
    return;
  }
  const use = button.querySelector("use");
  const before = use?.getAttribute("href") ?? "";
  if (before.endsWith("-check")) return;
  use?.setAttribute("href", "#llmchat-check");
  announce(button, "say", t("copied"));
  setTimeout(() => use?.setAttribute("href", before), COPIED);
}

customElements.define("llmchat-message", MessageElement);
