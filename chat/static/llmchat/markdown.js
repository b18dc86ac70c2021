/**
 * Markdown that grows: text to a tree of plain nodes, without the DOM.
 *
 * At every moment the tree equals the one a fresh parse of the whole text gives. Only what can still
 * change is parsed again: a top-level block is closed for good once the block after it has two
 * complete lines (a table is known by its second line), unless a link reference is defined later.
 *
 * Raw HTML is text, links lead to http, https or mail addresses only, and an image is a link to it:
 * what a model writes must neither run nor make the browser fetch anything.
 */

import { maths } from "./maths.js";
import MarkdownIt from "./vendor/markdown-it.js";

/** @import {Maths} from "./maths.js" */

/**
 * @typedef {{tag: string, attrs?: Record<string, string>, children: Node[]}} Element
 * @typedef {{tag: "code-block", language: string, text: string}} CodeBlock
 * @typedef {string | Element | CodeBlock | Maths} Node
 *
 * @typedef {object} Token what of markdown-it's tokens is used here
 * @property {string} type
 * @property {string} tag
 * @property {number} nesting 1 opens, -1 closes, 0 stands alone
 * @property {number} level
 * @property {string} content
 * @property {string} markup
 * @property {string} info
 * @property {boolean} hidden
 * @property {[number, number] | null} map first line, line after the last
 * @property {Token[] | null} children
 * @property {[string, string][] | null} attrs
 * @property {(name: string) => string | null} attrGet
 *
 * @typedef {Record<string, {href: string, title: string}>} References
 *
 * @typedef {object} Block
 * @property {string} source
 * @property {Node} node
 */

