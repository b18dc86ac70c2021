/** `<llmchat-app>`: the chat page. Puts the parts together and listens to all of them. */

// First, for the words that the parts show as soon as they exist.
import { config } from "./config.js";
import { addressed, addressedMessage, goTo, nowAt, socketAddress } from "./address.js";
import { Api } from "./api.js";
import { Attention } from "./attention.js";
import { Chat } from "./chat.js";
import "./composer.js";
import { Conversations } from "./conversations.js";
import { Desk } from "./desk.js";
import { Drawer } from "./drawer.js";
import { t } from "./labels.js";
import "./list.js";
import "./models.js";
import { Notices } from "./notices.js";
import { Settings } from "./preferences.js";
import { offerSignIn, tellOf } from "./reach.js";
import { listen } from "./shortcuts.js";
import { ChatSocket } from "./socket.js";
import { Store } from "./store.js";
import { loadMessages } from "./thread.js";

/**
 * @import {Heading} from "./heading.js"
 * @import {ListElement} from "./list.js"
 * @import {SearchElement} from "./search.js"
 * @import {ThreadElement} from "./thread.js"
 * @import {ComposerElement} from "./composer.js"
 * @import {Conversation} from "./conversation.js"
 * @import {Deeds} from "./deeds.js"
 * @import {ChatError} from "./commands.js"
 */

/** Milliseconds after which what the first message needs is fetched. */
const SOON = 1_000;
/** Characters of an answer that are read aloud. */
const SPOKEN = 600;

const join = (/** @type {string[]} */ ...texts) => texts.filter(Boolean).join("\n\n");

class AppElement extends HTMLElement {
  connectedCallback() {
    if (this.#started) return;
    this.#started = true;
    this.#list.address = config.page;
    this.#thread.positions = this.#store;
    this.#listen();
    this.#listenToParts();
    this.#listenToServer();
    this.#socket.followPage();
    this.#socket.connect();
    // Typed before the scripts had come.
    const typed = this.#composer.text;
    const draft = this.#store.draft(config.conversation);
    if (typed && typed !== draft) this.#store.keepDraft(config.conversation, join(draft, typed));
    this.#composer.text = "";
    this.#enter(config.conversation, addressedMessage()).then(() => this.#chat.resume());
    this.#conversations.load();
    import("./extras.js").then(({ addExtras }) => addExtras(this, this.#chat, this.#notices));
    this.#desk.loadModels();
    // Late enough not to be in the way.
    setTimeout(loadMessages, SOON);
  }

  #started = false;
  /** Also while a field stands in its place. */
  #titleText = this.#find(".lc-title-text");
  /** Whether the browser keeps drafts. */
  #kept = true;
  #store = new Store(`llmchat:${config.mount}:${config.user.id}:`);
  #api = new Api(config.conversations, config.csrf);
  #socket = new ChatSocket(socketAddress(), {
    polling: { commands: config.commands, watch: config.watch, headers: () => this.#api.csrf },
  });
  #chat = new Chat(this.#socket, this.#api, this.#store);
  #notices = new Notices(this.#find(".lc-notices"), this.#find(".lc-live"));
  #drawer = new Drawer(this, this.#find("[data-do=drawer]"), this.#find(".lc-sidebar"), this.#find(".lc-main"));
  #conversations = new Conversations(this.#list, this.#api, this.#notices, {
    changed: () => this.#show(),
    deleted: (id) => this.#store.keepDraft(id, ""),
    failed: (error) => this.#failed(error),
  });

