"""The prompt as a template sees it, and the session a request names."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.prompt import Prompt, prompt_of, spelled
from flock.dialects.session import session_of
from tests.corpus.recordings import NAMES, session


def paths(prompt: Prompt) -> list[str]:
    return [spelled(path) for path, _ in prompt.parts]


def test_the_parts_of_each_dialect_in_a_templates_order() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chat = prompt_of(
        {
            "messages": [
                {"role": "system", "content": "be"},
                {"role": "user", "content": [{"type": "text", "text": "now"}, {"type": "text", "text": "go"}]},
                {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "done"},
            ],
            "tools": [tool],
        },
        "openai",
    )
    assert paths(chat) == [
        *("tools[0]", "messages[0].content", "messages[1].content[0]", "messages[1].content[1]"),
        *("messages[2].reasoning_content", "messages[2].tool_calls", "messages[3].content"),
    ]
    assert (chat.opening, chat.answer, chat.tools) == (b"go", b"hm", True)
    assert chat.size == sum(len(data) for _, data in chat.parts)

    anthropic = prompt_of({"system": "be", "messages": [{"role": "user", "content": "go"}]}, "anthropic")
    assert paths(anthropic) == ["system", "messages[0].content"]
    items = [{"role": "developer", "content": "be"}, {"type": "function_call", "name": "f", "id": "fc_1"}]
    responses = prompt_of({"instructions": "be", "input": items}, "responses")
    assert paths(responses) == ["instructions", "input[0].content", "input[1]"]
    assert prompt_of({"input": "go"}, "responses").opening == b"go"


def test_what_no_template_prints_is_no_difference() -> None:
    """Claude Code moves its cache markers with every turn, and spells one text as a string or as a block."""
    marked = [{"type": "tool_result", "tool_use_id": "t", "content": "x", "cache_control": {"type": "ephemeral"}}]
    bare = [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]
    one, other = (prompt_of({"messages": [{"role": "user", "content": c}]}, "anthropic") for c in (marked, bare))
    assert one.parts == other.parts
    block = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]
    one, other = (prompt_of({"messages": [{"role": "user", "content": c}]}, "anthropic") for c in (block, "x"))
    assert [data for _, data in one.parts] == [data for _, data in other.parts]


@pytest.mark.parametrize(
    "body", [{}, {"prompt": "x"}, {"messages": 3, "tools": "x", "system": 4}, {"messages": [1, None]}]
)
def test_a_body_without_a_conversation_has_no_parts(body: dict[str, Any]) -> None:
    for dialect in ("openai", "anthropic", "responses"):
        assert prompt_of(body, dialect).parts == []


def test_half_a_character_and_a_deep_schema_are_read() -> None:
    deep: Any = {}
    for _ in range(600):
        deep = {"a": deep}
    prompt = prompt_of({"tools": [deep], "messages": [{"role": "user", "content": "\ud83d"}]}, "openai")
    assert len(prompt.parts) == 2


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.sampled_from(["messages", "system", "tools", "input"]),
        st.lists(
            st.dictionaries(
                st.sampled_from(["role", "content", "type", "text"]),
                st.none() | st.text() | st.lists(st.integers() | st.text()),
            )
        ),
    )
)
def test_no_body_breaks_it(body: dict[str, Any]) -> None:
    for dialect in ("openai", "anthropic", "responses"):
        prompt_of(body, dialect)


# -- sessions


@pytest.mark.pitfall(66)
@pytest.mark.parametrize("name", NAMES)
def test_every_turn_of_a_real_client_names_its_session(name: str) -> None:
    assert len({session_of(sent.headers, sent.body) for sent in session(name)} - {""}) == 1


@pytest.mark.pitfall(66)
@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"x-flock-session": "a", "session-id": "b"}, {}, "a"),
        ({"session-id": "b"}, {"prompt_cache_key": "c"}, "b"),
        ({"x-session-affinity": "b"}, {}, "b"),
        ({}, {"prompt_cache_key": "c"}, "c"),
        ({}, {"metadata": {"user_id": '{"device_id":"d","session_id":"s"}'}}, "s"),
        ({}, {"metadata": {"user_id": "user_0a_account__session_s-1"}}, "s-1"),
        ({}, {"metadata": {"user_id": "alice"}}, ""),
        ({}, {"metadata": {"user_id": "{not json"}}, ""),
        ({}, {"metadata": "x", "prompt_cache_key": 3}, ""),
        ({}, {}, ""),
    ],
)
def test_where_clients_put_their_session(headers: dict[str, str], body: dict[str, Any], expected: str) -> None:
    assert session_of(headers, body) == expected
