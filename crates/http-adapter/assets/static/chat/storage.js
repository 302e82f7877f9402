// Web storage that falls back to memory if the browser forbids it. The chat then works until a reload.

class Store {
  #area;
  #memory = new Map();

  constructor(open) {
    try {
      this.#area = open();
    } catch {
      this.#area = undefined;
    }
  }

  read(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    return this.#area?.getItem(key) ?? null;
  }

  write(key, value) {
    try {
      if (!this.#area) throw new Error("no storage");
      this.#area.setItem(key, value);
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, value);
    }
  }

  remove(key) {
    this.#memory.delete(key);
    this.#area?.removeItem(key);
  }
}

/** Shared by all tabs; survives restarts. */
export const local = new Store(() => window.localStorage);

/** For this tab only; survives reloads. */
export const tab = new Store(() => window.sessionStorage);
