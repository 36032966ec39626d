"""The prefix normaliser: real sessions keep their front, and nothing is touched that is not known to vary."""

import copy
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.ask import Ask
from flock.dialects.openai import upstream as openai
from flock.dialects.prefix import normalise
from flock.dialects.prompt import prompt_of
from flock.dialects.table import SERVERS
from tests.corpus.recordings import NAMES, Sent, session

LINE = "x-anthropic-billing-header: cc_version=2.1.329.3c4; cc_entrypoint=cli; cch=defa0;"
STILL = "x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli;"
COUNT = "<total_tokens>14986692 tokens left</total_tokens>"
USAGE = "Token usage: 13319/980000; 966681 remaining"

# sessions of one conversation each; in a compaction the history is meant to change
STEADY = [name for name in NAMES if not name.endswith("compaction")]


def normalised(sent: Sent) -> dict[str, Any]:
    changed, _ = normalise(sent.body, sent.dialect)
    return {**sent.body, **changed}


def as_chat(sent: Sent, body: dict[str, Any], late_system: str) -> dict[str, Any]:
    """Return a body as flock writes it to an engine that speaks chat."""
    ask = Ask(sent.dialect, "messages", sent.path, orjson.dumps(body), body, "m", True, True, sent.headers)
    request = SERVERS[sent.dialect].read_request(ask)
    return openai.write_request(request, "m", stream=True, late_system=late_system).body


def share(before: dict[str, Any], now: dict[str, Any], dialect: str) -> float:
    """Return how much of a turn's prompt the next turn's begins with: what an engine need not compute again."""
    first, second = (b"".join(data for _, data in prompt_of(body, dialect).parts) for body in (before, now))
    same = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    return same / len(first)


def turns(name: str) -> list[tuple[Sent, Sent]]:
    return list(pairwise(session(name)))


# -- what is kept


@pytest.mark.pitfall(31)
@pytest.mark.parametrize("name", STEADY)
def test_two_turns_of_a_real_session_share_their_front(name: str) -> None:
    for before, now in turns(name):
        assert share(normalised(before), normalised(now), before.dialect) == 1.0


@pytest.mark.pitfall(31)
def test_without_it_half_the_prompt_is_read_again() -> None:
    """Claude Code as it speaks to its vendor's address: the tools are kept, and of the rest nothing."""
    for before, now in turns("claude-code/first-party"):
        assert share(before.body, now.body, "anthropic") < 0.56
        assert share(normalised(before), normalised(now), "anthropic") == 1.0


@pytest.mark.pitfall(31)
@pytest.mark.parametrize("late_system", ["hoist", "user", "keep"])
@pytest.mark.parametrize("name", STEADY)
def test_they_share_it_after_translation_too(name: str, late_system: str) -> None:
    for before, now in turns(name):
        chats = (as_chat(sent, normalised(sent), late_system) for sent in (before, now))
        assert share(*chats, "openai") == 1.0


@pytest.mark.pitfall(31)
def test_counters_moved_to_the_front_cost_the_conversation_without_it() -> None:
    for before, now in turns("claude-code/headless"):
        raw = share(as_chat(before, before.body, "hoist"), as_chat(now, now.body, "hoist"), "openai")
        assert raw < share(
            as_chat(before, normalised(before), "hoist"), as_chat(now, normalised(now), "hoist"), "openai"
        )


@pytest.mark.pitfall(31)
def test_two_sessions_share_tools_and_system_prompt() -> None:
    one, other = session("claude-code/headless")[0], session("claude-code/headless-other")[0]
    fronts = [
        {k: v for k, v in body.items() if k in ("tools", "system")} for body in (normalised(one), normalised(other))
    ]
    assert fronts[0] == fronts[1]
    assert one.body["system"] != other.body["system"]


@pytest.mark.parametrize("name", NAMES)
def test_a_body_is_never_changed_in_place_and_twice_is_once(name: str) -> None:
    for sent in session(name):
        kept = copy.deepcopy(sent.body)
        changed, edits = normalise(sent.body, sent.dialect)
        assert sent.body == kept
        assert bool(changed) == bool(edits)
        assert set(changed) <= {"system", "messages"}
        assert normalise({**sent.body, **changed}, sent.dialect) == ({}, [])


# -- the attribution line


