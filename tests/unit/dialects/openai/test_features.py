"""What a request uses of the features that not every engine has."""

import json
from typing import Any

import pytest

from flock.dialects.ask import Ask
from flock.dialects.openai import server
from tests.unit.dialects.openai.corpus import body


def ask(fields: dict[str, Any], path: str = server.CHAT) -> Ask:
    return server.read_ask(json.dumps({"model": "m", **fields}).encode(), path)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, set()),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tools"}),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, {"tools", "custom_tools"}),
        ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, {"tools", "hosted_tools", "tool_choice"}),
        ({"tools": [{"type": "function", "defer_loading": True}], "tool_choice": "auto"}, {"tools", "deferred_tools"}),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f"}}, {"tools", "tool_choice"}),
        ({"tool_choice": "required"}, set()),
        ({"response_format": {"type": "json_schema"}}, {"json_schema"}),
        ({"response_format": {"type": "json_object"}}, {"json_object"}),
        ({"logprobs": True}, {"logprobs"}),
        ({"logprobs": False, "n": 1}, set()),
        ({"n": 2}, {"many"}),
        ({"reasoning_effort": "low"}, {"reasoning"}),
        ({"store": True}, {"stateful"}),
        ({"modalities": ["text", "audio"]}, {"audio"}),
    ],
)
def test_features_of_fields(fields: dict[str, Any], found: set[str]) -> None:
    assert server.features(ask({"messages": [{"role": "user", "content": "x"}], **fields})) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("plain", set()),
        ("image", {"images", "image_urls"}),
        ("audio", {"audio"}),
        ("late-system", {"late_system"}),
        ("tool-result", {"tools", "tool_choice"}),
        ("cache-hints", {"tools", "cache_control"}),
        ("thinking", {"reasoning"}),
        ("every-knob", {"tools", "json_object", "logprobs", "reasoning"}),
    ],
)
def test_features_of_recorded_requests(name: str, found: set[str]) -> None:
    assert server.features(ask(body("requests", name))) == found


def test_features_of_messages() -> None:
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "It is"}]
    assert server.features(ask({"messages": said})) == {"prefill"}
    signed = {**said[1], "reasoning_details": [{"signature": "s"}]}
    assert server.features(ask({"messages": [said[0], signed, said[0]]})) == {"signed_thinking"}
    document = {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}
    assert server.features(ask({"messages": [document]})) == {"documents"}


def test_features_of_completions() -> None:
    assert server.features(ask({"prompt": ["a", "b"]}, server.COMPLETIONS)) == {"many"}
    assert server.features(ask({"prompt": [1, 2]}, server.COMPLETIONS)) == set()
    assert server.features(ask({"prompt": "a", "best_of": 2, "logprobs": 1}, server.COMPLETIONS)) == {
        "many",
        "logprobs",
    }
