/** A box over the page that takes the keyboard until it is closed, and gives it back. */

/**
 * @param {HTMLElement} app
 * @param {HTMLDialogElement} dialog
 */
export function openDialog(app, dialog) {
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement !== document.body) return;
    // What had the focus may be gone: it is never left nowhere.
    const back = before instanceof HTMLElement && before.isConnected && before !== document.body ? before : app.querySelector("textarea");
    back?.focus();
  });
  // A press beside it closes it.
  dialog.addEventListener("mousedown", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  app.append(dialog);
  dialog.showModal();
}
