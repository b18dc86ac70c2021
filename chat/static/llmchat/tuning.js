/** What is asked of the model in the open conversation: which one, under which words, with which parameters. */

/**
 * @import {Api} from "./api.js"
 * @import {Store} from "./store.js"
 */

/**
 * @typedef {object} Options
 * @property {number} [temperature]
 * @property {number} [top_p]
 * @property {number} [max_tokens]
 * @property {string} [reasoning_effort]
 *
 * @typedef {object} Tuned
 * @property {string} model empty: as the site decides
 * @property {string} system_prompt
 * @property {Options} options
 */

/** @returns {Tuned} */
const untouched = () => ({ model: "", system_prompt: "", options: {} });

/** Events: `change`. */
export class Tuning extends EventTarget {
  /**
   * @param {Api} api
   * @param {Store} store
   */
  constructor(api, store) {
    super();
    this.#api = api;
    this.#store = store;
  }

  #api;
  #store;
  /** @type {string | null | undefined} undefined until one was opened */
  #conversation;
  /** @type {Partial<Tuned> | undefined} */
  #known;
  /** @type {Tuned} */
  #tuned = untouched();

  get model() {
    return this.#tuned.model;
  }

  get systemPrompt() {
    return this.#tuned.system_prompt;
  }

  get options() {
    return this.#tuned.options;
  }

  /** Whether anything but the model was set. */
  get isTouched() {
    return Boolean(this.systemPrompt) || Object.keys(this.options).length > 0;
  }

  /** What a message takes along. */
  get fields() {
    const { model, system_prompt, options } = this.#tuned;
    const own = this.#conversation === null && system_prompt ? { system_prompt } : {};
    return { ...(model && { model }), ...(Object.keys(options).length && { options }), ...own };
  }

  /**
   * @param {string | null} conversation null for a new one
   * @param {Partial<Tuned>} [known] what the server has kept of it
   */
  open(conversation, known) {
    const same = conversation === this.#conversation;
    if (same && (known === undefined || known === this.#known)) return;
    // The model chosen here holds until a message takes it along.
    const chosen = same && this.model ? { model: this.model } : {};
    this.#conversation = conversation;
    this.#known = known;
    this.#tuned = { ...untouched(), ...(conversation === null ? this.#store.kept("tuning") : known), ...chosen };
    this.#changed();
  }

  /** @param {string} conversation the id that the new conversation has got: the server keeps it all from now on */
  identified(conversation) {
    this.#conversation = conversation;
    this.#store.keep("tuning", this.#tuned.model ? { model: this.#tuned.model } : null);
  }

  /**
   * @param {Partial<Tuned>} changes
   * @returns {Promise<void>} raises `ChatError` when they could not be kept; they hold on this page all the same
   */
  async change(changes) {
    this.#tuned = { ...this.#tuned, ...changes };
    this.#changed();
    const { model, ...kept } = changes;
    if (this.#conversation === null) this.#store.keep("tuning", this.#tuned);
    else if (this.#conversation && Object.keys(kept).length) await this.#api.change(this.#conversation, kept);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
