// Messages that were sent and have not come back. The socket has no acknowledgements: the echo is the proof.

import { tab } from "./storage.js";

/**
 * Entries are `{ key, text, after, interrupted, unconfirmed, tooLong }`: `after` is the newest id known at sending,
 * so an older message with the same text is not mistaken for this one. They survive a reload of the tab.
 */
export class Outbox {
  #key;
  #entries = [];
  #onChange;
  #nextKey = 1;

  constructor(userId, onChange) {
    this.#key = `outbox:${userId}`;
    this.#onChange = onChange;
    for (const { text, after } of JSON.parse(tab.read(this.#key) ?? "[]")) {
      this.#entries.push({ key: this.#nextKey++, text, after, interrupted: true });
    }
  }

  get entries() {
    return this.#entries;
  }

  /** Whether a message is under way on the current connection. */
  get isWaiting() {
    return this.#entries.some((entry) => !entry.interrupted);
  }

  add(text, after) {
    this.#entries.push({ key: this.#nextKey++, text, after, interrupted: false });
    this.#changed();
  }

  remove(key) {
    this.#entries = this.#entries.filter((entry) => entry.key !== key);
    this.#changed();
  }

  /** A message of this user has arrived: removes the oldest entry that matches it. */
  settle(message) {
    if (this.#settleOne(message)) this.#changed();
  }

  /** A history has arrived: entries of an earlier connection that it lacks are unconfirmed. */
  settleAll(ownMessages) {
    for (const message of ownMessages) this.#settleOne(message);
    for (const entry of this.#entries) entry.unconfirmed = entry.interrupted;
    this.#changed();
  }

  /** The connection is lost, so every entry may or may not have been stored. */
  interrupt({ tooLong = false } = {}) {
    if (tooLong) this.#refuseLongest();
    for (const entry of this.#entries) entry.interrupted = true;
    this.#changed();
  }

  /** The server has refused a text that was too long: the longest one under way. */
  refuse() {
    this.#refuseLongest();
    this.#changed();
  }

  #refuseLongest() {
    const onTheirWay = this.#entries.filter((entry) => !entry.interrupted);
    if (onTheirWay.length === 0) return;
    const longest = onTheirWay.reduce((one, other) => (other.text.length > one.text.length ? other : one));
    longest.tooLong = true;
    longest.interrupted = true;
  }

  #settleOne({ id, content }) {
    const index = this.#entries.findIndex((entry) => entry.text === content && id > entry.after);
    if (index < 0) return false;
    // Messages are stored in the order of sending: this one cannot be a later entry.
    for (const later of this.#entries.slice(index + 1)) later.after = Math.max(later.after, id);
    this.#entries.splice(index, 1);
    return true;
  }

  #changed() {
    if (this.#entries.length === 0) tab.remove(this.#key);
    else tab.write(this.#key, JSON.stringify(this.#entries.map(({ text, after }) => ({ text, after }))));
    this.#onChange(this.#entries);
  }
}
