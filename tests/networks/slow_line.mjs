// Healing does not choke a line of 1.6 Mbit/s: with 8 lines a second, a reader stays within a second of the sender.

import assert from "node:assert/strict";
import { TcpProxy } from "../browser/tcp_proxy.mjs";
import { Client, eventually, sleep } from "./client.mjs";

const BYTES_PER_SECOND = 200_000;
const EVERY_MS = 125;
const LINES = 160;
const OLD_LINES = 500;

const sender = await Client.signedUp(process.env.BASE_URL, "sender");
const old = Array.from({ length: OLD_LINES }, (_, number) => `old ${number} ${"x".repeat(200)}`);
await sender.send(...old);
await eventually(
  () => sender.rows(),
  (rows) => rows.length === OLD_LINES,
  "every old line is shown to the sender",
);
const proxy = await TcpProxy.open(process.env.BASE_URL, { delay: 30, rate: BYTES_PER_SECOND });
const reader = await Client.signedUp(proxy.origin, "reader");

const sent = [];
for (let number = 0; number < LINES; number += 1) {
  sent.push(Date.now());
  await sender.send(`line ${number}`);
  await sleep(EVERY_MS);
}
const shown = await eventually(
  () => reader.rows(),
  (rows) => rows.filter(({ content }) => content.startsWith("line ")).length === LINES,
  "every line is shown to the reader",
);
assert.ok(shown.length >= LINES + OLD_LINES - 1, `${shown.length} rows`);

const frames = (await reader.frames()).filter(({ text }) => text?.startsWith("line "));
assert.equal(frames.length, LINES);
const longest = Math.max(...frames.map(({ at, text }) => at - sent[Number(text.split(" ")[1])]));
const result = `on a slow line, the reader was at most ${longest} ms behind`;
assert.ok(longest < 1000, result);
console.log(result);
process.exit();
