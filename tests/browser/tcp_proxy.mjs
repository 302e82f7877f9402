// A TCP proxy that behaves like a bad network: it delays, is slow, stalls, is cut, or drops what the client sends.

import net from "node:net";

/** Pieces of this size get their own time, so that a slow line carries other connections meanwhile. */
const PIECE_BYTES = 4096;

export class TcpProxy {
  #server;
  #pairs = new Set();
  #delay;
  #rate;
  #stalledUntil = 0;
  #isCut = false;
  #dropsRequests = false;

  /** `delay` is the way in one direction in ms, `rate` the bytes per second in each direction, of all connections. */
  static async open(target, { delay = 0, rate = Infinity } = {}) {
    const proxy = new TcpProxy();
    proxy.#delay = delay;
    proxy.#rate = rate;
    const { hostname, port } = new URL(target);
    const [up, down] = [{ freeAt: 0 }, { freeAt: 0 }];
    proxy.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
      if (proxy.#isCut) {
        client.destroy();
        return;
      }
      const options = { port: Number(port), host: hostname, noDelay: true, allowHalfOpen: true };
      const upstream = net.connect(options);
      const pair = { client, upstream };
      proxy.#pairs.add(pair);
      proxy.#carry(client, upstream, up, () => proxy.#dropsRequests);
      proxy.#carry(upstream, client, down, () => false);
      const end = () => {
        client.destroy();
        upstream.destroy();
        proxy.#pairs.delete(pair);
      };
      for (const side of [client, upstream]) side.on("error", end);
      client.on("close", () => upstream.closed && end());
      upstream.on("close", () => client.closed && end());
    });
    await new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Passes on the bytes of `from`, each piece when a line of this rate and delay has carried it. */
  #carry(from, to, line, isDropped) {
    const pieces = [];
    let timer;
    const pass = () => {
      timer = undefined;
      while (pieces.length > 0) {
        const wait = Math.max(pieces[0].due, this.#stalledUntil) - performance.now();
        if (wait > 0) {
          timer = setTimeout(pass, Math.ceil(wait));
          return;
        }
        const { bytes } = pieces.shift();
        if (bytes) to.write(bytes);
        else to.end();
      }
    };
    from.on("data", (data) => {
      if (isDropped()) return;
      for (let at = 0; at < data.length; at += PIECE_BYTES) {
        const bytes = data.subarray(at, at + PIECE_BYTES);
        line.freeAt = Math.max(line.freeAt, performance.now()) + (bytes.length * 1000) / this.#rate;
        pieces.push({ bytes, due: line.freeAt + this.#delay });
      }
      if (timer === undefined) pass();
    });
    from.on("end", () => {
      pieces.push({ due: Math.max(line.freeAt, performance.now()) + this.#delay });
      if (timer === undefined) pass();
    });
    to.on("close", () => {
      clearTimeout(timer);
      pieces.length = 0;
    });
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** For so many ms nothing passes in either direction; then everything does. */
  stall(ms) {
    this.#stalledUntil = performance.now() + ms;
  }

  /** Resets open connections and refuses new ones. */
  cut() {
    this.#isCut = true;
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    this.#pairs.clear();
  }

  /** From now on, nothing that the client sends arrives. */
  dropRequests() {
    this.#dropsRequests = true;
  }

  restore() {
    this.#isCut = false;
    this.#dropsRequests = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
