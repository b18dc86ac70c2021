/** What there is to know of how an answer came about. */

import { h } from "./dom.js";
import { t } from "./labels.js";
import { drop } from "./popover.js";

/** @import {Message} from "./conversation.js" */


/**
 * @param {HTMLElement} anchor
 * @param {Message} message
 */
export function openDetails(anchor, message) {
  const box = h(
    "div",
    { class: "lc-details", popover: "auto", role: "dialog", tabindex: "-1", "aria-label": t("details") },
    h("dl", {}, ...facts(message).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    ...(story(message).length ? [h("ul", {}, ...story(message).map((line) => h("li", {}, line)))] : []),
  );
  box.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation());
  drop(box, anchor);
  box.focus();
}

/**
 * @param {Message} message
 * @returns {[string, string][]}
 */
export function facts({ model, timings, usage, cost }) {
  const { first_token: first, total } = timings ?? {};
  const { prompt_tokens: read, completion_tokens: written, estimated } = usage ?? {};
  const about = (/** @type {number} */ count) => `${estimated ? "≈ " : ""}${count.toLocaleString()}`;
  const writing = total && total > (first ?? 0) ? (total - (first ?? 0)) / 1_000 : 0;
  /** @type {([string, string] | false | "" | 0 | null | undefined)[]} */
  const all = [
    model && [t("model"), model],
    first !== undefined && [t("firstToken"), seconds(first)],
    total !== undefined && [t("duration"), seconds(total)],
    typeof read === "number" && [t("tokensRead"), about(read)],
    typeof written === "number" && [t("tokensWritten"), about(written)],
    typeof written === "number" && writing && [t("speed"), t("perSecond", { n: (written / writing).toLocaleString(undefined, { maximumFractionDigits: 0 }) })],
    cost && [t("cost"), Number(cost).toLocaleString(undefined, { style: "currency", currency: "USD", maximumSignificantDigits: 3 })],
  ];
  return all.filter((fact) => Array.isArray(fact));
}

/**
 * What happened on the way, in sentences.
 *
 * @param {Message} message
 */
export function story({ events = [] }) {
  return events.map(sentence).filter((line) => line !== "");
}

/** @param {Record<string, any>} event */
function sentence(event) {
  switch (event.kind) {
    case "retrying":
      return t("wasRetried", { seconds: Math.max(1, Math.round(event.seconds ?? 1)) });
    case "fallback":
      return t("wasAskedInstead", { model: event.model ?? "" });
    case "failover":
      return event.to === event.from ? t("wentOn", { at: event.at }) : t("wentOnWith", { at: event.at, model: event.to });
    case "context":
      return t("leftOut", { n: event.left_out ?? 0 });
    default:
      return "";
  }
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return t("seconds", { n: (milliseconds / 1_000).toLocaleString(undefined, { maximumFractionDigits: milliseconds < 1_000 ? 2 : milliseconds < 10_000 ? 1 : 0 }) });
}
