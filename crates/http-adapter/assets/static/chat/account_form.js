// Signing in and signing up.

import { signIn, signUp } from "./api.js";
import { element } from "./dom.js";

const SIGN_IN = {
  title: "Sign in",
  action: signIn,
  fields: [
    { name: "username", label: "Username", type: "text", autocomplete: "username" },
    { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
  ],
  other: { text: "New here?", link: "Create an account" },
};

const SIGN_UP = {
  title: "Create an account",
  action: signUp,
  fields: [
    { name: "username", label: "Username", type: "text", autocomplete: "username" },
    { name: "email", label: "Email", type: "email", autocomplete: "email" },
    {
      name: "password",
      label: "Password",
      type: "password",
      autocomplete: "new-password",
      hint: "At least 6 characters.",
    },
  ],
  other: { text: "Have an account?", link: "Sign in" },
};

export class AccountForm {
  element = element("main", { class: "account-page" });
  #place;
  #notice;

  /** `place` is the element to fill; `notice` says why the user has to sign in again. */
  constructor(place, notice) {
    this.#place = place;
    this.#notice = notice;
    this.#show(SIGN_IN, {});
  }

  #show(mode, values) {
    const inputs = new Map();
    const problem = element("p", { class: "error form-error", role: "alert", hidden: true });
    const submit = element("button", { class: "button primary" }, mode.title);
    const form = element(
      "form",
      { method: "post", novalidate: true },
      problem,
      ...mode.fields.map((field) => {
        const input = new FieldInput(field, values[field.name] ?? "");
        inputs.set(field.name, input);
        return input.element;
      }),
      submit,
    );
    const entered = () => Object.fromEntries([...inputs].map(([name, input]) => [name, input.value]));

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      problem.hidden = true;
      for (const input of inputs.values()) input.showError("");
      try {
        await mode.action(entered());
      } catch (error) {
        submit.disabled = false;
        showErrors(error, inputs, problem);
      }
    });

    const change = element("button", { type: "button", class: "link" }, mode.other.link);
    change.addEventListener("click", () => {
      this.#notice = "";
      this.#show(mode === SIGN_IN ? SIGN_UP : SIGN_IN, entered());
      this.element.querySelector("input").focus();
    });

    this.element.replaceChildren(
      element(
        "div",
        { class: "account-card" },
        element("img", { class: "mark", src: "/static/icon.svg", alt: "", width: "44", height: "44" }),
        element("h1", {}, mode.title),
        element("p", { class: "lead" }, "to enter ", element("bdi", {}, this.#place)),
        this.#notice ? element("p", { class: "account-notice", role: "status" }, this.#notice) : null,
        form,
        element("p", { class: "other" }, `${mode.other.text} `, change),
      ),
    );
  }
}

class FieldInput {
  element;
  #input;
  #error;

  constructor({ name, label, type, autocomplete, hint }, value) {
    const id = `field-${name}`;
    this.#input = element("input", {
      id,
      name,
      type,
      autocomplete,
      required: true,
      autocapitalize: "none",
      spellcheck: "false",
      "aria-describedby": hint ? `${id}-hint ${id}-error` : `${id}-error`,
    });
    this.#input.value = value;
    this.#error = element("p", { class: "error", id: `${id}-error`, hidden: true });
    this.element = element(
      "div",
      { class: "field" },
      element("label", { for: id }, label),
      this.#input,
      hint ? element("p", { class: "hint", id: `${id}-hint` }, hint) : null,
      this.#error,
    );
  }

  get value() {
    return this.#input.value;
  }

  focus() {
    this.#input.focus();
  }

  showError(text) {
    this.#error.textContent = text;
    this.#error.hidden = text === "";
    if (text) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
  }
}

/** Shows each text beside its field, and texts without a field above the form. */
function showErrors(error, inputs, problem) {
  const elsewhere = [];
  let first;
  for (const [name, text] of Object.entries(error.fields ?? {})) {
    const input = inputs.get(name);
    if (!input) {
      elsewhere.push(text);
      continue;
    }
    input.showError(text);
    first ??= input;
  }
  if (!first && elsewhere.length === 0) elsewhere.push(error.message);
  if (elsewhere.length > 0) {
    problem.textContent = elsewhere.join(" ");
    problem.hidden = false;
  }
  (first ?? [...inputs.values()].at(0)).focus();
}
