// The REST calls, and the renewal of the access token that they and the socket share.

import { session } from "./session.js";

const TIMEOUT_MS = 20_000;

/** An answer that is no success; `status` 0 means that there was none. */
export class ApiError extends Error {
  constructor(status, body) {
    const detail = typeof body.detail === "string" ? body.detail : "";
    super(detail || `The server answered with an error (${status}).`);
    this.name = "ApiError";
    this.status = status;
    this.detail = detail;
    /** Texts by field name, as a 400 brings them. */
    this.fields = {};
    if (status !== 400 || detail) return;
    for (const [field, texts] of Object.entries(body)) {
      this.fields[field] = [texts].flat().filter((text) => typeof text === "string").join(" ");
    }
  }

  /** Whether the server has looked at the token and will not take it. */
  get isRefusal() {
    return this.status === 400 || this.status === 401;
  }
}

async function request(method, path, body, access) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (access) headers.Authorization = `Bearer ${access}`;

  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch {
    throw new ApiError(0, { detail: "The server cannot be reached. Please try again." });
  }

  let parsed = {};
  try {
    parsed = JSON.parse(text) ?? {};
  } catch {
    // An empty 204, or the page of some proxy: the status says all there is to know.
  }
  if (!response.ok) throw new ApiError(response.status, parsed);
  return parsed;
}

export async function signUp(fields) {
  session.keep(await request("POST", "/accounts/api/register/", fields));
}

export async function signIn(fields) {
  session.keep(await request("POST", "/accounts/api/token/", fields));
}

export function editMessage(id, content) {
  return authorised("PATCH", `/chat/api/messages/${id}/`, { content });
}

export function deleteMessage(id) {
  return authorised("DELETE", `/chat/api/messages/${id}/`);
}

async function authorised(method, path, body) {
  const access = session.access;
  try {
    return await request(method, path, body, access);
  } catch (error) {
    if (error.status !== 401) throw error;
    await renew(access);
    return request(method, path, body, session.access);
  }
}

let renewal;

/** Gets a new pair in place of the one whose access token no longer serves. Ends the session if the server refuses. */
export function renew(spentAccess) {
  renewal ??= oneTabAtATime(() => renewUnlessDone(spentAccess)).finally(() => {
    renewal = undefined;
  });
  return renewal;
}

function oneTabAtATime(work) {
  // Absent on plain http away from localhost; the server's grace for a just spent token covers that.
  if (!navigator.locks) return work();
  return navigator.locks.request("online-chat:renewal", work);
}

async function renewUnlessDone(spentAccess) {
  if (session.access !== spentAccess) return;
  const refresh = session.refresh;
  try {
    session.keep(await request("POST", "/accounts/api/token/refresh/", { refresh }));
  } catch (error) {
    if (!error.isRefusal) throw error;
    const renewedElsewhere = session.refresh !== refresh && session.access !== spentAccess;
    if (renewedElsewhere) return;
    session.end("Your session has ended. Please sign in again.");
    throw error;
  }
}
