/** Copying, and showing that it worked. */

import { announce } from "./dom.js";
import { t } from "./labels.js";

/** Milliseconds that the button shows it. */
const SHOWN = 1_500;

/**
 * @param {string} text
 * @param {HTMLElement} button
 */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a clipboard (no TLS, no permission) there is nothing to promise.
    announce(button, "notice", t("copyFailed"));
    return;
  }
  const use = button.querySelector("use");
  const before = use?.getAttribute("href") ?? "";
  if (before.endsWith("-check")) return;
  use?.setAttribute("href", "#llmchat-check");
  announce(button, "say", t("copied"));
  setTimeout(() => use?.setAttribute("href", before), SHOWN);
}
