import assert from "node:assert/strict";
import { after, before } from "node:test";
import { assertNoProblems, BASE_URL, newContext, newPage, openBrowser, test } from "./harness.mjs";

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

test("the API document works without requests to other hosts", async (t) => {
  const page = await newPage(await newContext(t, browser));
  const origins = new Set();
  page.on("request", (request) => {
    const url = new URL(request.url());
    origins.add(url.protocol === "data:" ? BASE_URL : url.origin);
  });

  await page.goto(`${BASE_URL}/api/v1/docs/`);
  await page.getByText("Sends a message").first().click();
  await page.getByText("The message is stored.").first().waitFor();
  await page.getByText("Describes a kind of problem").first().click();
  await page.getByRole("button", { name: "Try it out" }).last().click();
  await page.getByRole("button", { name: "Execute" }).click();
  await page.getByText("A group must keep at least one owner.").last().waitFor();

  assert.deepEqual([...origins], [BASE_URL]);
  assertNoProblems(page);
});
