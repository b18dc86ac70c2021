/** A title that is changed where it stands. */

import { h } from "./dom.js";
import { t } from "./labels.js";

/**
 * A field that takes the place of a title: Enter or leaving it keeps, Escape gives up.
 *
 * @param {string} title
 * @param {(title: string | null, byKey: boolean) => void} done gets the new title, or null when nothing is to change;
 *   who has left it by a click is somewhere else already
 */
export function titleField(title, done) {
  const field = h("input", { class: "lc-rename", "aria-label": t("titleLabel"), maxlength: 200, dir: "auto" });
  field.value = title;
  let open = true;
  const leave = (/** @type {boolean} */ keep, byKey = true) => {
    if (!open) return;
    open = false;
    const changed = field.value.trim();
    done(keep && changed && changed !== title ? changed : null, byKey);
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") {
      event.preventDefault();
      leave(true);
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      leave(false);
    }
  });
  field.addEventListener("blur", () => leave(true, false));
  queueMicrotask(() => {
    field.focus();
    field.select();
  });
  return field;
}
