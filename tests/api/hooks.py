"""Lets schemathesis ask about things that are there, as somebody who may."""
import os

import schemathesis
from hypothesis import strategies as st
from world import World, sign_in

world = World()


@schemathesis.auth(refresh_interval=None)
class Signed:
    """A session is good until it is signed out of: that gets one of its own, or of somebody's who loses all."""

    def __init__(self):
        self.token = sign_in(world.name)

    def get(self, case, context):
        operation = case.operation.definition.raw["operationId"]
        if operation in ("end_sessions", "change_password"):
            return sign_in(world.leaver)
        return sign_in(world.name) if operation == "sign_out" else self.token

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def there(names):
    """Values for these parameters, of things that are there."""
    known = {
        "conversation": st.sampled_from(world.conversations),
        "user": st.sampled_from(world.users),
        "code": st.sampled_from(world.codes),
        "emoji": st.sampled_from(["x", "👍"]),
    }
    if "message" in names:
        messages = [{"conversation": conversation, "message": message} for conversation, message in world.messages]
        rest = st.fixed_dictionaries({name: known[name] for name in names & {"emoji"}})
        return st.builds(lambda place, more: place | more, st.sampled_from(messages), rest)
    return st.fixed_dictionaries({name: known[name] for name in names & known.keys()})


@schemathesis.hook
def flatmap_path_parameters(context, path_parameters):
    """Most requests are about what is there."""
    made = dict(path_parameters or {})
    found = there(made.keys()).map(lambda found: made | found)
    return st.one_of(found, found, st.just(made))


@schemathesis.hook
def map_body(context, body):
    """So are most bodies."""
    if isinstance(body, dict) and isinstance(body.get("user"), int):
        return body | {"user": world.users[body["user"] % len(world.users)]}
    return body
