import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

// In the cache when the transport asks for it.
import "../../chat/static/llmchat/polling.js";
import { ChatSocket } from "../../chat/static/llmchat/socket.js";
import { FakeServer } from "./fake_server.js";

const READY = { type: "ready", user: "1", limits: {}, server: "fake" };

/** @type {FakeServer} */
let server;
/** @type {ChatSocket} */
let chat;
/** @type {{address: string, init: any, answer: (status: number, body: any) => Promise<void>}[]} */
let requests;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  server = new FakeServer();
  requests = [];
  mock.method(globalThis, "fetch", (/** @type {string} */ address, /** @type {any} */ init) => {
    return new Promise((resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      const answer = async (/** @type {number} */ status, /** @type {any} */ body) => {
        resolve(new Response(body === null ? null : JSON.stringify(body), { status }));
        await settled();
      };
      requests.push({ address, init, answer });
    });
  });
  chat = new ChatSocket("ws://test/ws/", {
    WebSocket: /** @type {any} */ (server.WebSocket),
    random: () => 1,
    polling: { commands: "/commands/", watch: "/watch/", headers: () => ({ "X-CSRFToken": "token" }) },
  });
  chat.connect();
});

test.afterEach(() => {
  chat.close();
  mock.timers.reset();
  mock.restoreAll();
});

async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function blocked() {
  for (const wait of [500, 1000, 2000]) {
    server.cut();
    mock.timers.tick(wait);
  }
  await settled();
}

test("two handshakes that fail are no reason yet", async () => {
  server.cut();
  mock.timers.tick(500);
  server.cut();
  await settled();
  assert.equal(requests.length, 0);
});

test("a server that answers with a code of its own is not taken for a proxy", async () => {
  for (const wait of [500, 1000, 2000, 4000]) {
    server.cut(4503);
    mock.timers.tick(wait);
  }
  await settled();
  assert.equal(requests.length, 0);
});

test("after three it asks over HTTP, and is ready when that answers", async () => {
  await blocked();
  assert.equal(requests.length, 1);
  assert.notEqual(chat.state, "ready");
  await requests[0].answer(200, [READY]);
  assert.equal(chat.state, "ready");
});

test("a command is posted with the token, and its conversation is followed", async () => {
  await blocked();
  await requests[0].answer(200, [READY]);
  const sent = chat.send({ id: "i", conversation: null, text: "hello" });
  const [, post] = requests;
  assert.equal(post.address, "/commands/");
  assert.equal(post.init.headers["X-CSRFToken"], "token");
  await post.answer(200, { type: "accepted", id: "i", conversation: "c", user_message: "u", assistant_message: "a", generation: 7, duplicate: false });
  assert.equal((await sent).generation, 7);
  const follow = requests.find(({ address }) => address.includes("conversation=c"));
  assert.match(decodeURIComponent(follow?.address ?? ""), /seen=\{"7":-1\}/);
});

test("frames come in order and are asked for from where they ended", async () => {
  await blocked();
  await requests[0].answer(200, [READY]);
  chat.watch("c", [7]);
  const first = /** @type {any} */ (requests.at(-1));
  await first.answer(200, [
    { type: "watching", conversation: "c", revision: 3, live: [7] },
    { type: "begin", generation: 7, n: 0, message: "a", conversation: "c", model: "m", text_length: 0, crc32: 0 },
    [7, 1, "Hel"],
    [7, 2, "lo"],
  ]);
  assert.equal(chat.generations.byId.get(7)?.text, "Hello");
  mock.timers.tick(250);
  await settled();
  const query = new URLSearchParams(requests.at(-1)?.address.split("?")[1]);
  assert.equal(query.get("seen"), '{"7":2}');
  assert.equal(query.get("revision"), "3");
});

test("a command that HTTP did not answer goes out again, once, over the socket", async () => {
  await blocked();
  await requests[0].answer(200, [READY]);
  const sent = chat.send({ id: "i", conversation: null, text: "hello" });
  server.ready();
  assert.equal(chat.state, "ready");
  assert.deepEqual(server.heard("send").map(({ id }) => id), ["i"]);
  server.say({ type: "accepted", id: "i", conversation: "c", user_message: "u", assistant_message: "a", generation: 7, duplicate: true });
  assert.equal((await sent).duplicate, true);
});

test("when HTTP fails too it is offline, and the socket is tried at once", async () => {
  await blocked();
  await requests[0].answer(200, [READY]);
  const before = server.sockets.length;
  server.cut();
  chat.watch("c");
  await requests.at(-1)?.answer(502, null);
  assert.notEqual(chat.state, "ready");
  assert.ok(server.sockets.length > before);
});

test("who is signed out is told so", async () => {
  await blocked();
  await requests[0].answer(401, { error: { code: "forbidden", message: "" } });
  assert.equal(chat.state, "signed-out");
});
