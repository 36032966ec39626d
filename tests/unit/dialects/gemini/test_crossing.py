"""Every request of every corpus, sent to an engine of this dialect: Google's types take it, and it says the same."""

import json
from pathlib import Path

import pytest
from google.genai.types import Content, GenerationConfig, Tool, ToolConfig

from flock.dialects.half import Outgoing
from flock.dialects.history import arguments
from flock.dialects.ir import Json, Message, Refusal, Request, Text, ToolCall, ToolResult
from flock.dialects.table import SERVERS
from flock.errors import FlockError, Unsupported
from tests.unit.dialects.gemini.reading import ONE, asked, sent

CORPUS = Path(__file__).parents[3] / "corpus"
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses", "gemini": ONE}
CASES = [
    *(("openai", path) for path in sorted(CORPUS.glob("openai/requests/*.json"))),
    *(
        (of, path)
        for of in ("anthropic", "responses", "gemini")
        for path in sorted(CORPUS.glob(f"{of}/*.request.json"))
    ),
]


def request_of(case: tuple[str, Path]) -> Request | None:
    """Return the request of a case, None for one that needs a vendor's own server."""
    of, path = case
    try:
        return SERVERS[of].read_request(SERVERS[of].read_ask(path.read_bytes(), PATHS[of]))
    except FlockError:
        return None


def sent_of(request: Request, *, json_schema: bool = True) -> Outgoing | None:
    """Return what is sent, None for pictures that another vendor keeps; what is asked of the answer is left out."""
    request.n = request.logprobs = request.top_logprobs = None
    try:
        return sent(request, json_schema=json_schema)
    except Unsupported:
        return None


def said(messages: list[Message], role: str) -> str:
    """Return the words of a role."""
    return "".join(
        part.text for one in messages if one.role == role for part in one.parts if isinstance(part, Text | Refusal)
    )


def calls(messages: list[Message]) -> list[tuple[str, Json]]:
    """Return (name, arguments) of the calls."""
    found = [part for one in messages for part in one.parts if isinstance(part, ToolCall)]
    return [(call.name, arguments(call)[0]) for call in found]


@pytest.mark.pitfall(24)
@pytest.mark.parametrize("json_schema", [True, False])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1].name.partition('.')[0]}")
def test_googles_types_take_what_is_sent(case: tuple[str, Path], json_schema: bool) -> None:
    request = request_of(case)
    if request is None:
        return
    out = sent_of(request, json_schema=json_schema)
    if out is None:
        return
    body = out.body
    before: Json | None = None
    for content in body["contents"]:
        Content.model_validate(content)
        assert before is None or content["role"] != before["role"], "turns alternate"
        called = [part for part in (before or {}).get("parts", ()) if "functionCall" in part]
        results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        assert len(results) == len(called), "as many results as calls"
        assert [result["name"] for result in results] == [part["functionCall"]["name"] for part in called]
        assert all(isinstance(result["response"], dict) for result in results)
        before = content
    for tool in body.get("tools", ()):
        Tool.model_validate(tool)
    ToolConfig.model_validate(body.get("toolConfig", {}))
    GenerationConfig.model_validate(body.get("generationConfig", {}))
    assert set(body) <= {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1].name.partition('.')[0]}")
def test_it_says_the_same_when_it_is_read_again(case: tuple[str, Path]) -> None:
    request = request_of(case)
    if request is None:
        return
    out = sent_of(request)
    if out is None:
        return
    again = asked(json.loads(json.dumps(out.body)))
    assert said(request.messages, "assistant") == said(again.messages, "assistant")
    named = [(out.names.get(name, name), given) for name, given in calls(again.messages)]
    custom = {tool.name for tool in request.tools if tool.kind == "custom"}
    assert [call for call in named if call[0] not in custom] == [
        call for call in calls(request.messages) if call[0] not in custom
    ]
    results = [part for one in again.messages for part in one.parts if isinstance(part, ToolResult)]
    ids = [part.id for one in again.messages for part in one.parts if isinstance(part, ToolCall)]
    assert [result.id for result in results] == ids or not results
    offered = [tool.name for tool in request.tools if tool.kind != "hosted"]
    assert [out.names.get(tool.name, tool.name) for tool in again.tools if tool.kind != "hosted"] == offered
