import assert from "node:assert/strict";
import { after, before } from "node:test";
import { assertNoProblems, BASE_URL, newContext, newPage, openBrowser, signUp, test } from "./harness.mjs";

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

test("every link of the start page works", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await page.goto(`${BASE_URL}/`);
  const links = await page.locator("a").evaluateAll((anchors) => anchors.map((anchor) => anchor.href));

  for (const path of ["/chat/", "/chat/api/", "/health/ready"]) assert.ok(links.includes(BASE_URL + path), path);
  for (const link of new Set(links)) assert.equal((await fetch(link)).status, 200, link);
  assertNoProblems(page);
});

test("a room page escapes its name and shows it as text", async (t) => {
  const name = `<script>alert(1)</b>&"é\u{1F600}`.replace("/", "");
  const path = `/chat/${encodeURIComponent(name)}/`;
  const html = await (await fetch(BASE_URL + path)).text();
  const escaped = '"\\u003Cscript\\u003Ealert(1)\\u003Cb\\u003E\\u0026\\"\\u00e9\\ud83d\\ude00"';
  assert.ok(
    html.toLowerCase().includes(`<script id="room-name" type="application/json">${escaped.toLowerCase()}</script>`),
    html,
  );

  const page = await newPage(await newContext(t, browser));
  await signUp(page, { path });

  assert.equal(await page.title(), "Chat Room");
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), name);
  assertNoProblems(page);
});

test("the lobby page has a title and allows no inline code", async (t) => {
  const page = await newPage(await newContext(t, browser));
  const response = await page.goto(`${BASE_URL}/chat/`);

  const policy = response.headers()["content-security-policy"];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(await page.title(), "Chat Rooms");
  assertNoProblems(page);
});
