/** The models on offer, with what each can do; loaded when the list is opened. */

import { chooser, matches } from "./chooser.js";
import { h, icon } from "./dom.js";
import { t } from "./labels.js";
import { drop } from "./popover.js";

/**
 * @import {Model} from "./models.js"
 * @import {Choice} from "./chooser.js"
 */


/** From so many models on there is a field to search them. */
const MANY = 6;

const MARKS = /** @type {const} */ ([
  ["reasoning", "brain"],
  ["vision", "eye"],
  ["tools", "wrench"],
]);

/**
 * @param {HTMLElement} anchor
 * @param {Model[]} models
 * @param {string} current
 * @param {(name: string) => void} choose
 */
export function openPicker(anchor, models, current, choose) {
  const { field, list, nothing } = chooser({
    label: t("models"),
    placeholder: t("searchModels"),
    searchable: models.length >= MANY,
    choices: (query) => models.filter((model) => matches(query, `${model.label} ${model.name} ${model.provider} ${model.description}`)).map((model) => choice(model, model.name === current, () => choose(model.name))),
    choose: ({ act }) => {
      box.hidePopover();
      act();
    },
  });
  const box = h("div", { class: "lc-panel lc-picker", popover: "auto", role: "dialog", "aria-label": t("models") }, field, list, nothing);
  box.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation());
  drop(box, anchor);
  field.focus();
}

/**
 * @param {Model} model
 * @param {boolean} selected
 * @param {() => void} act
 * @returns {Choice}
 */
function choice(model, selected, act) {
  const facts = [model.description, model.context_tokens ? t("contextOf", { tokens: short(model.context_tokens) }) : "", model.price ? t("priceOf", model.price) : "", model.available ? "" : t("modelAway")];
  return {
    label: model.label,
    hint: model.provider,
    detail: facts.filter(Boolean).join(" · "),
    marks: MARKS.filter(([name]) => model.capabilities[name]).map(([name, symbol]) => h("span", { class: "lc-mark", role: "img", "aria-label": t(`can_${name}`), title: t(`can_${name}`) }, icon(symbol))),
    selected,
    disabled: !model.available,
    act,
  };
}

/** @param {number} tokens */
function short(tokens) {
  return new Intl.NumberFormat(document.documentElement.lang || undefined, { notation: "compact" }).format(tokens);
}
