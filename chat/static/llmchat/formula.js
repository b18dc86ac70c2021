/** Formulas as elements. KaTeX is fetched when the first one comes; until then, and where it fails, the source stands there. */

import { config } from "./config.js";
import { addStyles, h } from "./dom.js";

/** @import {Maths} from "./maths.js" */


/** Milliseconds that a growing text waits for KaTeX, so that nothing has to move when it comes. */
const PATIENCE = 2_000;
/** What nearly every formula is set in. Without them there, the lines would move when they come. */
const FONTS = ["1em KaTeX_Main", "italic 1em KaTeX_Math", "1em KaTeX_Size1", "1em KaTeX_Size2", "1em KaTeX_AMS"];

/** @type {any} */
let katex = null;
/** @type {Promise<void> | null} */
let loading = null;
/** @type {Map<HTMLElement, Maths>} those that show their source meanwhile */
const waiting = new Map();
let givenUp = false;

/** Whether formulas are shown as formulas, or will not be. */
export function formulasReady() {
  return katex !== null || givenUp;
}

/** Fetch KaTeX with its styles and fonts, for at most so long as a reader may be kept waiting. */
export function loadFormulas() {
  loading ??= Promise.race([fetchAll(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]).then(
    () => {
      givenUp = katex === null;
    },
    () => {
      givenUp = true;
    },
  );
  return loading;
}

async function fetchAll() {
  const [module] = await Promise.all([import("./vendor/katex/katex.js"), addStyles(config.formulaStyles)]);
  await Promise.all(FONTS.map((font) => document.fonts.load(font))).catch(() => {});
  katex = module.default;
  for (const [element, node] of waiting) fill(element, node);
  waiting.clear();
}

/**
 * @param {Maths} node
 * @returns {HTMLElement}
 */
export function formula(node) {
  const element = h(node.block ? "div" : "span", { class: `lc-math${node.display ? " lc-math-display" : ""}` });
  fill(element, node);
  if (!node.tex) return element;
  if (node.display) element.tabIndex = 0;
  if (!katex) {
    waiting.set(element, node);
    loadFormulas();
  }
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {Maths} node
 */
function fill(element, node) {
  const set = node.tex && katex ? typeset(node) : null;
  element.classList.toggle("lc-math-source", !set);
  element.replaceChildren(set ?? node.source);
}

/**
 * KaTeX's nodes: their styles are set through the style object, which a strict policy allows.
 *
 * @param {Maths} node
 * @returns {globalThis.Node | null} null where it is no TeX that can be set
 */
function typeset({ tex, display }) {
  try {
    const tree = katex.__renderToDomTree(tex, { displayMode: display, throwOnError: true, strict: "ignore", trust: false, maxSize: 20, maxExpand: 500 });
    withoutStyleAttributes(tree);
    return tree.toNode();
  } catch {
    return null;
  }
}

/**
 * A few of the MathML nodes, which nobody sees, carry a `style` attribute; the policy would report it.
 *
 * @param {any} node
 */
function withoutStyleAttributes(node) {
  if (node.attributes?.style) delete node.attributes.style;
  node.children?.forEach(withoutStyleAttributes);
}
