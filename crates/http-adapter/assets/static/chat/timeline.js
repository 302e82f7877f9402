// The messages on the screen, one row for each id. Frames change rows; rows that stay the same are not touched.

import { element, icon } from "./dom.js";
import { MessageRow } from "./message_row.js";
import { ScrollKeeper } from "./scroll_keeper.js";

/** The maximum number of rows in a history of the server. */
const MOST_ROWS = 2000;
const ANNOUNCED_CHARACTERS = 200;

function stateOf({ tooLong, unconfirmed, interrupted }) {
  if (tooLong) return "Too long for this server.";
  if (unconfirmed) return "The connection broke while this was sent. It may not have arrived.";
  return interrupted ? "Waiting for the connection…" : "Sending…";
}

export class Timeline {
  element;
  #list = element("ol", { class: "messages", "aria-label": "Messages" });
  #pending = element("ol", { class: "pending", "aria-label": "Messages being sent", hidden: true });
  #empty = element("p", { class: "empty", hidden: true }, "No messages yet. Say hello.");
  #announcer = element("div", { class: "visually-hidden", "aria-live": "polite" });
  #newer = element("button", { type: "button", class: "button newer", hidden: true });
  #rows = new Map();
  #newest = 0;
  #current;
  #unseen = 0;
  #scroll;
  #user;
  #onEdit;
  #onDelete;
  #filled = false;

  constructor({ user, onEdit, onDelete }) {
    this.#user = user;
    this.#onEdit = onEdit;
    this.#onDelete = onDelete;
    const inner = element("div", { class: "timeline-inner" }, this.#empty, this.#list, this.#pending);
    const scroller = element("div", { class: "timeline", "aria-busy": "true" }, inner);
    this.element = element("div", { class: "timeline-frame" }, scroller, this.#newer, this.#announcer);
    this.#scroll = new ScrollKeeper(scroller, inner, () => this.#seeAll());
    this.#newer.addEventListener("click", () => this.showNewest());
    this.#list.addEventListener("keydown", (event) => this.#moveFocus(event));
    this.#list.addEventListener("focusin", (event) => {
      const row = this.#rowOf(event.target.closest(".message"));
      if (row) this.#setCurrent(row);
    });
  }

  /** The highest id seen; ids ascend. */
  get newestId() {
    return this.#newest;
  }

