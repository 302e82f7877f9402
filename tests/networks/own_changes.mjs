// Edits and deletions of one's own messages stay on the screen, although a history is on its way at that moment.
//
// node own_changes.mjs DELAY ROUNDS, where the delay is the way in one direction in ms.

import assert from "node:assert/strict";
import { TcpProxy } from "../browser/tcp_proxy.mjs";
import { Client, eventually, sleep } from "./client.mjs";

const [delay, rounds] = process.argv.slice(2).map(Number);
/** The server sends a history so long after a burst. */
const QUIET_MS = 300;
/** A wrong screen that lasts longer stays wrong. */
const LONGEST_MS = 2000;

const proxy = await TcpProxy.open(process.env.BASE_URL, { delay });
const author = await Client.signedUp(proxy.origin, "author");
const other = await Client.signedUp(process.env.BASE_URL, "other");

// Before the first round, so that nothing but the burst of a round causes a history.
await author.send(...Array.from({ length: rounds }, (_, round) => [`edited ${round}`, `deleted ${round}`]).flat());
const all = await eventually(
  () => author.rows(),
  (rows) => rows.length === 2 * rounds,
  "every message is shown to its author",
);
const idOf = (text) => all.find(({ content }) => content === text).id;

/** Lets the user act while the history after a burst is on its way, in a different moment each round. Returns 1 if the
 * screen stays wrong. */
async function undone(round, act, isRight) {
  await other.send(...["one", "two", "three"].map((word) => `${word} ${round}`));
  await sleep(QUIET_MS + (2 * delay * round) / rounds);
  await act();
  // The history has arrived, and another one on a quick machine. More frames would heal it in any case.
  await sleep(QUIET_MS + 150 + delay);
  const deadline = performance.now() + LONGEST_MS;
  while (!isRight(await author.rows())) {
    if (performance.now() > deadline) return 1;
    await sleep(20);
  }
  return 0;
}

let undoneEdits = 0;
let undoneDeletions = 0;
for (let round = 0; round < rounds; round += 1) {
  const [edited, deleted] = [idOf(`edited ${round}`), idOf(`deleted ${round}`)];
  undoneEdits += await undone(
    round,
    async () => assert.equal(await author.edit(edited, `new ${round}`), 200),
    (rows) => rows.some(({ id, content }) => id === edited && content === `new ${round}`),
  );
  undoneDeletions += await undone(
    round,
    async () => assert.equal(await author.remove(deleted), 204),
    (rows) => !rows.some(({ id }) => id === deleted),
  );
}
const result = `${undoneEdits} of ${rounds} edits and ${undoneDeletions} of ${rounds} deletions undone at ${delay} ms`;
assert.equal(undoneEdits + undoneDeletions, 0, result);
console.log(result);
process.exit();
