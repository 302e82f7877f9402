// The live connection: opens it, keeps it open, and reports its state.

import { renew } from "./api.js";
import { session } from "./session.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const GREETING_TIMEOUT_MS = 15_000;

/** The server refuses the access token. */
const BAD_TOKEN = 4003;
/** A frame was larger than the server accepts. */
export const TOO_BIG = 1009;

export class ChatSocket {
  #onFrame;
  #onState;
  #onLost;
  #socket;
  #stopped = true;
  #greeted = false;
  #failures = 0;
  #refusals = 0;
  #timer;
  #online = () => this.retryNow();

  /**
   * `onFrame(frame)` for each frame; `onState("connecting" | "open" | "waiting")`; `onLost(closeCode)` when a
   * connection that was open is lost.
   */
  constructor({ onFrame, onState, onLost }) {
    this.#onFrame = onFrame;
    this.#onState = onState;
    this.#onLost = onLost;
  }

  start() {
    this.#stopped = false;
    window.addEventListener("online", this.#online);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    window.removeEventListener("online", this.#online);
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  /** Sends one message; false without an open connection. */
  send(text) {
    if (!this.#greeted || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** Connects without waiting any longer. */
  retryNow() {
    if (this.#stopped || this.#socket || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Gives up a connection that seems dead without waiting for its closing handshake. */
  abandon() {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#closed(socket, 1006);
  }

  async #connect() {
    this.#timer = undefined;
    this.#onState("connecting");
    try {
      // A third token would not help after two refusals; the refresh itself ends a session that is over.
      if (this.#refusals > 1) session.end("The server does not accept your session. Please sign in again.");
      else if (this.#refusals === 1 || session.accessHasExpired) await renew(session.access);
    } catch {
      if (!this.#stopped) this.#waitThenConnect();
      return;
    }
    if (this.#stopped) return;

    const address = new URL("/ws/chat/", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("access_token", session.access);
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#greeted = false;
    const greetingTimer = setTimeout(() => this.abandon(), GREETING_TIMEOUT_MS);

    socket.addEventListener("message", (event) => {
      if (this.#socket !== socket) return;
      const frame = JSON.parse(event.data);
      // The server accepts a connection with an invalid token and closes it at once: only the history proves success.
      if (frame.type === "message_history" && !this.#greeted) {
        clearTimeout(greetingTimer);
        this.#greeted = true;
        this.#failures = 0;
        this.#refusals = 0;
        this.#onFrame(frame);
        this.#onState("open");
        return;
      }
      this.#onFrame(frame);
    });
    socket.addEventListener("close", (event) => {
      clearTimeout(greetingTimer);
      this.#closed(socket, event.code);
    });
  }

  #closed(socket, code) {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    if (code === BAD_TOKEN) this.#refusals += 1;
    const wasOpen = this.#greeted;
    this.#greeted = false;
    if (wasOpen) this.#onLost(code);
    this.#waitThenConnect();
  }

  #waitThenConnect() {
    const ceiling = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
    this.#failures += 1;
    // Half fixed, half random, so that clients do not reconnect at the same moment.
    const delay = ceiling / 2 + (Math.random() * ceiling) / 2;
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#onState("waiting");
  }
}
