import assert from "node:assert/strict";
import { test } from "node:test";

import { crc32 } from "../../chat/static/llmchat/crc32.js";

test("agrees with zlib on the usual check value", () => {
  assert.equal(crc32("123456789"), 0xcbf43926);
});

test("covers the UTF-8 bytes, emoji included, as an unsigned number", () => {
  // zlib.crc32("Grüße 👩‍🚀".encode())
  assert.equal(crc32("Grüße 👩‍🚀"), 2263165503);
});

test("is the same in one piece and in many", () => {
  const pieces = ["a", "é", "👍", "\u2028", ""];
  assert.equal(pieces.reduce((crc, piece) => crc32(piece, crc), 0), crc32(pieces.join("")));
});
