"""Any JSON and any bytes at all: a client hears what is wrong, and nothing else is ever raised."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.ir import Request
from flock.dialects.responses import server, upstream
from flock.errors import FlockError
from flock.profile import FEATURES

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def shape(types: list[str], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of these types with some fields, each right or anything."""
    return st.fixed_dictionaries(
        {"type": st.sampled_from(types) | JSON}, optional={name: value | JSON for name, value in fields.items()}
    )


CONTENT = shape(
    ["input_text", "output_text", "input_image", "input_file", "input_audio", "refusal", "odd"],
    text=st.text(max_size=4),
    image_url=st.sampled_from(["data:image/png;base64,AA", "https://x", ""]),
    file_data=st.just("AA"),
    file_id=st.just("f"),
    input_audio=st.just({"data": "AA", "format": "wav"}),
    refusal=st.text(max_size=4),
    detail=st.just("low"),
)
TOOL = shape(
    ["function", "custom", "namespace", "web_search", "mcp", "tool_search"],
    name=st.sampled_from(["f", "g", "n__f"]),
    parameters=st.just({"type": "object"}),
    strict=st.booleans(),
    format=st.just({"type": "text"}),
    tools=st.lists(shape(["function", "custom", "odd"], name=st.sampled_from(["f", "g"])), max_size=2),
    server_label=st.just("s"),
    defer_loading=st.booleans(),
)
ITEM = shape(
    [
        *("message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"),
        *(
            "reasoning",
            "item_reference",
            "compaction",
            "additional_tools",
            "tool_search_output",
            "web_search_call",
            "odd",
        ),
    ],
    role=st.sampled_from(["user", "assistant", "system", "developer"]),
    content=st.text(max_size=4) | st.lists(CONTENT, max_size=2),
    call_id=st.sampled_from(["c", "d"]),
    name=st.sampled_from(["f", "g"]),
    namespace=st.just("n"),
    arguments=st.just("{}"),
    input=st.text(max_size=4),
    output=st.text(max_size=4) | st.lists(CONTENT, max_size=2),
    summary=st.lists(st.just({"type": "summary_text", "text": "s"}), max_size=2),
    encrypted_content=st.text(max_size=4),
    tools=st.lists(TOOL, max_size=2),
    phase=st.just("commentary"),
    id=st.just("i"),
)
CHOICE = shape(
    ["function", "allowed_tools", "mcp"],
    name=st.just("f"),
    mode=st.just("auto"),
    tools=st.lists(TOOL, max_size=2),
)
FORM = shape(["text", "json_schema", "json_object"], schema=st.just({}))
BODY = st.fixed_dictionaries(
    {"model": st.just("m") | JSON, "input": st.text(max_size=4) | st.lists(ITEM | JSON, max_size=4) | JSON},
    optional={
        "instructions": st.text(max_size=4) | JSON,
        "tools": st.lists(TOOL, max_size=3) | JSON,
        "tool_choice": st.sampled_from(["auto", "none", "required"]) | CHOICE | JSON,
        "text": shape(["x"], format=FORM, verbosity=st.just("low")) | JSON,
        "reasoning": st.fixed_dictionaries({}, optional={"effort": JSON, "summary": JSON}) | JSON,
        "include": JSON,
        "stop": JSON,
        "seed": JSON,
        "metadata": JSON,
        "user": JSON,
        "background": JSON,
        "conversation": JSON,
    },
)


def taken(data: bytes) -> Request | None:
    """Return the request that bytes amount to, None where the client is told what is wrong with them."""
    try:
        asked = server.read_ask(data, server.PATH)
    except FlockError as error:
        return told(error)
    assert server.features(asked) <= FEATURES
    try:
        return server.read_request(asked)
    except FlockError as error:
        return told(error)


def told(error: FlockError) -> None:
    """Check that an error is the client's to correct."""
    assert error.status == 400
    assert error.sentence


@settings(max_examples=120, deadline=None)
@given(BODY)
def test_no_body_raises_anything_but_a_word_for_the_client(fields: dict[str, Any]) -> None:
    request = taken(json.dumps(fields).encode())
    if request is not None:  # and what can be read can be written again, or is refused by name
        again = upstream.write_request(request, "m", stream=False)
        json.dumps(again.body)


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_but_a_word_for_the_client(noise: bytes) -> None:
    for data in (noise, b'{"model":"m","input":' + noise + b"}"):
        taken(data)
