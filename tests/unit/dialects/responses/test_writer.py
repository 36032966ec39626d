"""What clients get: the grammar of a stream frame by frame, and the official library's own reading of it."""

import json

import pytest
from openai.types.responses import Response

from flock.dialects.fold import replay
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Idle,
    Opaque,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.dialects.responses import server
from flock.errors import (
    ContextTooLong,
    Draining,
    EngineBusy,
    EngineOverloaded,
    FlockError,
    InvalidRequest,
    UpstreamError,
    UpstreamStalled,
)
from tests.grammar.responses import response_of
from tests.unit.dialects.responses.corpus import ask, read
from tests.unit.dialects.responses.writing import TO, TOOLS, accumulated, of, told, written

ANSWER = [
    Began("up", "real", None),
    PartBegan(0, Thinking()),
    PartDelta(0, "Let me "),
    PartDelta(0, "see."),
    PartEnded(0),
    PartBegan(1, Text("")),
    PartDelta(1, "wörld 😀"),
    PartDelta(1, '\n"quoted"'),
    PartEnded(1),
    PartBegan(2, ToolCall("call_1", "get_weather")),
    PartDelta(2, '{"city":'),
    PartDelta(2, '"Paris"}'),
    PartEnded(2),
    PartBegan(3, ToolCall("", "apply_patch")),
    PartDelta(3, "*** Begin\n"),
    PartDelta(3, "raw"),
    PartEnded(3),
    PartBegan(4, ToolCall("call_3", "agents__spawn")),
    PartEnded(4),
    Ended("tool_calls"),
    Used(Usage(input=30, cached=20, output=9, reasoning=4, cache_write=2)),
]


@pytest.mark.pitfall(70)
def test_the_order_of_events() -> None:
    stream = written(ANSWER)
    response_of(stream)
    names = [event["type"].removeprefix("response.") for event in told(stream)]
    assert names[:2] == ["created", "in_progress"]
    assert names[2:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
    ]
    assert names[8:16] == [
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]
    assert names[16:21] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert names[21:26] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert names[-1] == "completed"


def test_the_official_library_reads_it() -> None:
    done = accumulated(written(ANSWER))
    assert done.type == "response.completed"
    kinds = [item.type for item in done.response.output]
    assert kinds == ["reasoning", "message", "function_call", "custom_tool_call", "function_call"]
    assert done.response.output_text == 'wörld 😀\n"quoted"'
    assert done.response.usage.total_tokens == 39


@pytest.mark.pitfall(51)
@pytest.mark.pitfall(52)
def test_thinking_is_a_reasoning_item_and_no_output_text() -> None:
    response = response_of(written(of(Thinking("why"), Text("ok"))))
    assert response["output"][0]["summary"] == [{"type": "summary_text", "text": "why"}]
    assert "encrypted_content" not in response["output"][0]
    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
    foreign = response_of(written(of(Thinking("why", "sig", origin="anthropic"), Text("ok"))))
    assert "encrypted_content" not in foreign["output"][0]
    own = response_of(written(of(Thinking("", "enc", origin="responses"))))
    assert (own["output"][0]["summary"], own["output"][0]["encrypted_content"]) == ([], "enc")
    redacted = response_of(written(of(Thinking(redacted="x", origin="anthropic"), Text("ok"))))
    assert [item["type"] for item in redacted["output"]] == ["message"]


@pytest.mark.pitfall(1)
@pytest.mark.pitfall(80)
def test_calls_that_overlap_wait_for_each_other() -> None:
    overlapping = [
        PartBegan(0, Text("")),
        PartDelta(0, "I "),
        PartBegan(1, ToolCall("a", "get_weather")),
        PartBegan(2, ToolCall("b", "get_weather")),
        PartDelta(2, '{"n":'),
        PartDelta(1, '{"n":'),
        PartDelta(0, "look"),
        PartEnded(0),
        PartDelta(2, "2}"),
        PartDelta(1, "1}"),
        PartEnded(2),
        PartBegan(3, ToolCall("c", "get_weather")),
        PartEnded(1),
        PartDelta(3, "{}"),
        Ended("tool_calls"),
    ]
    output = response_of(written([*overlapping]))["output"]
    assert [item.get("arguments") for item in output] == [None, '{"n":1}', '{"n":2}', "{}"]
    assert [item.get("call_id") for item in output] == [None, "a", "b", "c"]


