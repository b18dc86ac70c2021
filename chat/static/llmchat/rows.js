/** What can be done with a row of the list: its menu, renaming in place, the keys. Fetched when somebody is near. */

import { announce } from "./dom.js";
import { titleField } from "./editable.js";
import { t } from "./labels.js";
import { openMenu } from "./menu.js";

/** @import {ListElement} from "./list.js" */


/**
 * @param {ListElement} list
 * @param {string} id
 * @param {HTMLElement} anchor
 */
export function openRowMenu(list, id, anchor) {
  const { pinned = false } = list.get(id) ?? {};
  const { archived } = list;
  openMenu(anchor, [
    { icon: "pencil", label: t("rename"), act: () => rename(list, id) },
    { icon: pinned ? "pin-off" : "pin", label: t(pinned ? "unpin" : "pin"), act: () => announce(list, "change", { id, changes: { pinned: !pinned } }) },
    { icon: archived ? "archive-restore" : "archive", label: t(archived ? "unarchive" : "archive"), act: () => announce(list, "archive", { id, archived: !archived }) },
    { icon: "trash-2", label: t("delete"), danger: true, act: () => announce(list, "delete", id) },
  ]);
}

/**
 * @param {ListElement} list
 * @param {string} id
 */
function rename(list, id) {
  const row = list.row(id);
  const summary = list.get(id);
  if (!row || !summary) return;
  list.renaming = id;
  const field = titleField(summary.title, (title, byKey) => {
    list.renaming = null;
    if (title) announce(list, "change", { id, changes: { title } });
    if (byKey) /** @type {HTMLElement | null} */ (row.querySelector("a"))?.focus();
  });
  row.replaceChildren(field);
}

/**
 * @param {ListElement} list
 * @param {string} id of the row in which the key was pressed
 * @param {string} key
 */
export function press(list, id, key) {
  const { links } = list;
  const at = links.findIndex((link) => link.parentElement?.dataset.id === id);
  if (key === "ArrowDown") links[at + 1]?.focus();
  else if (key === "ArrowUp") at === 0 ? announce(list, "above") : links[at - 1]?.focus();
  else if (key === "Home") links[0]?.focus();
  else if (key === "End") links.at(-1)?.focus();
  else if (key === "F2") rename(list, id);
  else if (key === "Delete") announce(list, "delete", id);
}
