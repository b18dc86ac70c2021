import assert from "node:assert/strict";
import { test } from "node:test";

import { useLabels } from "../../chat/static/llmchat/labels.js";
import { outcome, waiting } from "../../chat/static/llmchat/states.js";

useLabels({ queuedBehind: "{n} ahead of you", retrying: "Retrying in {seconds} s" });

/**
 * @param {object} fields
 * @returns {any}
 */
const answer = (fields) => ({ id: "a", parent: "u", role: "assistant", text: "", reasoning: "", status: "running", ...fields });

test("the first second is silent, unless there is something to say", () => {
  assert.equal(waiting(answer({}), true).text, "");
  assert.equal(waiting(answer({}), false).text, "waiting");
  assert.equal(waiting(answer({ status: "sending" }), false).text, "sending");
  assert.equal(waiting(answer({ status: "queued" }), false).text, "queued");
  assert.equal(waiting(answer({ events: [{ kind: "queued", position: 2 }] }), true).text, "2 ahead of you");
  assert.equal(waiting(answer({ events: [{ kind: "queued", position: 0 }] }), false).text, "waiting");
  assert.equal(waiting(answer({ events: [{ kind: "retrying", seconds: 2.6 }] }), true).text, "Retrying in 3 s");
  assert.equal(waiting(answer({ events: [{ kind: "fallback" }] }), true).text, "fallback");
});

test("only what did not end well is talked about", () => {
  assert.equal(outcome(answer({ status: "complete" }), { last: true }), null);
  assert.equal(outcome({ ...answer({ status: "complete" }), role: "user" }, { last: true }), null);
});

test("an answer that its provider cut short says so, and one that was only thought", () => {
  const text = (/** @type {object} */ fields) => outcome(answer({ status: "complete", text: "Half of it", ...fields }), { last: true })?.text;
  assert.equal(text({ finish_reason: "stop" }), undefined);
  assert.equal(text({ finish_reason: "length" }), "cutAtLength");
  assert.equal(text({ finish_reason: "content_filter" }), "cutByFilter");
  assert.equal(text({ reasoning: "Let me see" }), undefined);
  const thought = outcome(answer({ status: "complete", reasoning: "Let me see", finish_reason: "stop" }), { last: true });
  assert.deepEqual(thought, { kind: "note", text: "onlyThought" });
});

test("an error has its sentence, its reference and one button", () => {
  const error = { code: "upstream_timeout", message: "Refused.", reference: "ab12" };
  assert.deepEqual(outcome(answer({ status: "error", error }), { last: true }), {
    kind: "error",
    text: "Refused.",
    action: "regenerate",
    reference: "ab12",
  });
  assert.equal(outcome(answer({ status: "error", error: null }), { last: true })?.text, "failed");
  const button = (/** @type {string} */ code) => outcome(answer({ status: "error", error: { ...error, code } }), { last: true })?.action;
  assert.deepEqual(["upstream_error", "upstream_auth", "model_unavailable", "budget_exhausted"].map(button), ["regenerate", "other-model", "other-model", undefined]);
});

test("what was stopped or cut off can be continued where it is the last", () => {
  assert.equal(outcome(answer({ status: "stopped", reason: "user" }), { last: true })?.action, "continue");
  assert.equal(outcome(answer({ status: "interrupted", reason: "crashed" }), { last: true })?.action, "continue");
  assert.equal(outcome(answer({ status: "interrupted" }), { last: false })?.action, undefined);
});

test("a stop says whose it was", () => {
  const texts = ["user", "admin", "abandoned", "answer_cap", "suspended", null].map((reason) => outcome(answer({ status: "stopped", reason }), { last: true })?.text);
  assert.deepEqual(texts, ["stopped", "stopped_admin", "stopped_abandoned", "stopped_answer_cap", "stopped_suspended", "stopped"]);
});
