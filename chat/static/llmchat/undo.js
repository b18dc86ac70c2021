/** Archiving and deleting, both of which can be taken back for a while. Fetched when one is asked for. */

import { t } from "./labels.js";

/**
 * @import {Changes, Summary, Api} from "./api.js"
 * @import {ListElement} from "./list.js"
 * @import {Notices} from "./notices.js"
 * @import {ChatError} from "./commands.js"
 */

/**
 *
 * @typedef {object} Desk what this needs of the page
 * @property {ListElement} list
 * @property {Api} api
 * @property {Notices} notices
 * @property {(error: unknown, otherwise: string) => void} complain
 * @property {(id: string) => void} deleted the offer to take it back has passed
 */

/** How long taking back is offered, in milliseconds; the server can do it for longer. */
const OFFERED = 8_000;

/**
 * @param {Desk} desk
 * @param {string} id
 * @param {boolean} archived
 */
export async function archive(desk, id, archived) {
  const before = desk.list.get(id);
  desk.list.drop(id);
  try {
    await desk.api.change(id, { archived });
  } catch (error) {
    if (before) desk.list.put(before);
    return desk.complain(error, "notSaved");
  }
  const undo = () => back(desk, id, { archived: !archived }, before, "archived");
  desk.notices.show("archived", t(archived ? "archived" : "unarchived"), { label: t("undo"), act: undo }, OFFERED);
}

/**
 * Take a conversation away, at once and everywhere; the server keeps it for a while.
 *
 * @param {Desk} desk
 * @param {string} id
 * @param {() => void} undone
 */
export async function remove(desk, id, undone) {
  const before = desk.list.get(id);
  desk.list.drop(id);
  try {
    await desk.api.change(id, { deleted: true });
  } catch (error) {
    if (before) desk.list.put(before);
    if (/** @type {ChatError} */ (error).code !== "not_found") desk.complain(error, "notDeleted");
    return;
  }
  const forgetting = setTimeout(() => desk.deleted(id), OFFERED);
  const undo = async () => {
    clearTimeout(forgetting);
    if (await back(desk, id, { deleted: false }, before, "deleted")) undone();
  };
  desk.notices.show("deleted", t("deleted"), { label: t("undo"), act: undo }, OFFERED);
}

/**
 * @param {Desk} desk
 * @param {string} id
 * @param {Changes} changes
 * @param {Summary | undefined} before
 * @param {string} subject of the notice that offered it
 */
async function back(desk, id, changes, before, subject) {
  desk.notices.hide(subject);
  try {
    await desk.api.change(id, changes);
  } catch (error) {
    desk.complain(error, "notSaved");
    return false;
  }
  if (before && Boolean(before.archived) === desk.list.archived) desk.list.put(before);
  return true;
}
