import assert from "node:assert/strict";
import { test } from "node:test";

import { steady } from "../../chat/static/llmchat/steady.js";

test("what may turn out to be anything waits for what follows it", () => {
  for (const tail of ["\n-", "\n   -", "\n1.", "\n> *", "\n```", "\n===", "\n| --- | :--", "\n#", "\n$$", "\n   12"]) {
    assert.equal(steady(`some text${tail}`, false), "some text", JSON.stringify(tail));
  }
  for (const tail of ["[a", "[a link]", "[a link](", "![a chart](https://x.example/p", "\\(x_1"]) {
    assert.equal(steady(`some ${tail}`, false), "some ", tail);
  }
});

test("a cell of a table is shown when it is complete", () => {
  assert.equal(steady("| a | b |\n|---|---|\n| 1 | 2", false), "| a | b |\n|---|---|\n| 1 |");
  assert.equal(steady("| a | b |\n|---|---|\n| 1 | 2 |", false), "| a | b |\n|---|---|\n| 1 | 2 |");
  assert.equal(steady("x\n| a", true), "x\n| a");
});

test("what is clear is shown", () => {
  for (const text of ["- a", "text\n- a", "[a](https://x.example)", "\\(x\\)", "a\n\n", "$5", "x\n1. y", "a [1] b", "```\nx"]) {
    assert.equal(steady(text, false), text);
  }
  assert.equal(steady("x = [1, 2", true), "x = [1, 2");
});

test("what is shown is always the beginning of what was said, and never far behind", () => {
  const text = "# a\n\n- [x](y)\n- \\(z\\)\n\n| a |\n|---|\n| ".repeat(20);
  for (let length = 0; length <= text.length; length += 1) {
    const prefix = text.slice(0, length);
    const shown = steady(prefix, false);
    assert.ok(prefix.startsWith(shown));
    assert.ok(length - shown.length < 40);
  }
});
