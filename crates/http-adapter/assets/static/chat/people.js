// Who is online.

import { avatar, element } from "./dom.js";

export class People {
  element;
  #list = element("ul", { class: "people-list" });
  #count = element("span", { class: "count" }, "0");
  #names = [];
  #ownName;
  #onCount;

  /** Calls `onCount(number)` with the number of users. */
  constructor(ownName, onCount) {
    this.#ownName = ownName;
    this.#onCount = onCount;
    this.element = element(
      "aside",
      { class: "people", id: "people", "aria-labelledby": "people-title" },
      element("h2", { id: "people-title" }, "Online ", this.#count),
      this.#list,
    );
  }

  /** `online_info`: the whole list, in the order of the server. Joins and leaves are always followed by one. */
  show(names) {
    if (names.length === this.#names.length && names.every((name, index) => name === this.#names[index])) return;
    this.#names = names;
    this.#count.textContent = String(names.length);
    this.#list.replaceChildren(
      ...names.map((name) =>
        element(
          "li",
          {},
          avatar(name),
          element("bdi", { class: "name" }, name),
          name === this.#ownName ? element("span", { class: "you" }, "you") : null,
        ),
      ),
    );
    this.#onCount(names.length);
  }
}
