import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  BASE_URL,
  eventually,
  newContext,
  newPage,
  openBrowser,
  PASSWORD,
  serveReactClient,
  test,
  unique,
} from "./harness.mjs";

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** A page of the model with a new user. */
async function newClient(t, { context, address }) {
  const page = await newPage(context);
  await page.goto(address);
  await page.locator('html[data-page="login"]').waitFor({ state: "attached" });
  const name = unique("rea");
  await page.evaluate(
    ([user, password]) => window.client.register(user, password, `${user}@example.com`),
    [name, PASSWORD],
  );
  await connected(page);
  return { page, name };
}

function connected(page) {
  return eventually(
    () => page.evaluate(() => window.client?.isConnected === true),
    (isConnected) => isConnected,
    "the client is connected",
  );
}

function rows(page, stem) {
  return page.evaluate(
    (wanted) =>
      [...document.querySelectorAll("#messages li")]
        .map((row) => row.textContent)
        .filter((text) => text.startsWith(wanted)),
    stem,
  );
}

function numbered(stem, count) {
  return Array.from({ length: count }, (_, number) => `${stem} ${number}`);
}

function shows(page, stem, texts) {
  return eventually(
    () => rows(page, stem),
    (shown) => JSON.stringify(shown) === JSON.stringify(texts),
    `exactly ${texts.length} rows of ${stem}`,
  );
}

test("the model loses rows of a burst until a history arrives", async (t) => {
  const page = await newPage(await newContext(t, browser));
  await page.goto(await serveReactClient(t));
  await page.locator('html[data-page="login"]').waitFor({ state: "attached" });
  const texts = numbered("direct", 50);
  const messages = texts.map((content, index) => ({ id: index + 1, content, author: 1, is_modified: false }));

  await page.evaluate((all) => {
    for (const message of all) window.client.receive({ type: "chat_message", message });
  }, messages);
  await shows(page, "direct", ["direct 49"]);
  await page.evaluate((all) => window.client.receive({ type: "message_history", messages: all }), messages);

  await shows(page, "direct", texts);
});

test("both clients finally show all fifty messages of a burst", async (t) => {
  const address = await serveReactClient(t);
  const sender = await newClient(t, { context: await newContext(t, browser), address });
  const reader = await newClient(t, { context: await newContext(t, browser), address });
  const stem = unique("burst");
  const texts = numbered(stem, 50);

  await sender.page.evaluate((all) => {
    for (const text of all) window.client.send(text);
  }, texts);

  await shows(sender.page, stem, texts);
  await shows(reader.page, stem, texts);
});

test("own edits and deletions appear in the other tab", async (t) => {
  const address = await serveReactClient(t);
  const context = await newContext(t, browser);
  const { page: one } = await newClient(t, { context, address });
  const other = await newPage(context);
  await other.goto(address);
  await connected(other);
  const stem = unique("own");
  await one.evaluate((text) => window.client.send(text), `${stem} before`);
  await shows(other, stem, [`${stem} before`]);
  const id = await one.evaluate(
    (text) => window.client.rendered.messages.find((message) => message.content === text).id,
    `${stem} before`,
  );

  await one.evaluate(([message, text]) => window.client.edit(message, text), [id, `${stem} after`]);
  for (const page of [one, other]) await shows(page, stem, [`${stem} after`]);
  await one.evaluate((message) => window.client.remove(message), id);
  for (const page of [one, other]) await shows(page, stem, []);
});

test("two tabs that renew at once both stay signed in", async (t) => {
  const address = await serveReactClient(t);
  const context = await newContext(t, browser);
  const { page: one } = await newClient(t, { context, address });
  const other = await newPage(context);
  await one.evaluate(() => {
    const [header, payload] = localStorage.getItem("access").split(".");
    localStorage.setItem("access", `${header}.${payload}.${"A".repeat(43)}`);
  });

  // Both tabs send the same token before either gets an answer.
  const waiting = [];
  await context.route(/token\/refresh/, (route) => {
    if (route.request().method() !== "POST") return route.continue();
    waiting.push(route);
  });
  const opened = Promise.all([one.reload(), other.goto(address)]);
  await eventually(
    () => waiting.length,
    (count) => count === 2,
    "both tabs ask for new tokens",
  );
  const tokens = waiting.map((route) => route.request().postDataJSON().refresh);
  assert.equal(tokens[0], tokens[1]);
  await Promise.all(waiting.map((route) => route.continue()));
  await opened;

  for (const page of [one, other]) {
    await connected(page);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.page), "chat");
  }
});

test("a client that enters during writes sees every message once", async (t) => {
  const address = await serveReactClient(t);
  const { page: writer } = await newClient(t, { context: await newContext(t, browser), address });
  const stem = unique("stream");
  const texts = numbered(stem, 100);
  const written = writer.evaluate(
    (all) =>
      new Promise((resolve) => {
        const rest = [...all];
        const timer = setInterval(() => {
          if (rest.length > 0) window.client.send(rest.shift());
          else resolve(clearInterval(timer));
        }, 15);
      }),
    texts,
  );
  const readers = [];
  for (let count = 0; count < 3; count += 1) {
    readers.push((await newClient(t, { context: await newContext(t, browser), address })).page);
  }
  await written;

  for (const page of [writer, ...readers]) await shows(page, stem, texts);
});

test("the own name is marked right after registration", async (t) => {
  const address = await serveReactClient(t);
  const { page, name } = await newClient(t, { context: await newContext(t, browser), address });

  await page.locator("dd.my-user", { hasText: name }).waitFor();
});

test("a socket with a bad token is closed unnoticed with 4003", async (t) => {
  const address = await serveReactClient(t);
  const { page } = await newClient(t, { context: await newContext(t, browser), address });

  const code = await page.evaluate(
    (api) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${api.replace(/^http/, "ws")}/ws/chat/?access_token=nonsense`);
        socket.addEventListener("close", (event) => resolve(event.code));
      }),
    BASE_URL,
  );
  // When this later user appears, any event about the refused socket would have arrived.
  const { name } = await newClient(t, { context: await newContext(t, browser), address });
  await page.locator("dd", { hasText: name }).waitFor();

  assert.equal(code, 4003);
  const named = await page.evaluate(() =>
    window.client.frames.flatMap(
      (frame) => frame.users_online ?? (frame.username === undefined ? [] : [frame.username]),
    ),
  );
  assert.ok(!named.includes(""), JSON.stringify(named));
});
