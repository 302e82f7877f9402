// A model of the React client, with everything that the server can notice or has to make up for: the requests at the
// start and on renewal, the reaction to each frame, and above all its stale closures. Each handler works on the lists of
// the last finished render, so that of several appends before the next render only the last one remains. A render takes
// as long as one frame of a screen. (It uses a timer, because a tab in the background gets few animation frames.) The
// model leaves out layout, routing and forms. The address of the server is a parameter.

const api = new URL(location.href).searchParams.get("api");

const RENDER_MS = 16;

/** The result of the last render, which is all that handlers see. */
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
    const known = rendered.messages.find((item) => item.id === message.id);
    // Like the client, this throws if the message is not in the list.
    const changed = { ...known, id: known.id, content: message.content, is_modified: message.is_modified };
    assign("messages", rendered.messages.map((item) => (item.id === message.id ? changed : item)));
  },
  message_deleted: ({ message_id: id }) => {
    const isOwn = rendered.messages.some((item) => item.id === id && item.author === me().user_id);
    if (!isOwn) assign("messages", rendered.messages.filter((item) => item.id !== id));
  },
  online_info: ({ users_online: users }) => assign("users", users),
  user_join: ({ username }) => assign("users", [...rendered.users, username]),
  // A bug of the client: `[a, b, u]` becomes one entry `bu`.
  user_leave: () => assign("users", [rendered.users.slice(1).join("")]),
};

/** All received frames, in order. */
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

const RENEWAL_STATUSES = [400, 401, 422];

async function withRenewal(attempt, onRenewed = () => {}) {
  const first = await attempt();
  if (!RENEWAL_STATUSES.includes(first.status)) return first;
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

/** Shows the own change at once. The event about it is ignored later. */
function edit(id, content) {
  assign(
    "messages",
    rendered.messages.map((item) => (item.id === id ? { ...item, content, is_modified: true } : item)),
  );
  return authorised("PATCH", id, { content });
}

function remove(id) {
  assign("messages", rendered.messages.filter((item) => item.id !== id));
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
