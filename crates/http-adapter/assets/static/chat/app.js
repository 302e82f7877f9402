// Shows the chat to signed-in users, and the account form to others.

import { AccountForm } from "./account_form.js";
import { ChatView } from "./chat_view.js";
import { session } from "./session.js";

const root = document.getElementById("app");
const roomName = document.getElementById("room-name");
const place = roomName ? JSON.parse(roomName.textContent) : "Lobby";

let chat;

function show() {
  chat?.stop();
  chat = undefined;
  const { user } = session;
  if (!user) {
    root.replaceChildren(new AccountForm(place, session.endedBecause).element);
    root.querySelector("input").focus();
    return;
  }
  chat = new ChatView({ user, place });
  root.replaceChildren(chat.element);
  chat.start();
}

session.addEventListener("change", show);
show();
