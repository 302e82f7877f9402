import assert from "node:assert/strict";
import { after, before } from "node:test";
import { assertNoComplaints, BASE_URL, newContext, newPage, openBrowser, test } from "./harness.mjs";

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

test("the document is browsed and tried out without asking anybody else", async (t) => {
  const page = await newPage(await newContext(t, browser));
  const asked = new Set();
  page.on("request", (request) => asked.add(new URL(request.url()).protocol === "data:" ? BASE_URL : new URL(request.url()).origin));

  await page.goto(`${BASE_URL}/api/v1/docs/`);
  await page.getByText("Say something").click();
  await page.getByText("It is said.").first().waitFor();
  await page.getByText("What a kind of problem means").click();
  await page.getByRole("button", { name: "Try it out" }).last().click();
  await page.getByRole("button", { name: "Execute" }).click();
  await page.getByText("A group keeps at least one owner.").last().waitFor();

  assert.deepEqual([...asked], [BASE_URL]);
  assertNoComplaints(page);
});
