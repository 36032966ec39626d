"""The law of requests: what is sent for one of this dialect is read as the same request again."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.ir import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tests.unit.dialects.responses.corpus import again, ask, body, read

WORDS = st.text(max_size=8)
IDS = st.text(st.sampled_from("abc_-9"), min_size=1, max_size=8)
SAID = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Text, WORDS, st.just({"phase": "commentary"})),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5), origin=st.just("responses")),
    st.builds(lambda i, a: ToolCall(i, "get_weather", a), IDS, st.text(min_size=1, max_size=5)),
    st.builds(lambda i, a: ToolCall(i, "apply_patch", a, {"_custom": True}), IDS, WORDS),
    st.builds(
        lambda i, a: ToolCall(i, "agents__spawn", a, {"_namespace": "agents", "_own_name": "spawn"}),
        IDS,
        st.text(min_size=1, max_size=5),
    ),
    st.just(Opaque("responses", "web_search_call", {"type": "web_search_call", "id": "ws_1"}, whole=True)),
)
ASKED = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Image, st.just("AA"), st.sampled_from(["image/png", ""]), detail=st.sampled_from(["", "low"])),
    st.builds(Image, url=st.just("https://example.invalid")),
    st.builds(File, st.just("AA"), st.just("application/pdf"), name=WORDS),
    st.builds(Audio, st.just("AA"), st.sampled_from(["wav", "mp3"])),
)
RESULTS = st.builds(ToolResult, IDS, st.lists(ASKED, min_size=1, max_size=2))
SYSTEM = st.builds(
    lambda parts, meta: Message("system", parts, meta),
    st.lists(st.builds(Text, WORDS), max_size=2),
    st.sampled_from([{}, {"role": "developer"}]).map(dict),
)
TURNS = st.lists(
    SYSTEM
    | st.builds(lambda p: Message("user", p), st.lists(ASKED, max_size=2))
    | st.builds(lambda p: Message("assistant", p), st.lists(SAID, min_size=1, max_size=4))
    | st.builds(lambda p: Message("tool", p), st.lists(RESULTS, min_size=1, max_size=2)),
    min_size=1,
    max_size=5,
)


def grouped(messages: list[Message]) -> bool:
    """Return whether no two turns stand together that this dialect cannot tell apart."""
    return not any(a.role == b.role and a.role in ("assistant", "tool") for a, b in pairwise(messages))


@settings(max_examples=120, deadline=None)
@given(
    TURNS.filter(grouped),
    st.builds(
        dict,
        max_tokens=st.none() | st.integers(1, 99),
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        parallel_tools=st.none() | st.booleans(),
        verbosity=st.sampled_from(["", "low"]),
        reasoning=st.none() | st.just(Reasoning(effort="low")) | st.just(Reasoning(effort="none", summary="auto")),
        format=st.none()
        | st.just(Format("text"))
        | st.just(Format("json_schema", {"type": "object"}, "n", False, "d")),
        stream=st.booleans(),
        user=WORDS,
        session=WORDS,
        extras=st.just({}) | st.just({"responses": {"metadata": {"a": "b"}, "text": {"x": 1}}}),
    ),
    st.sampled_from([None, ToolChoice("auto"), ToolChoice("required"), ToolChoice("named", "agents__spawn")]),
)
def test_what_is_sent_is_read_again(messages: list[Message], fields: dict[str, Any], choice: ToolChoice | None) -> None:
    tools = [tool for tool in read(body("codex")).tools if tool.deferred or tool.name == "tool_search"]
    offered = ask(
        tools=[
            {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False},
            {"type": "custom", "name": "apply_patch"},
            {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "spawn", "strict": True}]},
        ]
    ).tools
    request = Request("responses", "m", messages, [*offered, *tools], choice, wants_usage=True, **fields)
    assert again(request) == request
