/** What comes after the page is there: styles of what opens over it, sentences for everybody, budgets. */

import { showBanners } from "./banner.js";
import { Budgets } from "./budget.js";
import { config } from "./config.js";
import { addStyles } from "./dom.js";

/**
 * @import {Chat} from "./chat.js"
 * @import {Notices} from "./notices.js"
 */

/**
 * @param {HTMLElement} app
 * @param {Chat} chat
 * @param {Notices} notices
 */
export function addExtras(app, chat, notices) {
  addStyles(config.panelStyles);
  showBanners(app, `llmchat:${config.mount}:banners`);
  const budgets = new Budgets(/** @type {HTMLElement} */ (app.querySelector(".lc-sidebar")), notices);
  budgets.refresh();
  chat.addEventListener("ended", () => budgets.refresh());
}
