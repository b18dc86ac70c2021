/** `<llmchat-composer>`: where the next message is written, and what waits for the end of an answer. */

import { announce, h, iconButton } from "./dom.js";
import { t } from "./labels.js";

/** @import {Waiting} from "./queue.js" */


export class ComposerElement extends HTMLElement {
  /** @type {"enter" | "ctrl"} what sends a message; the other one of the two makes a new line */
  enterKey = "enter";
  #running = false;
  /** @type {Waiting[]} */
  #waiting = [];
  /** @type {HTMLTextAreaElement} */
  // @ts-ignore -- found when connected
  #field;
  /** @type {HTMLButtonElement} */
  // @ts-ignore -- found when connected
  #button;
  /** @type {HTMLButtonElement | null} */
  #later = null;
  /** @type {HTMLElement | null} */
  #list = null;

  connectedCallback() {
    this.#field = /** @type {HTMLTextAreaElement} */ (this.querySelector("textarea"));
    this.#button = /** @type {HTMLButtonElement} */ (this.querySelector("button[type=submit]"));
    this.#later = this.querySelector(".lc-later");
    this.#list = this.querySelector(".lc-queue");
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    this.#field.addEventListener("input", () => {
      this.#fit();
      announce(this, "draft", this.text);
    });
    this.#later?.addEventListener("click", () => this.#submit());
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
    if (this.#later) {
      // The button goes from under the focus.
      if (!running && document.activeElement === this.#later) this.#field.focus();
      this.#later.hidden = !running;
    }
    this.#fit();
    this.#showWaiting();
  }

  /** @param {Waiting[]} waiting messages that are sent when the answer ends, the next one first */
  set waiting(waiting) {
    this.#waiting = waiting;
    this.#showWaiting();
  }

  focusField() {
    this.#field.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // An input method's Enter chooses a word; Safari reports it with the key code alone.
    if (event.isComposing || event.keyCode === 229) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && (command || (this.enterKey === "enter" && !event.shiftKey && !event.altKey))) {
      event.preventDefault();
      this.#submit();
    }
    const plain = !command && !event.shiftKey && !event.altKey;
    if (event.key === "ArrowUp" && plain && !this.text) {
      const last = this.#waiting.at(-1);
      event.preventDefault();
      if (last) this.#takeBack(last);
      else announce(this, "edit-last");
    }
  }

  #submit() {
    const text = this.text;
    if (!text.trim()) return;
    announce(this, this.#running ? "queue" : "send", text);
  }

  /** @param {Waiting} waiting */
  #takeBack({ id, text }) {
    announce(this, "unqueue", id);
    this.text = this.text ? `${text}\n\n${this.text}` : text;
    announce(this, "draft", this.text);
    this.focusField();
  }

  #showWaiting() {
    if (!this.#list) return;
    const focused = this.#list.contains(document.activeElement);
    this.#list.hidden = !this.#waiting.length;
    this.#list.replaceChildren(
      ...this.#waiting.map((one) =>
        h(
          "li",
          {},
          h("span", { dir: "auto" }, one.text),
          !this.#running ? h("button", { type: "button", class: "lc-button", onclick: () => announce(this, "send-waiting", one.id) }, t("sendNow")) : null,
          iconButton("pencil", t("edit"), { onclick: () => this.#takeBack(one) }),
          iconButton("x", t("removeWaiting"), { onclick: () => announce(this, "unqueue", one.id) }),
        ),
      ),
    );
    if (focused) this.focusField();
  }

  #fit() {
    const empty = !this.text.trim();
    this.#button.disabled = !this.#running && empty;
    if (this.#later) this.#later.disabled = empty;
    // `field-sizing: content` does this where the browser knows it.
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}

customElements.define("llmchat-composer", ComposerElement);
