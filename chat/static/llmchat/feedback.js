/** Why a thumb points down: asked once, and never needed. */

import { h } from "./dom.js";
import { t } from "./labels.js";

/** @import {Opinion} from "./conversation.js" */


const REASONS = ["wrong", "off_topic", "incomplete", "style", "refused", "unsafe"];
const MAX_COMMENT = 2_000;

/**
 * @param {HTMLElement} place inside of the chat
 * @param {Opinion} opinion what is known so far
 * @param {(opinion: Opinion) => void} done told what was said; nothing when it is closed
 */
export function askWhy(place, opinion, done) {
  const boxes = REASONS.map((reason) => h("input", { type: "checkbox", name: "reason", value: reason, checked: opinion.reasons.includes(reason) }));
  const comment = h("textarea", { rows: 3, maxlength: MAX_COMMENT, dir: "auto", placeholder: t("feedbackMore"), "aria-label": t("feedbackMore") });
  comment.value = opinion.comment;
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    done({ ...opinion, reasons: boxes.filter((box) => box.checked).map((box) => box.value), comment: comment.value.trim() });
    dialog.close();
  };
  const dialog = h(
    "dialog",
    { class: "lc-feedback", "aria-labelledby": "llmchat-feedback-title" },
    h(
      "form",
      { onsubmit: submit },
      h("h2", { id: "llmchat-feedback-title" }, t("feedbackTitle")),
      h("div", { class: "lc-chips", role: "group", "aria-labelledby": "llmchat-feedback-title" }, ...boxes.map((box) => h("label", {}, box, h("span", {}, t(`reason_${box.value}`))))),
      comment,
      h(
        "div",
        { class: "lc-feedback-foot" },
        h("button", { type: "button", class: "lc-button", onclick: () => dialog.close() }, t("cancel")),
        h("button", { class: "lc-button lc-primary" }, t("sendFeedback")),
      ),
    ),
  );
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  place.append(dialog);
  dialog.showModal();
}
