// After a stall of the network, which delivers everything of that time together, the screen is complete within 3 s.
//
// node stalls.mjs EVERY, where a line is sent every so many ms.

import assert from "node:assert/strict";
import { TcpProxy } from "../browser/tcp_proxy.mjs";
import { Client, eventually, sleep } from "./client.mjs";

const every = Number(process.argv[2]);
const STALLS_MS = [2000, 5000, 12_000];
const DELAYS_MS = [1, 75];
const COMPLETE_MS = 3000;

const sender = await Client.signedUp(process.env.BASE_URL, "sender");
const sent = [];
let isOver = false;
const sending = (async () => {
  while (!isOver) {
    sent.push(`line ${sent.length}`);
    await sender.send(sent.at(-1));
    await sleep(every);
  }
})();

/** Whether the reader shows every line that was sent so long ago that it must have arrived. */
function isComplete(rows, count) {
  const lines = rows.map(({ content }) => content).filter((text) => text.startsWith("line "));
  const from = sent.indexOf(lines[0]);
  return from >= 0 && sent.slice(from, count).every((text, index) => lines[index] === text);
}

async function completesAfter(stall, delay) {
  const proxy = await TcpProxy.open(process.env.BASE_URL, { delay });
  const reader = await Client.signedUp(proxy.origin, `reader-${stall}-${delay}`);
  // Each stall begins at another moment between two lines.
  await sleep(1500 + stall / 16 + delay);
  proxy.stall(stall);
  await sleep(stall);
  const [count, from] = [sent.length, performance.now()];
  const what = `every line is shown within 3 s of a stall of ${stall} ms at ${delay} ms`;
  await eventually(() => reader.rows(), (rows) => isComplete(rows, count), what, COMPLETE_MS);
  return `${Math.round(performance.now() - from)} ms after ${stall} ms at ${delay} ms`;
}

const cases = STALLS_MS.flatMap((stall) => DELAYS_MS.map((delay) => completesAfter(stall, delay)));
const results = await Promise.all(cases);
isOver = true;
await sending;
console.log(`with a line every ${every} ms, the screen is complete ${results.join(", ")}`);
assert.ok(results.length === STALLS_MS.length * DELAYS_MS.length);
process.exit();
