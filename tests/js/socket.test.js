import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { crc32 } from "../../chat/static/llmchat/crc32.js";
import { ChatSocket } from "../../chat/static/llmchat/socket.js";
import { FakeServer } from "./fake_server.js";

const C = "11111111-1111-4111-8111-111111111111";
const U = "22222222-2222-4222-8222-222222222222";
const A = "33333333-3333-4333-8333-333333333333";

/** @type {FakeServer} */
let server;
/** @type {ChatSocket} */
let chat;
/** @type {[string, any][]} */
let seen;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  server = new FakeServer();
  chat = new ChatSocket("ws://test/ws/", { WebSocket: /** @type {any} */ (server.WebSocket), random: () => 1 });
  seen = [];
  for (const type of ["begin", "text", "snapshot", "event", "end", "mismatch", "error", "lost"]) {
    chat.addEventListener(type, (event) => seen.push([type, /** @type {CustomEvent} */ (event).detail]));
  }
  chat.connect();
  server.ready();
});

test.afterEach(() => mock.timers.reset());

const begin = (fields = {}) => ({ type: "begin", generation: 7, n: 0, message: A, conversation: C, model: "m", text_length: 0, crc32: 0, ...fields });

/**
 * @param {number} n
 * @param {string} text the whole
 */
const end = (n, text, fields = {}) => ({
  type: "end",
  generation: 7,
  n,
  message: A,
  conversation: C,
  status: "complete",
  finish_reason: "stop",
  text_length: text.length,
  crc32: crc32(text),
  usage: null,
  cost: null,
  timings: {},
  error: null,
  reason: null,
  ...fields,
});

const held = () => chat.generations.byId.get(7);
const types = () => seen.map(([type]) => type);
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Watch a conversation in which answer 7 is being written. */
function watching() {
  chat.watch(C, [7]);
  server.heard();
  server.say({ type: "watching", conversation: C, revision: 1, live: [7] }, begin());
}

test("asks to watch with what it holds: nothing of a running answer", () => {
  chat.watch(C, [7]);
  assert.deepEqual(server.heard(), [{ type: "watch", id: C, conversation: C, seen: { 7: -1 } }]);
});

test("puts the text together, and ends when number, length and checksum fit", () => {
  watching();
  server.say([7, 1, "Hel"], [7, 2, "lo 👋"], [7, 3, "hm", "r"], end(4, "Hello 👋"));
  assert.equal(held()?.text, "Hello 👋");
  assert.equal(held()?.reasoning, "hm");
  assert.equal(held()?.end?.status, "complete");
  assert.deepEqual(types(), ["begin", "text", "text", "text", "end"]);
});

test("drops what it has already and a second begin", () => {
  watching();
  server.say([7, 1, "a"], [7, 1, "a"], begin(), [7, 2, "b"], [7, 1, "a"]);
  assert.equal(held()?.text, "ab");
});

test("asks again from where it stands when a frame is missing, once", () => {
  watching();
  server.say([7, 1, "a"], [7, 3, "c"], [7, 4, "d"]);
  assert.deepEqual(server.heard("watch"), [{ type: "watch", id: C, conversation: C, seen: { 7: 1 } }]);
  server.say([7, 2, "b"], [7, 3, "c"], [7, 4, "d"]);
  assert.equal(held()?.text, "abcd");
});

test("while it waits for what is missing it does not ask again, and after a cut it does", () => {
  watching();
  server.say([7, 1, "a"], [7, 3, "c"], [7, 4, "d"], [7, 5, "e"]);
  mock.timers.tick(29_000);
  assert.equal(server.heard("watch").length, 1);
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.equal(server.heard("watch").length, 1);
  server.say([7, 4, "d"]);
  mock.timers.tick(1_000);
  assert.deepEqual(server.heard("watch"), [{ type: "watch", id: C, conversation: C, seen: { 7: 1 } }]);
});