  /** `message_history`: replaces all rows. */
  replaceAll(messages) {
    const wanted = new Set(messages.map((message) => message.id));
    for (const id of [...this.#rows.keys()]) if (!wanted.has(id)) this.#drop(id);

    let place = this.#list.firstElementChild;
    let added = 0;
    for (const message of messages) {
      let row = this.#rows.get(message.id);
      if (row) {
        row.update(message);
      } else {
        row = this.#create(message);
        if (message.author !== this.#user.id) added += 1;
      }
      if (row.element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(row.element, place);
    }
    let previous;
    for (const node of this.#list.children) {
      const row = this.#rowOf(node);
      row.follow(previous);
      previous = row;
    }
    if (this.#filled) this.#notice(added);
    this.#filled = true;
    this.#settle();
    this.element.firstElementChild.removeAttribute("aria-busy");
  }

  /** `chat_message`: a new message, or one that is known already. */
  add(message) {
    const known = this.#rows.get(message.id);
    if (known) {
      known.update(message);
      return;
    }
    const row = this.#create(message);
    let after = this.#list.lastElementChild;
    while (after && this.#rowOf(after).message.id > message.id) after = after.previousElementSibling;
    if (after) after.after(row.element);
    else this.#list.prepend(row.element);
    this.#followAround(row.element);
    if (message.author !== this.#user.id) {
      this.#notice(1);
      this.#announcer.textContent = `${message.author_username}: ${message.content.slice(0, ANNOUNCED_CHARACTERS)}`;
    }
    this.#trim();
    this.#settle();
  }

  /** `message_updated`. Messages that are not on the screen are ignored. */
  update(message) {
    this.#rows.get(message.id)?.update(message);
    this.#settle();
  }

  /** `message_deleted`. */
  remove(id) {
    const next = this.#rows.get(id)?.element.nextElementSibling;
    this.#drop(id);
    if (next) this.#followAround(next);
    this.#settle();
  }

  showNewest() {
    this.#scroll.toEnd();
    this.#seeAll();
  }

  /** Opens the editor of the user's newest message; false if there is none. */
  editNewestOwn() {
    for (let node = this.#list.lastElementChild; node; node = node.previousElementSibling) {
      if (node.dataset.own === undefined) continue;
      this.#rowOf(node).edit();
      return true;
    }
    return false;
  }

  /** Shows messages under way; `actions(entry)` returns the buttons of an unconfirmed one. */
  showPending(entries, actions) {
    this.#pending.hidden = entries.length === 0;
    this.#pending.replaceChildren(
      ...entries.map((entry) => {
        return element(
          "li",
          { "data-state": entry.unconfirmed ? "unconfirmed" : "sending" },
          element("div", { class: "body", dir: "auto" }, entry.text),
          element("p", { class: "state" }, stateOf(entry)),
          entry.unconfirmed ? element("div", { class: "pending-buttons" }, ...actions(entry)) : null,
        );
      }),
    );
    this.#settle();
  }

  #create(message) {
    const row = new MessageRow(message, {
      isOwn: message.author === this.#user.id,
      onEdit: this.#onEdit,
      onDelete: this.#onDelete,
    });
    this.#rows.set(message.id, row);
    this.#newest = Math.max(this.#newest, message.id);
    return row;
  }

  #drop(id) {
    const row = this.#rows.get(id);
    if (!row) return;
    const { element: node } = row;
    const neighbour = node.nextElementSibling ?? node.previousElementSibling;
    const hadFocus = node.contains(document.activeElement);
    node.remove();
    this.#rows.delete(id);
    if (row !== this.#current) return;
    this.#current = undefined;
    if (neighbour && this.#rowOf(neighbour)) this.#setCurrent(this.#rowOf(neighbour));
    if (hadFocus) neighbour?.focus({ preventScroll: true });
  }

  /** Removes the oldest rows, but not while the user is reading them. */
  #trim() {
    if (!this.#scroll.isAtEnd) return;
    while (this.#rows.size > MOST_ROWS) {
      const oldest = this.#rowOf(this.#list.firstElementChild);
      if (oldest.isEditing) return;
      this.#drop(oldest.message.id);
    }
    if (this.#list.firstElementChild) this.#followAround(this.#list.firstElementChild);
  }

  #followAround(node) {
    for (const one of [node, node.nextElementSibling]) {
      if (one) this.#rowOf(one).follow(this.#rowOf(one.previousElementSibling));
    }
  }

  #settle() {
    this.#empty.hidden = !this.#filled || this.#rows.size > 0 || !this.#pending.hidden;
    if (!this.#current && this.#list.lastElementChild) this.#setCurrent(this.#rowOf(this.#list.lastElementChild));
    if (this.#scroll.isAtEnd) this.#scroll.toEnd();
  }

  #notice(count) {
    if (this.#scroll.isAtEnd || count === 0) return;
    this.#unseen += count;
    const text = this.#unseen === 1 ? "1 new message" : `${this.#unseen} new messages`;
    this.#newer.replaceChildren(icon("down"), text);
    this.#newer.hidden = false;
  }

  #seeAll() {
    this.#unseen = 0;
    this.#newer.hidden = true;
  }

  #setCurrent(row) {
    if (row === this.#current) return;
    this.#current?.setCurrent(false);
    this.#current = row;
    row.setCurrent(true);
  }

  #moveFocus(event) {
    if (!event.target.classList.contains("message")) return;
    const node = event.target;
    const target = {
      ArrowUp: node.previousElementSibling,
      ArrowDown: node.nextElementSibling,
      Home: this.#list.firstElementChild,
      End: this.#list.lastElementChild,
    }[event.key];
    if (!target) return;
    event.preventDefault();
    target.focus();
  }

  #rowOf(node) {
    return node ? this.#rows.get(Number(node.dataset.id)) : undefined;
  }
}
