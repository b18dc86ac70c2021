/** What the command palette offers at this moment. */

import { announce } from "./dom.js";
import { t } from "./labels.js";
import { commandKey } from "./shortcuts.js";

/**
 * @import {Choice} from "./chooser.js"
 * @import {Chat} from "./chat.js"
 * @import {ModelsElement} from "./models.js"
 * @import {Settings} from "./preferences.js"
 */

/**
 *
 * @typedef {object} Means
 * @property {Chat} chat
 * @property {ModelsElement} models
 * @property {Settings} settings
 * @property {(id: string | null) => void} open
 * @property {() => void} sheet
 * @property {() => void} editLast
 * @property {() => void} write
 * @property {(text: string) => void} say
 * @property {(text: string) => void} notice
 */

const THEMES = /** @type {const} */ ([
  ["system", "monitor"],
  ["light", "sun"],
  ["dark", "moon"],
]);

/**
 * @param {HTMLElement} app
 * @param {Means} means
 */
export function deck(app, means) {
  return { commands: commands(app, means), conversations: conversations(app, means), models: models(app, means), search: searching(app) };
}

/**
 * @param {HTMLElement} app
 * @param {Means} means
 */
function commands(app, means) {
  const { chat, settings } = means;
  const answer = chat.conversation.branch().findLast(({ role, text }) => role === "assistant" && text);
  const asked = chat.conversation.branch().some(({ role }) => role === "user");
  /** @type {(Choice | false | null)[]} */
  const all = [
    chat.running && { icon: "square", label: t("stop"), hint: "Esc", act: () => chat.stop() },
    { icon: "square-pen", label: t("newChat"), act: () => means.open(null) },
    pressed(app, "[data-do=temporary]", "message-circle-dashed"),
    answer ? { icon: "copy", label: t("copyLast"), act: () => copy(answer.text, means) } : null,
    asked && !chat.running && { icon: "pencil", label: t("editLast"), hint: "↑", act: means.editLast },
    means.models.models.length > 1 && { icon: "bot", label: t("chooseModel"), words: t("models"), act: () => means.models.open() },
    pressed(app, "[data-do=tune]", "sliders-horizontal"),
    Boolean(chat.conversation.id) && { icon: "text-cursor-input", label: t("rename"), act: () => press(app, "[data-do=title]") },
    Boolean(chat.conversation.id) && { icon: "trash-2", label: t("deleteThis"), act: () => announce(app, "delete", chat.conversation.id) },
    ...THEMES.map(([theme, icon]) => ({ icon, label: t(`theme_${theme}`), words: t("theme"), selected: settings.theme === theme, act: () => void settings.change({ theme }).catch(() => means.notice(t("notSaved"))) })),
    notifying(means),
    settingsPage(app),
    { icon: "keyboard", label: t("shortcuts"), hint: `${commandKey} /`, act: means.sheet },
    { icon: "arrow-down", label: t("toField"), act: means.write },
  ];
  return all.filter((one) => one !== false && one !== null);
}

/**
 * A button of the page, offered under its own name while it is there.
 *
 * @param {HTMLElement} app
 * @param {string} selector
 * @param {string} icon
 * @returns {Choice | null}
 */
function pressed(app, selector, icon) {
  const button = /** @type {HTMLElement | null} */ (app.querySelector(selector));
  if (!button || button.hidden) return null;
  return { icon, label: button.getAttribute("aria-label") ?? "", act: () => press(app, selector) };
}

/**
 * @param {HTMLElement} app
 * @param {string} selector
 */
function press(app, selector) {
  /** @type {HTMLElement | null} */ (app.querySelector(selector))?.click();
}

/** @param {Means} means */
function notifying({ settings, notice }) {
  if (!("Notification" in globalThis)) return null;
  const { notify } = settings.local;
  const act = async () => {
    const allowed = notify || (await Notification.requestPermission()) === "granted";
    settings.local = { notify: !notify && allowed };
    if (!allowed) notice(t("notifyDenied"));
  };
  return { icon: "bell", label: t("notify"), selected: notify, act };
}

/** @param {HTMLElement} app */
function settingsPage(app) {
  const link = /** @type {HTMLAnchorElement | null} */ (app.querySelector("a[data-do=settings], .lc-sidebar a[href$='settings/']"));
  return link ? { icon: "settings", label: t("settings"), act: () => link.click() } : null;
}

/**
 * @param {HTMLElement} app
 * @param {Means} means
 * @returns {Choice[]}
 */
function conversations(app, { open }) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (app.querySelectorAll("llmchat-list li[data-id]"))].map((item) => ({
    icon: "message-square",
    label: item.querySelector("a")?.textContent?.trim() || t("untitled"),
    act: () => open(item.dataset.id ?? null),
  }));
}

/**
 * @param {HTMLElement} app
 * @param {Means} means
 * @returns {Choice[]}
 */
function models(app, { models }) {
  return models.models
    .filter(({ available }) => available)
    .map(({ name, label, provider }) => ({ icon: "bot", label: t("modelIs", { name: label }), hint: provider, words: name, selected: name === models.chosen?.name, act: () => announce(app, "model", name) }));
}

/** @param {HTMLElement} app */
function searching(app) {
  const field = /** @type {HTMLInputElement | null} */ (app.querySelector("llmchat-search input"));
  if (!field) return null;
  return (/** @type {string} */ query) => {
    field.value = query;
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

/**
 * @param {string} text
 * @param {Means} means
 */
async function copy(text, { say, notice }) {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch {
    notice(t("copyFailed"));
  }
}
