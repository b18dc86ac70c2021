/** All keys on one sheet; loaded when it is asked for. */

import { openDialog } from "./dialog.js";
import { h, iconButton } from "./dom.js";
import { t } from "./labels.js";
import { commandKey, isApple } from "./shortcuts.js";

/**
 * @param {HTMLElement} app
 * @param {{enterKey: "enter" | "ctrl", singleKeys: boolean, useSingleKeys: (use: boolean) => void}} settings
 */
export function openSheet(app, { enterKey, singleKeys, useSingleKeys }) {
  const enter = [t("key_enter")];
  const withCommand = [commandKey, t("key_enter")];
  const newLine = [isApple ? "⇧" : t("key_shift"), t("key_enter")];
  /** @type {[string, string[][]][]} */
  const keys = [
    [t("palette"), [[commandKey, "K"]]],
    [t("shortcuts"), [[commandKey, "/"], ...(singleKeys ? [["?"]] : [])]],
    [t("newChat"), [[commandKey, isApple ? "⇧" : t("key_shift"), "O"]]],
    [t("send"), enterKey === "enter" ? [enter, withCommand] : [withCommand]],
    [t("newLine"), enterKey === "enter" ? [newLine] : [enter, newLine]],
    [t("stop"), [["Esc"]]],
    [t("editLast"), [["↑"]]],
    [t("toField"), [[isApple ? "⇧" : t("key_shift"), "Esc"]]],
  ];
  const box = h("input", { type: "checkbox", checked: singleKeys, onchange: () => useSingleKeys(box.checked) });
  const close = iconButton("x", t("close"), { onclick: () => dialog.close() });
  const dialog = h(
    "dialog",
    { class: "lc-dialog lc-sheet", "aria-label": t("shortcuts") },
    h("header", {}, h("h2", {}, t("shortcuts")), close),
    h("dl", {}, ...keys.flatMap(([what, ways]) => [h("dt", {}, what), h("dd", {}, ...ways.map(way))])),
    h("label", { class: "lc-check" }, box, t("singleKeys")),
  );
  openDialog(app, dialog);
  close.focus();
}

/** @param {string[]} keys pressed together */
function way(keys) {
  return h("span", {}, ...keys.map((key) => h("kbd", {}, key)));
}
