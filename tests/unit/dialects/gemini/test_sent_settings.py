"""Settings and the form of the answer, as they are sent to an engine that speaks this dialect."""

import json

import pytest

from flock.dialects.ir import Json, Text
from flock.dialects.table import SERVERS
from flock.errors import Unsupported
from tests.unit.dialects.gemini.reading import from_chat, sent, told, user

SCHEMA: Json = {"properties": {"a": {"type": "string", "default": "x"}}, "additionalProperties": False}


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("effort", "model", "thinking"),
    [
        ("none", "gemini-2.5-flash", {"thinkingBudget": 0}),
        ("none", "gemini-2.5-pro", {"thinkingBudget": 128, "includeThoughts": True}),
        ("minimal", "gemini-2.5-flash", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("low", "gemini-2.5-pro", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("medium", "gemini-2.5-flash", {"thinkingBudget": 8192, "includeThoughts": True}),
        ("xhigh", "gemini-2.5-flash", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("none", "gemini-3-flash-preview", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("none", "gemini-3-pro-preview", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("low", "gemini-3.5-flash", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("medium", "gemini-3.1-pro", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("high", "models/gemini-3-pro", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("max", "gemini-3-pro", {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ],
)
def test_an_effort_is_a_budget_or_a_level_by_the_models_version(effort: str, model: str, thinking: Json) -> None:
    out = sent(from_chat(reasoning_effort=effort), model)
    assert out.body["generationConfig"]["thinkingConfig"] == thinking
    # what is not the model's own word for it is told
    exact = {("none", "gemini-2.5-flash"), ("minimal", "gemini-2.5-flash")}
    assert bool(out.edits) == (effort in ("none", "xhigh", "max") and (effort, model) not in exact)


@pytest.mark.pitfall(48)
def test_a_budget_stays_one() -> None:
    server = SERVERS["anthropic"]
    body: Json = {"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]}
    body["thinking"] = {"type": "enabled", "budget_tokens": 5000}
    request = server.read_request(server.read_ask(json.dumps(body).encode(), "/v1/messages"))
    config = sent(request).body["generationConfig"]
    assert config == {"maxOutputTokens": 9000, "thinkingConfig": {"thinkingBudget": 5000, "includeThoughts": True}}


@pytest.mark.pitfall(64)
def test_knobs_go_over_and_what_has_no_equivalent_is_named() -> None:
    out = sent(
        from_chat(
            max_tokens=9,
            temperature=0.5,
            top_p=0.25,
            top_k=40,
            seed=3,
            stop=["1", "2", "3", "4"],
            presence_penalty=0.1,
            frequency_penalty=0.2,
            min_p=0.1,
            logit_bias={"1": 2},
            verbosity="low",
            user="u",
            prediction={"type": "content", "content": "x"},
        )
    )
    assert out.body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.25,
        "topK": 40,
        "seed": 3,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "stopSequences": ["1", "2", "3", "4"],
    }
    assert {"min_p", "logit_bias", "verbosity", "prediction"} <= set(out.lost)
    many = told(user(Text("hi")), stop=[str(i) for i in range(7)])
    assert many.body["generationConfig"]["stopSequences"] == ["0", "1", "2", "3", "4"]
    assert many.lost == ["stop[5:]"]


@pytest.mark.pitfall(64)
@pytest.mark.parametrize("fields", [{"n": 2}, {"logprobs": True}])
def test_what_another_dialects_client_would_not_get(fields: Json) -> None:
    with pytest.raises(Unsupported):
        sent(from_chat(**fields))


@pytest.mark.pitfall(63)
def test_the_form_of_the_answer() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    config = sent(from_chat(response_format=form)).body["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    old = sent(from_chat(response_format=form), json_schema=False).body["generationConfig"]
    cut = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    assert old == {"responseMimeType": "application/json", "responseSchema": cut}
    config = sent(from_chat(response_format={"type": "json_object"})).body["generationConfig"]
    assert config == {"responseMimeType": "application/json"}
