import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Chat } from "../../chat/static/llmchat/chat.js";
import { ChatError } from "../../chat/static/llmchat/commands.js";
import { crc32 } from "../../chat/static/llmchat/crc32.js";
import { ChatSocket } from "../../chat/static/llmchat/socket.js";
import { Store } from "../../chat/static/llmchat/store.js";
import { FakeServer } from "./fake_server.js";

const C = "11111111-1111-4111-8111-111111111111";

/** What the server would answer to reading the conversation. */
class FakeApi {
  /** @type {any} */
  detail = { title: "T", revision: 3, leaf: "a1", messages: [] };
  reads = 0;

  async read() {
    this.reads += 1;
    if (this.detail instanceof Error) throw this.detail;
    return structuredClone(this.detail);
  }
}

class FakeStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }
}

/** @type {FakeServer} */
let server;
/** @type {FakeApi} */
let api;
/** @type {Store} */
let store;
/** @type {Chat} */
let chat;
/** @type {[string, any][]} */
let told;

const settle = () => new Promise((resolve) => setImmediate(resolve));
const shown = () => chat.conversation.branch().map(({ role, text, status }) => [role, text, status]);
const events = () => told.map(([type]) => type);

/**
 * @param {string} id
 * @param {string | null} parent
 * @param {object} [fields]
 */
const message = (id, parent, fields = {}) => ({
  id,
  parent,
  role: id.startsWith("u") ? "user" : "assistant",
  text: `text of ${id}`,
  reasoning: "",
  status: "complete",
  generation: id.startsWith("a") ? Number(id.slice(1)) : null,
  error: null,
  reason: null,
  events: [],
  ...fields,
});

/** @param {object} [fields] */
const begin = (fields = {}) => ({ type: "begin", generation: 9, n: 0, message: "a9", conversation: C, model: "m", text_length: 0, crc32: 0, ...fields });

/**
 * @param {number} n
 * @param {string} text
 * @param {object} [fields]
 */
const end = (n, text, fields = {}) => ({
  type: "end", generation: 9, n, message: "a9", conversation: C, status: "complete", text_length: text.length, crc32: crc32(text), error: null, reason: null, ...fields,
});

/**
 * @param {string} id
 * @param {object} [fields]
 */
const accepted = (id, fields = {}) => ({ type: "accepted", id, conversation: C, user_message: "u9", assistant_message: "a9", generation: 9, duplicate: false, ...fields });

function start() {
  const socket = new ChatSocket("ws://test/ws/", { WebSocket: /** @type {any} */ (server.WebSocket), random: () => 0 });
  chat = new Chat(socket, /** @type {any} */ (api), store);
  told = [];
  for (const type of ["identified", "ended", "refused", "missing", "failed"]) {
    chat.addEventListener(type, (event) => told.push([type, /** @type {CustomEvent} */ (event).detail]));
  }
  socket.connect();
  server.ready();
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  Object.assign(globalThis, {
    requestAnimationFrame: (/** @type {() => void} */ draw) => Number(void queueMicrotask(draw)) || 1,
    cancelAnimationFrame: () => {},
    localStorage: new FakeStorage(),
    sessionStorage: new FakeStorage(),
  });
  server = new FakeServer();
  api = new FakeApi();
  store = new Store("test:");
  start();
});

test.afterEach(() => mock.timers.reset());

/** Open a conversation with one question answered. */
async function opened(fields = {}) {
  api.detail.messages = [message("u1", null), message("a1", "u1", fields)];
  await chat.open(C);
}

test("a new conversation: shown at once, named when accepted, growing, done", async () => {
  chat.send("Hi");
  assert.deepEqual(shown(), [["user", "Hi", "sending"], ["assistant", "", "sending"]]);
  const [{ id, conversation, text, parent }] = server.heard("send");
  assert.deepEqual([conversation, text, parent], [null, "Hi", undefined]);
  server.say(accepted(id));
  await settle();
  assert.equal(chat.conversation.id, C);
  server.say(begin(), [9, 1, "Hel"]);
  assert.deepEqual(shown(), [["user", "Hi", "complete"], ["assistant", "Hel", "running"]]);
  assert.ok(chat.running);
  server.say([9, 2, "lo"], end(3, "Hello"));
  assert.deepEqual(shown()[1], ["assistant", "Hello", "complete"]);
  assert.deepEqual(events(), ["identified", "ended"]);
  assert.equal(chat.running, false);
});

test("what follows is asked below the leaf that is shown", async () => {
  await opened();
  chat.send("More");
  assert.equal(server.heard("send")[0].parent, "a1");
});

test("a refused message goes back to who wrote it", async () => {
  await opened();
  chat.send("More");
  const [{ id }] = server.heard("send");
  server.say({ type: "error", id, code: "rate_limited", message: "Slowly." });
  await settle();
  assert.equal(shown().length, 2);
  assert.equal(told[0][1].text, "More");
  assert.equal(told[0][1].error.message, "Slowly.");
  assert.deepEqual(store.outbox, []);
});

