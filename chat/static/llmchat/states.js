/** What a message's state is called on the page, and the one thing to do about it. */

import { t } from "./labels.js";

/** @import {Message} from "./conversation.js" */

/**
 * @typedef {{kind: "waiting" | "note" | "error", text: string, action?: "continue" | "regenerate" | "other-model", reference?: string}} Shown
 */

/** Errors that the same model would answer with again. */
const LASTING = new Set(["model_unavailable", "upstream_auth", "context_too_long", "content_filtered"]);
/** Errors after which asking again is of no use now. */
const FINAL = new Set(["budget_exhausted"]);

/** Why an answer was stopped; anything else was the user. */
const REASONS = new Set(["admin", "abandoned", "answer_cap", "suspended"]);

/**
 * While nothing of an answer has come.
 *
 * @param {Message} message
 * @param {boolean} patient whether it is too early for words
 * @returns {Shown}
 */
export function waiting(message, patient) {
  const event = message.events?.at(-1);
  // What says more than that it takes a while is said at once.
  if (event?.kind === "queued" && event.position > 0) return { kind: "waiting", text: t("queuedBehind", { n: event.position }) };
  if (event?.kind === "retrying") return { kind: "waiting", text: t("retrying", { seconds: Math.max(1, Math.round(event.seconds ?? 1)) }) };
  if (event?.kind === "fallback") return { kind: "waiting", text: t("fallback") };
  const texts = /** @type {Record<string, string>} */ ({ sending: t("sending"), queued: event ? t("waiting") : t("queued") });
  return { kind: "waiting", text: patient ? "" : (texts[message.status] ?? t("waiting")) };
}

/**
 * What would else be taken for a whole answer.
 *
 * @param {Message} message that is complete
 * @returns {Shown | null}
 */
function incomplete({ text, reasoning, finish_reason }) {
  if (finish_reason === "length") return { kind: "note", text: t("cutAtLength") };
  if (finish_reason === "content_filter") return { kind: "note", text: t("cutByFilter") };
  return reasoning && !text ? { kind: "note", text: t("onlyThought") } : null;
}

/**
 * Once an answer has ended in any way but well.
 *
 * @param {Message} message
 * @param {{last: boolean}} place
 * @returns {Shown | null}
 */
export function outcome(message, { last }) {
  if (message.role !== "assistant") return null;
  if (message.status === "complete") return incomplete(message);
  const reference = message.error?.reference ?? "";
  if (message.status === "error") {
    const code = message.error?.code ?? "";
    const text = message.error?.message || t("failed");
    if (FINAL.has(code)) return { kind: "error", text, reference };
    return { kind: "error", text, action: LASTING.has(code) ? "other-model" : "regenerate", reference };
  }
  const action = last ? /** @type {const} */ ({ action: "continue" }) : {};
  if (message.status === "interrupted") {
    return { kind: "note", text: message.error?.message || t("interrupted"), ...action, reference };
  }
  const reason = message.reason ?? "";
  return { kind: "note", text: t(REASONS.has(reason) ? `stopped_${reason}` : "stopped"), ...action };
}