test("a snapshot always replaces, also with a lower number", () => {
  watching();
  server.say([7, 1, "a"], [7, 2, "b"], { type: "snapshot", generation: 7, n: 1, message: A, text: "X", reasoning: "r", events: [], state: "running" }, [7, 2, "Y"]);
  assert.equal(held()?.text, "XY");
  assert.equal(held()?.last, 2);
});

test("an end with another checksum is reported, and repaired by a snapshot", () => {
  watching();
  server.say([7, 1, "abc"], end(2, "abd"));
  assert.deepEqual(types(), ["begin", "text", "mismatch"]);
  assert.equal(seen.at(-1)?.[1].because, "checksum");
  assert.deepEqual(server.heard("watch"), [{ type: "watch", id: C, conversation: C, seen: { 7: -1 }, because: "checksum" }]);
  server.say({ type: "snapshot", generation: 7, n: 1, message: A, text: "abd", reasoning: "", events: [], state: "complete" }, end(2, "abd"));
  assert.equal(held()?.text, "abd");
  assert.equal(held()?.end?.status, "complete");
});

test("an end whose number is not the next is never dropped: the gap is repaired", () => {
  watching();
  server.say([7, 1, "abc"], end(5, "abc"));
  assert.deepEqual(server.heard("watch"), [{ type: "watch", id: C, conversation: C, seen: { 7: -1 }, because: "gap" }]);
  server.say(begin(), { type: "snapshot", generation: 7, n: 4, message: A, text: "abc", reasoning: "", events: [], state: "complete" }, end(5, "abc"));
  assert.equal(held()?.end?.n, 5);
});

test("a repair that does not help is not tried without a pause", () => {
  watching();
  server.say([7, 1, "abc"], end(2, "abd"));
  server.heard();
  for (const wait of [1_000, 2_000, 4_000]) {
    server.say({ type: "snapshot", generation: 7, n: 1, message: A, text: "abc", reasoning: "", events: [], state: "complete" }, end(2, "abd"));
    assert.deepEqual(server.heard("watch"), []);
    mock.timers.tick(wait);
    assert.equal(server.heard("watch").length, 1);
  }
});

test("a repeated end that fits is ignored, one that does not is checked", () => {
  watching();
  server.say([7, 1, "abc"], end(2, "abc"), end(2, "abc"));
  assert.deepEqual(types(), ["begin", "text", "end"]);
  server.say(end(2, "abd"));
  assert.equal(types().at(-1), "mismatch");
});

test("an end is the end also of an answer of which nothing else was seen", () => {
  chat.watch(C, [7]);
  server.say(end(1, ""));
  assert.deepEqual(types(), ["mismatch"]);
  server.say({ type: "snapshot", generation: 7, n: 0, message: A, text: "", reasoning: "", events: [], state: "error" }, end(1, "", { status: "error" }));
  assert.equal(held()?.end?.status, "error");
});

test("a continuation goes on from the text that the message holds", () => {
  chat.adopt(A, "Once upon", "thought");
  chat.watch(C, [7]);
  server.say(begin({ text_length: 9, crc32: crc32("Once upon") }), [7, 1, " a time"], end(2, "Once upon a time"));
  assert.equal(held()?.text, "Once upon a time");
  assert.equal(held()?.reasoning, "thought");
});

test("a continuation goes on from an answer that was seen to end", () => {
  watching();
  server.say([7, 1, "Once"], end(2, "Once", { status: "stopped" }));
  server.heard();
  server.say(begin({ generation: 8, text_length: 4, crc32: crc32("Once") }), [8, 1, " more"]);
  assert.equal(chat.generations.byId.get(8)?.text, "Once more");
  assert.deepEqual(server.heard("watch"), []);
});

test("a continuation of a text that is not known here is asked for whole", () => {
  chat.watch(C, [7]);
  server.heard();
  server.say(begin({ text_length: 9, crc32: crc32("Once upon") }), [7, 1, " a time"]);
  assert.deepEqual(server.heard("watch"), [{ type: "watch", id: C, conversation: C, seen: { 7: -1 }, because: "checksum" }]);
  assert.equal(held()?.text, "");
});