test("a reload before the answer sends the same command again", async () => {
  chat.send("Hi");
  const [first] = server.heard("send");
  start();
  chat.resume();
  assert.deepEqual(shown()[0], ["user", "Hi", "sending"]);
  const [second] = server.heard("send");
  assert.deepEqual(second, first);
  server.say(accepted(second.id, { duplicate: true }), begin(), [9, 1, "Hello"], end(2, "Hello"));
  await settle();
  assert.deepEqual(store.outbox, []);
});

test("what was sent while the conversation was read is not sent twice", async () => {
  const reading = chat.open(C);
  chat.send("Hi");
  await reading;
  chat.resume();
  assert.equal(server.heard("send").length, 1);
  assert.equal(shown().filter(([, text]) => text === "Hi").length, 1);
});

test("two new chats that nobody has confirmed stay two", async () => {
  chat.send("one");
  await chat.open(null);
  chat.send("two");
  start();
  chat.resume();
  const [first, second] = server.heard("send").slice(-2);
  assert.deepEqual([first.text, second.text], ["one", "two"]);
  const other = "22222222-2222-4222-8222-222222222222";
  server.say(accepted(first.id), accepted(second.id, { conversation: other, user_message: "u8", assistant_message: "a8", generation: 8 }));
  await settle();
  assert.equal(chat.conversation.id, C);
  assert.deepEqual(shown().map(([, text]) => text), ["one", ""]);
});

test("a new chat that was left before it was accepted says which it has become", async () => {
  chat.send("Hi");
  const [{ id }] = server.heard("send");
  const left = chat.conversation;
  await chat.open(null);
  server.say(accepted(id));
  await settle();
  const [, became] = told.find(([type]) => type === "identified") ?? [];
  assert.equal(became, left);
  assert.equal(left.id, C);
  assert.equal(chat.conversation.id, null);
});

test("what is refused tells the conversation that it was meant for", async () => {
  await opened();
  const asked = chat.conversation;
  chat.send("More");
  const [{ id }] = server.heard("send");
  await chat.open(null);
  server.say({ type: "error", id, code: "rate_limited", message: "Slowly." });
  await settle();
  const [, refused] = told.find(([type]) => type === "refused") ?? [];
  assert.equal(refused.conversation, asked);
});

test("an edit that nobody has confirmed is given again after a reload", async () => {
  await opened();
  chat.edit("u1", "Better");
  const [first] = server.heard("edit");
  start();
  await opened();
  chat.resume();
  const again = server.heard("edit").at(-1);
  assert.deepEqual(again, first);
  assert.deepEqual(shown(), [["user", "Better", "sending"], ["assistant", "", "sending"]]);
  server.say(accepted(first.id));
  await settle();
  assert.deepEqual(store.outbox, []);
});

test("an edit is a new version with its own answer", async () => {
  await opened();
  chat.edit("u1", "Better");
  assert.deepEqual(shown(), [["user", "Better", "sending"], ["assistant", "", "sending"]]);
  const [{ id, message: edited }] = server.heard("edit");
  assert.equal(edited, "u1");
  server.say(accepted(id));
  await settle();
  assert.deepEqual(chat.conversation.versions(/** @type {any} */ (chat.conversation.messages.get("u9"))).ids, ["u1", "u9"]);
  chat.show("u1");
  assert.deepEqual(shown()[1], ["assistant", "text of a1", "complete"]);
});

test("a refused edit leaves the branch that was read", async () => {
  api.detail.messages = [message("u1", null), message("a1", "u1"), message("u2", null), message("a2", "u2")];
  await chat.open(C);
  assert.deepEqual(shown()[0][1], "text of u1");
  chat.edit("u1", "Better");
  const [{ id }] = server.heard("edit");
  server.say({ type: "error", id, code: "rate_limited", message: "Slowly." });
  await settle();
  assert.deepEqual(shown().map(([, text]) => text), ["text of u1", "text of a1"]);
});

test("a regenerated answer stands beside the old one", async () => {
  await opened();
  chat.regenerate("a1");
  const [{ id }] = server.heard("regenerate");
  server.say(accepted(id, { user_message: "u1" }));
  await settle();
  server.say(begin(), [9, 1, "New"]);
  assert.deepEqual(shown(), [["user", "text of u1", "complete"], ["assistant", "New", "running"]]);
  assert.deepEqual(chat.conversation.children.get("u1"), ["a1", "a9"]);
});

test("a continued answer goes on in place", async () => {
  await opened({ status: "stopped", text: "Once", reason: "user" });
  chat.continue("a1");
  const [{ id }] = server.heard("continue");
  server.say(accepted(id, { user_message: "u1", assistant_message: "a1" }));
  await settle();
  server.say(begin({ message: "a1", text_length: 4, crc32: crc32("Once") }), [9, 1, " more"], end(2, "Once more", { message: "a1" }));
  assert.deepEqual(shown()[1], ["assistant", "Once more", "complete"]);
});

