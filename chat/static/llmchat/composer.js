/** `<llmchat-composer>`: where the next message is written. One button: send, or stop while it runs. */

import { announce } from "./dom.js";
import { t } from "./labels.js";

export class ComposerElement extends HTMLElement {
  #running = false;
  /** @type {HTMLTextAreaElement} */
  // @ts-ignore -- found when connected
  #field;
  /** @type {HTMLButtonElement} */
  // @ts-ignore -- found when connected
  #button;

  connectedCallback() {
    this.#field = /** @type {HTMLTextAreaElement} */ (this.querySelector("textarea"));
    this.#button = /** @type {HTMLButtonElement} */ (this.querySelector("button[type=submit]"));
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    this.#field.addEventListener("input", () => {
      this.#fit();
      announce(this, "draft", this.text);
    });
    this.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#running) announce(this, "stop");
      else this.#submit();
    });
    this.#fit();
  }

  get text() {
    return this.#field.value;
  }

  set text(text) {
    this.#field.value = text;
    this.#fit();
  }

  /** @param {boolean} running whether an answer is being written */
  set running(running) {
    if (running === this.#running) return;
    this.#running = running;
    const label = t(running ? "stop" : "send");
    this.#button.setAttribute("aria-label", label);
    this.#button.title = label;
    this.#button.classList.toggle("lc-running", running);
    this.#fit();
  }

  focusField() {
    this.#field.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // An input method's Enter chooses a word; Safari reports it with the key code alone.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!this.#running) this.#submit();
    }
  }

  #submit() {
    const text = this.text;
    if (!text.trim()) return;
    announce(this, "send", text);
  }

  #fit() {
    this.#button.disabled = !this.#running && !this.text.trim();
    // `field-sizing: content` does this where the browser knows it.
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}

customElements.define("llmchat-composer", ComposerElement);
