/** A menu that drops from a button. */

import { h, icon } from "./dom.js";
import { drop } from "./popover.js";

/** @typedef {{icon: string, label: string, act: () => void, danger?: boolean}} Entry */

/**
 * @param {HTMLElement} anchor the button it belongs to, which gets the focus back
 * @param {Entry[]} entries
 */
export function openMenu(anchor, entries) {
  const items = entries.map((entry) =>
    h("button", { type: "button", role: "menuitem", tabindex: -1, class: entry.danger && "lc-danger", onclick: () => close(entry.act) }, entry.icon ? icon(entry.icon) : h("span", { class: "lc-icon" }), entry.label),
  );
  const menu = h("div", { class: "lc-menu", role: "menu", popover: "auto", "aria-label": anchor.getAttribute("aria-label") }, ...items);

  /** @param {() => void} [act] */
  const close = (act) => {
    menu.hidePopover();
    act?.();
  };
  menu.addEventListener("keydown", (event) => {
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 });
    if (event.key === "Escape") event.stopPropagation();
    if (event.key === "Tab") close();
    if (!(event.key in steps)) return;
    event.preventDefault();
    items[(steps[event.key] + items.length) % items.length].focus();
  });

  drop(menu, anchor);
  items[0].focus();
}
