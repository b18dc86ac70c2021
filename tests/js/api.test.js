import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Api } from "../../chat/static/llmchat/api.js";

/** @type {{address: string, init: any}[]} */
let asked;
/** @type {any[]} */
let answers;
/** @type {Api} */
let api;

/**
 * @param {number} status
 * @param {any} [body]
 */
const answer = (status, body) =>
  new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

beforeEach(() => {
  asked = [];
  answers = [];
  Object.assign(globalThis, {
    document: { cookie: "other=1; csrftoken=fresh" },
    fetch: async (/** @type {string} */ address, /** @type {any} */ init) => {
      asked.push({ address, init });
      const next = answers.shift();
      if (next instanceof Error) throw next;
      return next;
    },
  });
  api = new Api("/chat/api/conversations/", { token: "old", cookie: "csrftoken", header: "X-Csrftoken" });
});

test("reads all pages of a conversation", async () => {
  answers = [answer(200, { id: "c", messages: [1, 2], next: "/chat/next" }), answer(200, { messages: [3], next: null })];
  assert.deepEqual((await api.read("c")).messages, [1, 2, 3]);
  assert.deepEqual(asked.map(({ address }) => address), ["/chat/api/conversations/c/", "/chat/next"]);
});

test("changes carry the present CSRF token, as the cookie has it", async () => {
  answers = [answer(200, {}), answer(204)];
  await api.change("c", { title: "T" });
  assert.equal(asked[0].init.headers["X-Csrftoken"], "fresh");
  assert.equal(asked[0].init.body, '{"title":"T"}');
  document.cookie = "";
  await api.remove("c");
  assert.equal(asked[1].init.headers["X-Csrftoken"], "old");
  assert.equal(asked[1].init.keepalive, true);
});

test("a refusal carries the server's code and sentence", async () => {
  answers = [answer(429, { error: { code: "rate_limited", message: "Slowly." } })];
  await assert.rejects(api.list(), { code: "rate_limited", message: "Slowly." });
});

test("signed out, gone, broken and out of reach are told apart", async () => {
  answers = [answer(401, { error: { code: "forbidden", message: "…" } }), new Response("<h1>", { status: 404 }), new Response("<h1>", { status: 502 }), new TypeError("failed")];
  for (const code of ["signed_out", "not_found", "unavailable", "unreachable"]) await assert.rejects(api.list(), { code });
});
