/** The row beneath a message: its versions at the left, then what can be done with it. */

import { isLive } from "./conversation.js";
import { h, iconButton } from "./dom.js";
import { t } from "./labels.js";

/** @import {Message} from "./conversation.js" */

/**
 * @typedef {object} Place of a message in the conversation
 * @property {number} version from 0
 * @property {string[]} versions ids of all of them
 * @property {boolean} last whether nothing follows it
 * @property {boolean} idle whether nothing is being written on this branch
 */

/**
 * What the row shows, in one word: it is made anew only when this changes.
 *
 * @param {Message} message
 * @param {Place} place
 */
export function rowKey(message, { version, versions, idle }) {
  const { role, status, text, feedback } = message;
  return `${version}/${versions.length} ${isLive(message)} ${idle} ${role} ${status} ${text === ""} ${feedback?.rating}`;
}

/**
 * @param {Message} message
 * @param {Place} place
 * @returns {HTMLElement[]}
 */
export function row(message, { version, versions, idle }) {
  const still = !isLive(message);
  const own = message.role === "user";
  /** @type {(HTMLElement | false)[]} */
  const parts = [
    versions.length > 1 && branches(version, versions.length),
    still && message.text !== "" && iconButton("copy", t("copy"), { "data-action": "copy" }),
    still && idle && own && iconButton("pencil", t("edit"), { "data-action": "edit" }),
    ...(still && !own && message.text ? thumbs(message.feedback?.rating ?? 0) : []),
    // The card of an error has this very button.
    still && idle && !own && message.status !== "error" && iconButton("refresh-cw", t("regenerate"), { "data-action": "regenerate" }),
    still && !own && iconButton("ellipsis", t("more"), { "data-action": "menu", "aria-haspopup": "menu", "aria-expanded": "false" }),
  ];
  return parts.filter((part) => part !== false);
}

/**
 * @param {number} version
 * @param {number} count
 */
function branches(version, count) {
  return h(
    "span",
    { class: "lc-branches", role: "group", "aria-label": t("versions") },
    iconButton("chevron-left", t("previousVersion"), { "data-action": "previous", disabled: version === 0 }),
    h("span", { role: "img", "aria-label": t("versionOf", { number: version + 1, count }) }, `${version + 1}/${count}`),
    iconButton("chevron-right", t("nextVersion"), { "data-action": "next", disabled: version === count - 1 }),
  );
}

/** @param {number} rating */
function thumbs(rating) {
  return [
    iconButton("thumbs-up", t("thumbUp"), { "data-action": "thumb-up", "aria-pressed": String(rating > 0) }),
    iconButton("thumbs-down", t("thumbDown"), { "data-action": "thumb-down", "aria-pressed": String(rating < 0) }),
  ];
}
