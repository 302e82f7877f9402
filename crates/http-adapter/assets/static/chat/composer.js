// Writes messages. Keeps the text until the socket accepts it, also across reloads.

import { element, icon } from "./dom.js";
import { local } from "./storage.js";
import { growWithText, isSubmitKey } from "./text_area.js";

export class Composer {
  element;
  #text = element("textarea", {
    id: "composer-text",
    rows: "1",
    dir: "auto",
    placeholder: "Write a message",
    enterkeyhint: "send",
    autocomplete: "off",
    "aria-describedby": "composer-note",
  });
  #note = element("p", { class: "composer-note", id: "composer-note", role: "status" });
  #draftKey;

  /** `onSend(text)` returns whether the text was accepted; `onEditPrevious()` whether there is a message to edit. */
  constructor(userId, { onSend, onEditPrevious }) {
    this.#draftKey = `draft:${userId}`;
    this.#text.value = local.read(this.#draftKey) ?? "";
    this.element = element(
      "form",
      { class: "composer", method: "post" },
      element("label", { class: "visually-hidden", for: "composer-text" }, "Message"),
      element(
        "div",
        { class: "composer-box" },
        this.#text,
        element("button", { class: "button primary send", title: "Send", "aria-label": "Send" }, icon("send")),
      ),
      this.#note,
    );

    this.#text.addEventListener("input", () => this.#keepDraft());
    this.#text.addEventListener("keydown", (event) => {
      if (isSubmitKey(event)) {
        event.preventDefault();
        this.element.requestSubmit();
      } else if (event.key === "ArrowUp" && this.#text.value === "" && onEditPrevious()) {
        event.preventDefault();
      }
    });
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      // Drop what would not survive the transport, so that the echo is recognised by its text.
      const text = wellFormed(this.#text.value.replaceAll("\0", ""));
      if (text.trim() === "") return;
      if (onSend(text)) this.#setText("");
      else this.say("Not connected. Your text stays here until it can be sent.");
      this.#text.focus();
    });
  }

  /** Call it when the element is in the document, where heights can be measured. */
  mounted() {
    growWithText(this.#text);
  }

  focus() {
    this.#text.focus();
  }

  /** Puts a text back for editing, below the text that is being written. */
  giveBack(text) {
    this.#setText([this.#text.value, text].filter((part) => part !== "").join("\n"));
    this.#text.focus();
  }

  say(note) {
    this.#note.textContent = note;
  }

  #setText(text) {
    this.#text.value = text;
    this.#text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #keepDraft() {
    if (this.#text.value === "") local.remove(this.#draftKey);
    else local.write(this.#draftKey, this.#text.value);
    this.say("");
  }
}

function wellFormed(text) {
  return typeof text.toWellFormed === "function" ? text.toWellFormed() : text;
}
