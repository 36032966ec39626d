"""What a request uses, for the plan: named at any depth, before anything is read."""

from typing import Any

import pytest

from flock.profile import FEATURES
from tests.unit.dialects.responses.corpus import REQUESTS, body, read, used


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, set[str]()),
        (
            {"input": [{"role": "user", "content": [{"type": "input_audio"}, {"type": "input_file"}]}]},
            {"audio", "documents"},
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x"}]}]},
            {"images", "image_urls"},
        ),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}]}
                ]
            },
            {"images"},
        ),
        (
            {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "file_id": "f"}]}]},
            {"images"},
        ),
        ({"tools": [{"type": "function", "name": "f"}]}, {"tools"}),
        ({"tools": [{"type": "function", "name": "f", "defer_loading": True}]}, {"tools", "deferred_tools"}),
        ({"tools": [{"type": "custom", "name": "f"}]}, {"tools", "custom_tools"}),
        (
            {"tools": [{"type": "namespace", "tools": [{"type": "custom", "name": "f"}]}]},
            {"tools", "namespaces", "custom_tools"},
        ),
        ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, {"tools", "hosted_tools", "tool_choice"}),
        ({"tool_choice": {"type": "function", "name": "f"}}, {"tool_choice"}),
        ({"tool_choice": "auto"}, set[str]()),
        ({"text": {"format": {"type": "json_schema"}}}, {"json_schema"}),
        ({"text": {"format": {"type": "json_object"}}}, {"json_object"}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs"}),
        ({"top_logprobs": 3}, {"logprobs"}),
        ({"reasoning": {"effort": "low"}}, {"reasoning"}),
        ({"reasoning": {"summary": "auto"}}, set[str]()),
        ({"input": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}, {"late_system"}),
        ({"input": [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}]}, set[str]()),
        ({"input": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, {"prefill"}),
        ({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]}, {"signed_thinking"}),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_text", "text": "", "prompt_cache_breakpoint": {"mode": "x"}}],
                    }
                ]
            },
            {"cache_control"},
        ),
    ],
)
def test_features(fields: dict[str, Any], expected: set[str]) -> None:
    assert used({"model": "m", "input": "hi", **fields}) == expected


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_the_corpus_are_read(name: str) -> None:
    assert used(body(name)) <= FEATURES
    read(body(name))
