// Asks for confirmation before an action that cannot be undone.

import { element } from "./dom.js";

/** Resolves to true if the user confirms. Escape and "Cancel" decline. */
export function confirm({ question, quote, yes }) {
  return new Promise((resolve) => {
    const dialog = element(
      "dialog",
      { class: "confirm", "aria-labelledby": "confirm-question" },
      element(
        "form",
        { method: "dialog" },
        element("h2", { id: "confirm-question" }, question),
        element("blockquote", { dir: "auto" }, quote),
        element(
          "div",
          { class: "confirm-buttons" },
          element("button", { class: "button", value: "no" }, "Cancel"),
          element("button", { class: "button danger", value: "yes" }, yes),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
