/** Tells somebody who looks elsewhere that an answer has ended: in the tab's title and, if allowed, by a notification. */

/** Characters of the answer that a notification shows. */
const SHOWN = 140;

export class Attention {
  /** @param {() => boolean} wanted whether notifications were asked for */
  constructor(wanted) {
    this.#wanted = wanted;
    const seen = () => {
      if (!isLooking()) return;
      this.#count = 0;
      this.#show();
    };
    document.addEventListener("visibilitychange", seen);
    window.addEventListener("focus", seen);
  }

  #wanted;
  #count = 0;
  #title = "";

  /** @param {string} title of the page, when nothing is new */
  set title(title) {
    this.#title = title;
    this.#show();
  }

  /**
   * @param {string} conversation
   * @param {string} title
   * @param {string} [text]
   */
  ended(conversation, title, text = "") {
    if (isLooking()) return;
    this.#count += 1;
    this.#show();
    if (!this.#wanted() || globalThis.Notification?.permission !== "granted") return;
    try {
      const notification = new Notification(title, { body: text.slice(0, SHOWN), tag: `llmchat-${conversation}` });
      notification.onclick = () => {
        window.focus();
        notification.close();
      };
    } catch {
      // Some phones only let service workers notify.
    }
  }

  #show() {
    if (this.#title) document.title = this.#count ? `(${this.#count}) ${this.#title}` : this.#title;
  }
}

function isLooking() {
  return document.visibilityState === "visible" && document.hasFocus();
}
