/** The list of conversations and the server's: read, kept in step, changed, deleted and taken back. */

import { ChatError } from "./commands.js";
import { t } from "./labels.js";

/**
 * @import {Api, Changes} from "./api.js"
 * @import {ListElement} from "./list.js"
 * @import {Notices} from "./notices.js"
 * @import {Desk} from "./undo.js"
 */

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
  }

  #list;
  #api;
  #notices;
  #listener;
  #archived = false;
  /** @type {string | null} */
  #next = null;
  /** Whether anything but the first page was read. */
  #deep = false;

  /** @param {string} id */
  title(id) {
    return this.#list.get(id)?.title ?? "";
  }

  /** @param {boolean} archived whether the archived ones are listed from now on */
  async show(archived) {
    this.#archived = archived;
    this.#next = null;
    this.#deep = false;
    this.#list.archived = archived;
    await this.load();
  }

  /** Read the first page, as it is now. */
  async load() {
    const archived = this.#archived;
    try {
      const { results, next } = await this.#api.list(null, archived);
      if (archived !== this.#archived) return;
      if (!this.#deep) this.#next = next;
      this.#list.refresh(results, next === null);
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
    this.#deep = true;
    const archived = this.#archived;
    try {
      const { results, next } = await this.#api.list(page);
      if (archived !== this.#archived) return;
      this.#next = next;
      this.#list.put(...results);
    } catch {
      if (archived === this.#archived) this.#next = page;
    }
  }

  /** @param {string} id of a conversation that has just been begun here */
  add(id) {
    if (this.#archived || this.#list.get(id)) return;
    this.#list.put({ id, title: "", state: "running", revision: 0, updated: new Date().toISOString() });
  }

  /**
   * What a `conversation` frame says, from any tab.
   *
   * @param {{conversation: string, title: string, state: string, revision: number, temporary?: boolean,
   *   pinned?: boolean, archived?: boolean, unread?: boolean}} frame
   */
  follow({ conversation: id, title, state, revision, temporary, ...marks }) {
    const elsewhere = marks.archived !== undefined && marks.archived !== this.#archived;
    if (state === "deleted" || temporary || elsewhere) return this.#list.drop(id);
    const known = this.#list.get(id);
    // When it was changed last is not in the frame: of what is new here, the list knows it.
    if (!known && state !== "running") return this.load();
    const updated = known && state !== "running" ? known.updated : new Date().toISOString();
    this.#list.put({ id, title, state, revision, updated, ...marks });
  }

  /** @param {string} id of the conversation that is being looked at */
  look(id) {
    const summary = this.#list.get(id);
    if (!summary?.unread) return;
    this.#list.put({ ...summary, unread: false });
    // Should it fail, it is marked once more at the next look.
    this.#api.change(id, { unread: false }).catch(() => {});
  }

  /**
   * @param {string} id
   * @param {Changes} changes
   */
  async change(id, changes) {
    const before = this.#list.get(id);
    if (before) this.#list.put({ ...before, ...changes });
    this.#listener.changed();
    try {
      await this.#api.change(id, changes);
      return true;
    } catch (error) {
      if (before) this.#list.put(before);
      this.#listener.changed();
      this.#complain(error, "notSaved");
      return false;
    }
  }

  /**
   * @param {string} id
   * @param {boolean} archived
   */
  async archive(id, archived) {
    (await this.#undo())?.archive(this.#desk, id, archived);
  }

  /**
   * Take a conversation away, at once and everywhere; the server keeps it for a while.
   *
   * @param {string} id
   * @param {() => void} undone
   */
  async delete(id, undone) {
    (await this.#undo())?.remove(this.#desk, id, undone);
  }

  async #undo() {
    try {
      return await import("./undo.js");
    } catch (error) {
      this.#complain(error, "notSaved");
      return null;
    }
  }

  /** @type {Desk} */
  get #desk() {
    const { deleted } = this.#listener;
    return { list: this.#list, api: this.#api, notices: this.#notices, deleted, complain: (error, otherwise) => this.#complain(error, otherwise) };
  }

  /**
   * @param {unknown} error
   * @param {string} otherwise label of what to say where the error has no words
   */
  #complain(error, otherwise) {
    if (!(error instanceof ChatError)) this.#notices.show("error", t(otherwise));
    else if (error.code === "signed_out") this.#listener.failed(error);
    else this.#notices.show("error", error.message || t(otherwise));
  }
}
