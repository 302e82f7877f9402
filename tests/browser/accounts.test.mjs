import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  assertNoProblems,
  BASE_URL,
  connected,
  newContext,
  newPage,
  openBrowser,
  PASSWORD,
  signUp,
  test,
  unique,
} from "./harness.mjs";

/** The console message of Chromium about a 4xx response. */
const REFUSALS = /Failed to load resource: the server responded with a status of 40[01]/;

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** The error message that a field's `aria-describedby` names last. */
async function errorOf(page, label) {
  const ids = (await page.getByLabel(label).getAttribute("aria-describedby")).split(" ");
  const error = page.locator(`#${ids.at(-1)}`);
  await error.waitFor();
  return error.textContent();
}

async function signInWith(page, name, password) {
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("a user signs up, signs out and signs in again", async (t) => {
  const page = await newPage(await newContext(t, browser));
  const name = await signUp(page);

  await page.getByRole("button", { name: "Sign out" }).click();
  await signInWith(page, name, PASSWORD);

  await connected(page);
  await page.locator(".people-list li", { hasText: name }).getByText("you").waitFor();
  assertNoProblems(page);
});

test("a wrong password shows an error and keeps the input", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await page.goto(`${BASE_URL}/chat/`);
  const name = unique("unknown");
  await signInWith(page, name, "wrong password");

  await page.getByRole("alert").getByText("No active account found with the given credentials").waitFor();
  assert.equal(await page.getByLabel("Username").inputValue(), name);
  assertNoProblems(page, REFUSALS);
});

test("all invalid fields show their errors at once", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await page.goto(`${BASE_URL}/chat/`);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill("no spaces please");
  await page.getByLabel("Email").fill("nonsense");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Create an account" }).click();

  assert.match(await errorOf(page, "Username"), /^Enter a valid username\./);
  assert.equal(await errorOf(page, "Email"), "Enter a valid email address.");
  assert.equal(await errorOf(page, "Password"), "Password must be at least 6 characters.");
  assert.equal(await page.getByLabel("Username").evaluate((input) => input === document.activeElement), true);
  assertNoProblems(page, REFUSALS);
});

test("a taken name shows its error beside the field", async (t) => {
  const name = await signUp(await newPage(await newContext(t, browser)));
  const page = await newPage(await newContext(t, browser));
  await page.goto(`${BASE_URL}/chat/`);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Email").fill(`other-${name}@example.com`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create an account" }).click();

  assert.equal(await errorOf(page, "Username"), "A user with that username already exists.");
});

test("signing out in one tab signs out the other", async (t) => {
  const context = await newContext(t, browser);
  const one = await newPage(context);
  await signUp(one);
  const other = await newPage(context);
  await other.goto(`${BASE_URL}/chat/`);
  await connected(other);

  await one.getByRole("button", { name: "Sign out" }).click();

  await other.getByRole("heading", { name: "Sign in" }).waitFor();
  assertNoProblems(other);
});

test("signing out ends the session on the server", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await signUp(page);
  const [access, refresh] = await page.evaluate(() => ["access", "refresh"].map((key) => localStorage.getItem(key)));

  const ended = page.waitForResponse((response) => response.url().endsWith("/api/v1/sessions/current"));
  await page.getByRole("button", { name: "Sign out" }).click();

  assert.equal((await ended).status(), 204);
  const messages = await fetch(`${BASE_URL}/chat/api/messages/`, { headers: { Authorization: `Bearer ${access}` } });
  assert.equal(messages.status, 401);
  const renewal = await fetch(`${BASE_URL}/accounts/api/token/refresh/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh }),
  });
  assert.equal(renewal.status, 401);
  assertNoProblems(page);
});

/** Breaks the signature of a stored token; its claims stay readable. */
function spoil(page, key) {
  return page.evaluate((name) => {
    const [header, payload] = localStorage.getItem(name).split(".");
    localStorage.setItem(name, `${header}.${payload}.${"A".repeat(43)}`);
  }, key);
}

test("an invalid access token is renewed silently", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await signUp(page);
  const refresh = await page.evaluate(() => localStorage.getItem("refresh"));
  await spoil(page, "access");

  await page.reload();

  await connected(page);
  assert.notEqual(await page.evaluate(() => localStorage.getItem("refresh")), refresh);
  assertNoProblems(page);
});

test("tabs whose tokens expire at once all stay signed in", async (t) => {
  const context = await newContext(t, browser);
  const first = await newPage(context);
  await signUp(first);
  await spoil(first, "access");
  const pages = [first, await newPage(context), await newPage(context)];

  await Promise.all(pages.map((page) => page.goto(`${BASE_URL}/chat/`)));

  await Promise.all(pages.map(connected));
});

test("a session that cannot be renewed returns to the form", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await signUp(page);
  await spoil(page, "access");
  await spoil(page, "refresh");

  await page.reload();

  await page.getByText("Your session has ended. Please sign in again.").waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("access")), null);
});
