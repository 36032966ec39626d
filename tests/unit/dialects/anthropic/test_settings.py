"""Tools, thinking, sampling and the form of the answer, as engines of this dialect take them together."""

import pytest

from flock.dialects.anthropic.words import BUDGETS, DEFAULT_MAX_TOKENS, effort_of
from flock.dialects.ir import (
    Format,
    Json,
    Message,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from flock.errors import Unsupported
from tests.unit.dialects.anthropic.reading import ask, minimal
from tests.unit.dialects.anthropic.sending import HI, WEATHER, body, chat, sent


@pytest.mark.pitfall(60)
def test_a_limit_is_always_sent() -> None:
    assert body(chat())["max_tokens"] == DEFAULT_MAX_TOKENS


@pytest.mark.pitfall(8)
def test_names_have_aliases_in_tools_choice_and_history() -> None:
    name = "mcp__server.tool"
    history = [HI, Message("assistant", [ToolCall("a", name, "{}")]), Message("tool", [ToolResult("a")])]
    out = sent(chat(*history, tools=[Tool(name), Tool("f")], tool_choice=ToolChoice("named", name)))
    (alias,) = out.names
    assert out.names == {alias: name}
    assert out.body["tools"][0]["name"] == alias
    assert out.body["tool_choice"] == {"type": "tool", "name": alias}
    assert out.body["messages"][1]["content"][0]["name"] == alias


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (ToolChoice("auto"), {"type": "auto"}),
        (ToolChoice("required"), {"type": "any"}),
        (ToolChoice("none"), {"type": "none"}),
        (ToolChoice("named", "get_weather"), {"type": "tool", "name": "get_weather"}),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice, told: Json) -> None:
    assert body(chat(tools=[WEATHER], tool_choice=choice))["tool_choice"] == told


