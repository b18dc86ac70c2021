import assert from "node:assert/strict";
import { test } from "node:test";

import { facts, story } from "../../chat/static/llmchat/details.js";
import { useLabels } from "../../chat/static/llmchat/labels.js";

useLabels({ seconds: "{n} s", perSecond: "{n} tokens/s", wasRetried: "again after {seconds} s", wasAskedInstead: "{model} instead", wentOn: "broke at {at}", wentOnWith: "broke at {at}, then {model}", leftOut: "{n} left out" });

/**
 * @param {object} fields
 * @returns {any}
 */
const answer = (fields) => ({ id: "a", parent: "u", role: "assistant", text: "", reasoning: "", status: "complete", ...fields });

test("only what is known is told", () => {
  assert.deepEqual(facts(answer({})), []);
  const known = facts(answer({ model: "m", timings: { first_token: 500, total: 2500 }, usage: { prompt_tokens: 7, completion_tokens: 40, estimated: true }, cost: "0.00123" }));
  assert.deepEqual(known.map(([, value]) => value), ["m", "0.5 s", "2.5 s", "≈ 7", "≈ 40", "20 tokens/s", "$0.00123"]);
});

test("what happened on the way is told in order", () => {
  const events = [
    { kind: "context", left_out: 3 },
    { kind: "queued", position: 1 },
    { kind: "retrying", seconds: 2.4, attempt: 2 },
    { kind: "fallback", model: "b" },
    { kind: "failover", at: 120, from: "b", to: "c" },
    { kind: "failover", at: 150, from: "c", to: "c" },
    { kind: "unheard of" },
  ];
  assert.deepEqual(story(answer({ events })), ["3 left out", "again after 2 s", "b instead", "broke at 120, then c", "broke at 150"]);
});
