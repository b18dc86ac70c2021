/** A field and a list under it: what is typed narrows the list, arrows walk it, Enter chooses. */

import { h, icon } from "./dom.js";
import { t } from "./labels.js";

/**
 * @typedef {object} Choice
 * @property {string} label
 * @property {string} [icon]
 * @property {string} [hint] beside the label
 * @property {string} [detail] under the label
 * @property {(string | Node)[]} [marks] at the end of the line
 * @property {string} [words] further words it is found by
 * @property {boolean} [selected]
 * @property {boolean} [disabled]
 * @property {() => void} act
 */

let count = 0;

/**
 * @param {object} what
 * @param {string} what.label of the list
 * @param {string} what.placeholder
 * @param {boolean} [what.searchable] whether the field is shown
 * @param {(query: string) => Choice[]} what.choices
 * @param {(choice: Choice) => void} what.choose
 */
export function chooser({ label, placeholder, searchable = true, choices, choose }) {
  count += 1;
  const id = `llmchat-chooser-${count}`;
  /** @type {Choice[]} */
  let shown = [];
  let active = 0;
  const list = h("ul", { class: "lc-choices", role: "listbox", id, "aria-label": label });
  const nothing = h("p", { class: "lc-choices-empty", hidden: true, role: "status" }, t("nothingFound"));
  const field = h("input", {
    class: searchable ? "lc-choose" : "lc-choose lc-hidden",
    type: "text",
    role: "combobox",
    placeholder,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    dir: "auto",
    "aria-label": placeholder,
    "aria-expanded": "true",
    "aria-autocomplete": "list",
    "aria-controls": id,
  });

  /** @param {number} index */
  const activate = (index) => {
    list.children[active]?.classList.remove("lc-active");
    active = index;
    const item = list.children[active];
    item?.classList.add("lc-active");
    item?.scrollIntoView({ block: "nearest" });
    if (item) field.setAttribute("aria-activedescendant", item.id);
    else field.removeAttribute("aria-activedescendant");
  };
  /** @param {Choice} choice */
  const take = (choice) => {
    if (!choice.disabled) choose(choice);
  };
  const draw = () => {
    shown = choices(field.value.trim());
    list.replaceChildren(...shown.map((choice, index) => item(choice, `${id}-${index}`, () => take(choice))));
    nothing.hidden = shown.length > 0;
    const selected = field.value ? -1 : shown.findIndex((choice) => choice.selected);
    activate(Math.max(0, selected));
  };
  field.addEventListener("input", draw);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: active + 1, ArrowUp: active - 1, PageDown: Math.min(active + 8, shown.length - 1), PageUp: Math.max(active - 8, 0) });
    if (event.key === "Enter" && shown[active]) {
      event.preventDefault();
      take(shown[active]);
    }
    if (!(event.key in steps) || !shown.length) return;
    event.preventDefault();
    activate((steps[event.key] + shown.length) % shown.length);
  });
  list.addEventListener("pointermove", (event) => {
    const found = /** @type {HTMLElement} */ (event.target).closest("li");
    const index = found ? [...list.children].indexOf(found) : -1;
    if (index >= 0 && index !== active) activate(index);
  });
  // The field keeps the focus: what is typed next still narrows the list.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  draw();
  return { field, list, nothing, draw };
}

/**
 * @param {Choice} choice
 * @param {string} id
 * @param {() => void} act
 */
function item(choice, id, act) {
  const { label, hint, detail, selected = false, disabled = false, marks = [] } = choice;
  return h(
    "li",
    { id, role: "option", "aria-selected": String(selected), "aria-disabled": disabled && "true", onclick: act },
    choice.icon ? icon(choice.icon) : null,
    h("span", { class: "lc-choice" }, h("span", { dir: "auto" }, label, hint ? h("small", {}, ` ${hint}`) : null), detail ? h("small", { dir: "auto" }, detail) : null),
    ...marks,
    selected ? icon("check") : null,
  );
}

/**
 * Whether all words of a query begin a word of the text, or stand in it.
 *
 * @param {string} query
 * @param {string} text
 */
export function matches(query, text) {
  const plain = fold(text);
  return fold(query).split(/\s+/).every((word) => plain.includes(word));
}

/** @param {string} text */
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
