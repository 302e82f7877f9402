// The chat of a signed-in user: connects the parts and passes frames and actions between them.

import { deleteMessage, editMessage, signOut } from "./api.js";
import { Composer } from "./composer.js";
import { confirm } from "./confirm.js";
import { element, icon } from "./dom.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { ChatSocket, TOO_BIG } from "./socket.js";
import { Timeline } from "./timeline.js";

/** Longer than the server keeps a message waiting while its database is away. */
const ECHO_TIMEOUT_MS = 40_000;

const STATES = { connecting: "Connecting…", open: "Connected", waiting: "Reconnecting…" };

export class ChatView {
  element;
  #user;
  #timeline;
  #people;
  #composer;
  #outbox;
  #socket;
  #status = element("span", { role: "status" });
  #connection = element("p", { class: "connection" });
  #retry = element("button", { type: "button", class: "link", hidden: true }, "Try now");
  #echoTimer;

  constructor({ user, place }) {
    this.#user = user;
    this.#timeline = new Timeline({
      user,
      onEdit: async (message, text) => this.#timeline.update(await editMessage(message.id, text)),
      onDelete: (message) => this.#confirmAndDelete(message),
    });
    this.#outbox = new Outbox(user.id, () => this.#showPending());
    this.#composer = new Composer(user.id, {
      onSend: (text) => this.#send(text),
      onEditPrevious: () => this.#timeline.editNewestOwn(),
    });
    this.#socket = new ChatSocket({
      onFrame: (frame) => this.#onFrame(frame),
      onState: (state) => this.#showState(state),
      onLost: (code) => this.#outbox.interrupt({ tooLong: code === TOO_BIG }),
    });
    this.#retry.addEventListener("click", () => this.#socket.retryNow());
    this.#layOut(place);
  }

  start() {
    this.#composer.mounted();
    this.#composer.focus();
    this.#socket.start();
  }

  stop() {
    clearTimeout(this.#echoTimer);
    this.#socket.stop();
  }

  #layOut(place) {
    const count = element("span", {}, "0");
    const toggle = element(
      "button",
      { type: "button", class: "button plain people-toggle", "aria-expanded": "false", "aria-controls": "people" },
      icon("people"),
      count,
      element("span", { class: "visually-hidden" }, " online"),
    );
    this.#people = new People(this.#user.name, (number) => {
      count.textContent = String(number);
    });
    const showPeople = (shown) => {
      this.element.classList.toggle("with-people", shown);
      toggle.setAttribute("aria-expanded", String(shown));
    };
    toggle.addEventListener("click", () => showPeople(toggle.getAttribute("aria-expanded") !== "true"));

    this.#connection.append(this.#status, this.#retry);
    this.element = element(
      "div",
      { class: "chat" },
      element(
        "header",
        { class: "bar" },
        element(
          "a",
          { class: "home", href: "/", "aria-label": "Start page" },
          element("img", { src: "/static/icon.svg", alt: "", width: "32", height: "32" }),
        ),
        element("div", { class: "where" }, element("h1", { dir: "auto" }, place), this.#connection),
        toggle,
        element(
          "div",
          { class: "who" },
          element("bdi", { class: "own-name" }, this.#user.name),
          element("button", { type: "button", class: "button small", onclick: () => signOut() }, "Sign out"),
        ),
      ),
      element("main", { class: "conversation" }, this.#timeline.element, this.#composer.element),
      this.#people.element,
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || toggle.getAttribute("aria-expanded") !== "true") return;
      showPeople(false);
      toggle.focus();
    });
    this.#timeline.element.addEventListener("click", () => showPeople(false));
  }

  #onFrame(frame) {
    switch (frame.type) {
      case "message_history":
        this.#timeline.replaceAll(frame.messages);
        this.#outbox.settleAll(frame.messages.filter((message) => message.author === this.#user.id));
        break;
      case "chat_message":
        this.#timeline.add(frame.message);
        if (frame.message.author === this.#user.id) this.#outbox.settle(frame.message);
        break;
      case "message_updated":
        this.#timeline.update(frame.message);
        break;
      case "message_deleted":
        this.#timeline.remove(frame.message_id);
        break;
      case "message_refused":
        this.#outbox.refuse();
        break;
      case "online_info":
        this.#people.show(frame.users_online);
        break;
      default:
        // Joins and leaves are always followed by the whole list; unknown frames are for newer clients.
        break;
    }
  }

  #showState(state) {
    this.#connection.dataset.state = state;
    this.#status.textContent = STATES[state];
    this.#retry.hidden = state !== "waiting";
    if (state === "open") this.#composer.say("");
  }

  #send(text) {
    if (!this.#socket.send(text)) return false;
    this.#outbox.add(text, this.#timeline.newestId);
    this.#timeline.showNewest();
    return true;
  }

  #showPending() {
    this.#timeline.showPending(this.#outbox.entries, (entry) => [
      element("button", { type: "button", class: "button small", onclick: () => this.#sendAgain(entry) }, "Send again"),
      element("button", { type: "button", class: "button small", onclick: () => this.#takeBack(entry) }, "Edit"),
      element(
        "button",
        { type: "button", class: "button small plain", onclick: () => this.#outbox.remove(entry.key) },
        "Discard",
      ),
    ]);
    this.#watchForEchoes();
  }

  /** A connection can die silently; then no frame arrives any more. */
  #watchForEchoes() {
    clearTimeout(this.#echoTimer);
    if (this.#outbox.isWaiting) this.#echoTimer = setTimeout(() => this.#socket.abandon(), ECHO_TIMEOUT_MS);
  }

  #sendAgain(entry) {
    if (this.#send(entry.text)) this.#outbox.remove(entry.key);
    else this.#composer.say("Not connected. The message stays here until it can be sent.");
  }

  #takeBack(entry) {
    this.#outbox.remove(entry.key);
    this.#composer.giveBack(entry.text);
  }

  async #confirmAndDelete(message) {
    const agreed = await confirm({
      question: "Delete this message for everyone?",
      quote: message.content.slice(0, 300),
      yes: "Delete",
    });
    if (!agreed) return;
    try {
      await deleteMessage(message.id);
    } catch (error) {
      // Deleted already, in another tab: that is what the user wanted.
      if (error.status !== 404) {
        this.#composer.say(`The message was not deleted. ${error.message}`);
        return;
      }
    }
    this.#timeline.remove(message.id);
    if (document.activeElement === document.body) this.#composer.focus();
  }
}
