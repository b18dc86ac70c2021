/** `<llmchat-settings>`: the settings page. What is changed is kept at once. */

import { Api } from "./api.js";
import { h } from "./dom.js";
import { t, useLabels } from "./labels.js";

/** Milliseconds after the last letter of the instructions until they are kept. */
const PAUSE = 800;

class SettingsElement extends HTMLElement {
  #config = JSON.parse(this.querySelector("script[type='application/json']")?.textContent ?? "{}");
  #api = new Api(this.#config.conversations, this.#config.csrf);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    useLabels(this.#config.labels);
    for (const field of this.querySelectorAll("select[data-preference]")) field.addEventListener("change", () => this.#keep(/** @type {HTMLSelectElement} */ (field)));
    const instructions = /** @type {HTMLTextAreaElement} */ (this.#find("textarea"));
    instructions.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#keep(instructions), PAUSE);
    });
    instructions.addEventListener("blur", () => this.#keep(instructions));
    window.addEventListener("pagehide", () => this.#keep(instructions));
    for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (this.querySelectorAll("form[data-danger]"))) this.#guard(form);
    this.querySelector(".lc-new-key")?.addEventListener("submit", (event) => this.#makeKey(event));
    this.querySelector("[data-do=copy]")?.addEventListener("click", () => this.#copy());
    this.#try(() => this.#showModels());
    this.#try(() => this.#showUsage());
    if (this.querySelector(".lc-keys")) this.#try(() => this.#showKeys());
  }

  /**
   * @param {string} selector
   * @returns {HTMLElement}
   */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  /**
   * @param {string} text
   * @param {boolean} [bad]
   */
  #say(text, bad = false) {
    const state = this.#find(".lc-settings-state");
    state.textContent = text;
    state.classList.toggle("lc-bad", bad);
  }

  /**
   * Say what went wrong, in the server's words where it has some.
   *
   * @param {() => Promise<any>} work
   */
  async #try(work) {
    try {
      await work();
      return true;
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message || t("failed"), true);
      return false;
    }
  }

  /** @param {HTMLSelectElement | HTMLTextAreaElement} field */
  async #keep(field) {
    clearTimeout(this.#timer);
    const { preference = "" } = field.dataset;
    const unchanged = field instanceof HTMLTextAreaElement && field.value === (field.dataset.kept ?? field.defaultValue);
    if (unchanged) return;
    field.dataset.kept = field.value;
    const kept = await this.#try(() => this.#api.request("PATCH", this.#config.preferences, { [preference]: field.value }));
    if (!kept) {
      delete field.dataset.kept;
      return;
    }
    this.#say(t("saved"));
    if (preference === "theme") this.dataset.theme = field.value;
    if (preference === "language") location.reload();
  }

  async #showModels() {
    const { results } = await this.#api.request("GET", this.#config.models);
    const field = this.#find("[data-preference=default_model]");
    field.append(h("option", { value: "" }, t("siteModel")));
    for (const { name, label } of results) field.append(h("option", { value: name, selected: name === this.#config.defaultModel }, label || name));
  }

  async #showUsage() {
    const { results, budgets } = await this.#api.request("GET", this.#config.usage);
    const number = new Intl.NumberFormat(document.documentElement.lang || undefined);
    this.#find(".lc-budgets").replaceChildren(
      ...budgets.map((/** @type {any} */ budget) =>
        h("p", {}, h("span", {}, budget.text), h("span", {}, t("remaining", budget)), h("meter", { min: 0, max: 100, value: budget.percent, high: 90, "aria-label": budget.text })),
      ),
    );
    this.#find(".lc-usage").hidden = results.length === 0;
    this.#find(".lc-no-usage").hidden = results.length > 0;
    this.#find(".lc-no-usage").textContent = t("noUsage");
    const cells = (/** @type {any} */ row) => [row.model, ...[row.requests, row.prompt_tokens, row.completion_tokens].map((one) => number.format(one)), row.cost === null ? "–" : number.format(row.cost)];
    this.#find(".lc-usage tbody").replaceChildren(...results.map((/** @type {any} */ row) => h("tr", {}, ...cells(row).map((cell) => h("td", {}, cell)))));
  }

  async #showKeys() {
    const { results } = await this.#api.request("GET", this.#config.keys);
    const none = h("p", { class: "lc-keys-empty" }, t("noKeys"));
    this.#find(".lc-keys").replaceChildren(...(results.length ? results.map((/** @type {any} */ key) => this.#key(key)) : [h("li", {}, none)]));
  }

  /** @param {any} key */
  #key({ id, name, prefix, expires_at: expires, last_used_at: used }) {
    const date = (/** @type {string} */ at) => new Date(at).toLocaleDateString(document.documentElement.lang || undefined);
    const facts = [`${prefix}…`, used ? t("used", { date: date(used) }) : t("neverUsed"), ...(expires ? [t("expires", { date: date(expires) })] : [])];
    const revoke = () => this.#try(async () => {
      await this.#api.request("DELETE", `${this.#config.keys}${id}/`);
      await this.#showKeys();
    });
    return h("li", {}, h("span", {}, name), h("small", {}, facts.join(" · ")), h("button", { type: "button", class: "lc-button", "aria-label": `${t("revoke")}: ${name}`, onclick: revoke }, t("revoke")));
  }

  /** @param {Event} event */
  #makeKey(event) {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (this.#find(".lc-new-key input"));
    return this.#try(async () => {
      const { key } = await this.#api.request("POST", this.#config.keys, { name: field.value.trim() });
      field.value = "";
      this.#find(".lc-fresh-key code").textContent = key;
      this.#find(".lc-fresh-key").hidden = false;
      await this.#showKeys();
    });
  }

  #copy() {
    return this.#try(async () => {
      await navigator.clipboard.writeText(this.#find(".lc-fresh-key code").textContent ?? "");
      this.#say(t("copied"));
    });
  }

  /**
   * Its button works once the word asked for is typed.
   *
   * @param {HTMLFormElement} form
   */
  #guard(form) {
    const field = /** @type {HTMLInputElement} */ (form.querySelector("input"));
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
    const word = form.dataset.word ?? this.#config.confirm;
    field.addEventListener("input", () => (button.disabled = field.value.trim() !== word));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim() !== word) return;
      button.disabled = true;
      this.#try(async () => {
        if (form.dataset.danger === "account") {
          await this.#api.request("DELETE", this.#config.account, { name: word });
          location.assign(this.#config.mount);
          return;
        }
        await this.#api.request("DELETE", this.#config.conversations, { all: true });
        field.value = "";
        this.#say(t("deletedAll"));
      });
    });
  }
}

customElements.define("llmchat-settings", SettingsElement);
