"""What stands around answers: errors, features, the list of models, what a relay sees in passing."""

import json
from typing import Any

import pytest
from google.genai.errors import APIError
from google.genai.types import Model

from flock.dialects import efforts
from flock.dialects.fold import fold
from flock.dialects.gemini import array, server
from flock.dialects.gemini.models import write_model, write_models
from flock.dialects.gemini.tap import GeminiTap
from flock.dialects.ir import Json, Usage
from flock.dialects.listing import write_model as shaped_model
from flock.dialects.listing import write_models as shaped_models
from flock.errors import (
    BY_CODE,
    ContextTooLong,
    EngineBusy,
    FlockError,
    InvalidKey,
    InvalidRequest,
    NotAllowed,
    UpstreamStalled,
)
from tests.grammar.gemini import STATUSES
from tests.unit.dialects.gemini.reading import (
    STREAMS,
    WHOLE,
    ask_of,
    events_of,
    request_of,
    sdk_chunks,
    sdk_reply,
    stream_of,
)

# -- errors


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_googles_library_raises_every_error(code: str) -> None:
    error = BY_CODE[code]("what happened", hint="do this", details={"nearest": ["a"], "n": 3})
    body = server.write_fault(error, "req_1")
    found = json.loads(body)["error"]
    assert (found["code"], found["message"]) == (error.status, "what happened (hint: do this)")
    assert found["status"] in STATUSES
    reasons = {detail["@type"].rpartition(".")[2]: detail for detail in found["details"]}
    assert reasons["ErrorInfo"]["reason"] == code.upper()
    assert reasons["ErrorInfo"]["metadata"] == {"nearest": '["a"]', "n": "3"}
    assert reasons["RequestInfo"]["requestId"] == "req_1"
    for spelled in (body, array.write_fault(error)):
        with pytest.raises(APIError) as caught:
            sdk_reply(spelled, server.http_status(error))
        assert (caught.value.code, caught.value.status) == (error.status, found["status"])
    with pytest.raises(APIError):
        sdk_chunks(server.stream_fault(error))


@pytest.mark.pitfall(72)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x"), "INVALID_ARGUMENT"),
        (InvalidKey("x"), "UNAUTHENTICATED"),
        (NotAllowed("x"), "PERMISSION_DENIED"),
        (BY_CODE["model_not_found"]("x"), "NOT_FOUND"),
        (EngineBusy("x"), "RESOURCE_EXHAUSTED"),
        (BY_CODE["engine_overloaded"]("x"), "UNAVAILABLE"),
        (BY_CODE["upstream_error"]("x"), "UNAVAILABLE"),
        (UpstreamStalled("x"), "DEADLINE_EXCEEDED"),
        (FlockError("x"), "INTERNAL"),
    ],
)
def test_the_names_of_statuses(error: FlockError, status: str) -> None:
    assert json.loads(server.write_fault(error))["error"]["status"] == status


@pytest.mark.pitfall(72)
@pytest.mark.parametrize(("after", "delay"), [(17, "17s"), (0.5, "0.5s")])
def test_when_to_try_again(after: float, delay: str) -> None:
    error = EngineBusy("x", details={"retry_after": after})
    details = json.loads(server.write_fault(error))["error"]["details"]
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay} in details


@pytest.mark.pitfall(61)
@pytest.mark.pitfall(62)
def test_a_prompt_that_is_too_long_in_googles_words() -> None:
    told = json.loads(server.write_fault(ContextTooLong("x", details={"tokens": 9, "limit": 8})))["error"]
    assert told["message"] == "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    assert (told["code"], told["status"]) == (400, "INVALID_ARGUMENT")
    assert json.loads(server.write_fault(ContextTooLong("too long")))["error"]["message"] == "too long"


