"""Tools, the choice of them, thinking and the form of the answer, as clients of this dialect ask for them."""

from typing import Any

import pytest

from flock.dialects.ir import Format, Reasoning, ToolChoice
from flock.errors import Unsupported
from tests.unit.dialects.gemini.reading import asked, sent


def test_declarations_of_every_spelling() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    google = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    declared = [
        {"name": "a", "parameters": google},
        {"name": "b", "parametersJsonSchema": schema},
        {"name": "c", "parameters_json_schema": schema},
        {"name": "d"},
    ]
    tools = asked(tools=[{"function_declarations": declared}, {"googleSearch": {}, "urlContext": {}}]).tools
    assert [tool.schema for tool in tools[:4]] == [schema, schema, schema, None]
    assert [(tool.name, tool.kind, tool.raw) for tool in tools[4:]] == [
        ("googleSearch", "hosted", {"googleSearch": {}}),
        ("urlContext", "hosted", {"urlContext": {}}),
    ]


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({"mode": "ANY", "allowed_function_names": ["f"]}, ToolChoice("named", "f")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("required")),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({}, None),
    ],
)
def test_the_choice_of_a_tool(calling: dict[str, Any], choice: ToolChoice | None) -> None:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    request = asked(tools=tools, toolConfig={"functionCallingConfig": calling})
    assert request.tool_choice == choice
    # what a mode alone does not say is kept for an engine of this dialect
    again = sent(request).body.get("toolConfig", {}).get("functionCallingConfig", {})
    assert again.get("allowedFunctionNames") == (
        calling.get("allowedFunctionNames") or calling.get("allowed_function_names")
    )
    if calling.get("mode") == "VALIDATED":
        assert again["mode"] == "VALIDATED"


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        ({"thinkingBudget": 0}, Reasoning("off")),
        ({"thinking_budget": 4096}, Reasoning("on", budget=4096)),
        ({"thinkingBudget": -1, "includeThoughts": True}, Reasoning("adaptive", summary="auto")),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort="high")),
        ({"thinking_level": "minimal"}, Reasoning(effort="minimal")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"includeThoughts": False}, None),
        ({}, None),
    ],
)
def test_how_much_to_think(thinking: dict[str, Any], reasoning: Reasoning | None) -> None:
    assert asked(generationConfig={"thinkingConfig": thinking}).reasoning == reasoning


@pytest.mark.pitfall(63)
@pytest.mark.parametrize(
    ("config", "form"),
    [
        ({"responseMimeType": "application/json"}, Format("json_object")),
        ({"responseMimeType": "text/plain"}, None),
        ({"responseJsonSchema": {"type": "object"}}, Format("json_schema", {"type": "object"})),
        ({"responseSchema": {"type": "OBJECT", "propertyOrdering": ["a"]}}, Format("json_schema", {"type": "object"})),
        ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}, None),
    ],
)
def test_the_form_of_the_answer(config: dict[str, Any], form: Format | None) -> None:
    assert asked(generationConfig=config).format == form


@pytest.mark.pitfall(64)
def test_settings() -> None:
    config = {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.25,
        "topK": 40.0,
        "candidateCount": 1,
        "seed": 3,
        "stopSequences": ["a"],
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "mediaResolution": "LOW",
    }
    request = asked(generationConfig=config, safetySettings=[])
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k) == (9, 0.5, 0.25, 40)
    assert (request.n, request.seed, request.stop) == (None, 3, ["a"])
    assert (request.presence_penalty, request.frequency_penalty) == (0.1, 0.2)
    assert request.extras == {"gemini": {"safetySettings": [], "generationConfig.mediaResolution": "LOW"}}


def test_what_the_server_would_have_to_remember() -> None:
    with pytest.raises(Unsupported, match="cachedContent"):
        asked(cachedContent="cachedContents/1")
