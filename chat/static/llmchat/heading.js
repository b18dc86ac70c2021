/** What can be done with the open conversation from its header. Fetched when it is asked for. */

import { titleField } from "./editable.js";
import { t } from "./labels.js";
import { openMenu } from "./menu.js";

/**
 * @import {Chat} from "./chat.js"
 * @import {Conversations} from "./conversations.js"
 */

export class Heading {
  /**
   * @param {HTMLElement} title the button that shows it
   * @param {Conversations} conversations
   * @param {Chat} chat
   * @param {{show: () => void, enter: (id: string) => void, remove: (id: string) => void}} then
   */
  constructor(title, conversations, chat, then) {
    this.#title = title;
    this.#conversations = conversations;
    this.#chat = chat;
    this.#then = then;
  }

  #title;
  #conversations;
  #chat;
  #then;

  /**
   * @param {string} id
   * @param {HTMLElement} button
   */
  openMenu(id, button) {
    const keep = { icon: "check", label: t("keep"), act: () => this.#keep(id) };
    openMenu(button, [
      ...(this.#chat.conversation.temporary ? [keep] : []),
      { icon: "pencil", label: t("rename"), act: () => this.rename(id) },
      { icon: "trash-2", label: t("delete"), danger: true, act: () => this.#then.remove(id) },
    ]);
  }

  /** @param {string} id of a temporary conversation, which is to stay */
  async #keep(id) {
    if (!(await this.#conversations.change(id, { temporary: false }))) return;
    if (id !== this.#chat.conversation.id) return;
    this.#chat.conversation.temporary = false;
    this.#then.show();
    this.#conversations.load();
  }

  /** @param {string} id of a conversation whose deletion is to be taken back */
  async restore(id) {
    if (await this.#conversations.change(id, { deleted: false })) this.#then.enter(id);
  }

  /** @param {string} id */
  rename(id) {
    // Pressed again before the field was there.
    if (!this.#title.isConnected) return;
    const field = titleField(this.#conversations.title(id) || this.#chat.conversation.title, (title, byKey) => {
      field.replaceWith(this.#title);
      if (byKey) this.#title.focus();
      if (title) this.#conversations.change(id, { title });
    });
    this.#title.replaceWith(field);
  }
}
