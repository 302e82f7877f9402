import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  assertNoProblems,
  BASE_URL,
  composer,
  connected,
  message,
  newContext,
  newPage,
  openBrowser,
  openProxy,
  send,
  signUp,
  test,
  unique,
} from "./harness.mjs";

/** The console messages of Chromium about broken and refused connections. */
const BROKEN_CONNECTION = /WebSocket connection to .* failed|Failed to load resource: net::ERR_/;

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

function disconnected(page) {
  return page.locator('.connection:not([data-state="open"])').waitFor();
}

async function reconnected(page) {
  // Otherwise it may wait long, after several failures.
  const retry = page.getByRole("button", { name: "Try now" });
  if (await retry.isVisible()) await retry.click({ timeout: 1000 }).catch(() => {});
  await connected(page);
}

test("after a cut the page reconnects and shows missed changes", async (t) => {
  const proxy = await openProxy(t);
  const ann = await newPage(await newContext(t, browser));
  await signUp(ann, { origin: proxy.origin });
  const bob = await newPage(await newContext(t, browser));
  await signUp(bob);
  const [missed, changed, gone, later] = ["missed", "changed", "gone", "later"].map(unique);
  for (const text of [changed, gone]) {
    await send(bob, text);
    await message(ann, text).waitFor();
  }

  proxy.cut();
  await disconnected(ann);
  await send(bob, missed);
  await message(bob, changed).hover();
  await message(bob, changed).getByRole("button", { name: "Edit message" }).click();
  await bob.locator(".editor textarea").fill(`${changed} indeed`);
  await bob.locator(".editor textarea").press("Enter");
  await message(bob, `${changed} indeed`).waitFor();
  await message(bob, gone).hover();
  await message(bob, gone).getByRole("button", { name: "Delete message" }).click();
  await bob.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await message(bob, gone).waitFor({ state: "detached" });
  proxy.restore();

  await connected(ann);
  await message(ann, missed).waitFor();
  await message(ann, `${changed} indeed`).waitFor();
  assert.equal(await message(ann, gone).count(), 0);
  await send(bob, later);
  await message(ann, later).waitFor();
  assertNoProblems(ann, BROKEN_CONNECTION);
});

test("a text written while disconnected can be sent later", async (t) => {
  const proxy = await openProxy(t);
  const page = await newPage(await newContext(t, browser));
  await signUp(page, { origin: proxy.origin });
  const text = unique("draft");
  proxy.cut();
  await disconnected(page);

  await send(page, text);
  await page.getByText("Not connected. Your text stays here").waitFor();
  assert.equal(await composer(page).inputValue(), text);
  proxy.restore();
  await reconnected(page);
  await composer(page).press("Enter");

  await message(page, text).waitFor();
  assert.equal(await composer(page).inputValue(), "");
  assertNoProblems(page, BROKEN_CONNECTION);
});

test("a lost message is marked and can be sent again", async (t) => {
  const proxy = await openProxy(t);
  const page = await newPage(await newContext(t, browser));
  await signUp(page, { origin: proxy.origin });
  const text = unique("lost");

  proxy.dropRequests();
  await send(page, text);
  await page.locator(".pending li", { hasText: text }).getByText("Sending…").waitFor();
  proxy.cut();
  await disconnected(page);
  proxy.restore();
  await reconnected(page);
  await page.locator(".pending").getByText("It may not have arrived").waitFor();
  await page.getByRole("button", { name: "Send again" }).click();

  await message(page, text).waitFor();
  await page.locator(".pending").waitFor({ state: "hidden" });
  assert.equal(await message(page, text).count(), 1);
});

test("a message whose echo was lost is found in the history", async (t) => {
  const proxy = await openProxy(t);
  const context = await newContext(t, browser);
  const page = await newPage(context);
  const name = await signUp(page, { origin: proxy.origin });
  const text = unique("arrived");

  proxy.dropRequests();
  await send(page, text);
  await page.locator(".pending li", { hasText: text }).waitFor();
  // Another page sends the same message, as if only its echo had been lost.
  const tokens = await page.evaluate(() => ({ ...localStorage }));
  const direct = await newPage(await newContext(t, browser));
  await direct.goto(`${BASE_URL}/chat/`);
  await direct.evaluate((pair) => {
    for (const key of ["access", "refresh"]) localStorage.setItem(key, pair[key]);
  }, tokens);
  await direct.reload();
  await direct.locator(".own-name", { hasText: name }).waitFor();
  await connected(direct);
  proxy.cut();
  await disconnected(page);
  await send(direct, text);
  await message(direct, text).waitFor();
  proxy.restore();
  await reconnected(page);

  await message(page, text).waitFor();
  await page.locator(".pending").waitFor({ state: "hidden" });
  assert.equal(await message(page, text).count(), 1);
});

test("an unconfirmed message survives a reload of the page", async (t) => {
  const proxy = await openProxy(t);
  const page = await newPage(await newContext(t, browser));
  await signUp(page, { origin: proxy.origin });
  const text = unique("kept");
  proxy.dropRequests();
  await send(page, text);
  await page.locator(".pending li", { hasText: text }).waitFor();
  proxy.cut();
  proxy.restore();

  await page.reload();

  await page.locator(".pending li", { hasText: text }).getByText("It may not have arrived").waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  assert.equal(await composer(page).inputValue(), text);
});

test("a text that is too long returns to the composer", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await signUp(page);
  // More than the 256 KiB of the default profile.
  const text = `${unique("long")} ${"x".repeat(300 * 1024)}`;

  await send(page, text);
  await page.locator(".pending").getByText("Too long for this server.").waitFor();
  await page.getByRole("button", { name: "Edit" }).click();

  assert.equal(await composer(page).inputValue(), text);
  await page.locator(".pending").waitFor({ state: "hidden" });
  await connected(page);
});
