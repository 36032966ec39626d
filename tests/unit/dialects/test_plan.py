"""The plan, as a table."""

import json

import pytest

from flock.dialects.openai.server import CHAT, read_ask
from flock.dialects.plan import RELAY, SPLICE, plan
from flock.errors import InvalidRequest
from flock.profile import Profile

PROFILE = Profile(kind="x", title="X", dialects=frozenset({"openai"}))
NO_USAGE = Profile(kind="x", title="X", dialects=frozenset({"openai"}), stream_usage=False)


def ask(**fields: object):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return read_ask(json.dumps(body).encode(), CHAT)


@pytest.mark.parametrize(
    ("fields", "served", "profile", "kind", "withheld"),
    [
        ({}, "m", PROFILE, RELAY, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, "m", PROFILE, RELAY, False),
        ({"stream": True}, "m", PROFILE, SPLICE, True),
        ({"stream": True}, "m", NO_USAGE, RELAY, False),
        ({"model": "alias"}, "m", PROFILE, SPLICE, False),
        ({"model": ""}, "m", PROFILE, SPLICE, False),
    ],
)
def test_plan(fields: dict[str, object], served: str, profile: Profile, kind: str, withheld: bool) -> None:
    asked = ask(**fields)
    made = plan(asked, served, profile)
    assert (made.kind, made.withhold_usage) == (kind, withheld)
    if kind == RELAY:
        assert made.body is asked.raw
    else:
        sent = json.loads(made.body)
        assert sent["model"] == served
        assert sent["messages"] == asked.body["messages"]
        assert made.edits


def test_other_stream_options_survive() -> None:
    made = plan(ask(stream=True, stream_options={"x": 1}), "m", PROFILE)
    assert json.loads(made.body)["stream_options"] == {"x": 1, "include_usage": True}


def test_a_dialect_nobody_speaks_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="does not speak"):
        plan(ask(), "m", Profile(kind="y", title="Y", dialects=frozenset()))
