// Helpers of all browser tests: the browser, pages that collect console errors, and proxies to the server.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test as nodeTest } from "node:test";
import { chromium } from "playwright-core";
import { TcpProxy } from "./tcp_proxy.mjs";

/** The server under test: default profile, limits disabled. */
export const BASE_URL = process.env.BASE_URL?.replace(/\/$/, "");
assert.ok(BASE_URL, "BASE_URL must name the running server, such as http://127.0.0.1:8000");

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TIMEOUT_MS = 20_000;
/** Without it, the test runner would wait for ever. */
const TEST_TIMEOUT_MS = 120_000;
export const PASSWORD = "correct horse";

export function test(name, body) {
  nodeTest(name, { timeout: TEST_TIMEOUT_MS }, body);
}

/** A browser with an empty profile. */
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

/** A unique word for names and texts. */
export function unique(stem) {
  counter += 1;
  return `${stem}-${process.pid}-${Date.now().toString(36)}-${counter}`;
}

/** A browser context with its own cookies and storage, closed when the test ends. */
export async function newContext(t, browser, options = {}) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  t.after(() => context.close());
  return context;
}

/** A page that collects console errors and warnings in `page.problems`. */
export async function newPage(context) {
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(`uncaught: ${error.stack}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) page.problems.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return page;
}

/** Fails if the page reported a problem that `expected` does not match. */
export function assertNoProblems(page, expected = /^$/) {
  assert.deepEqual(
    page.problems.filter((problem) => !expected.test(problem)),
    [],
  );
}

/** Signs up a new user through the form and waits for the connection. Returns the username. */
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

export async function send(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** The row of the message with this text. */
export function message(page, text) {
  return page.locator(".message", { hasText: text });
}

/** Calls `read` until `accept` takes its value. Fails with the last value on a time-out. */
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

/** A proxy to the server that ends with the test. */
export async function openProxy(t) {
  const proxy = await TcpProxy.open(BASE_URL);
  t.after(() => proxy.close());
  return proxy;
}

/** Serves the model of the React client from its own origin, like the real one. Returns its address. */
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
