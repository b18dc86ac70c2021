/** What drops from a button, and gives the focus back to it when it goes. */

const GAP = 4;
const EDGE = 8;

/**
 * @param {HTMLElement} box with `popover="auto"`; it is removed when it closes
 * @param {HTMLElement} anchor the button it belongs to
 */
export function drop(box, anchor) {
  box.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    anchor.setAttribute("aria-expanded", "false");
    if (box.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    box.remove();
  });
  anchor.closest(".llmchat")?.append(box);
  anchor.setAttribute("aria-expanded", "true");
  box.showPopover();
  const { top, bottom, left, right } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = bottom + GAP + height < innerHeight;
  const start = document.dir === "rtl" ? left : right - width;
  box.style.top = `${below ? bottom + GAP : Math.max(EDGE, top - GAP - height)}px`;
  box.style.left = `${Math.max(EDGE, Math.min(start, innerWidth - width - EDGE))}px`;
}
