// The signed-in user: the token pair, under the keys that the React client uses, too.

import { local } from "./storage.js";

const ACCESS = "access";
const REFRESH = "refresh";

/** The payload of a JWT, or null. Only the server checks the signature. */
export function claimsOf(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" ? claims : null;
  } catch {
    return null;
  }
}

/** Emits `change` when a user signs in or out, in this tab or another. */
class Session extends EventTarget {
  /** Why the last session ended, if the user did not sign out. */
  endedBecause = "";
  #userId = this.user?.id;

  constructor() {
    super();
    window.addEventListener("storage", (event) => {
      if (event.key === null || event.key === ACCESS || event.key === REFRESH) this.#tellIfChanged();
    });
  }

  get access() {
    return local.read(ACCESS);
  }

  get refresh() {
    return local.read(REFRESH);
  }

  get user() {
    const claims = claimsOf(this.access ?? "");
    if (!Number.isInteger(claims?.user_id)) return null;
    return { id: claims.user_id, name: typeof claims.username === "string" ? claims.username : "" };
  }

  get accessHasExpired() {
    const expires = claimsOf(this.access ?? "")?.exp;
    return typeof expires === "number" && expires * 1000 <= Date.now();
  }

  /** Stores a new pair after signing in or refreshing. */
  keep({ access, refresh }) {
    this.endedBecause = "";
    // The refresh token first: a tab that sees the new access token must find the matching refresh token.
    if (refresh) local.write(REFRESH, refresh);
    local.write(ACCESS, access);
    this.#tellIfChanged();
  }

  end(because = "") {
    this.endedBecause = because;
    local.remove(ACCESS);
    local.remove(REFRESH);
    this.#tellIfChanged();
  }

  /** Tells a user who has signed out that something went wrong. */
  warn(because) {
    if (this.user) return;
    this.endedBecause = because;
    this.dispatchEvent(new Event("change"));
  }

  #tellIfChanged() {
    const userId = this.user?.id;
    if (userId === this.#userId) return;
    this.#userId = userId;
    this.dispatchEvent(new Event("change"));
  }
}

export const session = new Session();
