/** The system prompt and the parameters of a conversation; loaded when they are opened. */

import { h } from "./dom.js";
import { t } from "./labels.js";
import { drop } from "./popover.js";

/** @import {Tuning} from "./tuning.js" */


const LIMIT = 20_000;
const EDGE = 8;
const EFFORTS = ["none", "minimal", "low", "medium", "high"];
/** [name, least, most, step] */
const NUMBERS = /** @type {const} */ ([
  ["temperature", 0, 2, 0.1],
  ["top_p", 0.05, 1, 0.05],
  ["max_tokens", 1, 1_000_000, 1],
]);

/**
 * @param {HTMLElement} anchor
 * @param {Tuning} tuning
 * @param {(error: any) => void} failed
 */
export function openTuner(anchor, tuning, failed) {
  const prompt = h("textarea", { rows: 4, maxlength: LIMIT, dir: "auto", id: "llmchat-tune-prompt", placeholder: t("systemPromptHint") });
  prompt.value = tuning.systemPrompt;
  const numbers = NUMBERS.map(([name, min, max, step]) => {
    const field = h("input", { type: "number", id: `llmchat-tune-${name}`, min, max, step, inputmode: "decimal", placeholder: t("byDefault"), "aria-describedby": `llmchat-tune-${name}-hint` });
    field.value = String(tuning.options[name] ?? "");
    return field;
  });
  const effort = h("select", { id: "llmchat-tune-effort" }, h("option", { value: "" }, t("byDefault")), ...EFFORTS.map((value) => h("option", { value }, t(`effort_${value}`))));
  effort.value = tuning.options.reasoning_effort ?? "";

  const keep = () => {
    const options = /** @type {Record<string, any>} */ ({});
    NUMBERS.forEach(([name], index) => {
      if (numbers[index].value && numbers[index].checkValidity()) options[name] = numbers[index].valueAsNumber;
    });
    if (effort.value) options.reasoning_effort = effort.value;
    const before = JSON.stringify([tuning.systemPrompt, tuning.options]);
    if (before === JSON.stringify([prompt.value.trim(), options])) return;
    tuning.change({ system_prompt: prompt.value.trim(), options }).catch(failed);
  };
  const reset = () => {
    prompt.value = effort.value = "";
    for (const field of numbers) field.value = "";
    keep();
    prompt.focus();
  };
  const form = h(
    "form",
    {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        box.hidePopover();
      },
      onchange: keep,
    },
    h("label", { for: prompt.id }, t("systemPrompt")),
    prompt,
    ...NUMBERS.map(([name], index) => line(numbers[index], t(name), t(`hint_${name}`))),
    line(effort, t("reasoningEffort"), ""),
    h("div", { class: "lc-panel-foot" }, h("button", { type: "button", class: "lc-button", onclick: reset }, t("reset")), h("button", { class: "lc-button lc-primary" }, t("done"))),
  );
  const box = h("div", { class: "lc-panel lc-tuner", popover: "auto", role: "dialog", "aria-label": t("tune") }, form);
  box.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation());
  box.addEventListener("beforetoggle", (event) => /** @type {ToggleEvent} */ (event).newState === "closed" && keep());
  drop(box, anchor);
  // Its button stands at the start of the line: so does it.
  const { left, right } = anchor.getBoundingClientRect();
  const start = document.dir === "rtl" ? right - box.offsetWidth : left;
  box.style.left = `${Math.max(EDGE, Math.min(start, innerWidth - box.offsetWidth - EDGE))}px`;
  prompt.focus();
}

/**
 * @param {HTMLElement} field
 * @param {string} label
 * @param {string} hint
 */
function line(field, label, hint) {
  return h("div", { class: "lc-field" }, h("label", { for: field.id }, label), field, hint ? h("small", { id: `${field.id}-hint` }, hint) : null);
}
