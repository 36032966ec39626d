"""Lists of models in every shape that vendors show them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import UpstreamError
from flock.upstream import Price
from flock.vendors.lists import read
from flock.vendors.vendor import Found

SHAPES: list[tuple[Any, str, list[Found]]] = [
    # OpenAI, DeepSeek, Mistral
    ({"object": "list", "data": [{"id": "a", "object": "model"}, {"id": "b"}]}, "", [Found("a"), Found("b")]),
    ({"data": [{"id": "m", "max_context_length": 32768}]}, "", [Found("m", 32768)]),
    # Anthropic
    ({"data": [{"type": "model", "id": "claude-x", "display_name": "X"}], "has_more": False}, "", [Found("claude-x")]),
    # Groq
    ({"data": [{"id": "llama", "context_window": 131072, "active": True}]}, "", [Found("llama", 131072)]),
    # Google
    (
        {"models": [{"name": "models/gemini-x", "inputTokenLimit": 1048576, "outputTokenLimit": 65536}]},
        "",
        [Found("gemini-x", 1048576)],
    ),
    # Cohere
    (
        {"models": [{"name": "command-x", "context_length": 256000, "endpoints": ["chat"]}]},
        "",
        [Found("command-x", 256000)],
    ),
    # OpenRouter: dollars for a token, as text
    (
        {
            "data": [
                {
                    "id": "q/w",
                    "context_length": 40960,
                    "pricing": {"prompt": "0.000000035", "completion": "0.000000138"},
                },
                {"id": "free", "pricing": {"prompt": "0", "completion": "0"}},
                {"id": "auto", "pricing": {"prompt": "-1", "completion": "-1"}},
                {"id": "dear", "pricing": {"prompt": "0.00001", "completion": "0.00003"}},
                {
                    "id": "cached",
                    "pricing": {
                        "prompt": "0.000003",
                        "completion": "0.000015",
                        "request": "0.005",
                        "input_cache_read": "0.0000003",
                        "input_cache_write": "0",
                    },
                },
            ]
        },
        "token",
        [
            Found("q/w", 40960, Price("0.035", "0.138")),
            Found("free", None, Price("0", "0")),
            Found("auto"),
            Found("dear", None, Price("10", "30")),
            Found("cached", None, Price("3", "15", "0.3", call="0.005")),
        ],
    ),
    # Together: a bare array, dollars for a million
    (
        [
            {
                "id": "m/l",
                "type": "chat",
                "context_length": 131072,
                "pricing": {"input": 0.88, "output": 0.88, "hourly": 0},
            }
        ],
        "million",
        [Found("m/l", 131072, Price("0.88", "0.88"))],
    ),
    # GitHub
    ([{"id": "openai/gpt-4.1", "limits": {"max_input_tokens": 1048576}}], "", [Found("openai/gpt-4.1", 1048576)]),
    # prices that nobody said are prices
    ({"data": [{"id": "a", "pricing": {"prompt": "1", "completion": "1"}}]}, "", [Found("a")]),
    # odd things say nothing
    (
        {"data": [1, None, {}, {"id": ""}, {"id": 5}, {"id": "a\n"}, {"id": "ok", "context_length": "big"}]},
        "token",
        [Found("ok")],
    ),
    ({"data": [{"id": "a", "context_length": True}, {"id": "b", "context_length": -1}]}, "", [Found("a"), Found("b")]),
    ({"data": [{"id": "a", "pricing": {"prompt": "1"}}]}, "token", [Found("a")]),
    ({"data": [{"id": "a", "pricing": {"prompt": True, "completion": "inf"}}]}, "token", [Found("a")]),
    ({"data": [{"id": "a", "context_length": 1}, {"id": "a", "context_length": 2}]}, "", [Found("a", 1)]),
    ({"data": []}, "", []),
]


@pytest.mark.parametrize(("document", "prices", "found"), SHAPES)
def test_a_list_is_read(document: Any, prices: str, found: list[Found]) -> None:
    assert read(json.dumps(document).encode(), "v", prices) == found


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": {}}', b'"x"', b"5", b"\xff", b"[" * 100_000])
def test_what_is_no_list_is_said_so(body: bytes) -> None:
    with pytest.raises(UpstreamError, match="v answers with no list of models"):
        read(body, "v", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "data", "models", "pricing", "prompt", "limits"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["", "token", "million"]))
def test_no_answer_breaks_it(document: Any, prices: str) -> None:
    try:
        found = read(json.dumps(document).encode(), "v", prices)
    except UpstreamError:
        return
    assert all(model.id for model in found)
