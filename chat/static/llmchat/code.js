/** A block of code: its language, what can be done with it, its lines; coloured as soon as the colours are there. */

import { h, iconButton } from "./dom.js";
import { t } from "./labels.js";
import { ALIASES, LANGUAGES } from "./languages.js";

/**
 * @import {CodeBlock} from "./markdown.js"
 * @import {Highlighter} from "./highlight.js"
 * @import * as HighlightModule from "./highlight.js"
 */

/** A block with more lines shows so many of them, until asked for the rest. */
const FOLD = 24;
/** Lines that are coloured at once, which takes well under a millisecond; more of them wait for a quiet moment. */
const AT_ONCE = 40;
/** Milliseconds of a frame that colouring may take. */
const BUDGET = 6;

/** @type {typeof HighlightModule | null} */
let colours = null;
/** @type {Promise<void> | null} */
let loading = null;
/** @type {Set<CodeView>} whose colours are to come */
const waiting = new Set();
let scheduled = false;

/** Fetch the languages; a block that waits for them is coloured when they are there. */
function loadColours() {
  loading ??= import("./highlight.js").then(
    (module) => {
      colours = module;
      schedule();
    },
    () => {
      loading = null;
    },
  );
}

function schedule() {
  if (scheduled || !colours || waiting.size === 0) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    const deadline = performance.now() + BUDGET;
    for (const view of waiting) {
      if (performance.now() >= deadline) break;
      if (view.colour(deadline)) waiting.delete(view);
    }
    schedule();
  });
}

/** Whether any block still waits for its colours. */
export function isColouring() {
  return waiting.size > 0;
}

export class CodeView {
  /** @param {CodeBlock} node */
  constructor(node) {
    this.element.append(this.#caption, this.#pre);
    this.update(node);
  }

  element = h("figure", { class: "lc-code" });
  #label = h("span");
  #caption = h(
    "figcaption",
    {},
    this.#label,
    iconButton("wrap-text", t("wrap"), { "data-action": "wrap-code", "aria-pressed": "false" }),
    iconButton("download", t("download"), { "data-action": "download-code" }),
    iconButton("copy", t("copyCode"), { "data-action": "copy-code" }),
  );
  #code = h("code", { class: "lc-lines" });
  #pre = h("pre", { tabindex: "0" }, this.#code);
  /** @type {HTMLButtonElement | null} */
  #unfold = null;
  /** @type {string | null} */
  #language = null;
  /** @type {string[]} without their line feeds */
  #lines = [];
  /** @type {Highlighter | null} */
  #highlighter = null;
  /** Lines from the first that have their colours. */
  #coloured = 0;

  /** @param {CodeBlock} node */
  update({ language, text }) {
    if (language !== this.#language) this.#name(language);
    const lines = text.split("\n");
    const before = this.#lines;
    let same = 0;
    while (same < before.length && same < lines.length && before[same] === lines[same]) same += 1;
    if (same === before.length && same === lines.length && (!this.#known || this.#coloured === same)) return;
    // The line before the first change may get or lose its line feed.
    const first = Math.max(0, Math.min(same, before.length - 1, lines.length - 1));
    this.#lines = lines;
    this.#coloured = Math.min(this.#coloured, same);
    for (let index = before.length; index > lines.length; index -= 1) this.#code.lastChild?.remove();
    for (let index = first; index < lines.length; index += 1) this.#show(index);
    this.#fold();
    if (!this.#known) return;
    if (!this.colour(0, lines.length - this.#coloured <= AT_ONCE)) {
      waiting.add(this);
      schedule();
    }
  }

  /**
   * Colour lines until the time is up.
   *
   * @param {number} deadline as `performance.now()` counts
   * @param {boolean} [all] whatever the time
   * @returns {boolean} whether all of them have their colours
   */
  colour(deadline, all = false) {
    if (!colours) return false;
    this.#highlighter ??= new colours.Highlighter(this.#known);
    while (this.#coloured < this.#lines.length && (all || performance.now() < deadline)) {
      this.#coloured += 1;
      this.#show(this.#coloured - 1);
    }
    return this.#coloured >= this.#lines.length;
  }

  get #known() {
    const name = (this.#language ?? "").toLowerCase();
    const known = ALIASES[name] ?? name;
    return known in LANGUAGES ? known : "";
  }

  /** @param {string} language */
  #name(language) {
    this.#language = language;
    this.#highlighter = null;
    this.#coloured = 0;
    const known = this.#known;
    this.#label.textContent = known ? LANGUAGES[known][0] : language || t("code");
    this.element.dataset.extension = known ? LANGUAGES[known][1] : "txt";
    if (known && !colours) loadColours();
  }

  /** @param {number} index of a line */
  #show(index) {
    const line = this.#code.children[index] ?? this.#code.appendChild(h("span", { class: "lc-line" }));
    const text = this.#lines[index];
    const end = index < this.#lines.length - 1 ? "\n" : "";
    if (!this.#highlighter || index >= this.#coloured) {
      const only = line.childNodes.length === 1 ? line.firstChild : null;
      if (only instanceof Text && (text + end).startsWith(only.data)) only.appendData((text + end).slice(only.data.length));
      else line.textContent = text + end;
      return;
    }
    const pieces = this.#highlighter.line(index, text);
    line.replaceChildren(...pieces.map(({ kind, text: piece }) => (kind ? h("span", { class: `lc-${kind}` }, piece) : piece)), end);
    line.normalize();
  }

  #fold() {
    const long = this.#lines.length > FOLD;
    this.element.classList.toggle("lc-foldable", long);
    if (!long) {
      this.#unfold?.remove();
      this.#unfold = null;
      return;
    }
    if (!this.#unfold) {
      this.#unfold = h("button", { type: "button", class: "lc-unfold", "data-action": "unfold-code", "aria-expanded": "false" });
      this.element.append(this.#unfold);
    }
    const open = this.element.classList.contains("lc-unfolded");
    this.#unfold.textContent = open ? t("showLess") : t("showAll", { count: this.#lines.length });
  }
}

/**
 * Fold or unfold a block.
 *
 * @param {HTMLElement} figure
 */
export function toggleFold(figure) {
  const open = figure.classList.toggle("lc-unfolded");
  const button = figure.querySelector(".lc-unfold");
  const count = figure.querySelectorAll(".lc-line").length;
  if (!button) return;
  button.setAttribute("aria-expanded", String(open));
  button.textContent = open ? t("showLess") : t("showAll", { count });
}

/**
 * Hand the code over as a file.
 *
 * @param {HTMLElement} figure
 */
export function download(figure) {
  const text = figure.querySelector("code")?.textContent ?? "";
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href: address, download: `code.${figure.dataset.extension ?? "txt"}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
