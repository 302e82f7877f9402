// Edits and deletions of one's own messages stay on the screen, although a history is on its way at that moment.
//
// node own_changes.mjs DELAY ROUNDS, where the delay is the way in one direction in ms.

import assert from "node:assert/strict";
import { TcpProxy } from "../browser/tcp_proxy.mjs";
import { Client, eventually, sleep } from "./client.mjs";

const [delay, rounds] = process.argv.slice(2).map(Number);
/** The server sends a history so long after a burst. */
const QUIET_MS = 300;

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

let undoneEdits = 0;
let undoneDeletions = 0;
for (let round = 0; round < rounds; round += 1) {
  const [edited, deleted] = [idOf(`edited ${round}`), idOf(`deleted ${round}`)];
  await other.send(...["one", "two", "three"].map((word) => `${word} ${round}`));
  // The user acts at any moment between the sending of the history and its arrival.
  await sleep(QUIET_MS + (2 * delay * round) / rounds);
  const statuses = await Promise.all([author.edit(edited, `new ${round}`), author.remove(deleted)]);
  assert.deepEqual(statuses, [200, 204]);
  await sleep(2 * QUIET_MS + 4 * delay);

  const rows = await author.rows();
  if (rows.find(({ id }) => id === edited)?.content !== `new ${round}`) undoneEdits += 1;
  if (rows.some(({ id }) => id === deleted)) undoneDeletions += 1;
}
const result = `${undoneEdits} of ${rounds} edits and ${undoneDeletions} of ${rounds} deletions undone at ${delay} ms`;
assert.equal(undoneEdits + undoneDeletions, 0, result);
console.log(result);
process.exit();
