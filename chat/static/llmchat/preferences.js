/** What the reader has set: from the server where it keeps them, else from this browser. */

/** @import {Store} from "./store.js" */

/**
 * @typedef {object} Preferences
 * @property {"system" | "light" | "dark"} theme
 * @property {"enter" | "ctrl"} enter_key
 *
 * @typedef {object} Local of this browser only
 * @property {boolean} notify
 * @property {boolean} singleKeys
 */

/** Events: `change`. */
export class Settings extends EventTarget {
  /**
   * @param {HTMLElement} app
   * @param {Store} store
   * @param {Partial<Preferences>} given
   * @param {(changes: Partial<Preferences>) => Promise<any>} keep
   */
  constructor(app, store, given, keep) {
    super();
    this.#app = app;
    this.#store = store;
    this.#keep = keep;
    this.#values = { theme: "system", enter_key: "enter", ...given };
  }

  #app;
  #store;
  #keep;
  /** @type {Preferences} */
  #values;

  get theme() {
    return this.#values.theme;
  }

  get enterKey() {
    return this.#values.enter_key;
  }

  /** @returns {Local} */
  get local() {
    return { notify: false, singleKeys: true, ...this.#store.kept("settings") };
  }

  /** @param {Partial<Local>} changes */
  set local(changes) {
    this.#store.keep("settings", { ...this.local, ...changes });
  }

  /**
   * @param {Partial<Preferences>} changes
   * @returns {Promise<void>} raises `ChatError` when they could not be kept; on this page they hold
   */
  async change(changes) {
    this.#values = { ...this.#values, ...changes };
    this.show();
    await this.#keep(changes);
  }

  /** Put into effect what can be seen. */
  show() {
    if (this.theme === "system") delete this.#app.dataset.theme;
    else this.#app.dataset.theme = this.theme;
    this.dispatchEvent(new Event("change"));
  }
}
