// The model of the React client (../browser/react_client.mjs) in a thread of its own, without a browser.

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

export const PASSWORD = "correct horse";

/** A client in its own thread. It reaches the server at `api`. */
export class Client {
  #worker;
  #answers = new Map();
  #calls = 0;

  static async open(api) {
    const client = new Client();
    client.#worker = new Worker(new URL(import.meta.url), {
      workerData: { api },
      execArgv: ["--experimental-websocket", "--no-warnings"],
    });
    client.#worker.unref();
    client.#worker.on("error", (error) => {
      throw error;
    });
    client.#worker.on("message", ({ call, value, error }) => {
      const { resolve, reject } = client.#answers.get(call);
      client.#answers.delete(call);
      if (error) reject(new Error(error));
      else resolve(value);
    });
    await client.#call("open");
    return client;
  }

  /** Signs up a new user, and waits for the first history. */
  static async signedUp(api, name) {
    const client = await Client.open(api);
    await client.#call("register", name, PASSWORD, `${name}@example.com`);
    return client;
  }

  #call(method, ...given) {
    const call = (this.#calls += 1);
    this.#worker.postMessage({ call, method, given });
    return new Promise((resolve, reject) => this.#answers.set(call, { resolve, reject }));
  }

  send(...texts) {
    return this.#call("send", ...texts);
  }

  /** Changes a message as the user sees it, which takes no time, and returns the status of the request later. */
  edit(id, text) {
    return this.#call("edit", id, text);
  }

  remove(id) {
    return this.#call("remove", id);
  }

  /** The shown messages. */
  rows() {
    return this.#call("rows");
  }

  /** The type of every frame so far, the time at which it came, and the text of a message. */
  frames() {
    return this.#call("frames");
  }

  close() {
    return this.#worker.terminate();
  }
}

/** Calls `read` until `accept` takes its value. Fails with the last value after `ms`. */
export async function eventually(read, accept, what, ms = 20_000) {
  const deadline = performance.now() + ms;
  let value;
  do {
    value = await read();
    if (accept(value)) return value;
    await sleep(20);
  } while (performance.now() < deadline);
  throw new Error(`${what}; last seen: ${JSON.stringify(value)}`);
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function run() {
  // As much of a page as the model touches.
  const stored = new Map();
  const element = () => ({ dataset: {}, replaceChildren() {} });
  const elements = {};
  const frames = [];
  class Socket extends WebSocket {
    constructor(address) {
      super(address);
      this.addEventListener("message", ({ data }) => {
        const { type, message } = JSON.parse(data);
        frames.push({ type, at: Date.now(), text: message?.content });
      });
    }
  }
  const { fetch } = globalThis;
  /** Like a browser, which first asks whether the other origin allows the request. */
  const fetchLikeABrowser = async (url, { method, ...options }) => {
    const headers = { Origin: "http://localhost:3000", "Access-Control-Request-Method": method };
    await fetch(url, { method: "OPTIONS", headers });
    return fetch(url, { method, ...options });
  };
  Object.assign(globalThis, {
    window: globalThis,
    fetch: fetchLikeABrowser,
    WebSocket: Socket,
    location: { href: `http://localhost:3000/?api=${encodeURIComponent(workerData.api)}` },
    localStorage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => stored.set(key, value),
    },
    document: {
      documentElement: element(),
      createElement: element,
      getElementById: (id) => (elements[id] ??= element()),
    },
  });
  const opened = import("../browser/react_client.mjs");
  const calls = {
    open: () => opened.then(() => undefined),
    async register(...given) {
      await window.client.register(...given);
      await eventually(() => window.client.isConnected, (is) => is, "the client is connected");
    },
    send: (...texts) => texts.forEach((text) => window.client.send(text)),
    edit: async (id, text) => (await window.client.edit(id, text)).status,
    remove: async (id) => (await window.client.remove(id)).status,
    rows: () => window.client.rendered.messages,
    frames: () => frames,
  };
  parentPort.on("message", async ({ call, method, given }) => {
    try {
      parentPort.postMessage({ call, value: await calls[method](...given) });
    } catch (error) {
      parentPort.postMessage({ call, error: error.stack });
    }
  });
}

if (!isMainThread) await run();
