// A model of the React client, not the client. It keeps what the server can notice or must make up for: the requests of
// its start and of its renewals, what it does on each frame, and above all its stale closure. Each handler works on the
// lists of the last finished render, so of several appends before the next render only the last remains. Here a render
// takes as long as one frame of a screen (no animation frame: a tab behind another gets few of those). Layout, routing
// and forms of the real client are left out; its address is a parameter.

const api = new URL(location.href).searchParams.get("api");

const RENDER_MS = 16;

/** What the last render showed: all that a handler can see. */
const rendered = { messages: [], users: [] };
let assigned = {};
let renderIsScheduled = false;

function assign(part, value) {
  assigned[part] = value;
  if (renderIsScheduled) return;
  renderIsScheduled = true;
  setTimeout(render, RENDER_MS);
}

function render() {
  renderIsScheduled = false;
  Object.assign(rendered, assigned);
  assigned = {};
  document.getElementById("messages").replaceChildren(
    ...rendered.messages.map((message) => {
      const row = document.createElement("li");
      row.textContent = message.content;
      return row;
    }),
  );
  document.getElementById("users").replaceChildren(
    ...rendered.users.map((name) => {
      const row = document.createElement("dd");
      row.textContent = name;
      if (name === me().username) row.className = "my-user";
      return row;
    }),
  );
}

function me() {
  const token = localStorage.getItem("access");
  if (!token) return {};
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
}

const handlers = {
  message_history: ({ messages }) => assign("messages", messages),
  chat_message: ({ message }) => assign("messages", [...rendered.messages, message]),
  message_updated: ({ message }) => {
    if (message.author === me().user_id) return;
    const known = rendered.messages.find((one) => one.id === message.id);
    // The client reads a property of what it did not find, and throws.
    const changed = { ...known, id: known.id, content: message.content, is_modified: message.is_modified };
    assign("messages", rendered.messages.map((one) => (one.id === message.id ? changed : one)));
  },
  message_deleted: ({ message_id: id }) => {
    const isOwn = rendered.messages.some((one) => one.id === id && one.author === me().user_id);
    if (!isOwn) assign("messages", rendered.messages.filter((one) => one.id !== id));
  },
  online_info: ({ users_online: users }) => assign("users", users),
  user_join: ({ username }) => assign("users", [...rendered.users, username]),
  // As seen: `[a, b, u]` becomes one entry `bu`.
  user_leave: () => assign("users", [rendered.users.slice(1).join("")]),
};

/** All frames, in order, for tests to look at. */
const frames = [];

function receive(frame) {
  frames.push(frame);
  handlers[frame.type]?.(frame);
}

let socket;

function connect() {
  socket?.close();
  socket = new WebSocket(`${api.replace(/^http/, "ws")}/ws/chat/?access_token=${localStorage.getItem("access")}`);
  socket.addEventListener("message", (event) => receive(JSON.parse(event.data)));
}

function call(method, path, body, headers = {}) {
  return fetch(api + path, {
    method,
    headers: { Accept: "application/json, text/plain, */*", "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
}

const EARNS_A_RENEWAL = [400, 401, 422];

async function withRenewal(attempt, onRenewed = () => {}) {
  const first = await attempt();
  if (!EARNS_A_RENEWAL.includes(first.status)) return first;
  const renewed = await call("POST", "/accounts/api/token/refresh/", { refresh: localStorage.getItem("refresh") });
  if (!renewed.ok) {
    show("login");
    return first;
  }
  keep(await renewed.json());
  const second = await attempt();
  onRenewed();
  return second;
}

function keep({ access, refresh }) {
  localStorage.setItem("access", access);
  localStorage.setItem("refresh", refresh);
}

function show(page) {
  document.documentElement.dataset.page = page;
}

async function start() {
  const answer = await withRenewal(() =>
    call("POST", "/accounts/api/verify/", { token: localStorage.getItem("access") }),
  );
  if (answer.ok) enter();
  else show("login");
}

function enter() {
  show("chat");
  connect();
}

async function register(username, password, email) {
  const answer = await call("POST", "/accounts/api/register/", { username, password, email });
  if (!answer.ok) throw new Error(`register: ${answer.status}`);
  keep(await answer.json());
  enter();
}

function authorised(method, id, body) {
  return withRenewal(
    () =>
      call(method, `/chat/api/messages/${id}/`, body, { Authorization: `Bearer ${localStorage.getItem("access")}` }),
    connect,
  );
}

/** One's own change is shown at once; what comes back about it is ignored. */
function edit(id, content) {
  assign(
    "messages",
    rendered.messages.map((one) => (one.id === id ? { ...one, content, is_modified: true } : one)),
  );
  return authorised("PATCH", id, { content });
}

function remove(id) {
  assign("messages", rendered.messages.filter((one) => one.id !== id));
  return authorised("DELETE", id);
}

window.client = {
  register,
  send: (text) => socket.send(text),
  edit,
  remove,
  receive,
  frames,
  rendered,
  get isConnected() {
    return socket?.readyState === WebSocket.OPEN && frames.some((frame) => frame.type === "message_history");
  },
};

await start();
