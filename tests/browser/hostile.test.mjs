import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  assertNoProblems,
  BASE_URL,
  composer,
  message,
  newContext,
  newPage,
  openBrowser,
  send,
  signUp,
  test,
  unique,
} from "./harness.mjs";

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

const MARKUP = [
  '<img src=x onerror="window.harmed = true">',
  "<script>window.harmed = true</script>",
  '"><svg onload=window.harmed=true>',
  "javascript:window.harmed=true",
  "{{constructor.constructor('window.harmed=true')()}}",
  "&lt;b&gt;&#60;&amp;",
];

test("markup in a message is shown as plain text", async (t) => {
  const ann = await newPage(await newContext(t, browser));
  const bob = await newPage(await newContext(t, browser));
  await signUp(ann);
  await signUp(bob);
  const mark = unique("markup");
  const text = `${mark} ${MARKUP.join(" ")} \u202Eesrever\u202C e\u0301\u0301\u0301`;

  await send(ann, text);

  for (const page of [ann, bob]) {
    await message(page, mark).waitFor();
    assert.equal(await message(page, mark).locator(".body").textContent(), text);
    assert.equal(await message(page, mark).locator(".body *").count(), 0);
    assert.equal(await page.evaluate(() => window.harmed), undefined);
    assertNoProblems(page);
  }
});

test("hostile names are harmless and keep the layout intact", async (t) => {
  const page = await newPage(await newContext(t, browser, { viewport: { width: 360, height: 640 } }));
  // The server allows no such names; the page must not depend on it.
  const names = [...MARKUP, "\u202Eevil", "", "W".repeat(3000), "\u{1F600}".repeat(200)];
  await page.routeWebSocket(/\/ws\/chat\//, (socket) => {
    const messages = names.map((name, index) => ({
      id: index + 1,
      content: `by number ${index}. ${"M".repeat(500)}`,
      created_at: "2026-11-23T09:15:32.375945+03:00",
      author: 1_000_000 + index,
      author_username: name,
      is_modified: false,
    }));
    socket.send(JSON.stringify({ type: "message_history", messages }));
    socket.send(JSON.stringify({ type: "online_info", users_online: names }));
  });
  await signUp(page);
  await page.getByRole("button", { name: "online" }).click();

  await page.locator(".people-list li").nth(names.length - 1).waitFor();
  assert.deepEqual(await page.locator(".author").allTextContents(), names);
  assert.deepEqual(await page.locator(".people-list .name").allTextContents(), names);
  assert.equal(await page.evaluate(() => window.harmed), undefined);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  assertNoProblems(page);
});

test("a very long text is folded and opens on demand", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await signUp(page);
  const mark = unique("long");
  const text = `${mark} ${"lorem ipsum ".repeat(2000)}end`;

  await send(page, text);

  const body = message(page, mark).locator(".body");
  await body.waitFor();
  assert.ok((await body.textContent()).length < 2000);
  await message(page, mark).getByRole("button", { name: "Show all" }).click();
  assert.equal(await body.textContent(), text);
  assertNoProblems(page);
});

test("unknown frames are ignored", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await page.routeWebSocket(/\/ws\/chat\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      socket.send('{"type":"from_the_future","messages":[1]}');
      socket.send(frame);
    });
  });
  await signUp(page);
  const text = unique("still here");

  await send(page, text);

  await message(page, text).waitFor();
  assert.equal(await composer(page).inputValue(), "");
  assert.equal(page.url(), `${BASE_URL}/chat/`);
  assertNoProblems(page);
});