const SAFE = /^(?:https?:\/\/|mailto:)/i;
const ADDRESS = /(?<![\w:])https?:\/\/[^\s<>"'`]+/g;
/** The heads of a table's columns count as at least and at most so many characters. */
const NARROWEST = 6;
const WIDEST = 18;
/** From so many columns on a table needs more room than the page has. */
const CROWDS = [4, 6, 9];
/** @type {Element} */
const ICON = {
  tag: "svg",
  attrs: { class: "lc-icon", "aria-hidden": "true" },
  children: [{ tag: "use", attrs: { href: "#llmchat-image" }, children: [] }],
};
const LINK = { rel: "noopener noreferrer nofollow ugc", target: "_blank" };

/** @type {any} */
const parser = new /** @type {any} */ (MarkdownIt)({ html: false, linkify: false });
parser.validateLink = (/** @type {string} */ url) => SAFE.test(url);
maths(parser);

/**
 * The nodes of a whole text, one for each top-level block.
 *
 * @param {string} text
 * @returns {Node[]}
 */
export function parse(text) {
  return blocks(normalize(text), {}).map((block) => block.node);
}

export class Markdown {
  #text = "";
  /** @type {Block[]} */
  #closed = [];
  /** Characters of the text that the closed blocks cover. */
  #covered = 0;
  /** @type {References} defined in the closed part */
  #references = {};
  /** @type {References} that the nodes were made with */
  #used = {};
  /** Whether a formula has been met. */
  hasMaths = false;

  /**
   * The nodes of `text`; a node that did not change is the same object as last time.
   *
   * @param {string} text
   * @returns {Node[]}
   */
  update(text) {
    const next = normalize(text);
    // Compared as a whole, which is many times quicker than `startsWith`.
    if (next.slice(0, this.#text.length) !== this.#text) this.#reset();
    this.#text = next;
    const tail = next.slice(this.#covered);
    const references = { ...this.#references };
    const open = blocks(tail, references);
    this.hasMaths ||= open.some(({ node }) => holdsFormula(node));
    this.#redo(references);
    this.#close(tail, open, references);
    return [...this.#closed, ...open].map((block) => block.node);
  }

  #reset() {
    this.#closed = [];
    this.#covered = 0;
    this.#references = {};
    this.#used = {};
  }

  /**
   * Move the blocks that cannot change any more from `open` to the closed ones.
   *
   * @param {string} tail
   * @param {(Block & {start: number, end: number})[]} open
   * @param {References} references
   */
  #close(tail, open, references) {
    const lines = lineStarts(tail);
    const complete = lines.length - 1;
    let count = 0;
    while (count + 1 < open.length && open[count + 1].start + 1 < complete) count += 1;
    if (count === 0) return;
    const covered = lines[open[count - 1].end];
    if (Object.keys(references).length > Object.keys(this.#references).length) {
      parser.parse(tail.slice(0, covered), { references: this.#references });
    }
    this.#closed.push(...open.splice(0, count));
    this.#covered += covered;
  }

  /**
   * Parse closed blocks again that mention a reference whose definition came, changed or went.
   *
   * @param {References} references
   */
  #redo(references) {
    const labels = new Set([...Object.keys(references), ...Object.keys(this.#used)]);
    const changed = [...labels].filter((label) => !same(references[label], this.#used[label]));
    this.#used = references;
    if (changed.length === 0) return;
    this.#closed = this.#closed.map((block) => {
      if (!block.source.includes("[")) return block;
      const mentioned = parser.utils.normalizeReference(block.source);
      if (!changed.some((label) => mentioned.includes(label))) return block;
      const [{ node }] = blocks(block.source, { ...references });
      return { source: block.source, node };
    });
  }
}

/**
 * @param {Node} node
 * @returns {boolean}
 */
function holdsFormula(node) {
  if (typeof node === "string" || node.tag === "code-block") return false;
  if (node.tag === "math") return /** @type {Maths} */ (node).tex !== "";
  return /** @type {Element} */ (node).children.some(holdsFormula);
}

/** @param {string} text */
function normalize(text) {
  const lines = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  return lines.includes("\0") ? lines.replaceAll("\0", "\ufffd") : lines;
}

/**
 * @param {{href: string, title: string} | undefined} a
 * @param {{href: string, title: string} | undefined} b
 */
function same(a, b) {
  return a?.href === b?.href && a?.title === b?.title;
}

/**
 * Where each line begins, and last where a line after a final line feed would.
 *
 * @param {string} text
 */
function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/**
 * @param {string} text
 * @param {References} references those known; new ones are added
 */
function blocks(text, references) {
  /** @type {Token[]} */
  const tokens = parser.parse(text, { references });
  const lines = lineStarts(text);
  /** @type {(Block & {start: number, end: number})[]} */
  const found = [];
  let first = 0;
  let end = 0;
  tokens.forEach((token, index) => {
    if (token.level > 0 || token.nesting === 1 || token.hidden) return;
    const opening = tokens[first];
    const [start, stop] = /** @type {[number, number]} */ (opening.map);
    // Definitions before a block belong to its source: the title of one may yet take the block in.
    const source = text.slice(lines[end], lines[stop]);
    const [node] = tree(tokens.slice(first, index + 1));
    found.push({ source, node, start, end: stop });
    first = index + 1;
    end = stop;
  });
  return found;
}

/**
 * @param {Token[]} tokens
 * @returns {Node[]}
 */
function tree(tokens) {
  /** @type {Node[][]} */
  const stack = [[]];
  let links = 0;
  /** @param {Node[]} nodes */
  const add = (...nodes) => stack[stack.length - 1].push(...nodes);

  /**
   * @param {Token} token
   * @param {number} index
   */
  const visit = (token, index) => {
    if (token.hidden) return;
    if (token.type === "inline") {
      token.children?.forEach(visit);
      return;
    }
    if (token.type === "link_open") links += 1;
    if (token.type === "link_close") links -= 1;
    if (token.nesting === -1) {
      stack.pop();
    } else if (token.nesting === 1) {
      const sized = token.tag === "table" ? columns(tokens, index) : null;
      /** @type {Element} */
      const element = { tag: token.tag, attrs: sized?.attrs ?? attributes(token), children: [] };
      // A wide table scrolls inside a box of its own.
      add(token.tag === "table" ? { tag: "div", attrs: { class: "lc-table", tabindex: "0" }, children: [element] } : element);
      stack.push(element.children);
      if (sized) add({ tag: "colgroup", children: sized.children });
    } else {
      add(...leaf(token, links > 0));
    }
  };
  tokens.forEach(visit);
  return stack[0];
}

/**
 * How wide the columns are: as their heads are long, so that no row that comes moves them.
 *
 * @param {Token[]} tokens
 * @param {number} start of the table's own
 * @returns {{attrs: Record<string, string>, children: Element[]}} of the table, and of its columns
 */
function columns(tokens, start) {
  /** @type {number[]} */
  const lengths = [];
  for (let index = start; tokens[index].type !== "thead_close"; index += 1) {
    if (tokens[index].type !== "th_open") continue;
    lengths.push(Math.min(WIDEST, Math.max(NARROWEST, tokens[index + 1].content.length)));
  }
  const whole = lengths.reduce((sum, length) => sum + length, 0);
  const children = lengths.map((length) => ({ tag: "col", attrs: { width: `${Math.round((1000 * length) / whole) / 10}%` }, children: [] }));
  return { attrs: { "data-columns": String(CROWDS.findLast((count) => count <= lengths.length) ?? "") }, children };
}

/**
 * @param {Token} token
 * @returns {Record<string, string> | undefined}
 */
function attributes(token) {
  if (token.tag === "a") {
    const title = token.attrGet("title");
    return { href: token.attrGet("href") ?? "", ...(title && { title }), ...LINK };
  }
  if (token.tag === "ol") {
    const start = token.attrGet("start");
    return start === null ? undefined : { start };
  }
  // markdown-it writes a style attribute, which a strict content security policy forbids.
  const align = token.attrGet("style")?.replace("text-align:", "");
  return align ? { "data-align": align } : undefined;
}

/**
 * @param {Token} token
 * @param {boolean} linked whether it stands inside a link
 * @returns {Node[]}
 */
function leaf(token, linked) {
  switch (token.type) {
    case "text":
      return linked ? [token.content] : autolink(token.content);
    case "softbreak":
      return ["\n"];
    case "hardbreak":
    case "hr":
      return [{ tag: token.tag, children: [] }];
    case "code_inline":
      return [{ tag: "code", children: [token.content] }];
    case "fence":
    case "code_block":
      return [{ tag: "code-block", language: token.info.trim().split(/\s+/)[0], text: token.content.replace(/\n$/, "") }];
    case "math_inline":
      return [{ tag: "math", tex: token.content, source: token.info, display: token.markup === "$$" || token.markup === "\\[", block: false }];
    case "math_block":
      return [{ tag: "math", tex: token.content, source: token.info, display: true, block: true }];
    case "image":
      return [image(token, linked)];
    default:
      return token.content ? [token.content] : [];
  }
}

/**
 * @param {Token} token
 * @param {boolean} linked
 * @returns {Node}
 */
function image(token, linked) {
  const href = token.attrGet("src") ?? "";
  /** @type {Node[]} */
  const children = [ICON, plain(token.children ?? []) || href];
  if (linked) return { tag: "span", attrs: { class: "lc-image" }, children };
  return { tag: "a", attrs: { class: "lc-image", href, ...LINK }, children };
}

/**
 * @param {Token[]} tokens
 * @returns {string}
 */
function plain(tokens) {
  return tokens.map((token) => (token.children ? plain(token.children) : token.content || (token.type === "softbreak" ? "\n" : ""))).join("");
}

/**
 * Bare addresses become links; the punctuation after one stays outside.
 *
 * @param {string} text
 * @returns {Node[]}
 */
function autolink(text) {
  /** @type {Node[]} */
  const nodes = [];
  let rest = 0;
  for (const match of text.matchAll(ADDRESS)) {
    let address = match[0].replace(/[.,:;!?*_~]+$/, "");
    if (address.endsWith(")") && !address.includes("(")) address = address.replace(/[).,:;!?]+$/, "");
    if (!URL.canParse(address)) continue;
    if (match.index > rest) nodes.push(text.slice(rest, match.index));
    nodes.push({ tag: "a", attrs: { href: address, ...LINK }, children: [address] });
    rest = match.index + address.length;
  }
  if (rest < text.length) nodes.push(text.slice(rest));
  return nodes;
}
