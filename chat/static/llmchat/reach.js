/** What the reader is told of the connection: nothing, unless it matters. */

import { config } from "./config.js";
import { t } from "./labels.js";

/**
 * @import {Notices} from "./notices.js"
 * @import {ChatSocket} from "./socket.js"
 */

/** Nobody has to know of a connection that comes back within this time. */
const QUIET = 1_500;

/**
 * @param {ChatSocket} socket
 * @param {Notices} notices
 */
export function tellOf(socket, notices) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  socket.addEventListener("state", () => {
    const { state } = socket;
    if (state === "offline" || state === "connecting") {
      // Attempts that fail quickly do not put the sentence off.
      timer ??= setTimeout(() => notices.show("offline", t("offline")), QUIET);
      return;
    }
    clearTimeout(timer);
    timer = undefined;
    if (state === "ready") for (const name of ["offline", "signed-out", "forbidden", "too-many"]) notices.hide(name);
    else if (state === "signed-out") offerSignIn(notices);
    else if (state === "forbidden" || state === "too-many") notices.show(state, t(state));
  });
  socket.addEventListener("error", (event) => notices.show("error", /** @type {CustomEvent} */ (event).detail.message));
}

/** @param {Notices} notices */
export function offerSignIn(notices) {
  const address = new URL(config.signIn, location.href);
  address.searchParams.set(config.signInNext, location.pathname + location.search);
  notices.hide("refused");
  notices.show("signed-out", t("signedOut"), { label: t("signIn"), href: address.href });
}
