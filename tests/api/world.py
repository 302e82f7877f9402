"""Resources for the requests: users, groups, messages and invites."""
import os
import uuid

import requests

ROOT = os.environ["BASE_URL"] + "/api/v1"
PASSWORD = "correct horse 7"
GROUPS, MESSAGES = 8, 5


def call(method, path, token=None, **body):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = requests.request(method, ROOT + path, headers=headers, json=body or None, timeout=20)
    assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
    return response.json() if response.content else None


def sign_up(name):
    call("POST", "/accounts", username=name, email=f"{name}@example.com", password=PASSWORD)
    return sign_in(name)


def sign_in(name):
    return call("POST", "/sessions", username=name, password=PASSWORD)["access"]


class World:
    """All resources belong to one account, which also sends the requests."""

    def __init__(self):
        self.name = "ann" + uuid.uuid4().hex[:8]
        token = sign_up(self.name)
        self.disposable = "eve" + uuid.uuid4().hex[:8]
        sign_up(self.disposable)
        others = ["bob" + uuid.uuid4().hex[:8] for _ in range(4)]
        self.users = [call("GET", "/me", sign_up(name))["id"] for name in others]
        members = self.users[:-1]
        self.conversations, self.messages, self.codes = [1], [], []
        for _ in range(GROUPS):
            group = call("POST", "/conversations", token, title="Lunch", members=members)["id"]
            self.conversations.append(group)
            self.codes.append(call("POST", f"/conversations/{group}/invites", token, max_uses=9)["code"])
        for conversation in self.conversations:
            for _ in range(MESSAGES):
                message = call("POST", f"/conversations/{conversation}/messages", token, body="Hi @all")
                self.messages.append((conversation, message["id"]))