@pytest.mark.pitfall(31)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LINE + "You are Claude Code.", STILL + "You are Claude Code."),  # joined without a line break
        (LINE + "\nYou are cch=12345; too", STILL + "\nYou are cch=12345; too"),
        (LINE + " cc_prompt_id=1-2; cc_is_subagent=true;\n\nYou", STILL + "\n\nYou"),
        (LINE.removesuffix(";") + "\nYou", STILL + "\nYou"),
        (
            "x-anthropic-billing-header: cc_version=2.1.9; cc_entrypoint=;X",
            "x-anthropic-billing-header: cc_version=2.1.9; cc_entrypoint=;X",
        ),
    ],
)
def test_what_follows_the_line_stays(text: str, expected: str) -> None:
    blocks = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
    for body, dialect, found in (
        ({"system": text}, "anthropic", {"system": expected}),
        ({"system": blocks}, "anthropic", {"system": [{**blocks[0], "text": expected}]}),
        (
            {"messages": [{"role": "system", "content": text}]},
            "openai",
            {"messages": [{"role": "system", "content": expected}]},
        ),
        ({"instructions": text}, "responses", {"instructions": expected}),
    ):
        changed, edits = normalise(body, dialect)
        assert {**body, **changed} == found
        assert len(edits) == (expected != text)


@pytest.mark.pitfall(31)
def test_a_block_that_holds_nothing_else_is_left_out() -> None:
    rest = {"type": "text", "text": "You are Claude Code."}
    changed, edits = normalise({"system": [{"type": "text", "text": LINE + "\n"}, rest]}, "anthropic")
    assert changed == {"system": [rest]}
    assert edits == ["system[0]: attribution left out, for the prefix cache"]


@pytest.mark.parametrize(
    "text",
    [
        "You see x-anthropic-billing-header: cc_version=1.2.3.abc; cch=00000;",  # not at the block's start
        " " + LINE,
        "x-anthropic-billing-header: something else",  # not the line we know
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    body = {"system": [{"type": "text", "text": text}], "messages": [{"role": "user", "content": LINE}]}
    assert normalise(body, "anthropic") == ({}, [])


# -- token counters


@pytest.mark.pitfall(31)
@pytest.mark.parametrize("count", [COUNT, USAGE, f"{COUNT}\n\n{USAGE}"])
def test_a_counter_goes_and_a_message_that_holds_nothing_else_with_it(count: str) -> None:
    asked = {"role": "user", "content": "go on"}
    changed, edits = normalise(
        {
            "messages": [
                asked,
                {"role": "system", "content": f"# Environment\n\n{count}\n\nToday's date is 2026-11-26."},
                asked,
                {"role": "system", "content": [{"type": "text", "text": count}]},
                asked,
                {"role": "system", "content": count},
            ]
        },
        "anthropic",
    )
    kept = {"role": "system", "content": "# Environment\n\nToday's date is 2026-11-26."}
    assert changed == {"messages": [asked, kept, asked, asked]}
    assert edits == ["3 token counters left out, for the prefix cache"]


@pytest.mark.parametrize("role", ["user", "assistant", "tool"])
def test_what_others_say_about_tokens_stays(role: str) -> None:
    said = f"a transcript:\n\n{COUNT}\n\n{USAGE}"
    messages = [{"role": role, "content": said}, {"role": role, "content": [{"type": "text", "text": COUNT}]}]
    for dialect in ("anthropic", "openai"):
        assert normalise({"messages": messages}, dialect) == ({}, [])
    assert normalise({"input": messages}, "responses") == ({}, [])


@pytest.mark.parametrize(
    "text", [f"there are {COUNT} here", "Token usage: how it is counted\n\nSecond", f"{COUNT}, he said"]
)
def test_a_counter_in_a_sentence_stays(text: str) -> None:
    assert normalise({"messages": [{"role": "system", "content": text}]}, "openai") == ({}, [])


def test_a_request_of_nothing_but_a_counter_is_sent_as_it_is() -> None:
    assert normalise({"messages": [{"role": "system", "content": COUNT}]}, "openai") == ({}, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([LINE, COUNT, "system", "text"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "system", "messages", "input"]), inner)
    ),
    max_leaves=12,
)


@given(body=st.dictionaries(st.sampled_from(["system", "messages", "input", "instructions"]), JSON))
def test_no_body_breaks_it(body: dict[str, Any]) -> None:
    kept = copy.deepcopy(body)
    for dialect in ("anthropic", "openai", "responses", "other"):
        normalise(body, dialect)
    assert body == kept
