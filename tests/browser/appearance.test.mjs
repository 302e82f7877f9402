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
  PASSWORD,
  send,
  signUp,
  test,
  unique,
} from "./harness.mjs";

const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

async function assertNoSidewaysScroll(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(content <= screen, `${page.url()}: ${content}px of content on ${screen}px`);
}

test("on a phone nothing scrolls sideways and everything is reachable", async (t) => {
  const page = await newPage(await newContext(t, browser, PHONE));
  for (const path of ["/", "/chat/", `/chat/${"r".repeat(200)}/`]) {
    await page.goto(BASE_URL + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await assertNoSidewaysScroll(page);
  }
  const name = await signUp(page, { name: unique("n".repeat(80)) });
  const text = unique("w".repeat(400));
  await send(page, text);
  await message(page, text).waitFor();
  await assertNoSidewaysScroll(page);

  const sendButton = await page.getByRole("button", { name: "Send" }).boundingBox();
  assert.ok(sendButton.y + sendButton.height <= PHONE.viewport.height, "the composer is on the screen");
  const people = page.locator(".people");
  assert.equal(await people.isVisible(), false);
  await page.getByRole("button", { name: "online" }).tap();
  await people.getByText(name).waitFor();
  await assertNoSidewaysScroll(page);
  await page.getByRole("button", { name: "online" }).tap();
  await people.waitFor({ state: "hidden" });

  await message(page, text).getByRole("button", { name: "Delete message" }).tap();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).tap();
  await message(page, text).waitFor({ state: "detached" });
  assertNoProblems(page);
});

/** Relative luminance of a computed `rgb(…)` colour. */
function luminance(colour) {
  const [red, green, blue] = colour
    .match(/[\d.]+/g)
    .map((value) => Number(value) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test("light and dark mode follow the system with enough contrast", async (t) => {
  const seen = {};
  for (const colorScheme of ["light", "dark"]) {
    const page = await newPage(await newContext(t, browser, { colorScheme }));
    await signUp(page);
    const text = unique("colour");
    await send(page, text);
    await message(page, text).waitFor();
    seen[colorScheme] = await page.evaluate(() => {
      const style = (selector) => getComputedStyle(document.querySelector(selector));
      return {
        background: style(".conversation").backgroundColor,
        text: style(".message .body").color,
        muted: style(".message time").color,
        button: [style(".send").backgroundColor, style(".send").color],
      };
    });
    const { background, text: colour, muted, button } = seen[colorScheme];
    assert.ok(contrast(background, colour) >= 7, `${colorScheme} text`);
    assert.ok(contrast(background, muted) >= 4.5, `${colorScheme} muted text`);
    assert.ok(contrast(...button) >= 4.5, `${colorScheme} button`);
  }

  assert.ok(luminance(seen.light.background) > 0.8);
  assert.ok(luminance(seen.dark.background) < 0.1);
});

/** Presses Tab until the focus is on what `selector` names. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 15; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  assert.fail(`Tab does not lead to ${selector}`);
}

test("the keyboard alone suffices for everything", async (t) => {
  const page = await newPage(await newContext(t, browser));
  const keys = page.keyboard;
  const name = unique("kay");
  const [first, second] = [unique("first"), unique("second")];

  await page.goto(`${BASE_URL}/`);
  await tabTo(page, 'a.button[href="/chat/"]');
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await tabTo(page, ".other button");
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Create an account" }).waitFor();
  for (const value of [name, `${name}@example.com`, PASSWORD]) {
    await keys.type(value);
    if (value !== PASSWORD) await keys.press("Tab");
  }
  await keys.press("Enter");
  await connected(page);

  await keys.type(first);
  await keys.press("Enter");
  await message(page, first).waitFor();
  await keys.press("ArrowUp");
  await page.locator(".editor textarea:focus").waitFor();
  await keys.press("Control+A");
  await keys.type(second);
  await keys.press("Enter");
  await message(page, second).getByText("edited").waitFor();

  await page.locator(".message:focus").waitFor();
  const outline = await page.locator(".message:focus > .row").evaluate((row) => getComputedStyle(row).outlineStyle);
  assert.equal(outline, "solid", "the focus can be seen");
  await tabTo(page, '[aria-label="Delete message"]');
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor();
  await keys.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await keys.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(page, "dialog .danger");
  await keys.press("Enter");
  await message(page, second).waitFor({ state: "detached" });

  await composer(page).focus();
  for (let presses = 0; presses < 15; presses += 1) {
    await keys.press("Shift+Tab");
    if (await page.evaluate(() => document.activeElement.textContent === "Sign out")) break;
  }
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assertNoProblems(page);
});
