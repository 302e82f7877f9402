"""Lets schemathesis use existing resources, as a user with access to them."""
import os

import schemathesis
from hypothesis import strategies as st
from world import World, sign_in

world = World()


@schemathesis.auth(refresh_interval=None)
class SessionAuth:
    """Operations that end sessions get a session of their own, or one of a user who may lose all."""

    def __init__(self):
        self.token = sign_in(world.name)

    def get(self, case, context):
        operation = case.operation.definition.raw["operationId"]
        if operation in ("end_sessions", "change_password"):
            return sign_in(world.disposable)
        return sign_in(world.name) if operation == "sign_out" else self.token

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def existing(names):
    """Values of existing resources for these parameters."""
    known = {
        "conversation": st.sampled_from(world.conversations),
        "user": st.sampled_from(world.users),
        "code": st.sampled_from(world.codes),
        "emoji": st.sampled_from([":x:", "👍"]),
    }
    if "message" in names:
        messages = [{"conversation": conversation, "message": message} for conversation, message in world.messages]
        others = st.fixed_dictionaries({name: known[name] for name in names & {"emoji"}})
        return st.builds(lambda message, others: message | others, st.sampled_from(messages), others)
    return st.fixed_dictionaries({name: known[name] for name in names & known.keys()})


@schemathesis.hook
def flatmap_path_parameters(context, path_parameters):
    """Most requests name existing resources."""
    generated = dict(path_parameters or {})
    found = existing(generated.keys()).map(lambda found: generated | found)
    return st.one_of(found, found, st.just(generated))


@schemathesis.hook
def map_body(context, body):
    """Most bodies name existing users."""
    if isinstance(body, dict) and isinstance(body.get("user"), int):
        return body | {"user": world.users[body["user"] % len(world.users)]}
    return body
