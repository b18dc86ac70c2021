/** Puts Markdown's nodes into the document, touching only what differs from last time. */

import { Markdown } from "./markdown.js";
import { t } from "./labels.js";

/**
 * @typedef {import("./markdown.js").Node} MarkdownNode
 * @typedef {import("./markdown.js").Element} MarkdownElement
 */

/** Shows one text that grows. */
export class Renderer {
  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
  }

  #container;
  #markdown = new Markdown();
  /** @type {MarkdownNode[]} */
  #shown = [];

  /** @param {string} text */
  update(text) {
    const nodes = this.#markdown.update(text);
    patchChildren(this.#container, this.#shown, nodes);
    this.#shown = nodes;
  }
}

/**
 * @param {globalThis.Node} parent
 * @param {MarkdownNode[]} before what its children show
 * @param {MarkdownNode[]} after
 */
function patchChildren(parent, before, after) {
  const children = parent.childNodes;
  for (let index = 0; index < after.length; index += 1) {
    if (index >= before.length) parent.appendChild(create(after[index]));
    else if (before[index] !== after[index]) patch(children[index], before[index], after[index]);
  }
  for (let index = before.length; index > after.length; index -= 1) children[index - 1].remove();
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
    else text.data = after;
    return;
  }
  const old = expand(before);
  const wanted = expand(after);
  if (typeof old === "string" || typeof wanted === "string" || old.tag !== wanted.tag) {
    node.replaceWith(create(after));
    return;
  }
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
 * @param {MarkdownNode} node
 * @returns {globalThis.Node}
 */
function create(node) {
  const wanted = expand(node);
  if (typeof wanted === "string") return document.createTextNode(wanted);
  const namespace = wanted.tag === "svg" || wanted.tag === "use" ? "http://www.w3.org/2000/svg" : null;
  const element = namespace
    ? document.createElementNS(namespace, wanted.tag)
    : document.createElement(wanted.tag);
  for (const [name, value] of Object.entries(wanted.attrs ?? {})) element.setAttribute(name, value);
  element.append(...wanted.children.map(create));
  return element;
}

/**
 * A code block as the elements it is made of; anything else as it is.
 *
 * @param {MarkdownNode} node
 * @returns {string | MarkdownElement}
 */
function expand(node) {
  if (typeof node === "string" || node.tag !== "code-block") return /** @type {string | MarkdownElement} */ (node);
  const { language, text } = /** @type {import("./markdown.js").CodeBlock} */ (node);
  return {
    tag: "figure",
    attrs: { class: "lc-code" },
    children: [
      {
        tag: "figcaption",
        children: [
          { tag: "span", children: [language || t("code")] },
          button("wrap-code", "wrap-text", t("wrap")),
          button("copy-code", "copy", t("copyCode")),
        ],
      },
      { tag: "pre", attrs: { tabindex: "0" }, children: [{ tag: "code", children: [text] }] },
    ],
  };
}

/**
 * @param {string} action found again by the listener of the message
 * @param {string} icon
 * @param {string} label
 * @returns {MarkdownElement}
 */
function button(action, icon, label) {
  return {
    tag: "button",
    attrs: { type: "button", class: "lc-icon-button", "data-action": action, "aria-label": label, title: label },
    children: [
      {
        tag: "svg",
        attrs: { class: "lc-icon", "aria-hidden": "true" },
        children: [{ tag: "use", attrs: { href: `#llmchat-${icon}` }, children: [] }],
      },
    ],
  };
}
