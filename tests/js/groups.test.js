import assert from "node:assert/strict";
import { test } from "node:test";

import { grouped } from "../../chat/static/llmchat/groups.js";

const NOW = new Date(2026, 10, 24, 0, 15);

/** @param {[number, number, number, number?]} day year, month, day, hour of the reader's calendar */
const at = (...day) => new Date(day[0], day[1] - 1, day[2], day[3] ?? 12).toISOString();

/**
 * @param {string} updated
 * @param {boolean} [pinned]
 */
const summary = (updated, pinned = false) => ({ id: updated, title: "", revision: 0, state: "idle", updated, pinned });

/** @param {string} updated */
const keyOf = (updated) => grouped([summary(updated)], NOW, "en")[0].key;

test("goes by the reader's calendar, not by hours", () => {
  assert.equal(keyOf(at(2026, 11, 24, 0)), "today");
  assert.equal(keyOf(at(2026, 11, 23, 23)), "yesterday");
  assert.equal(keyOf(at(2026, 11, 22, 23)), "week");
});

test("has a week, a month, and then each month for itself", () => {
  assert.equal(keyOf(at(2026, 11, 17)), "week");
  assert.equal(keyOf(at(2026, 11, 16)), "month");
  assert.equal(keyOf(at(2026, 10, 25)), "month");
  assert.equal(keyOf(at(2026, 10, 24)), "2026-10");
  assert.equal(grouped([summary(at(2025, 10, 1))], NOW, "en")[0].label, "October 2025");
});

test("a clock that is ahead of ours does not make a day of its own", () => {
  assert.equal(keyOf(at(2026, 11, 25)), "today");
});

test("pinned ones come first, the newest on top in every group", () => {
  const groups = grouped([summary(at(2026, 11, 1)), summary(at(2020, 1, 1), true), summary(at(2026, 11, 23)), summary(at(2026, 11, 2))], NOW);
  assert.deepEqual(groups.map(({ key }) => key), ["pinned", "yesterday", "month"]);
  assert.deepEqual(groups[2].summaries.map(({ updated }) => updated), [at(2026, 11, 2), at(2026, 11, 1)]);
});

test("a change of the clocks moves nothing", () => {
  const spring = new Date(2026, 2, 30, 1);
  assert.equal(grouped([summary(at(2026, 3, 29, 1))], spring)[0].key, "yesterday");
});
