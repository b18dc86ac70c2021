/** `<llmchat-models>`: which model answers; its button opens the list of those on offer. */

import { announce, h, icon } from "./dom.js";
import { t } from "./labels.js";

/**
 * @typedef {object} Model
 * @property {string} name what a message takes along
 * @property {string} label
 * @property {string} provider
 * @property {string} description
 * @property {Record<string, boolean>} capabilities
 * @property {number | null} context_tokens
 * @property {{prompt: string, completion: string} | null} price of a million tokens
 * @property {boolean} default
 * @property {boolean} available
 */

export class ModelsElement extends HTMLElement {
  /** @type {Model[]} */
  #models = [];
  #current = "";
  #text = h("span", { class: "lc-model-name", dir: "auto" });
  #button = h("button", { type: "button", class: "lc-model", disabled: true, onclick: () => this.open() }, this.#text, icon("chevron-down"));

  connectedCallback() {
    if (this.firstChild) return;
    this.append(this.#button);
    this.#show();
  }

  /** @param {Model[]} models in the operator's order */
  set models(models) {
    this.#models = models;
    this.#show();
  }

  get models() {
    return this.#models;
  }

  /** @param {string} name empty: the default */
  set current(name) {
    this.#current = name;
    this.#show();
  }

  /** The one that answers, where that is known. */
  get chosen() {
    const known = this.#models.find(({ name }) => name === this.#current);
    return known ?? (this.#current ? undefined : this.#models.find((model) => model.default));
  }

  async open() {
    if (this.#models.length < 2 || this.#button.getAttribute("aria-expanded") === "true") return;
    const { openPicker } = await import("./picker.js");
    openPicker(this.#button, this.#models, this.chosen?.name ?? "", (name) => announce(this, "model", name));
  }

  #show() {
    const name = this.chosen?.label ?? this.#current;
    const choice = this.#models.length > 1;
    this.#text.textContent = name;
    this.#button.hidden = !name;
    this.#button.disabled = !choice;
    if (choice) this.#button.setAttribute("aria-haspopup", "dialog");
    this.#button.setAttribute("aria-label", t("modelIs", { name }));
    this.#button.title = t("modelIs", { name });
  }
}

customElements.define("llmchat-models", ModelsElement);
