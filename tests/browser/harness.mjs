// What all browser tests share: the browser, visitors with a watch on their consoles, and a line that can be cut.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import net from "node:net";
import { test as nodeTest } from "node:test";
import { chromium } from "playwright-core";

/** The server under test: default profile, limits disabled. */
export const BASE_URL = process.env.BASE_URL?.replace(/\/$/, "");
assert.ok(BASE_URL, "BASE_URL must name the running server, such as http://127.0.0.1:8000");

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TIMEOUT_MS = 20_000;
/** The runner itself would wait for ever. */
const TEST_TIMEOUT_MS = 120_000;
export const PASSWORD = "correct horse";

export function test(name, body) {
  nodeTest(name, { timeout: TEST_TIMEOUT_MS }, body);
}

/** A browser with an empty profile of its own. */
export function openBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

let counter = 0;

/** A word that no other test has used, for names and texts. */
export function unique(stem) {
  counter += 1;
  return `${stem}-${process.pid}-${Date.now().toString(36)}-${counter}`;
}

/** A separate browser context: cookies, storage and all. Closed when the test ends. */
export async function newContext(t, browser, options = {}) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  t.after(() => context.close());
  return context;
}

/** A page whose complaints are collected in `page.complaints`. */
export async function newPage(context) {
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`uncaught: ${error.stack}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) page.complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return page;
}

/** Fails if the page complained about anything that `expected` does not match. */
export function assertNoComplaints(page, expected = /^$/) {
  assert.deepEqual(
    page.complaints.filter((complaint) => !expected.test(complaint)),
    [],
  );
}

/** Someone new, signed up through the form and connected. */
export async function signUp(page, { name = unique("ann"), path = "/chat/", origin = BASE_URL } = {}) {
  await page.goto(origin + path);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Email").fill(`${name}@example.com`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create an account" }).click();
  await connected(page);
  return name;
}

export function connected(page) {
  return page.locator('.connection[data-state="open"]').waitFor();
}

export function composer(page) {
  return page.getByRole("textbox", { name: "Message", exact: true });
}

export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** The row of a message, by its text. */
export function message(page, text) {
  return page.locator(".message", { hasText: text });
}

/** Resolves once `read` gives what `accept` takes; the last value is told if it never does. */
export async function eventually(read, accept, what) {
  const deadline = Date.now() + TIMEOUT_MS;
  let value;
  do {
    value = await read();
    if (accept(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  } while (Date.now() < deadline);
  assert.fail(`${what}; last seen: ${JSON.stringify(value)}`);
}

/** A TCP line to the server that can be cut, or made to swallow what the browser says. */
export class Line {
  #server;
  #pairs = new Set();
  #isCut = false;
  #swallows = false;

  static async open(t) {
    const line = new Line();
    const { hostname, port } = new URL(BASE_URL);
    line.#server = net.createServer((near) => {
      if (line.#isCut) {
        near.destroy();
        return;
      }
      const far = net.connect(Number(port), hostname);
      const pair = { near, far };
      line.#pairs.add(pair);
      const end = () => {
        near.destroy();
        far.destroy();
        line.#pairs.delete(pair);
      };
      near.on("data", (data) => line.#swallows || far.write(data));
      far.on("data", (data) => near.write(data));
      for (const side of [near, far]) side.on("close", end).on("error", end);
    });
    await new Promise((resolve) => line.#server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      line.cut();
      line.#server.close();
    });
    return line;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Breaks what is open and refuses what is new. */
  cut() {
    this.#isCut = true;
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  /** From now on nothing that the browser says arrives. */
  swallow() {
    this.#swallows = true;
  }

  restore() {
    this.#isCut = false;
    this.#swallows = false;
  }
}

/** Serves the model of the React client from an origin of its own, as the real one is. Returns its address. */
export async function serveReactClient(t) {
  const model = await readFile(new URL("react_client.mjs", import.meta.url));
  const server = createServer((request, response) => {
    if (request.url.startsWith("/react_client.mjs")) {
      response.setHeader("Content-Type", "text/javascript");
      response.end(model);
    } else {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end(
        '<!doctype html><title>Model of the React client</title><link rel="icon" href="data:,">' +
          '<dl id="users"></dl><ol id="messages"></ol><script type="module" src="/react_client.mjs"></script>',
      );
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://localhost:${server.address().port}/?api=${encodeURIComponent(BASE_URL)}`;
}
