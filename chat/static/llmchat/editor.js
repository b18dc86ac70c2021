/** The field in which a message that was sent is written anew. */

import { h } from "./dom.js";
import { t } from "./labels.js";

/**
 * @param {string} text
 * @param {(text: string | null) => void} done gets the new text, or null when it is given up
 */
export function editor(text, done) {
  const field = h("textarea", { class: "lc-edit-field", "aria-label": t("editLabel"), rows: 1, dir: "auto" });
  field.value = text;
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const changed = field.value.trim();
    if (changed) done(changed);
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      done(null);
    } else if (event.key === "Enter" && !event.shiftKey) {
      submit(event);
    }
  });
  queueMicrotask(() => {
    field.focus();
    field.setSelectionRange(text.length, text.length);
  });
  const cancel = h("button", { type: "button", class: "lc-button", onclick: () => done(null) }, t("cancel"));
  const send = h("button", { class: "lc-button lc-primary" }, t("send"));
  return h("form", { class: "lc-edit", onsubmit: submit }, field, h("div", {}, cancel, send));
}
