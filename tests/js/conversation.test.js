import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Conversation } from "../../chat/static/llmchat/conversation.js";

/** @import {Message} from "../../chat/static/llmchat/conversation.js" */

/**
 * @param {string} id
 * @param {string | null} parent
 * @param {Partial<Message>} [fields]
 * @returns {Message}
 */
const message = (id, parent, fields = {}) => ({
  id,
  parent,
  role: id.startsWith("u") ? "user" : "assistant",
  text: id,
  reasoning: "",
  status: "complete",
  ...fields,
});

/** @type {Conversation} */
let conversation;
const shown = () => conversation.branch().map(({ id }) => id);

beforeEach(() => {
  conversation = new Conversation("c");
  const messages = [message("u1", null), message("a1", "u1"), message("u2", "a1"), message("a2", "u2"), message("a3", "u2"), message("u4", null), message("a4", "u4")];
  conversation.load({ title: "T", revision: 4, leaf: "a2", messages });
});

test("shows the branch of the leaf last written", () => {
  assert.deepEqual(shown(), ["u1", "a1", "u2", "a2"]);
});

test("shows the newest branch where none was chosen", () => {
  const fresh = new Conversation("c");
  fresh.load({ title: "", revision: 0, leaf: null, messages: [message("u1", null), message("u2", null), message("a2", "u2")] });
  assert.deepEqual(fresh.branch().map(({ id }) => id), ["u2", "a2"]);
});

test("another version brings its own answers, and what was open on the first is open on return", () => {
  conversation.show("u4");
  assert.deepEqual(shown(), ["u4", "a4"]);
  conversation.show("u1");
  assert.deepEqual(shown(), ["u1", "a1", "u2", "a2"]);
});

test("counts the versions of a message", () => {
  assert.deepEqual(conversation.versions(/** @type {any} */ (conversation.messages.get("a3"))), { ids: ["a2", "a3"], index: 1 });
});

test("a provisional message takes its real name, with all below it", () => {
  conversation.put(message("new-u", "a2", { status: "sending" }));
  conversation.put(message("new-a", "new-u", { status: "sending" }));
  conversation.show("new-a");
  conversation.rename("new-u", "u5");
  conversation.rename("new-a", "a5");
  assert.deepEqual(shown(), ["u1", "a1", "u2", "a2", "u5", "a5"]);
  assert.equal(conversation.messages.get("a5")?.parent, "u5");
  assert.equal(conversation.messages.has("new-u"), false);
});

test("a provisional message goes when the real one is there already", () => {
  conversation.put(message("new-u", "a2"));
  conversation.put(message("new-a", "new-u"));
  conversation.put(message("u5", "a2"));
  conversation.put(message("a5", "u5"));
  conversation.show("new-a");
  conversation.rename("new-u", "u5");
  conversation.rename("new-a", "a5");
  assert.deepEqual(shown(), ["u1", "a1", "u2", "a2", "u5", "a5"]);
  assert.deepEqual(conversation.children.get("a2"), ["u5"]);
  assert.deepEqual(conversation.children.get("u5"), ["a5"]);
});

test("a refused message leaves no trace", () => {
  conversation.put(message("new-u", "a2"));
  conversation.show("new-u");
  conversation.remove("new-u");
  assert.deepEqual(shown(), ["u1", "a1", "u2", "a2"]);
  conversation.put(message("new-a", "u2"));
  conversation.show("new-a");
  conversation.remove("new-a");
  assert.deepEqual(shown(), ["u1", "a1", "u2", "a3"]);
});

test("reading it again keeps the text that is growing, and the branch that is shown", () => {
  conversation.put(message("a5", "u2", { status: "running", text: "so far", reasoning: "hm" }));
  conversation.show("a5");
  conversation.load({ title: "New", revision: 9, leaf: "a2", messages: [message("a5", "u2", { status: "running", text: "" }), message("a2", "u2", { text: "changed" })] });
  assert.equal(conversation.messages.get("a5")?.text, "so far");
  assert.equal(conversation.messages.get("a2")?.text, "changed");
  assert.deepEqual(shown().at(-1), "a5");
  assert.equal(conversation.title, "New");
});

test("what was read before an answer ended does not make it run again", () => {
  conversation.put(message("a5", "u2", { status: "complete", text: "all of it", generation: 5 }));
  conversation.put(message("a5", "u2", { status: "running", text: "", generation: 5 }));
  assert.equal(conversation.messages.get("a5")?.status, "complete");
  assert.equal(conversation.messages.get("a5")?.text, "all of it");
  // Continued elsewhere, it does.
  conversation.put(message("a5", "u2", { status: "running", text: "", generation: 6 }));
  assert.equal(conversation.messages.get("a5")?.status, "running");
});
