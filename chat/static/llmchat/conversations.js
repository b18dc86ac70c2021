/** The list of conversations and the server's: read, kept in step, renamed, pinned, deleted. */

import { t } from "./labels.js";

/**
 * @typedef {import("./api.js").Api} Api
 * @typedef {import("./commands.js").ChatError} ChatError
 * @typedef {import("./list.js").ListElement} ListElement
 * @typedef {import("./notices.js").Notices} Notices
 */

/** How long a deletion can be undone, in milliseconds. */
const UNDO = 6_000;

export class Conversations {
  /**
   * @param {ListElement} list
   * @param {Api} api
   * @param {Notices} notices
   * @param {{failed: (error: ChatError) => void, deleted: (id: string) => void, changed: () => void}} listener
   */
  constructor(list, api, notices, listener) {
    this.#list = list;
    this.#api = api;
    this.#notices = notices;
    this.#listener = listener;
    // A page that goes away cannot undo any more.
    window.addEventListener("pagehide", () => this.#undoable.forEach((_, id) => this.#deleteNow(id)));
  }

  #list;
  #api;
  #notices;
  #listener;
  /** @type {string | null} */
  #next = null;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} deletions that can still be undone */
  #undoable = new Map();

  /** @param {string} id */
  title(id) {
    return this.#list.get(id)?.title ?? "";
  }

  /** Read the first page, as it is now. */
  async load() {
    try {
      const { results, next } = await this.#api.list();
      this.#list.refresh(results, next === null);
      this.#next ??= next;
      this.#listener.changed();
    } catch (error) {
      this.#listener.failed(/** @type {ChatError} */ (error));
    }
  }

  /** Read the page that follows what is shown. */
  async more() {
    const page = this.#next;
    if (!page) return;
    this.#next = null;
    try {
      const { results, next } = await this.#api.list(page);
      this.#list.put(...results);
      this.#next = next;
    } catch {
      this.#next = page;
    }
  }

  /** @param {string} id of a conversation that has just been begun here */
  add(id) {
    if (this.#list.get(id)) return;
    this.#list.put({ id, title: "", state: "running", revision: 0, updated: new Date().toISOString() });
  }

  /**
   * What a `conversation` frame says, from any tab.
   *
   * @param {{conversation: string, title: string, state: string, revision: number}} frame
   */
  follow({ conversation: id, title, state, revision }) {
    if (state === "deleted") return this.#list.drop(id);
    const known = this.#list.get(id);
    const updated = known && state !== "running" ? known.updated : new Date().toISOString();
    this.#list.put({ id, title, state, revision, updated });
  }

  /**
   * @param {string} id
   * @param {{title?: string, pinned?: boolean}} changes
   */
  async change(id, changes) {
    const before = this.#list.get(id);
    if (!before) return;
    this.#list.put({ ...before, ...changes });
    this.#listener.changed();
    try {
      await this.#api.change(id, changes);
    } catch (error) {
      this.#list.put(before);
      this.#listener.changed();
      const { message, code } = /** @type {ChatError} */ (error);
      if (code === "signed_out") this.#listener.failed(/** @type {ChatError} */ (error));
      else this.#notices.show("error", message || t("notSaved"));
    }
  }

  /**
   * Take a conversation away, for good after a few seconds.
   *
   * @param {string} id
   * @param {() => void} undone
   */
  delete(id, undone) {
    this.#list.hide(id, true);
    this.#undoable.set(id, setTimeout(() => this.#deleteNow(id), UNDO));
    const undo = () => {
      clearTimeout(this.#undoable.get(id));
      this.#undoable.delete(id);
      this.#list.hide(id, false);
      this.#notices.hide("deleted");
      undone();
    };
    this.#notices.show("deleted", t("deleted"), { label: t("undo"), act: undo }, UNDO);
  }

  /** @param {string} id */
  async #deleteNow(id) {
    clearTimeout(this.#undoable.get(id));
    this.#undoable.delete(id);
    try {
      await this.#api.remove(id);
    } catch (error) {
      if (/** @type {ChatError} */ (error).code !== "not_found") {
        this.#list.hide(id, false);
        this.#notices.show("error", t("notDeleted"));
        return;
      }
    }
    this.#list.drop(id);
    this.#listener.deleted(id);
  }
}
