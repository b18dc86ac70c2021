import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Connection } from "../../chat/static/llmchat/connection.js";
import { FakeServer } from "./fake_server.js";

/** @type {FakeServer} */
let server;
/** @type {Connection} */
let connection;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  server = new FakeServer();
  connection = new Connection("ws://test/ws/", { WebSocket: /** @type {any} */ (server.WebSocket), random: () => 1 });
  connection.connect();
});

test.afterEach(() => mock.timers.reset());

test("asks for the protocol's name", () => {
  assert.equal(server.socket.protocol, "llmchat.v1");
});

test("comes back for ever, doubling the wait up to thirty seconds", () => {
  for (const wait of [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]) {
    const before = server.sockets.length;
    server.cut();
    mock.timers.tick(wait - 1);
    assert.equal(server.sockets.length, before);
    mock.timers.tick(1);
    assert.equal(server.sockets.length, before + 1);
  }
});

test("waits a random part of the ceiling", () => {
  const eager = new FakeServer();
  new Connection("ws://test/ws/", { WebSocket: /** @type {any} */ (eager.WebSocket), random: () => 0.25 }).connect();
  eager.cut();
  mock.timers.tick(124);
  assert.equal(eager.sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(eager.sockets.length, 2);
});

test("starts over with short waits once it was taken in", () => {
  for (const wait of [500, 1000, 2000]) {
    server.cut();
    mock.timers.tick(wait);
  }
  server.socket.open();
  connection.settle();
  server.cut();
  mock.timers.tick(500);
  assert.equal(server.sockets.length, 5);
});

for (const code of [1000, 1001, 1006, 1012, 4012, 4503, 4408, 4400]) {
  test(`reconnects after close code ${code}`, () => {
    server.socket.open();
    server.cut(code);
    assert.equal(connection.state, "offline");
    mock.timers.tick(500);
    assert.equal(server.sockets.length, 2);
  });
}

for (const [code, state] of /** @type {[number, string][]} */ ([[4401, "signed-out"], [4403, "forbidden"], [4429, "too-many"]])) {
  test(`stays away after close code ${code}, until asked`, () => {
    server.socket.open();
    server.cut(code);
    assert.equal(connection.state, state);
    mock.timers.tick(120_000);
    assert.equal(server.sockets.length, 1);
    connection.probe();
    assert.equal(server.sockets.length, 2);
  });
}

test("replaces a socket that looks open and does not answer within two seconds", () => {
  server.socket.open();
  const dead = server.socket;
  connection.probe();
  assert.deepEqual(server.heard(), [{ type: "ping" }]);
  mock.timers.tick(1_999);
  assert.equal(server.sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(server.sockets.length, 2);
  assert.ok(dead.closed);
});

test("keeps a socket that answers", () => {
  server.socket.open();
  connection.probe();
  mock.timers.tick(1_000);
  server.say({ type: "pong" });
  mock.timers.tick(2_000);
  assert.equal(server.sockets.length, 1);
});

test("asks by itself after half a minute of silence", () => {
  server.socket.open();
  mock.timers.tick(30_000);
  assert.deepEqual(server.heard(), [{ type: "ping" }]);
  mock.timers.tick(2_000);
  assert.equal(server.sockets.length, 2);
});

test("gives up a handshake that hangs", () => {
  mock.timers.tick(10_000);
  assert.equal(server.sockets.length, 2);
});

test("connects at once when the network is back", () => {
  server.cut();
  connection.probe();
  assert.equal(server.sockets.length, 2);
});

test("says nothing more of a connection that was replaced", () => {
  server.socket.open();
  const old = server.socket;
  connection.replace();
  assert.equal(old.onmessage, null);
  assert.equal(old.onclose, null);
});

test("stays stopped", () => {
  server.socket.open();
  connection.stop();
  mock.timers.tick(120_000);
  connection.probe();
  assert.equal(server.sockets.length, 1);
  assert.equal(connection.state, "stopped");
});