@pytest.mark.pitfall(3)
def test_a_call_without_arguments_has_an_empty_object() -> None:
    output = response_of(written(of(ToolCall("a", "get_weather"))))["output"]
    assert output[0]["arguments"] == "{}"


@pytest.mark.pitfall(4)
def test_every_call_has_a_call_id_and_keeps_the_one_it_came_with() -> None:
    strange = "toolu_" + "x" * 90 + "/.:"
    output = response_of(written(of(ToolCall("", "get_weather", "{}"), ToolCall(strange, "get_weather", "{}"))))[
        "output"
    ]
    assert output[0]["call_id"] == "call_0123456789abcdef_0"
    assert output[1]["call_id"] == strange
    assert {item["id"] for item in output} == {"fc_0123456789abcdef_0", "fc_0123456789abcdef_1"}


@pytest.mark.pitfall(14)
@pytest.mark.pitfall(15)
def test_calls_go_back_as_the_client_declared_them() -> None:
    output = response_of(written(ANSWER))["output"]
    custom, spawned = output[3], output[4]
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "*** Begin\nraw")
    assert (spawned["namespace"], spawned["name"]) == ("agents", "spawn")
    assert "namespace" not in output[2]


@pytest.mark.parametrize(
    ("stop", "kind", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("stop_sequence", "completed", None),
        ("refusal", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context_window", "incomplete", "max_output_tokens"),
        ("pause", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
@pytest.mark.pitfall(55)
def test_every_stop_has_its_terminal_event(stop: Stop, kind: str, reason: str | None) -> None:
    stream = written(of(Text("so far"), stop=stop))
    response = response_of(stream)
    assert response["status"] == kind
    assert (response["incomplete_details"] or {}).get("reason") == reason
    assert response["output"][0]["status"] == kind
    assert accumulated(stream).type == f"response.{kind}"


@pytest.mark.pitfall(65)
def test_a_refusal_is_a_refusal_part() -> None:
    stream = written(of(Refusal("I cannot."), stop="refusal"))
    assert response_of(stream)["output"][0]["content"] == [{"type": "refusal", "refusal": "I cannot."}]
    assert accumulated(stream).response.output[0].content[0].refusal == "I cannot."
    silent = response_of(written(of(stop="refusal")))
    assert silent["output"][0]["content"][0]["type"] == "refusal"
    mixed = response_of(written(of(Text("Well, "), Refusal("no."), stop="refusal")))
    assert [part["type"] for part in mixed["output"][0]["content"]] == ["output_text", "refusal"]


@pytest.mark.pitfall(58)
@pytest.mark.pitfall(59)
@pytest.mark.pitfall(56)
def test_the_usage_comes_with_the_end_whether_told_before_or_behind_it() -> None:
    usage = Usage(input=10, cached=4, output=3, reasoning=1)
    expected = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 13,
    }
    for told_usage in ([Used(usage), Ended("stop")], [Ended("stop"), Used(usage)]):
        assert response_of(written([PartBegan(0, Text("")), PartDelta(0, "x"), *told_usage]))["usage"] == expected
    assert response_of(written(of(Text("x"))))["usage"] is None


@pytest.mark.pitfall(79)
def test_the_model_is_the_one_the_client_asked_for() -> None:
    assert {event["response"]["model"] for event in told(written(ANSWER)) if "response" in event} == {"alias"}


@pytest.mark.pitfall(27)
def test_empty_words_never_appear() -> None:
    assert response_of(written(of(Text(""), Thinking(), Refusal(""))))["output"] == []
    assert [i["type"] for i in response_of(written(of(Text(""), ToolCall("a", "get_weather"))))["output"]] == [
        "function_call"
    ]


def test_words_behind_words_share_a_message_unless_their_phase_differs() -> None:
    output = response_of(written(of(Text("a"), Text("b"), Text("c", {"phase": "final_answer"}))))["output"]
    assert [[part["text"] for part in item["content"]] for item in output] == [["a", "b"], ["c"]]
    assert [item.get("phase") for item in output] == [None, "final_answer"]


def test_what_only_another_dialect_knows_is_left_out() -> None:
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    parts = (
        Text("a"),
        Opaque("anthropic", "server_tool_use", {"x": 1}),
        Text("b"),
        Opaque("responses", "web_search_call", search),
    )
    output = response_of(written(of(*parts)))["output"]
    assert [item["type"] for item in output] == ["message", "web_search_call"]
    assert len(output[0]["content"]) == 2


ERRORS: list[tuple[FlockError, str]] = [
    (ContextTooLong("too long"), "context_length_exceeded"),
    (EngineBusy("busy"), "rate_limit_exceeded"),
    (EngineOverloaded("full"), "server_is_overloaded"),
    (Draining("going down"), "server_is_overloaded"),
    (UpstreamError("broke off"), "server_error"),
    (UpstreamStalled("silent"), "server_error"),
    (InvalidRequest("wrong"), "invalid_prompt"),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=[code for _, code in ERRORS])
@pytest.mark.parametrize("after", [0, 1, 8, 16])
@pytest.mark.pitfall(71)
@pytest.mark.pitfall(62)
def test_a_fault_fails_the_same_response_at_any_point(error: FlockError, code: str, after: int) -> None:
    writer = server.writer(ask(tools=TOOLS), TO)
    stream = b"".join(writer.write(event) for event in ANSWER[:after]) + writer.fault(error)
    response = response_of(stream)
    assert (response["status"], response["error"]["code"]) == ("failed", code)
    assert error.sentence in response["error"]["message"]
    assert accumulated(stream, strict=False).type == "response.failed"


def test_the_time_to_wait_stands_in_the_sentence() -> None:
    fault = server.stream_fault(EngineBusy("The engine is busy", details={"retry_after": 2}), "req_ab")
    response = response_of(fault)
    assert response["error"]["message"] == "The engine is busy. Try again in 2s."
    assert response["id"] == "resp_ab"


@pytest.mark.pitfall(76)
def test_an_answer_that_did_not_end_fails() -> None:
    response = response_of(written(ANSWER[:8]))
    assert response["status"] == "failed"
    broken = written([*ANSWER[:8], Broke("CUDA out of memory", "server_error")])
    assert response_of(broken)["status"] == "failed"


@pytest.mark.pitfall(73)
def test_keep_alives_are_comments() -> None:
    assert server.KEEPALIVE.startswith(b":")
    assert server.KEEPALIVE.endswith(b"\n\n")
    writer = server.writer(ask(), TO)
    assert writer.write(Idle()) == b""
    response_of(server.KEEPALIVE + writer.write(Ended("stop")) + server.KEEPALIVE + writer.close())


def test_an_answer_in_one_piece_is_what_a_stream_ends_with() -> None:
    reply = Reply(
        "up", "real", [Thinking("t"), Text("a"), ToolCall("c", "agents__spawn", "{}")], "tool_calls", "", Usage(3)
    )
    request = ask(
        tools=TOOLS, instructions="Be.", metadata={"a": "b"}, text={"verbosity": "low"}, reasoning={"effort": "low"}
    )
    whole = json.loads(server.write_reply(reply, request, TO))
    assert whole == response_of(written(replay(reply), request))
    Response.model_validate(whole, strict=False)
    assert (whole["instructions"], whole["metadata"], whole["text"]["verbosity"]) == ("Be.", {"a": "b"}, "low")
    assert [tool["type"] for tool in whole["tools"]] == ["function", "custom", "namespace"]
    cut = Reply("up", "real", [Text("a")], "length")
    assert json.loads(server.write_reply(cut, request, TO))["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.pitfall(63)
def test_the_form_that_was_asked_for_is_echoed() -> None:
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    request = read({"model": "m", "input": "hi", "text": {"format": form}})
    whole = json.loads(server.write_reply(Reply("", "", [Text("{}")], "stop"), request, TO))
    assert whole["text"]["format"] == form
