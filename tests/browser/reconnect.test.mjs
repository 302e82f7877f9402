import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  assertNoComplaints,
  BASE_URL,
  composer,
  connected,
  Line,
  message,
  newContext,
  newPage,
  openBrowser,
  say,
  signUp,
  test,
  unique,
} from "./harness.mjs";

/** What Chromium itself says of a connection that breaks or is refused. */
const BROKEN_LINE = /WebSocket connection to .* failed|Failed to load resource: net::ERR_/;

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

function disconnected(page) {
  return page.locator('.connection:not([data-state="open"])').waitFor();
}

async function reconnected(page) {
  // Else the wait is as long as the failures before have made it.
  const retry = page.getByRole("button", { name: "Try now" });
  if (await retry.isVisible()) await retry.click({ timeout: 1000 }).catch(() => {});
  await connected(page);
}

test("after a cut the page comes back by itself and has what was said meanwhile", async (t) => {
  const line = await Line.open(t);
  const ann = await newPage(await newContext(t, browser));
  await signUp(ann, { origin: line.origin });
  const bob = await newPage(await newContext(t, browser));
  await signUp(bob);
  const [missed, changed, gone, later] = ["missed", "changed", "gone", "later"].map(unique);
  for (const text of [changed, gone]) {
    await say(bob, text);
    await message(ann, text).waitFor();
  }

  line.cut();
  await disconnected(ann);
  await say(bob, missed);
  await message(bob, changed).hover();
  await message(bob, changed).getByRole("button", { name: "Edit message" }).click();
  await bob.locator(".editor textarea").fill(`${changed} indeed`);
  await bob.locator(".editor textarea").press("Enter");
  await message(bob, `${changed} indeed`).waitFor();
  await message(bob, gone).hover();
  await message(bob, gone).getByRole("button", { name: "Delete message" }).click();
  await bob.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await message(bob, gone).waitFor({ state: "detached" });
  line.restore();

  await connected(ann);
  await message(ann, missed).waitFor();
  await message(ann, `${changed} indeed`).waitFor();
  assert.equal(await message(ann, gone).count(), 0);
  await say(bob, later);
  await message(ann, later).waitFor();
  assertNoComplaints(ann, BROKEN_LINE);
});

test("what is written while disconnected stays and can be sent afterwards", async (t) => {
  const line = await Line.open(t);
  const page = await newPage(await newContext(t, browser));
  await signUp(page, { origin: line.origin });
  const text = unique("patience");
  line.cut();
  await disconnected(page);

  await say(page, text);
  await page.getByText("Not connected. Your text stays here").waitFor();
  assert.equal(await composer(page).inputValue(), text);
  line.restore();
  await reconnected(page);
  await composer(page).press("Enter");

  await message(page, text).waitFor();
  assert.equal(await composer(page).inputValue(), "");
  assertNoComplaints(page, BROKEN_LINE);
});

test("a message lost on the way is shown as such and can be sent again", async (t) => {
  const line = await Line.open(t);
  const page = await newPage(await newContext(t, browser));
  await signUp(page, { origin: line.origin });
  const text = unique("lost");

  line.swallow();
  await say(page, text);
  await page.locator(".pending li", { hasText: text }).getByText("Sending…").waitFor();
  line.cut();
  await disconnected(page);
  line.restore();
  await reconnected(page);
  await page.locator(".pending").getByText("It may not have arrived").waitFor();
  await page.getByRole("button", { name: "Send again" }).click();

  await message(page, text).waitFor();
  await page.locator(".pending").waitFor({ state: "hidden" });
  assert.equal(await message(page, text).count(), 1);
});

test("a message whose echo was lost is found in the history and not in doubt", async (t) => {
  const line = await Line.open(t);
  const context = await newContext(t, browser);
  const page = await newPage(context);
  const name = await signUp(page, { origin: line.origin });
  const text = unique("arrived");

  line.swallow();
  await say(page, text);
  await page.locator(".pending li", { hasText: text }).waitFor();
  // The same message arrives by another way, as if only its echo had been lost.
  const tokens = await page.evaluate(() => ({ ...localStorage }));
  const direct = await newPage(await newContext(t, browser));
  await direct.goto(`${BASE_URL}/chat/`);
  await direct.evaluate((pair) => {
    for (const key of ["access", "refresh"]) localStorage.setItem(key, pair[key]);
  }, tokens);
  await direct.reload();
  await direct.locator(".own-name", { hasText: name }).waitFor();
  await connected(direct);
  line.cut();
  await disconnected(page);
  await say(direct, text);
  await message(direct, text).waitFor();
  line.restore();
  await reconnected(page);

  await message(page, text).waitFor();
  await page.locator(".pending").waitFor({ state: "hidden" });
  assert.equal(await message(page, text).count(), 1);
});

test("an unconfirmed message survives a reload of the page", async (t) => {
  const line = await Line.open(t);
  const page = await newPage(await newContext(t, browser));
  await signUp(page, { origin: line.origin });
  const text = unique("kept");
  line.swallow();
  await say(page, text);
  await page.locator(".pending li", { hasText: text }).waitFor();
  line.cut();
  line.restore();

  await page.reload();

  await page.locator(".pending li", { hasText: text }).getByText("It may not have arrived").waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  assert.equal(await composer(page).inputValue(), text);
});

test("a text that is too long for the server is given back to be shortened", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await signUp(page);
  // Beyond the 256 KiB of the default profile.
  const text = `${unique("long")} ${"x".repeat(300 * 1024)}`;

  await say(page, text);
  await page.locator(".pending").getByText("Too long for this server.").waitFor();
  await page.getByRole("button", { name: "Edit" }).click();

  assert.equal(await composer(page).inputValue(), text);
  await page.locator(".pending").waitFor({ state: "hidden" });
  await connected(page);
});
