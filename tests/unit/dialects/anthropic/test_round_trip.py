"""read(write(x)) == x for the requests of this dialect."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.ir import (
    File,
    Format,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tests.unit.dialects.anthropic.reading import ask
from tests.unit.dialects.anthropic.sending import sent

_word = st.text(alphabet="abc é😀\n", min_size=1, max_size=5).filter(str.strip)
_hint = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}])
_text = st.builds(Text, _word, st.just({}))
_image = st.one_of(
    st.builds(Image, st.just("iVBORw0KGgo"), st.just("image/png")),
    st.builds(Image, url=st.just("https://x/y")),
    st.builds(Image, id=st.just("file_1")),
)
_file = st.one_of(
    st.builds(File, st.just("JVBERi0="), st.just("application/pdf"), name=st.sampled_from(["", "a.pdf"])),
    st.builds(File, text=_word, media_type=st.just("text/plain")),
)
_thinking = st.one_of(
    st.builds(Thinking, _word, st.just("sig"), origin=st.just("anthropic")),
    st.builds(Thinking, redacted=_word, origin=st.just("anthropic")),
)
_input = st.dictionaries(_word, st.integers(0, 9) | _word, max_size=2).map(lambda value: orjson.dumps(value).decode())
_opaque = st.just(Opaque("anthropic", "search_result", {"type": "search_result", "title": "t"}))
_users = st.lists(st.one_of(_text, _image, _file, _opaque), min_size=1, max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Return a history as this dialect has it: turns in alternation, each call answered."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", draw(st.lists(st.builds(Text, _word, _hint), min_size=1, max_size=2))))
    messages.append(Message("user", draw(_users)))
    for turn in range(draw(st.integers(0, 3))):
        parts: list[Part] = draw(st.lists(st.one_of(_thinking, _text), max_size=2))
        names = draw(st.lists(st.sampled_from(["get_weather", "now"]), max_size=2))
        calls = [ToolCall(f"t{turn}_{i}", name, draw(_input)) for i, name in enumerate(names)]
        if not parts and not calls:
            break
        messages.append(Message("assistant", [*parts, *calls]))
        if calls:
            results: list[Part] = [
                ToolResult(call.id, draw(st.lists(st.one_of(_text, _image), max_size=2)), draw(st.booleans()))
                for call in calls
            ]
            messages.append(Message("tool", results))
        if not calls or draw(st.booleans()):
            messages.append(Message("user", draw(_users)))
    return messages


_tool = st.builds(
    Tool,
    st.sampled_from(["get_weather", "now", "x-1"]),
    st.sampled_from(["", "Words"]),
    st.just({"type": "object", "properties": {"a": {"type": "string"}}}),
    st.sampled_from([None, True, False]),
    deferred=st.booleans(),
    meta=st.sampled_from([{}, {"eager_input_streaming": True}]),
)
_tools = st.lists(_tool, min_size=1, max_size=3, unique_by=lambda tool: tool.name)
_choices = st.sampled_from(
    [
        (None, None),
        (ToolChoice("auto"), None),
        (ToolChoice("required"), False),
        (ToolChoice("named", "now"), True),
        (ToolChoice("none"), None),
    ]
)
_reasoning = st.sampled_from(
    [None, Reasoning("on", budget=2048), Reasoning("adaptive", "high"), Reasoning("off"), Reasoning("", "low")]
)
_format = st.sampled_from([None, Format("json_schema", {"type": "object"})])
_extras: st.SearchStrategy[dict[str, Json]] = st.sampled_from(
    [{}, {"anthropic": {"context_management": {"edits": []}, "output_config.task": 1}}]
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Return a request with the fields this dialect supports."""
    choice, parallel = draw(_choices)
    return Request(
        "anthropic",
        "m",
        draw(conversations()),
        tools=draw(_tools),
        tool_choice=choice,
        parallel_tools=parallel,
        max_tokens=draw(st.integers(1, 99_999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(1, 99)),
        stop=draw(st.lists(_word, max_size=2)),
        reasoning=draw(_reasoning),
        format=draw(_format),
        stream=draw(st.booleans()),
        wants_usage=True,
        extras=draw(_extras),
    )


@settings(deadline=None, max_examples=80)
@given(requests())
def test_what_is_written_is_read_again(request: Request) -> None:
    out = sent(request, stream=request.stream)
    assert out.lost == out.edits == []
    found = ask({**out.body, "model": "m"})
    for tool in found.tools:
        tool.raw = {}
    assert found == request