  #settings = new Settings(this, this.#store, config.preferences ?? {}, async (changes) => {
    if (config.preferences) await this.#api.prefer(changes);
  });
  #attention = new Attention(() => this.#settings.local.notify);
  #desk = new Desk(this, {
    chat: this.#chat,
    api: this.#api,
    store: this.#store,
    notices: this.#notices,
    settings: this.#settings,
    model: config.model,
    open: (id) => this.#go(id),
  });
  /** @type {Deeds | null} */
  #deeds = null;

  get #list() {
    return /** @type {ListElement} */ (this.#find("llmchat-list"));
  }

  /** What else readers do with answers; fetched when it is asked for. */
  async #prepareDeeds() {
    const { Deeds } = await import("./deeds.js");
    return (this.#deeds ??= new Deeds(this, this.#api, this.#chat, {
      changed: (id) => this.#thread.touch(id),
      go: (id) => this.#go(id),
      failed: (error) => this.#failed(error),
      say: (text) => this.#notices.say(text),
    }));
  }

  /** Fetched when somebody is about to search. */
  async #prepareSearch() {
    try {
      await import("./search.js");
    } catch {
      // Without a network there is nothing to find either.
      return;
    }
    const search = /** @type {SearchElement} */ (this.#find("llmchat-search"));
    Object.assign(search, { api: this.#api, endpoint: config.search, address: config.page });
  }

  get #thread() {
    return /** @type {ThreadElement} */ (this.#find("llmchat-thread"));
  }

  get #composer() {
    return /** @type {ComposerElement} */ (this.#find("llmchat-composer"));
  }

  get #title() {
    return this.#conversations.title(this.#chat.conversation.id ?? "") || this.#chat.conversation.title;
  }

  /**
   * @param {string} selector
   * @returns {HTMLElement}
   */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }

  #listen() {
    /** @type {Record<string, (detail: any) => void>} */
    const reactions = {
      change: () => this.#show(),
      touch: (id) => this.#thread.touch(id),
      renamed: ({ from, to }) => this.#thread.rename(from, to),
      identified: (conversation) => this.#identified(conversation),
      ended: (message) => {
        this.#attention.ended(String(this.#chat.conversation.id), this.#title, message.text);
        this.#desk.ended(message);
        this.#notices.say(`${t("answerDone")} ${this.#thread.spoken(message.id).slice(0, SPOKEN)}`);
      },
      refused: ({ conversation, error, text }) => this.#refused(conversation, error, text),
      missing: () => this.#lookForMissing(),
      failed: (error) => this.#failed(error),
    };
    for (const [type, react] of Object.entries(reactions)) {
      this.#chat.addEventListener(type, (event) => react(/** @type {CustomEvent} */ (event).detail));
    }
  }

  #listenToParts() {
    /** @type {Record<string, (detail: any) => void>} */
    const wishes = {
      send: (text) => this.#send(text),
      ...this.#desk.wishes,
      draft: (text) => {
        loadMessages().then(({ loadRenderer }) => loadRenderer());
        const kept = this.#store.keepDraft(this.#chat.conversation.id, text);
        if (!kept && this.#kept) this.#notices.show("full", t("storageFull"));
        this.#kept = kept;
      },
      stop: () => this.#chat.stop(),
      edit: ({ id, text }) => this.#edit(id, text),
      regenerate: (id) => this.#chat.regenerate(id),
      continue: (id) => this.#chat.continue(id),
      branch: (id) => this.#chat.show(id),
      open: (id) => this.#go(id),
      "open-at": ({ id, message }) => this.#go(id, message),
      above: () => this.#find("llmchat-search input").focus(),
      below: () => this.#list.focusFirst(),
      more: () => this.#conversations.more(),
      archived: (shown) => this.#conversations.show(shown),
      change: ({ id, changes }) => this.#conversations.change(id, changes),
      archive: ({ id, archived }) => this.#conversations.archive(id, archived),
      delete: (id) => this.#delete(id),
      notice: (text) => this.#notices.show("notice", text),
      say: (text) => this.#notices.say(text),
    };
    for (const name of /** @type {const} */ (["message-menu", "other-model", "rate"])) {
      wishes[name] = async (detail) => (await this.#prepareDeeds()).wishes[name](detail);
    }
    for (const [name, grant] of Object.entries(wishes)) {
      this.addEventListener(`llmchat-${name}`, (event) => grant(/** @type {CustomEvent} */ (event).detail));
    }
    this.#find("llmchat-search").addEventListener("focusin", () => this.#prepareSearch());
    this.addEventListener("click", (event) => this.#clicked(event));
    // On somebody else's page the keys are theirs.
    const scope = config.routed ? document : this;
    listen(scope, {
      palette: () => void this.#desk.openPalette(),
      sheet: () => void this.#desk.openSheet(),
      fresh: () => this.#go(null),
      write: () => this.#composer.focusField(),
      singleKeys: () => this.#settings.local.singleKeys,
    });
    scope.addEventListener("keydown", (event) => this.#pressed(/** @type {KeyboardEvent} */ (event)));
    this.#settings.addEventListener("change", () => {
      this.#composer.enterKey = this.#settings.enterKey;
    });
    this.#settings.show();
    window.addEventListener("popstate", () => config.routed && this.#enter(addressed(), addressedMessage()));
    // Sockets are not told what another process has changed.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      this.#conversations.load();
      this.#look();
    });
  }

  #listenToServer() {
    tellOf(this.#socket, this.#notices);
    this.#socket.addEventListener("ready", (event) => {
      const { user } = /** @type {CustomEvent} */ (event).detail;
      // Somebody else has signed in meanwhile: nothing on this page is theirs.
      if (user !== config.user.id) location.reload();
      else this.#conversations.load();
    });
    this.#socket.addEventListener("conversation", (event) => {
      const frame = /** @type {CustomEvent} */ (event).detail;
      const known = this.#list.get(frame.conversation);
      if (known?.state === "running" && frame.state !== "running" && frame.conversation !== this.#chat.conversation.id) this.#attention.ended(frame.conversation, frame.title);
      this.#conversations.follow(frame);
      if (frame.state === "idle" && frame.conversation !== this.#chat.conversation.id) this.#desk.endedElsewhere(frame.conversation);
      this.#look();
    });
  }

  /** @param {string} text */
  #send(text) {
    if (this.#socket.state === "signed-out") return offerSignIn(this.#notices);
    if (this.#chat.running) return;
    // Behind which message it comes is not known before the conversation is read.
    if (this.#chat.conversation.unread) return this.#desk.wishes.queue(text);
    this.#notices.hide("refused");
    // A suggestion leaves what was written beside it.
    if (text === this.#composer.text) this.#composer.text = "";
    this.#chat.send(text, { ...this.#desk.fields, ...this.#preset });
    this.#store.keepDraft(this.#chat.conversation.id, this.#composer.text);
    this.#thread.toEnd();
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  #edit(id, text) {
    if (this.#socket.state !== "signed-out") return this.#chat.edit(id, text);
    this.#giveBack(this.#chat.conversation.id, text);
    offerSignIn(this.#notices);
  }

  /** What a new conversation begins with. */
  get #preset() {
    const chosen = /** @type {HTMLInputElement | null} */ (this.querySelector(".lc-presets input:checked"));
    return chosen?.value && this.#chat.conversation.id === null ? { preset: chosen.value } : {};
  }

  /**
   * @param {Conversation} conversation
   * @param {ChatError} error
   * @param {string} text
   */
  #refused(conversation, error, text) {
    this.#giveBack(conversation.id, text);
    this.#notices.show("refused", error.message || t(`error_${error.code}`));
    if (conversation === this.#chat.conversation) this.#composer.focusField();
  }

  /**
   * Put a text where it was written, beside what has been written there since.
   *
   * @param {string | null} conversation
   * @param {string} text
   */
  #giveBack(conversation, text) {
    const open = conversation === this.#chat.conversation.id;
    const both = join(text, open ? this.#composer.text : this.#store.draft(conversation));
    this.#store.keepDraft(conversation, both);
    if (open) this.#composer.text = both;
  }

  /** @param {ChatError} error */
  #failed(error) {
    if (error.code === "signed_out") offerSignIn(this.#notices);
    else if (error.code === "not_found") this.#showMissing(true, error.restorable);
    else if (error.code !== "unreachable") this.#notices.show("error", error.message || t("failed"));
  }

  #show() {
    const { conversation, running } = this.#chat;
    this.#find(".lc-greeting").hidden = conversation.id !== null || conversation.messages.size > 0;
    this.#thread.show(conversation);
    this.#composer.running = running;
    this.#desk.show();
    const title = this.#title;
    this.#titleText.textContent = title || t(conversation.id ? "untitled" : "newChat");
    this.#find(".lc-header").classList.toggle("lc-new", conversation.id === null);
    if (config.routed) this.#attention.title = title || t("newChat");
    this.#showTemporary();
    this.#look();
  }

  #showTemporary() {
    const { id, temporary, messages } = this.#chat.conversation;
    this.classList.toggle("lc-is-temporary", temporary);
    const button = this.#find("[data-do=temporary]");
    button.hidden = id !== null || messages.size > 0;
    button.setAttribute("aria-pressed", String(temporary));
  }

  /** What is in sight has been seen. */
  #look() {
    const { id } = this.#chat.conversation;
    if (id && document.visibilityState === "visible") this.#conversations.look(id);
  }

  /** Find out whether what has gone can come back. */
  async #lookForMissing() {
    const { id } = this.#chat.conversation;
    this.#showMissing(true);
    if (id) await this.#api.read(id).catch((error) => id === this.#chat.conversation.id && this.#failed(error));
  }

  /**
   * @param {boolean} missing
   * @param {boolean} [restorable] whether its owner has deleted it and can take that back
   */
  #showMissing(missing, restorable = false) {
    this.#find(".lc-missing").hidden = !missing;
    this.#find(".lc-missing-other").hidden = restorable;
    for (const element of this.querySelectorAll(".lc-missing-deleted")) /** @type {HTMLElement} */ (element).hidden = !restorable;
    this.#find(".lc-header").classList.toggle("lc-nothing", missing);
    this.#thread.hidden = missing;
    this.#composer.hidden = missing;
  }

  /**
   * Open a conversation, or a new one, where the address already says so.
   *
   * @param {string | null} id
   * @param {string | null} [message] to be shown of it
   */
  async #enter(id, message = null) {
    if (id) loadMessages().then(({ loadRenderer }) => loadRenderer());
    // What is open belongs to the conversation that is left, and so does what was written.
    /** @type {HTMLElement | null} */ (this.querySelector(":popover-open"))?.hidePopover();
    if (this.#composer.text) this.#store.keepDraft(this.#chat.conversation.id, this.#composer.text);
    this.#drawer.close();
    this.#notices.hide("refused");
    this.#showMissing(false);
    this.#list.current = id;
    const opened = this.#chat.open(id);
    this.#composer.text = this.#store.draft(id);
    this.#desk.showWaiting();
    if (matchMedia("(pointer: fine)").matches) this.#composer.focusField();
    await opened;
    if (!message || id !== this.#chat.conversation.id) return;
    this.#chat.show(message);
    this.#thread.reveal(message);
  }

  /**
   * @param {string | null} id
   * @param {string | null} [message]
   */
  #go(id, message = null) {
    goTo(id, message);
    return this.#enter(id, message);
  }

  /** @param {Conversation} conversation */
  #identified(conversation) {
    const id = String(conversation.id);
    const open = conversation === this.#chat.conversation;
    this.#desk.identified(id, open);
    if (!open) return;
    this.#store.keepDraft(null, "");
    this.#store.keepDraft(id, this.#composer.text);
    nowAt(id);
    if (!this.#chat.conversation.temporary) this.#conversations.add(id);
    this.#list.current = id;
  }

  /** @param {string} id */
  #delete(id) {
    this.#conversations.delete(id, () => this.#go(id));
    if (id === this.#chat.conversation.id) this.#go(null);
  }

  /** @type {Record<string, (button: HTMLElement, event: MouseEvent) => void>} */
  #buttons = {
    drawer: () => this.#drawer.toggle(),
    "close-drawer": () => this.#drawer.close(),
    suggest: (button) => this.#send(button.textContent?.trim() ?? ""),
    tune: (button) => this.#desk.tune(button),
    archived: () => this.#conversations.show(true),
    restore: () => this.#ofHeader("restore"),
    title: () => this.#ofHeader("rename"),
    menu: (button) => this.#ofHeader("openMenu", button),
    temporary: () => {
      this.#chat.conversation.temporary = !this.#chat.conversation.temporary;
      this.#showTemporary();
      this.#composer.focusField();
    },
    new: (_, event) => {
      // Into another tab, if that is wanted.
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.#go(null);
    },
  };

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = /** @type {HTMLElement} */ (event.target).closest("[data-do]");
    if (target instanceof HTMLElement) this.#buttons[target.dataset.do ?? ""]?.(target, event);
  }

  /** @type {Heading | undefined} */
  #heading;

  /**
   * What can be done from the header.
   *
   * @param {"restore" | "rename" | "openMenu"} deed
   * @param {any} [button]
   */
  async #ofHeader(deed, button) {
    const { id } = this.#chat.conversation;
    if (!id) return;
    const { Heading } = await import("./heading.js");
    this.#heading ??= new Heading(this.#find(".lc-title"), this.#conversations, this.#chat, {
      show: () => this.#show(),
      enter: (entered) => this.#enter(entered),
      remove: (removed) => this.#delete(removed),
    });
    this.#heading[deed](id, button);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (this.#drawer.isOpen) this.#drawer.close();
    else if (this.#chat.running) this.#chat.stop();
  }
}

customElements.define("llmchat-app", AppElement);