test("a refused continuation leaves the answer as it was", async () => {
  await opened({ status: "stopped", text: "Once" });
  chat.continue("a1");
  const [{ id }] = server.heard("continue");
  server.say({ type: "error", id, code: "conflict", message: "No." });
  await settle();
  assert.deepEqual(shown()[1], ["assistant", "Once", "stopped"]);
});

test("stop before the server has answered stops as soon as it has", async () => {
  chat.send("Hi");
  chat.stop();
  const [{ id }] = server.heard("send");
  server.say(accepted(id));
  await settle();
  assert.deepEqual(server.heard("stop"), [{ type: "stop", generation: 9 }]);
});

test("stop before a continuation is accepted stops it and not what ended long ago", async () => {
  await opened({ status: "stopped", text: "Once" });
  chat.continue("a1");
  const [{ id }] = server.heard("continue");
  chat.stop();
  assert.deepEqual(server.heard("stop"), []);
  server.say(accepted(id, { user_message: "u1", assistant_message: "a1" }));
  await settle();
  assert.deepEqual(server.heard("stop"), [{ type: "stop", generation: 9 }]);
});

test("a running answer that was opened is filled from the socket", async () => {
  await opened({ status: "running", text: "", n: -1 });
  assert.deepEqual(server.heard("watch")[0].seen, { 1: -1 });
  server.say({ type: "snapshot", generation: 1, n: 40, message: "a1", text: "So far", reasoning: "", events: [], state: "running" });
  assert.deepEqual(shown()[1], ["assistant", "So far", "running"]);
});

test("an end that came with an error is shown with it", async () => {
  await opened({ status: "running", text: "" });
  const error = { code: "upstream_auth", message: "Refused.", reference: null };
  server.say(begin({ generation: 1, message: "a1" }), end(1, "", { generation: 1, message: "a1", status: "error", error }));
  assert.deepEqual(chat.conversation.messages.get("a1")?.error, error);
});

test("what another tab sends appears here, and stays put while another branch is read", async () => {
  await opened();
  server.say({ type: "message", conversation: C, revision: 4, message: message("u9", "a1") });
  server.say({ type: "message", conversation: C, revision: 4, message: message("a9", "u9", { status: "running", text: "" }) });
  assert.deepEqual(shown().slice(2).map(([role]) => role), ["user", "assistant"]);
  server.say({ type: "message", conversation: C, revision: 5, message: message("u10", null) });
  assert.equal(shown().length, 4);
});

test("the sender's own message does not appear twice", async () => {
  await opened();
  chat.send("More");
  const [{ id }] = server.heard("send");
  server.say({ type: "message", conversation: C, revision: 4, message: message("u9", "a1", { text: "More" }) });
  assert.equal(shown().length, 4);
  server.say(accepted(id));
  await settle();
  assert.deepEqual(chat.conversation.branch().map(({ id: one }) => one), ["u1", "a1", "u9", "a9"]);
});

test("an answer that is not known here makes it read the conversation again", async () => {
  await opened();
  api.detail.messages.push(message("u9", "a1"), message("a9", "u9", { status: "running", text: "" }));
  server.say({ type: "watching", conversation: C, revision: 3, live: [9] }, begin());
  await settle();
  server.say([9, 1, "Hello"]);
  assert.equal(api.reads, 2);
  assert.equal(chat.conversation.messages.get("a9")?.text, "Hello");
});

test("a newer revision at reconnect makes it read the conversation again", async () => {
  await opened();
  server.say({ type: "watching", conversation: C, revision: 3, live: [] });
  await settle();
  assert.equal(api.reads, 1);
  server.say({ type: "watching", conversation: C, revision: 4, live: [] });
  await settle();
  assert.equal(api.reads, 2);
});

test("a conversation that could not be read is read when the connection is back", async () => {
  api.detail = new ChatError({ code: "unreachable" });
  await chat.open(C);
  assert.deepEqual(events(), ["failed"]);
  api.detail = { title: "T", revision: 3, leaf: "a1", messages: [message("u1", null), message("a1", "u1")] };
  server.cut();
  mock.timers.tick(1);
  server.ready();
  await settle();
  assert.equal(shown().length, 2);
});

test("a conversation deleted elsewhere is missing", async () => {
  await opened();
  server.say({ type: "conversation", conversation: C, revision: 9, title: "T", state: "deleted" });
  assert.deepEqual(events(), ["missing"]);
});

test("a conversation that was left before it could be read stays left", async () => {
  const reading = chat.open(C);
  await chat.open(null);
  await reading;
  assert.equal(chat.conversation.id, null);
  assert.equal(server.heard("watch").length, 0);
});

test("what comes for a conversation that was left changes nothing", async () => {
  await opened({ status: "running", text: "" });
  await chat.open(null);
  server.say(begin({ generation: 1, message: "a1" }), [1, 1, "late"]);
  assert.deepEqual(shown(), []);
  assert.deepEqual(server.heard().map(({ type }) => type).includes("unwatch"), true);
});
