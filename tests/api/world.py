"""A world to ask about: people, groups, messages, invitations."""
import os
import uuid

import requests

ROOT = os.environ["BASE_URL"] + "/api/v1"
PASSWORD = "correct horse 7"
GROUPS, MESSAGES = 8, 5


def ask(method, path, token=None, **body):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.request(method, ROOT + path, headers=headers, json=body or None, timeout=20)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def sign_up(name):
    ask("POST", "/accounts", username=name, email=f"{name}@example.com", password=PASSWORD)
    return sign_in(name)


def sign_in(name):
    return ask("POST", "/sessions", username=name, password=PASSWORD)["access"]


class World:
    """Everything belongs to one account, by whose name all is asked."""

    def __init__(self):
        self.name = "ann" + uuid.uuid4().hex[:8]
        token = sign_up(self.name)
        self.leaver = "eve" + uuid.uuid4().hex[:8]
        sign_up(self.leaver)
        others = ["bob" + uuid.uuid4().hex[:8] for _ in range(4)]
        self.users = [ask("GET", "/me", sign_up(name))["id"] for name in others]
        members = self.users[:-1]
        self.conversations, self.messages, self.codes = [1], [], []
        for _ in range(GROUPS):
            group = ask("POST", "/conversations", token, title="Lunch", members=members)["id"]
            self.conversations.append(group)
            self.codes.append(ask("POST", f"/conversations/{group}/invites", token, max_uses=9)["code"])
        for conversation in self.conversations:
            for _ in range(MESSAGES):
                said = ask("POST", f"/conversations/{conversation}/messages", token, body="Hi @all")
                self.messages.append((conversation, said["id"]))
