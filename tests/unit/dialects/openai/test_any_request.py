"""Whatever JSON comes as a request is read, or refused by name: never another exception."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.openai import server
from flock.errors import FlockError
from flock.profile import FEATURES

_NAMES = st.sampled_from(
    [
        *(
            "role",
            "content",
            "type",
            "text",
            "name",
            "tool_calls",
            "function",
            "arguments",
            "function_call",
            "image_url",
        ),
        *("url", "input_audio", "data", "format", "file", "file_data", "refusal", "tool_call_id", "id", "custom"),
        *("reasoning", "reasoning_details", "thinking", "effort", "budget_tokens", "schema", "json_schema", "tools"),
        *("parameters", "strict", "allowed_tools", "mode", "detail", "input"),
    ]
)
_WORDS = st.sampled_from(
    [
        *("user", "assistant", "tool", "function", "system", "text", "image_url", "file", "input_audio", "custom"),
        *("json_schema", "allowed_tools", "data:,x", "data:;base64,AA==", "enabled", "auto", "thinking", "", "x"),
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=15,
)
_FIELDS = st.dictionaries(
    st.sampled_from(
        [
            *("model", "stream", "stream_options", "temperature", "max_tokens", "tools", "functions", "tool_choice"),
            *("function_call", "response_format", "reasoning", "reasoning_effort", "thinking", "stop", "logprobs", "n"),
            *("logit_bias", "user", "verbosity", "prompt_cache_key", "top_k", "min_p", "modalities", "store", "audio"),
            *("parallel_tool_calls", "seed", "prompt", "suffix", "best_of", "echo", "max_completion_tokens"),
        ]
    ),
    _VALUES,
    max_size=5,
)
_ROLES = st.sampled_from(["user", "assistant", "tool", "system", "developer", "function"])
_MESSAGES = st.lists(
    st.builds(lambda role, rest: {**rest, "role": role}, _ROLES, st.dictionaries(_NAMES, _VALUES, max_size=4)),
    min_size=1,
    max_size=4,
)


@given(_FIELDS, _MESSAGES | _VALUES, st.sampled_from([server.CHAT, server.COMPLETIONS]))
def test_whatever_comes_is_read_or_refused(fields: dict[str, Any], messages: Any, path: str) -> None:
    raw = json.dumps({"messages": messages, "prompt": "x", **fields}).encode()
    refused: FlockError | None = None
    try:
        found = server.read_ask(raw, path)
        assert server.features(found) <= FEATURES
        server.read_request(found)
    except FlockError as error:
        refused = error
    if refused is not None:
        assert (refused.status, bool(refused.hint), bool(refused.details["param"])) == (400, True, True)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(FlockError):
        server.read_request(server.read_ask(raw, server.CHAT))