# -- features


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("plain", set()),
        ("image", {"images", "image_urls"}),
        ("tool_result", {"tools", "signed_thinking"}),
        ("signed_thinking", {"signed_thinking", "reasoning"}),
        ("gemini_cli", {"tools", "signed_thinking", "reasoning"}),
        ("sdk_mixed", {"tools", "tool_choice", "json_schema"}),
        ("snake", {"json_schema", "reasoning"}),
        ("hosted", {"hosted_tools", "audio", "documents"}),
    ],
)
def test_what_a_request_uses(case: str, found: set[str]) -> None:
    assert server.features(ask_of(request_of(case))) == found


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"cachedContent": "c"}, {"stateful"}),
        ({"generationConfig": {"candidateCount": 2, "responseLogprobs": True}}, {"many", "logprobs"}),
        ({"generationConfig": {"responseMimeType": "application/json"}}, {"json_object"}),
        ({"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}, set()),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}}}, set()),
        ({"generationConfig": {"responseModalities": ["AUDIO"]}}, {"audio"}),
        (
            {"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]},
            {"prefill"},
        ),
        (
            {"contents": [{"parts": [{"fileData": {"fileUri": "gs://a/b", "mimeType": "application/pdf"}}]}]},
            {"documents", "stateful"},
        ),
        (
            {
                "contents": [
                    {
                        "parts": [
                            {"functionResponse": {"name": "f", "parts": [{"inlineData": {"mimeType": "image/png"}}]}}
                        ]
                    }
                ]
            },
            {"tools", "images"},
        ),
    ],
)
def test_features_by_field(fields: Json, found: set[str]) -> None:
    assert server.features(ask_of({"contents": "hi", **fields})) == found


# -- the list of models

ROWS: list[tuple[str, int, int | None]] = [(f"org/m-{i:02}:tag", 0, 4096 if i else None) for i in range(60)]


def test_models_have_the_fields_of_googles_type() -> None:
    shown = json.loads(write_model(ROWS[1]))
    assert shown == {
        "name": "models/org/m-01:tag",
        "version": "1",
        "displayName": "org/m-01:tag",
        "description": "org/m-01:tag, served by flock",
        "inputTokenLimit": 4096,
        "outputTokenLimit": 4096,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    methods = shown.pop("supportedGenerationMethods")
    Model.model_validate({**shown, "supportedActions": methods})  # the library renames this one
    assert "inputTokenLimit" not in json.loads(write_model(ROWS[0]))


def test_pages() -> None:
    seen: list[str] = []
    query: dict[str, str] = {"pageSize": "25"}
    sizes: list[int] = []
    while True:
        page = json.loads(write_models(ROWS, query))
        seen += [model["name"] for model in page["models"]]
        sizes.append(len(page["models"]))
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert sizes == [25, 25, 10]
    assert seen == [f"models/{row[0]}" for row in ROWS]
    assert len(json.loads(write_models(ROWS))["models"]) == 50
    assert len(json.loads(write_models(ROWS, {"pageSize": "5000"}))["models"]) == 60


@pytest.mark.parametrize("query", [{"pageSize": "x"}, {"pageSize": "-1"}, {"pageToken": "\xe9"}, {"pageToken": "/w"}])
def test_pages_that_are_none(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        write_models(ROWS, query)
    assert caught.value.details["param"] in query


def test_methods_by_the_kind_of_model() -> None:
    body = json.loads(shaped_models("google", ROWS[:2], {}, lambda model: ["embedContent"] if "00" in model else []))
    assert [model["supportedGenerationMethods"] for model in body["models"]] == [["embedContent"], []]
    assert json.loads(shaped_model("google", ROWS[0]))["name"] == "models/org/m-00:tag"


# -- a relay


def tapped(data: bytes, *cuts: int) -> GeminiTap:
    """Return a tap that has seen a stream in pieces."""
    tap, out, start = GeminiTap(), b"", 0
    for end in (*cuts, len(data)):
        out += tap.feed(data[start:end])
        start = end
    tap.end()
    assert out + tap.close() == data
    return tap


@pytest.mark.pitfall(58)
@pytest.mark.parametrize("case", [*WHOLE, "late_usage", "crlf", "comments"])
def test_a_relay_sees_what_the_reader_reads(case: str) -> None:
    data = stream_of(case)
    tap = tapped(data)
    assert tap.usage() == fold(events_of(data)).usage
    assert (tap.finished, tap.fault, tap.failure) == (True, None, "")
    assert tap.between_frames
    assert tap.counted() == Usage(output=tap.events)


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_relay_cut_at_any_byte(case: str) -> None:
    data = stream_of(case)
    whole = tapped(data)
    for cut in range(1, len(data), 7):
        tap = tapped(data, cut)
        assert (tap.usage(), tap.finished, tap.fault, tap.events) == (
            whole.usage(),
            whole.finished,
            whole.fault,
            whole.events,
        )


@pytest.mark.pitfall(76)
@pytest.mark.parametrize(("case", "fault"), [("broken", "overloaded"), ("bare_error", "overloaded"), ("cut", "")])
def test_a_relay_that_breaks(case: str, fault: str) -> None:
    tap = tapped(stream_of(case))
    assert not tap.finished
    assert fault in (tap.fault or "")
    assert (tap.fault is None) == (not fault)


def test_words_about_the_end_are_no_end() -> None:
    said: Any = {"candidates": [{"content": {"parts": [{"text": 'data: {"error": "finishReason": "STOP"'}]}}]}
    tap = tapped(b"data: " + json.dumps(said).encode() + b"\n\n")
    assert (tap.finished, tap.fault) == (False, None)


# -- efforts by the model's name


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(("effort", "budget"), [("none", 0), ("low", 1024), ("high", 24576), ("max", 24576)])
def test_an_effort_by_name_is_a_budget_beside_what_else_is_set(effort: str, budget: int) -> None:
    body = {"generationConfig": {"topK": 3, "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"}}}
    assert efforts.fields("gemini", body, effort) == {
        "generationConfig": {"topK": 3, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": budget}}
    }
    assert efforts.fields("gemini-array", {}, effort) == {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": budget}}
    }
