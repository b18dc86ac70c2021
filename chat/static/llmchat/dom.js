/** Small means of making DOM nodes; nothing here ever parses markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes (`on…` are listeners, `false` and null are left out) and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(globalThis.Node | string | null | false)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** @param {string} name of a symbol in the page's sprite */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "lc-icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#llmchat-${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button that shows nothing but an icon.
 *
 * @param {string} name of the icon
 * @param {string} label what it does, for those who do not see it and as its tooltip
 * @param {Record<string, any>} [attributes]
 */
export function iconButton(name, label, attributes = {}) {
  return h("button", { type: "button", class: "lc-icon-button", "aria-label": label, title: label, ...attributes }, icon(name));
}

/**
 * Announce something that happened in a component to those around it.
 *
 * @param {HTMLElement} element
 * @param {string} name
 * @param {any} [detail]
 */
export function announce(element, name, detail) {
  element.dispatchEvent(new CustomEvent(`llmchat-${name}`, { bubbles: true, detail }));
}

/**
 * Fetch a style sheet that the page has not begun with.
 *
 * @param {string} href
 * @returns {Promise<Event>} fulfilled when it holds
 */
export function addStyles(href) {
  const nonce = /** @type {HTMLElement | null} */ (document.querySelector("script[nonce]"))?.nonce;
  return new Promise((onload, onerror) => document.head.append(h("link", { rel: "stylesheet", href, nonce, onload, onerror })));
}
