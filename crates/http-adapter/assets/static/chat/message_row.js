// One message in the timeline: how it looks, and how its author changes it.

import { avatar, element, icon } from "./dom.js";
import { growWithText, isSubmitKey } from "./text_area.js";

/** Longer texts are folded, so that one message cannot hide all others. */
const FOLDED_CHARACTERS = 1500;
const FOLDED_LINES = 20;

const GROUP_WITHIN_MS = 5 * 60_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export class MessageRow {
  element;
  message;
  #day = element("p", { class: "day", hidden: true });
  #body = element("div", { class: "body", dir: "auto" });
  #edited = element("span", { class: "edited", hidden: true }, "edited");
  #content = element("div", { class: "content" });
  #buttons = [];
  #unfold;
  #editor;
  #onEdit;

  /** `onEdit(message, text)` and `onDelete(message)` return promises; `isOwn` decides whether they are offered. */
  constructor(message, { isOwn, onEdit, onDelete }) {
    this.message = message;
    this.#onEdit = onEdit;
    const sent = new Date(message.created_at);
    const author = message.author_username;

    this.#content.append(
      element(
        "p",
        { class: "head" },
        element("bdi", { class: "author" }, author),
        element("time", { datetime: message.created_at, title: exact.format(sent) }, clock.format(sent)),
      ),
      this.#body,
      this.#edited,
    );
    this.element = element(
      "li",
      { class: "message", tabindex: "-1", "data-id": String(message.id), "data-own": isOwn },
      this.#day,
      element("div", { class: "row" }, avatar(author), this.#content),
    );
    if (isOwn) this.#addActions(onDelete);
    this.#render();
  }

  /** Updates the message. An open editor stays as it is. */
  update(message) {
    const same = message.content === this.message.content && message.is_modified === this.message.is_modified;
    this.message = message;
    if (!same) this.#render();
  }

  /** Shows day and author only where they differ from the row before. */
  follow(previous) {
    const sent = new Date(this.message.created_at);
    const before = previous && new Date(previous.message.created_at);
    const newDay = !before || before.toDateString() !== sent.toDateString();
    const continues = !newDay && previous.message.author === this.message.author && sent - before < GROUP_WITHIN_MS;
    this.#day.hidden = !newDay;
    if (newDay) this.#day.textContent = day.format(sent);
    this.element.classList.toggle("continued", continues);
  }

  /** The Tab key stops only at the buttons of the current row. */
  setCurrent(isCurrent) {
    this.element.tabIndex = isCurrent ? 0 : -1;
    for (const button of this.#buttons) button.tabIndex = isCurrent ? 0 : -1;
  }

  get isEditing() {
    return this.#editor !== undefined;
  }

  #addActions(onDelete) {
    const edit = element(
      "button",
      {
        type: "button",
        class: "action",
        tabindex: "-1",
        title: "Edit",
        "aria-label": "Edit message",
        onclick: () => this.edit(),
      },
      icon("edit"),
    );
    const remove = element(
      "button",
      {
        type: "button",
        class: "action",
        tabindex: "-1",
        title: "Delete",
        "aria-label": "Delete message",
        onclick: () => onDelete(this.message),
      },
      icon("trash"),
    );
    this.#buttons = [edit, remove];
    this.element.querySelector(".row").append(element("div", { class: "actions" }, edit, remove));
  }

  #render() {
    const { content, is_modified: isModified } = this.message;
    const shown = this.#unfold === null ? content : folded(content);
    this.#body.textContent = shown;
    this.#edited.hidden = !isModified;
    this.#unfold?.remove();
    if (shown === content) return;
    this.#unfold = element("button", { type: "button", class: "link unfold" }, "Show all");
    this.#unfold.addEventListener("click", () => {
      this.#unfold.remove();
      this.#unfold = null;
      this.#body.textContent = this.message.content;
      this.element.focus();
    });
    this.#body.after(this.#unfold);
  }

  /** Replaces the text by an editor. */
  edit() {
    if (this.#editor) {
      this.#editor.querySelector("textarea").focus();
      return;
    }
    const errorId = `edit-error-${this.message.id}`;
    const text = element("textarea", {
      rows: "1",
      dir: "auto",
      "aria-label": "Edit message",
      "aria-describedby": errorId,
    });
    text.value = this.message.content;
    const problem = element("p", { class: "error", id: errorId, role: "alert", hidden: true });
    const save = element("button", { class: "button primary small" }, "Save");
    this.#editor = element(
      "form",
      { class: "editor", method: "post" },
      text,
      problem,
      element(
        "div",
        { class: "editor-buttons" },
        save,
        element("button", { type: "button", class: "button small", onclick: () => this.#close() }, "Cancel"),
      ),
    );
    text.addEventListener("keydown", (event) => {
      if (isSubmitKey(event)) {
        event.preventDefault();
        this.#editor.requestSubmit();
      } else if (event.key === "Escape" && !event.isComposing) {
        this.#close();
      }
    });
    this.#editor.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (text.value === this.message.content) {
        this.#close();
        return;
      }
      save.disabled = true;
      problem.hidden = true;
      try {
        await this.#onEdit(this.message, text.value);
        this.#close();
      } catch (error) {
        problem.textContent = error.fields?.content ?? error.message;
        problem.hidden = false;
        text.setAttribute("aria-invalid", "true");
        save.disabled = false;
        text.focus();
      }
    });
    this.element.classList.add("editing");
    this.#content.append(this.#editor);
    growWithText(text);
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
    this.element.scrollIntoView({ block: "nearest" });
  }

  #close() {
    const hadFocus = this.#editor?.contains(document.activeElement) || document.activeElement === document.body;
    this.#editor?.remove();
    this.#editor = undefined;
    this.element.classList.remove("editing");
    if (hadFocus) this.element.focus({ preventScroll: true });
  }
}

function folded(content) {
  let end = content.length > FOLDED_CHARACTERS * 1.2 ? FOLDED_CHARACTERS : content.length;
  let line = -1;
  for (let lines = 0; lines < FOLDED_LINES; lines += 1) {
    line = content.indexOf("\n", line + 1);
    if (line < 0) break;
  }
  if (line >= 0) end = Math.min(end, line);
  if (end === content.length) return content;
  // Do not split a surrogate pair.
  if (/[\uD800-\uDBFF]/.test(content[end - 1])) end -= 1;
  return `${content.slice(0, end)}…`;
}
