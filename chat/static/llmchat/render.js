/** Puts Markdown's nodes into the document, touching only what differs from last time. */

import { CodeView } from "./code.js";
import { formula, formulasReady, loadFormulas } from "./formula.js";
import { Markdown } from "./markdown.js";
import { perFrame } from "./schedule.js";

export { download, toggleFold } from "./code.js";

/**
 * @import {Node, Element, CodeBlock} from "./markdown.js"
 * @import {Maths} from "./maths.js"
 */

/**
 * @typedef {Node} MarkdownNode
 * @typedef {Element} MarkdownElement
 */

/** Milliseconds of a frame after which the rest of a long text waits for the next one. */
const BUDGET = 8;

/** A formula that has begun: what shows it is then fetched while it grows. */
const BEGINS = /\$\$|\\[([]/;

/** @type {WeakMap<globalThis.Node, CodeView>} */
const codeViews = new WeakMap();

/** Shows one text that grows. */
export class Renderer {
  /**
   * @param {HTMLElement} container
   * @param {() => void} [drawn] told when what had to wait has been drawn
   */
  constructor(container, drawn = () => {}) {
    this.#container = container;
    this.#drawn = drawn;
  }

  #container;
  #drawn;
  #markdown = new Markdown();
  /** @type {MarkdownNode[]} */
  #wanted = [];
  /** @type {MarkdownNode[]} */
  #shown = [];
  #later = perFrame(() => {
    this.#draw();
    this.#drawn();
  });

  /** Whether all of the text stands there. */
  get complete() {
    return this.#shown === this.#wanted;
  }

  /** Whether the last thing shown is a block of code. */
  get endsInCode() {
    const last = this.#shown.at(-1);
    return typeof last === "object" && last.tag === "code-block";
  }

  /**
   * @param {string} text
   * @param {boolean} [growing] whether more of it is to come: it then waits for what formulas need
   */
  update(text, growing = false) {
    this.#wanted = this.#markdown.update(text);
    if (growing && BEGINS.test(text)) loadFormulas();
    if (growing && this.#markdown.hasMaths && !formulasReady()) {
      loadFormulas().then(() => this.#later());
      return;
    }
    this.#draw();
  }

  #draw() {
    const wanted = this.#wanted;
    const done = patchChildren(this.#container, this.#shown, wanted, performance.now() + BUDGET);
    this.#shown = done < wanted.length ? wanted.slice(0, done) : wanted;
    if (done < wanted.length) this.#later();
  }
}

/**
 * @param {globalThis.Node} parent
 * @param {MarkdownNode[]} before what its children show
 * @param {MarkdownNode[]} after
 * @param {number} [deadline] after which no new children are made, as `performance.now()` counts
 * @returns {number} how many children of `after` are shown
 */
function patchChildren(parent, before, after, deadline = Infinity) {
  const children = parent.childNodes;
  for (let index = before.length; index > after.length; index -= 1) children[index - 1].remove();
  for (let index = 0; index < after.length; index += 1) {
    if (index < before.length) {
      if (before[index] !== after[index]) patch(children[index], before[index], after[index]);
    } else {
      if (deadline < Infinity && performance.now() > deadline) return index;
      parent.appendChild(create(after[index]));
    }
  }
  return after.length;
}

/**
 * @param {globalThis.ChildNode} node
 * @param {MarkdownNode} before
 * @param {MarkdownNode} after
 */
function patch(node, before, after) {
  if (typeof before === "string" && typeof after === "string") {
    const text = /** @type {Text} */ (node);
    // Appending keeps a selection that reaches into the text.
    if (after.startsWith(before)) text.appendData(after.slice(before.length));
    else if (before.startsWith(after)) text.deleteData(after.length, before.length);
    else text.replaceWith(after);
    return;
  }
  if (typeof before === "string" || typeof after === "string" || before.tag !== after.tag) {
    node.replaceWith(create(after));
    return;
  }
  if (after.tag === "code-block") {
    codeViews.get(node)?.update(/** @type {CodeBlock} */ (after));
    return;
  }
  if (after.tag === "math") {
    if (!sameFormula(/** @type {Maths} */ (before), /** @type {Maths} */ (after))) node.replaceWith(create(after));
    return;
  }
  const old = /** @type {MarkdownElement} */ (before);
  const wanted = /** @type {MarkdownElement} */ (after);
  const element = /** @type {globalThis.Element} */ (node);
  for (const name of Object.keys(old.attrs ?? {})) {
    if (wanted.attrs?.[name] === undefined) element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(wanted.attrs ?? {})) {
    if (old.attrs?.[name] !== value) element.setAttribute(name, value);
  }
  patchChildren(element, old.children, wanted.children);
}

/**
 * @param {Maths} before
 * @param {Maths} after
 */
function sameFormula(before, after) {
  return before.source === after.source && before.tex === after.tex && before.block === after.block;
}

/**
 * @param {MarkdownNode} node
 * @returns {globalThis.Node}
 */
function create(node) {
  if (typeof node === "string") return document.createTextNode(node);
  if (node.tag === "code-block") {
    const view = new CodeView(/** @type {CodeBlock} */ (node));
    codeViews.set(view.element, view);
    return view.element;
  }
  if (node.tag === "math") return formula(/** @type {Maths} */ (node));
  const { tag, attrs, children } = /** @type {MarkdownElement} */ (node);
  const namespace = tag === "svg" || tag === "use" ? "http://www.w3.org/2000/svg" : null;
  const element = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) element.setAttribute(name, value);
  element.append(...children.map(create));
  return element;
}
