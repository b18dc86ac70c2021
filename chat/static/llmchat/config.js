/** What the template tag hands over to the page. Imported before anything that shows a word. */

import { useLabels } from "./labels.js";

/**
 * @import {Preferences} from "./preferences.js"
 * @import {Csrf} from "./api.js"
 */

/**
 * @typedef {object} Config
 * @property {string} mount
 * @property {string} socket
 * @property {string} commands address to post to where no socket gets through
 * @property {string} watch address to follow from then
 * @property {string} conversations address of the list
 * @property {string} search
 * @property {string} page address of a conversation, with `{id}` in it
 * @property {string | null} conversation the one to open
 * @property {string} model the site's choice
 * @property {boolean} routed whether the address bar follows the conversation
 * @property {Partial<Preferences>} [preferences] where the server keeps them
 * @property {string} signIn
 * @property {string} signInNext the parameter that says where to go after it
 * @property {{id: string, name: string}} user
 * @property {Csrf} csrf
 * @property {string} messages address of the module that shows messages
 * @property {string} formulaStyles address of a style sheet
 * @property {string} panelStyles the same
 * @property {string} limits address of what is left of the budgets
 * @property {Record<string, string>} labels
 */

/** @type {Config} */
export const config = JSON.parse(document.querySelector("llmchat-app > script[type='application/json']")?.textContent ?? "{}");

useLabels(config.labels ?? {});
