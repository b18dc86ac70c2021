/** The address bar: what it names, and how it follows the conversation that is open. */

import { config } from "./config.js";

/** The conversation that the address names. */
export function addressed() {
  const [before, after] = config.page.split("{id}");
  const { pathname } = location;
  return pathname.startsWith(before) && pathname.endsWith(after) ? pathname.slice(before.length, -after.length) : null;
}

/** The message that the address names. */
export function addressedMessage() {
  return /^#message-([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;
}

/**
 * @param {string | null} id of the conversation gone to, null for a new one
 * @param {string | null} message
 */
export function goTo(id, message) {
  if (!config.routed) return;
  const hash = message ? `#message-${message}` : "";
  history.pushState(null, "", id ? config.page.replace("{id}", id) + hash : config.mount);
}

/** @param {string} id of the open one, which is new */
export function nowAt(id) {
  if (config.routed) history.replaceState(null, "", config.page.replace("{id}", id));
}

export function socketAddress() {
  const address = new URL(config.socket, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}
