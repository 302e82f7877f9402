// REST calls, and the refresh of the access token that they share with the socket.

import { session } from "./session.js";

const TIMEOUT_MS = 20_000;

/** An error response; `status` 0 means that there was no response. */
export class ApiError extends Error {
  constructor(status, body) {
    const detail = typeof body.detail === "string" ? body.detail : "";
    super(detail || `The server answered with an error (${status}).`);
    this.name = "ApiError";
    this.status = status;
    this.detail = detail;
    /** The texts of a 400, by field name. */
    this.fields = {};
    if (status !== 400 || detail) return;
    for (const [field, texts] of Object.entries(body)) {
      this.fields[field] = [texts].flat().filter((text) => typeof text === "string").join(" ");
    }
  }

  /** Whether the server has refused the token. */
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
    // An empty 204, or the page of a proxy: only the status counts.
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

/** Signs out here at once, and ends the session on the server. */
export function signOut() {
  return oneTabAtATime(async () => {
    const { refresh } = session;
    session.end();
    try {
      await endOnServer(refresh);
    } catch (error) {
      session.warn(`The session still lives on the server, until it expires. ${error.message}`);
    }
  });
}

/** The API that ends sessions wants an access token of its own. */
async function endOnServer(refresh) {
  let renewed;
  try {
    renewed = await request("POST", "/api/v1/sessions/refresh", { refresh });
  } catch (error) {
    // The session has ended already.
    if (error.isRefusal) return;
    throw error;
  }
  await request("DELETE", "/api/v1/sessions/current", undefined, renewed.access);
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

/** Refreshes the tokens. Ends the session if the server refuses. */
export function renew(spentAccess) {
  renewal ??= oneTabAtATime(() => renewUnlessDone(spentAccess)).finally(() => {
    renewal = undefined;
  });
  return renewal;
}

function oneTabAtATime(work) {
  // Missing on plain http except on localhost; there the server's grace for used refresh tokens helps.
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
