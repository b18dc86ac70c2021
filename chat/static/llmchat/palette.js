/** The command palette: everything the page can do, found by typing a part of its name. */

import { chooser, matches } from "./chooser.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { t } from "./labels.js";

/** @import {Choice} from "./chooser.js" */


/** Conversations and models shown before anything was typed. */
const FEW = 5;
const MANY = 50;

/**
 * @param {HTMLElement} app
 * @param {{commands: Choice[], conversations: Choice[], models: Choice[], search: ((query: string) => void) | null}} what
 */
export function openPalette(app, { commands, conversations, models, search }) {
  /** @param {string} query */
  const choices = (query) => {
    if (!query) return [...commands, ...conversations.slice(0, FEW)];
    const found = [...commands, ...models, ...conversations].filter((choice) => matches(query, `${choice.label} ${choice.words ?? ""}`)).slice(0, MANY);
    const elsewhere = search ? [{ icon: "search", label: t("searchFor", { query }), act: () => search(query) }] : [];
    return [...found, ...elsewhere];
  };
  const { field, list, nothing } = chooser({
    label: t("palette"),
    placeholder: t("paletteHint"),
    choices,
    choose: ({ act }) => {
      dialog.close();
      act();
    },
  });
  const dialog = h("dialog", { class: "lc-dialog lc-palette", "aria-label": t("palette") }, field, list, nothing);
  openDialog(app, dialog);
  field.focus();
}