test("the first answer of a message begins with nothing, though what continued it is known", () => {
  chat.adopt(A, "Once upon a time", "thought");
  chat.watch(C, [7]);
  server.heard();
  server.say(begin(), [7, 1, "Once"], end(2, "Once", { status: "stopped" }));
  assert.deepEqual(types(), ["begin", "text", "end"]);
  assert.equal(held()?.text, "Once");
  assert.equal(held()?.reasoning, "");
  assert.deepEqual(server.heard("watch"), []);
});

test("an answer that begins anew after a cut does not keep what came of it before", () => {
  watching();
  server.say([7, 1, "abc"], end(2, "abd"));
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard("watch")[0].seen, { 7: -1 });
  server.say(begin(), [7, 1, "abd"], end(2, "abd"));
  assert.equal(held()?.text, "abd");
  assert.equal(held()?.end?.status, "complete");
});

test("after a cut it asks for what is missing, and not for what has ended", () => {
  watching();
  server.say([7, 1, "a"], [7, 2, "b"]);
  chat.generations.open(8, C);
  server.say(end(1, "", { generation: 8, message: U, status: "error" }));
  server.cut();
  mock.timers.tick(500);
  assert.deepEqual(server.heard(), []);
  server.ready();
  assert.deepEqual(server.heard("watch")[0].seen, { 7: 2, 8: -1 });
  server.say([7, 3, "c"], end(4, "abc"));
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.equal(Object.hasOwn(server.heard("watch")[0].seen, "7"), false);
});

test("a command without an answer is given to the next connection with the same id", async () => {
  const accepted = chat.send({ conversation: null, text: "Hi" });
  const [first] = server.heard("send");
  server.cut();
  mock.timers.tick(500);
  server.ready();
  const [second] = server.heard("send");
  assert.deepEqual(second, first);
  server.say({ type: "accepted", id: first.id, conversation: C, user_message: U, assistant_message: A, generation: 7, duplicate: true });
  assert.equal((await accepted).conversation, C);
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard("send"), []);
});

test("commands given while offline go out in order once it is back", () => {
  server.cut();
  const ids = ["a", "b"].map((text) => {
    const id = crypto.randomUUID();
    chat.send({ id, conversation: C, text });
    return id;
  });
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard("send").map(({ id }) => id), ids);
});

test("the sender watches the conversation it began", () => {
  chat.send({ conversation: null, text: "Hi" });
  const [{ id }] = server.heard("send");
  server.say({ type: "accepted", id, conversation: C, user_message: U, assistant_message: A, generation: 7, duplicate: false }, begin(), [7, 1, "a"]);
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard("watch"), [{ type: "watch", id: C, conversation: C, seen: { 7: 1 } }]);
});

test("a refusal reaches who asked, with its code", async () => {
  const asked = chat.regenerate({ message: A });
  const [{ id }] = server.heard("regenerate");
  server.say({ type: "error", id, code: "busy", message: "Still writing.", retry_after: 3 });
  await assert.rejects(asked, { code: "busy", message: "Still writing.", retryAfter: 3 });
  assert.deepEqual(seen, []);
});

test("a server that is going away answers nothing: the next one gets the command", async () => {
  let answered = false;
  chat.send({ conversation: null, text: "Hi" }).finally(() => (answered = true));
  const [{ id }] = server.heard("send");
  server.say({ type: "error", id, code: "shutting_down", message: "…" });
  await settle();
  assert.equal(answered, false);
  server.cut(4012);
  mock.timers.tick(500);
  server.ready();
  assert.equal(server.heard("send")[0].id, id);
});

test("a message that does not fit into a frame is refused before it is sent", async () => {
  await assert.rejects(chat.send({ conversation: null, text: "x".repeat(200_000) }), { code: "too_large" });
  assert.deepEqual(server.heard(), []);
});

test("an error that answers nothing is told", () => {
  server.say({ type: "error", code: "internal", message: "Oh." });
  assert.equal(seen[0][1].message, "Oh.");
});

