/** A server for one page, in memory: the test writes what it says and reads what it was told. */

export class FakeServer {
  constructor() {
    /** @type {FakeSocket[]} */
    this.sockets = [];
    const server = this;
    this.WebSocket = class extends FakeSocket {
      /**
       * @param {string} url
       * @param {string} protocol
       */
      constructor(url, protocol) {
        super(url, protocol);
        server.sockets.push(this);
      }
    };
  }

  /** The connection opened last. */
  get socket() {
    return this.sockets[this.sockets.length - 1];
  }

  /** Let the page in. */
  ready() {
    this.socket.open();
    this.say({ type: "ready", user: "1", limits: {}, server: "fake" });
  }

  /** @param {...any} frames */
  say(...frames) {
    for (const frame of frames) this.socket.onmessage?.({ data: JSON.stringify(frame) });
  }

  /**
   * What the page has said on the present connection, since last asked.
   *
   * @param {string} [type]
   */
  heard(type) {
    const all = this.socket.sent.splice(0);
    return type ? all.filter((frame) => frame.type === type) : all;
  }

  /** @param {number} [code] */
  cut(code = 1006) {
    this.socket.readyState = 3;
    this.socket.onclose?.({ code });
  }
}

class FakeSocket {
  /**
   * @param {string} url
   * @param {string} protocol
   */
  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
    this.readyState = 0;
    /** @type {any[]} */
    this.sent = [];
    this.closed = false;
    /** @type {(() => void) | null} */
    this.onopen = null;
    /** @type {((event: any) => void) | null} */
    this.onmessage = null;
    /** @type {((event: any) => void) | null} */
    this.onclose = null;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  /** @param {string} data */
  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close() {
    this.closed = true;
    this.readyState = 3;
  }
}
