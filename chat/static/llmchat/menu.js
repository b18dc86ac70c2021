/** A menu that drops from a button. */

import { h, icon } from "./dom.js";

/** @typedef {{icon: string, label: string, act: () => void, danger?: boolean}} Entry */

const GAP = 4;
const EDGE = 8;

/**
 * @param {HTMLElement} anchor the button it belongs to, which gets the focus back
 * @param {Entry[]} entries
 */
export function openMenu(anchor, entries) {
  const items = entries.map((entry) =>
    h("button", { type: "button", role: "menuitem", tabindex: -1, class: entry.danger && "lc-danger", onclick: () => close(entry.act) }, icon(entry.icon), entry.label),
  );
  const menu = h("div", { class: "lc-menu", role: "menu", popover: "auto", "aria-label": anchor.getAttribute("aria-label") }, ...items);

  /** @param {() => void} [act] */
  const close = (act) => {
    menu.hidePopover();
    act?.();
  };
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    anchor.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    menu.remove();
  });
  menu.addEventListener("keydown", (event) => {
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 });
    if (event.key === "Escape") event.stopPropagation();
    if (event.key === "Tab") close();
    if (!(event.key in steps)) return;
    event.preventDefault();
    items[(steps[event.key] + items.length) % items.length].focus();
  });

  anchor.closest(".llmchat")?.append(menu);
  anchor.setAttribute("aria-expanded", "true");
  menu.showPopover();
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = box.bottom + GAP + height < innerHeight;
  const left = document.dir === "rtl" ? box.left : box.right - width;
  menu.style.top = `${below ? box.bottom + GAP : box.top - GAP - height}px`;
  menu.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  items[0].focus();
}
