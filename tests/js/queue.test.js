import assert from "node:assert/strict";
import { test } from "node:test";

import { Queue } from "../../chat/static/llmchat/queue.js";

/** Keeps values as a browser's storage does; `full` says no. */
class FakeStore {
  kept_ = new Map();
  full = false;

  /** @param {string} name */
  kept(name) {
    return JSON.parse(this.kept_.get(name) ?? "null");
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  keep(name, value) {
    if (this.full) return false;
    if (value === null) this.kept_.delete(name);
    else this.kept_.set(name, JSON.stringify(value));
    return true;
  }
}

const queue = (store = new FakeStore()) => new Queue(/** @type {any} */ (store));

test("messages wait in their order, each under an id of its own", () => {
  const one = queue();
  one.add("c", "first");
  one.add("c", "second");
  one.add("d", "elsewhere");
  assert.deepEqual(one.of("c").map(({ text }) => text), ["first", "second"]);
  assert.equal(new Set(one.of("c").map(({ id }) => id)).size, 2);
});

test("what is taken back is gone, and leaves nothing behind", () => {
  const store = new FakeStore();
  const one = queue(store);
  one.add("c", "first");
  one.remove("c", one.of("c")[0].id);
  assert.deepEqual(one.of("c"), []);
  assert.equal(store.kept_.size, 0);
});

test("what waits in a new conversation goes along when it gets its id", () => {
  const one = queue();
  one.add(null, "first");
  const [{ id }] = one.of(null);
  one.identified("c");
  assert.deepEqual(one.of(null), []);
  assert.deepEqual(one.of("c"), [{ id, text: "first" }]);
});

test("says when it cannot keep a message", () => {
  const store = new FakeStore();
  store.full = true;
  assert.equal(queue(store).add("c", "first"), false);
});