test("a conversation that is gone is no longer watched", () => {
  chat.watch(C);
  server.say({ type: "error", id: C, code: "not_found", message: "…" });
  assert.deepEqual(seen, [["lost", { conversation: C, code: "not_found" }]]);
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard(), []);
});

test("a watch that the server could not serve is tried again when it says", () => {
  chat.watch(C);
  server.heard();
  server.say({ type: "error", id: C, code: "unavailable", message: "…", retry_after: 5 });
  mock.timers.tick(4_999);
  assert.deepEqual(server.heard(), []);
  mock.timers.tick(1);
  assert.equal(server.heard("watch").length, 1);
});

test("stop is repeated on the next connection until the answer has ended", () => {
  watching();
  chat.stop(7);
  assert.deepEqual(server.heard(), [{ type: "stop", generation: 7 }]);
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard("stop"), [{ type: "stop", generation: 7 }]);
  server.say(end(1, "", { status: "stopped", reason: "user" }));
  server.cut();
  mock.timers.tick(500);
  server.ready();
  assert.deepEqual(server.heard("stop"), []);
});

test("acknowledges after sixteen frames, with what it has applied", async () => {
  watching();
  for (let n = 1; n <= 14; n += 1) server.say([7, n, "x"]);
  await settle();
  assert.deepEqual(server.heard("ack"), []);
  server.say([7, 15, "x"]);
  await settle();
  assert.deepEqual(server.heard("ack"), [{ type: "ack", seen: { 7: 15 } }]);
});

test("acknowledges after sixteen KiB, counted in UTF-8", async () => {
  watching();
  server.say([7, 1, "漢".repeat(5_500)]);
  await settle();
  assert.deepEqual(server.heard("ack"), [{ type: "ack", seen: { 7: 1 } }]);
});

test("acknowledges after a second at the latest", () => {
  watching();
  server.say([7, 1, "x"]);
  mock.timers.tick(999);
  assert.deepEqual(server.heard("ack"), []);
  mock.timers.tick(1);
  assert.deepEqual(server.heard("ack"), [{ type: "ack", seen: { 7: 1 } }]);
});

test("owes a new connection no acknowledgement", () => {
  watching();
  server.say([7, 1, "x"]);
  server.cut();
  mock.timers.tick(500);
  server.ready();
  mock.timers.tick(1_000);
  assert.deepEqual(server.heard("ack"), []);
});

test("leaves a conversation and forgets its answers", () => {
  watching();
  chat.unwatch(C);
  assert.deepEqual(server.heard().map(({ type }) => type), ["ack", "unwatch"]);
  server.say([7, 1, "x"]);
  assert.deepEqual(types(), ["begin"]);
});

test("what it cannot understand changes nothing", () => {
  watching();
  server.socket.onmessage?.({ data: "{" });
  server.say({ type: "constructor" }, { type: "news" }, [99, 1, "x"], null, 5);
  assert.equal(held()?.text, "");
});

test("ten thousand tokens over a socket cut every few frames arrive once each", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const tokens = Array.from({ length: 10_000 }, (_, n) => ["é", "👍🏽", "\u2028", " ", `${n}`][n % 5]);
  const whole = tokens.join("");
  watching();
  let at = 0;
  let cuts = 0;
  while (!held()?.end) {
    const chance = random();
    if (chance < 0.02) {
      cuts += 1;
      server.cut();
      mock.timers.tick(500);
      server.ready();
      at = server.heard("watch")[0].seen[7];
      if (at < 0) server.say(begin());
    } else if (chance < 0.04) {
      at = Math.max(0, at - Math.floor(random() * 5));
    } else if (at < tokens.length) {
      at += 1;
      server.say([7, at, tokens[at - 1]]);
    } else {
      server.say(end(at + 1, whole));
    }
    mock.timers.tick(1);
  }
  assert.ok(cuts >= 150, `${cuts} cuts`);
  assert.equal(held()?.text, whole);
  assert.equal(types().filter((type) => type === "mismatch").length, 0);
});
