import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  assertNoProblems,
  BASE_URL,
  composer,
  connected,
  eventually,
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

async function someone(t, stem) {
  const page = await newPage(await newContext(t, browser));
  return { page, name: await signUp(page, { name: unique(stem) }) };
}

test("two users see each other online and exchange messages", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const [question, answer] = [unique("question"), unique("answer")];

  await ann.page.locator(".people-list li", { hasText: bob.name }).waitFor();
  await bob.page.locator(".people-list li", { hasText: ann.name }).waitFor();
  await send(ann.page, question);
  await message(bob.page, question).waitFor();
  await send(bob.page, answer);
  await message(ann.page, answer).waitFor();

  const row = message(bob.page, question);
  assert.equal(await row.locator(".author").textContent(), ann.name);
  assert.equal(await row.getByRole("button").count(), 0, "someone else's message has no buttons");
  await ann.page.locator(".pending").waitFor({ state: "hidden" });
  for (const { page } of [ann, bob]) assertNoProblems(page);
});

test("a user who leaves is not shown as online", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const shown = ann.page.locator(".people-list li", { hasText: bob.name });
  await shown.waitFor();

  await bob.page.close();

  await shown.waitFor({ state: "detached" });
});

test("an edit is marked and appears for both users", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const [first, second] = [unique("first"), unique("second")];
  await send(ann.page, first);
  await message(bob.page, first).waitFor();

  const row = message(ann.page, first);
  await row.hover();
  await row.getByRole("button", { name: "Edit message" }).click();
  const editor = ann.page.locator(".editor textarea");
  await editor.fill(second);
  await editor.press("Enter");

  for (const { page } of [ann, bob]) {
    await message(page, second).getByText("edited").waitFor();
    assert.equal(await message(page, first).count(), 0);
    assertNoProblems(page);
  }
});

test("a refused edit shows the reason and keeps the text", async (t) => {
  const { page } = await someone(t, "ann");
  const text = unique("stays");
  await send(page, text);
  await message(page, text).hover();
  await message(page, text).getByRole("button", { name: "Edit message" }).click();
  const editor = page.locator(".editor textarea");
  await editor.fill("   ");
  await editor.press("Enter");

  await page.locator(".editor").getByText("This field may not be blank.").waitFor();
  await editor.press("Escape");
  await message(page, text).locator(".body").waitFor();
});

test("a deletion is confirmed first and applies for both users", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const text = unique("regret");
  await send(ann.page, text);
  await message(bob.page, text).waitFor();
  const row = message(ann.page, text);
  const ask = async () => {
    await row.hover();
    await row.getByRole("button", { name: "Delete message" }).click();
    return ann.page.getByRole("dialog");
  };

  await (await ask()).getByRole("button", { name: "Cancel" }).click();
  await ann.page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await message(bob.page, text).count(), 1);
  await (await ask()).getByRole("button", { name: "Delete" }).click();

  for (const { page } of [ann, bob]) {
    await message(page, text).waitFor({ state: "detached" });
    assertNoProblems(page);
  }
});

test("a draft survives a reload until it is sent", async (t) => {
  const { page } = await someone(t, "ann");
  const text = unique("draft");
  await composer(page).fill(text);

  await page.reload();
  await connected(page);
  assert.equal(await composer(page).inputValue(), text);
  await composer(page).press("Enter");
  await message(page, text).waitFor();
  await page.reload();
  await connected(page);

  assert.equal(await composer(page).inputValue(), "");
  assert.equal(await message(page, text).count(), 1);
});

test("Shift+Enter breaks the line and Enter sends", async (t) => {
  const { page } = await someone(t, "ann");
  const text = unique("lines");
  await composer(page).pressSequentially(text);
  await composer(page).press("Shift+Enter");
  await composer(page).pressSequentially("second");
  await composer(page).press("Enter");

  assert.equal(await message(page, text).locator(".body").textContent(), `${text}\nsecond`);
});

/** Sends over a socket of its own in one go, as a program would. */
function burst(page, texts) {
  return page.evaluate(async (all) => {
    const address = new URL("/ws/chat/", location.href.replace(/^http/, "ws"));
    address.searchParams.set("access_token", localStorage.getItem("access"));
    const socket = new WebSocket(address);
    await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
    for (const text of all) socket.send(text);
  }, texts);
}

test("a burst of messages arrives complete, once and in order", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const stem = unique("burst");
  const texts = Array.from({ length: 120 }, (_, number) => `${stem} ${number}`);

  await burst(ann.page, texts);

  for (const { page } of [ann, bob]) {
    await message(page, `${stem} 119`).waitFor();
    assert.deepEqual(await message(page, stem).locator(".body").allTextContents(), texts);
  }
});

test("new messages do not scroll a reader of old ones", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const stem = unique("old");
  await burst(ann.page, Array.from({ length: 60 }, (_, number) => `${stem} ${number}`));
  const read = message(bob.page, `${stem} 10`);
  await message(bob.page, `${stem} 59`).waitFor();
  await read.scrollIntoViewIfNeeded();
  const place = (await read.boundingBox()).y;

  const [first, second] = [unique("new"), unique("new")];
  await send(ann.page, first);
  await send(ann.page, second);

  const button = bob.page.getByRole("button", { name: "2 new messages" });
  await button.waitFor();
  const moved = Math.abs((await read.boundingBox()).y - place);
  assert.ok(moved < 2, `moved by ${moved}px`);
  await button.click();
  await button.waitFor({ state: "hidden" });
  await eventually(
    () => message(bob.page, second).evaluate((row) => row.getBoundingClientRect().bottom <= window.innerHeight),
    (isInView) => isInView,
    "the newest message comes into view",
  );
});

test("an unfinished edit survives events from the server", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await someone(t, "bob");
  const text = unique("mine");
  await send(ann.page, text);
  await message(ann.page, text).hover();
  await message(ann.page, text).getByRole("button", { name: "Edit message" }).click();
  await ann.page.locator(".editor textarea").fill("half a thou");
  const histories = await historiesOf(ann.page, async () => {
    const stem = unique("noise");
    await burst(bob.page, Array.from({ length: 20 }, (_, number) => `${stem} ${number}`));
    await message(ann.page, `${stem} 19`).waitFor();
  });

  assert.ok(histories > 0, "the burst was followed by a history");
  assert.equal(await ann.page.locator(".editor textarea").inputValue(), "half a thou");
});

/** How many histories come while `act` runs and until the first of them is in. */
async function historiesOf(page, act) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let count = 0;
  session.on("Network.webSocketFrameReceived", ({ response }) => {
    if (response.payloadData.slice(0, 40).includes("message_history")) count += 1;
  });
  await act();
  return eventually(
    () => count,
    (seen) => seen > 0,
    "a history comes",
  );
}

test("every room name leads to the same lobby", async (t) => {
  const ann = await someone(t, "ann");
  const bob = await newPage(await newContext(t, browser));
  await signUp(bob, { path: "/chat/tea-room/" });
  const text = unique("hello");

  await send(ann.page, text);

  await message(bob, text).waitFor();
  assert.equal(bob.url(), `${BASE_URL}/chat/tea-room/`);
});
