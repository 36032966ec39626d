"""What a request uses is told by one walk over its body."""

from typing import Any

import orjson
import pytest

from flock.dialects.anthropic import server
from flock.dialects.anthropic.words import MESSAGES
from flock.profile import FEATURES
from tests.unit.dialects.anthropic.reading import REQUESTS, minimal, request_of


def used(body: dict[str, Any]) -> set[str]:
    found = server.features(server.read_ask(orjson.dumps(body), MESSAGES))
    assert found <= FEATURES
    return set(found)


def content(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return minimal(messages=[{"role": role, "content": list(blocks)}, {"role": "user", "content": "x"}])


SOURCE = {"type": "url", "url": "https://x/y"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("body", "features"),
    [
        (minimal(system="x", temperature=1), set()),
        (minimal(tools=[TOOL], tool_choice={"type": "auto"}), {"tools"}),
        (minimal(tools=[TOOL], tool_choice={"type": "any"}), {"tools", "tool_choice"}),
        (
            minimal(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
            {"tools", "tool_choice"},
        ),
        (minimal(tools=[{**TOOL, "type": "custom", "defer_loading": True}]), {"tools", "deferred_tools"}),
        (minimal(tools=[{"type": "bash_20250124", "name": "bash"}]), {"hosted_tools"}),
        (minimal(mcp_servers=[{"url": "u"}]), {"hosted_tools"}),
        (minimal(container="c"), {"stateful"}),
        (minimal(thinking={"type": "disabled"}), {"reasoning"}),
        (minimal(output_config={"effort": "low"}), {"reasoning"}),
        (minimal(output_config={"format": {"type": "json_schema", "schema": {}}}), {"json_schema"}),
        (minimal(output_format={"type": "json_schema", "schema": {}}), {"json_schema"}),
        (minimal(system=[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]), {"cache_control"}),
        (minimal(cache_control={"type": "ephemeral"}), {"cache_control"}),
        (minimal(messages=[{"role": "assistant", "content": "{"}]), {"prefill"}),
        (minimal(messages=[{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]), {"late_system"}),
        (content({"type": "image", "source": SOURCE}), {"images", "image_urls"}),
        (content({"type": "image", "source": {"type": "base64", "data": "", "media_type": ""}}), {"images"}),
        (content({"type": "image", "source": {"type": "file", "file_id": "f"}}), {"images", "stateful"}),
        (content({"type": "document", "source": SOURCE}), {"documents"}),
        (content({"type": "text", "text": "x", "cache_control": {}}), {"cache_control"}),
        (content({"type": "tool_use", "id": "a", "name": "f", "input": {}}, role="assistant"), {"tools"}),
        (content({"type": "thinking", "thinking": "t", "signature": ""}, role="assistant"), set()),
        (content({"type": "thinking", "thinking": "t", "signature": "s"}, role="assistant"), {"signed_thinking"}),
        (content({"type": "redacted_thinking", "data": "r"}, role="assistant"), {"signed_thinking"}),
        (content({"type": "web_search_tool_result", "content": []}, role="assistant"), {"hosted_tools"}),
        (content({"type": "container_upload", "file_id": "f"}), {"stateful"}),
        (
            content({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image", "source": SOURCE}]}),
            {"tools", "images", "image_urls"},
        ),
        (
            content(
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_reference", "tool_name": "f"}]}
            ),
            {"tools", "deferred_tools"},
        ),
    ],
)
def test_features(body: dict[str, Any], features: set[str]) -> None:
    assert used(body) == features


@pytest.mark.parametrize("case", REQUESTS)
def test_every_request_of_the_corpus_uses_known_features(case: str) -> None:
    used(request_of(case))


def test_claude_code() -> None:
    assert used(request_of("claude_code")) == {
        "cache_control", "deferred_tools", "late_system", "reasoning", "signed_thinking", "tools",
    }  # fmt: skip