@pytest.mark.pitfall(10)
def test_no_parallel_calls_alone_is_auto() -> None:
    out = body(chat(tools=[WEATHER], parallel_tools=False))
    assert out["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in body(chat(tools=[WEATHER], parallel_tools=True))
    none = body(chat(tools=[WEATHER], tool_choice=ToolChoice("none"), parallel_tools=False))
    assert none["tool_choice"] == {"type": "none"}


@pytest.mark.pitfall(11)
def test_no_choice_without_tools() -> None:
    out = sent(chat(tool_choice=ToolChoice("required"), parallel_tools=False))
    assert "tool_choice" not in out.body
    assert out.lost == ["tool_choice"]
    assert "tool_choice" not in body(ask(minimal(tool_choice={"type": "any"})))


@pytest.mark.pitfall(12)
def test_a_history_of_calls_without_tools_gets_tools_that_are_not_to_be_called() -> None:
    history = [HI, Message("assistant", [ToolCall("a", "f", "{}")]), Message("tool", [ToolResult("a")])]
    out = body(chat(*history))
    assert out["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert out["tool_choice"] == {"type": "none"}
    assert "tools" not in body(Request("anthropic", "m", history))


@pytest.mark.pitfall(13)
def test_hosted_tools_of_another_vendor_are_left_out() -> None:
    out = sent(chat(tools=[Tool("web_search", kind="hosted", raw={"type": "web_search"}), WEATHER]))
    assert [tool["name"] for tool in out.body["tools"]] == ["get_weather"]
    assert out.lost == ["tools.web_search"]


@pytest.mark.pitfall(14)
def test_a_custom_tool_is_a_function_of_one_string() -> None:
    patch = Tool("apply_patch", "Patches", kind="custom", grammar={"type": "grammar", "definition": "start: x"})
    history = [
        HI,
        Message("assistant", [ToolCall("a", "apply_patch", "*** Begin")]),
        Message("tool", [ToolResult("a")]),
    ]
    out = body(chat(*history, tools=[patch]))
    assert out["tools"][0]["input_schema"]["required"] == ["input"]
    assert "start: x" in out["tools"][0]["description"]
    assert out["messages"][1]["content"][0]["input"] == {"input": "*** Begin"}


@pytest.mark.pitfall(15)
def test_deferred_tools_of_another_dialect_are_offered() -> None:
    out = body(chat(tools=[Tool("ns__f", namespace="ns", own_name="f", deferred=True)]))
    assert out["tools"] == [{"name": "ns__f", "input_schema": {"type": "object"}}]


@pytest.mark.pitfall(26)
def test_a_strict_schema_is_just_a_schema() -> None:
    assert "strict" not in body(chat(tools=[Tool("f", schema={"type": "object"}, strict=True)]))["tools"][0]
    assert body(chat(tools=[Tool("f", schema={"properties": {}})]))["tools"][0]["input_schema"] == {
        "type": "object",
        "properties": {},
    }


@pytest.mark.pitfall(44)
def test_thinking_is_off_for_a_call_whose_own_thinking_was_lost() -> None:
    loop = [HI, Message("assistant", [Thinking("t"), ToolCall("a", "f", "{}")]), Message("tool", [ToolResult("a")])]
    out = sent(chat(*loop, tools=[Tool("f")], reasoning=Reasoning(effort="high")))
    assert "thinking" not in out.body
    assert "reasoning" in out.lost
    on = body(chat(*loop, Message("user", [Text("and?")]), tools=[Tool("f")], reasoning=Reasoning(effort="high")))
    assert on["thinking"]["type"] == "enabled"


@pytest.mark.pitfall(48)
@pytest.mark.parametrize("effort", BUDGETS)
def test_an_effort_is_a_budget(effort: str) -> None:
    out = body(chat(reasoning=Reasoning(effort=effort), max_tokens=100_000))
    assert out["thinking"] == {"type": "enabled", "budget_tokens": BUDGETS[effort]}
    assert BUDGETS[effort_of(BUDGETS[effort])] == BUDGETS[effort]


@pytest.mark.pitfall(48)
def test_no_effort_and_an_unknown_one() -> None:
    assert body(chat(reasoning=Reasoning(effort="none")))["thinking"] == {"type": "disabled"}
    assert body(chat(reasoning=Reasoning("off")))["thinking"] == {"type": "disabled"}
    assert "thinking" not in body(chat(reasoning=Reasoning(summary="auto")))
    out = sent(chat(reasoning=Reasoning(effort="heroic"), max_tokens=100_000))
    assert out.body["thinking"]["budget_tokens"] == BUDGETS["medium"]
    assert out.edits == ["reasoning effort: heroic → medium"]


@pytest.mark.pitfall(47)
@pytest.mark.parametrize("limit", [1, 500, 1024, 1025, 3000, 20_000, None])
def test_a_budget_fits_below_the_limit(limit: int | None) -> None:
    out = body(chat(reasoning=Reasoning("on", budget=9000), max_tokens=limit))
    assert 1024 <= out["thinking"]["budget_tokens"] < out["max_tokens"]
    assert out["max_tokens"] >= (limit or DEFAULT_MAX_TOKENS)


@pytest.mark.pitfall(47)
def test_thinking_goes_without_sampling_and_without_a_forced_choice() -> None:
    out = sent(
        chat(
            tools=[WEATHER],
            tool_choice=ToolChoice("named", "get_weather"),
            reasoning=Reasoning(effort="low"),
            temperature=0.2,
            top_p=0.5,
            top_k=5,
        )
    )
    assert {"temperature", "top_p", "top_k"} & set(out.body) == set()
    assert out.lost == ["temperature", "top_k", "top_p"]
    assert out.body["tool_choice"] == {"type": "auto"}
    assert out.edits == ["tool_choice: named → auto, since the model is to think"]


@pytest.mark.pitfall(64)
def test_settings_the_dialect_does_not_have() -> None:
    out = sent(
        chat(
            temperature=1.7,
            top_p=1,
            top_k=3,
            seed=1,
            presence_penalty=0.5,
            frequency_penalty=0.5,
            min_p=0.1,
            logit_bias={"1": 1},
            verbosity="low",
            stop=["a", "\n\n"],
            extras={"openai": {"store": True}},
        )
    )
    assert (out.body["temperature"], out.body["top_k"], out.body["stop_sequences"]) == (1, 3, ["a"])
    assert "top_p" not in out.body
    assert set(out.lost) == {
        "seed", "presence_penalty", "frequency_penalty", "min_p", "logit_bias", "verbosity", "store",
        "stop (white space)",
    }  # fmt: skip
    assert "temperature: 1.7 → 1" in out.edits


@pytest.mark.pitfall(64)
def test_what_would_lose_its_meaning_is_refused() -> None:
    with pytest.raises(Unsupported, match="n > 1"):
        body(chat(n=2))
    with pytest.raises(Unsupported, match="logprobs"):
        body(chat(logprobs=True))
    assert body(chat(n=1, logprobs=False))


@pytest.mark.pitfall(63)
def test_the_form_of_the_answer() -> None:
    schema = {"type": "object", "properties": {}}
    form = Format("json_schema", schema, name="x", strict=True)
    assert body(chat(format=form))["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    out = sent(chat(Message("system", [Text("be brief")]), HI, format=Format("json_object")))
    assert out.body["system"] == "be brief\n\nAnswer with one JSON object and nothing else."
    assert out.edits == ["response_format json_object: asked for in the system prompt"]
    assert "output_config" not in body(chat(format=Format("text")))


@pytest.mark.pitfall(67)
def test_unknown_fields_go_back_to_their_own_dialect_only() -> None:
    request = ask(minimal(context_management={"edits": []}, thinking={"type": "adaptive", "display": "omitted"}))
    out = body(request)
    assert out["context_management"] == {"edits": []}
    assert out["thinking"] == {"type": "adaptive", "display": "omitted"}
    request.reasoning = None
    assert "thinking" not in body(request)
    for config in ({"effort": "low", "task": 1}, {"task": 1}, {"format": {"type": "new"}}):
        assert body(ask(minimal(output_config=config)))["output_config"] == config
    assert body(ask(minimal(thinking={"type": "between_tools"})))["thinking"] == {"type": "between_tools"}
