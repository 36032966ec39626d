"""Whatever JSON comes as a request is read, or refused by name: never another exception."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.gemini import server, upstream
from flock.errors import FlockError
from flock.profile import FEATURES
from tests.unit.dialects.gemini.reading import ONE

_NAMES = st.sampled_from(
    [
        *("role", "parts", "text", "thought", "thoughtSignature", "thought_signature", "functionCall", "function_call"),
        *("functionResponse", "response", "name", "id", "args", "inlineData", "inline_data", "mimeType", "data"),
        *("fileData", "fileUri", "functionDeclarations", "function_declarations", "parameters", "googleSearch"),
        *("parametersJsonSchema", "properties", "type", "items", "anyOf", "mode", "functionCallingConfig"),
        *("thinkingBudget", "thinkingLevel", "includeThoughts", "allowedFunctionNames", "executableCode"),
    ]
)
_WORDS = st.sampled_from(
    ["user", "model", "function", "system", "f", "OBJECT", "image/png", "audio/wav", "ANY", "", "x"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=8,
)
_CONFIG = st.dictionaries(
    st.sampled_from(
        [
            *("maxOutputTokens", "temperature", "top_p", "topK", "candidateCount", "stopSequences", "seed", "logprobs"),
            *("responseLogprobs", "responseMimeType", "responseSchema", "response_json_schema", "thinkingConfig"),
        ]
    ),
    _VALUES,
    max_size=4,
)
_BODIES = st.fixed_dictionaries(
    {"contents": _VALUES | st.lists(st.dictionaries(_NAMES, _VALUES, max_size=4), min_size=1, max_size=3)},
    optional={
        "systemInstruction": _VALUES,
        "tools": _VALUES,
        "toolConfig": st.dictionaries(_NAMES, _VALUES, max_size=2),
        "generation_config": _CONFIG,
        "safetySettings": _VALUES,
        "probe": _VALUES,
    },
)


@given(_BODIES)
def test_any_request_is_read_or_refused(body: dict[str, Any]) -> None:
    status = 400
    try:
        ask = server.read_ask(json.dumps(body).encode(), ONE)
        found = server.features(ask)
        upstream.write_request(server.read_request(ask), "gemini-3-pro", stream=True)
    except FlockError as error:
        found, status = frozenset(), error.status
    assert status == 400
    assert found <= FEATURES


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b'"x"', b"\xff", b"{}", b'{"contents": []}', b'{"contents": 3}']
)
def test_what_is_no_request(raw: bytes) -> None:
    with pytest.raises(FlockError) as caught:
        server.read_ask(raw, ONE)
    assert caught.value.status == 400
    assert caught.value.hint
