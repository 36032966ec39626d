"""What engines of this dialect are sent: one's own requests whole, another dialect's in this one's manners."""

import orjson
import pytest

from flock.dialects.anthropic import upstream
from flock.dialects.ir import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from flock.errors import InvalidRequest, Unsupported
from tests.unit.dialects.anthropic.reading import REQUESTS, ask, minimal, request_of
from tests.unit.dialects.anthropic.sending import HI, POINT, body, chat, sent


@pytest.mark.parametrize("case", REQUESTS)
def test_ones_own_request_goes_out_as_it_came(case: str) -> None:
    given = request_of(case)
    out = sent(ask(given), stream=given.get("stream", False))
    assert out.lost == out.edits == []
    assert ask({**out.body, "model": given["model"]}).messages == ask(given).messages
    for name in set(given) - {"messages", "system", "model", "metadata", "tools"}:
        assert out.body[name] == given[name], name
    assert [tool.get("name") for tool in out.body.get("tools", [])] == [t.get("name") for t in given.get("tools", [])]
    assert "metadata" not in out.body


def test_what_every_request_has() -> None:
    out = sent(chat(Message("system", [Text("be brief")]), HI, max_tokens=7), stream=True)
    assert out.path == "/v1/messages"
    assert out.headers == {"anthropic-version": "2023-06-01"}
    assert out.body == {
        "model": "real",
        "max_tokens": 7,
        "system": "be brief",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }


@pytest.mark.pitfall(29)
def test_system_parts_are_hoisted_and_keep_their_breakpoints() -> None:
    system = [Message("system", [Text("a", {**POINT, "name": "x"})]), Message("system", [Text("b")])]
    assert body(chat(*system, HI))["system"] == [{"type": "text", "text": "a", **POINT}, {"type": "text", "text": "b"}]


@pytest.mark.pitfall(30)
def test_late_system_words_stay_for_ones_own_and_become_notes_for_others() -> None:
    late = [HI, Message("system", [Text("plan mode")]), Message("user", [Text("go")])]
    foreign = sent(chat(*late))
    note = {"type": "text", "text": "<system-reminder>\nplan mode\n</system-reminder>"}
    blocks = [{"type": "text", "text": "hi"}, note, {"type": "text", "text": "go"}]
    assert foreign.body["messages"] == [{"role": "user", "content": blocks}]
    assert foreign.edits == ["system words in mid-conversation became notes of the user"]
    own = sent(Request("anthropic", "m", late))
    assert [message["role"] for message in own.body["messages"]] == ["user", "system", "user"]


def test_what_is_told_of_a_message_beside_its_content_is_kept_for_ones_own() -> None:
    addition = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}
    late = {"role": "system", "content": [addition], "clear_at": "next_user_message"}
    given = minimal(messages=[{"role": "user", "content": "hi", "tag": 1}, late, {"role": "user", "content": "go"}])
    request = ask(given)
    assert request.messages[1].parts == [
        Text("The tool f is available.", {"tool_reference": "f", "block": addition}),
    ]
    assert body(request)["messages"] == given["messages"]


@pytest.mark.pitfall(31)
def test_the_attribution_block_stays_towards_the_vendor() -> None:
    assert "cch=defa0" in body(ask(request_of("claude_code")))["system"][0]["text"]


@pytest.mark.pitfall(1)
@pytest.mark.pitfall(6)
def test_results_are_one_turn_before_the_users_words_in_the_order_of_the_calls() -> None:
    calls = Message("assistant", [ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")])
    told = [Message("tool", [ToolResult(id, [Text(id)])]) for id in ("b", "a")]
    out = body(chat(HI, calls, *told, Message("user", [Text("so?")]), tools=[Tool("f")]))
    assert [message["role"] for message in out["messages"]] == ["user", "assistant", "user"]
    assert out["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": "b"},
        {"type": "text", "text": "so?"},
    ]


@pytest.mark.pitfall(7)
def test_half_a_history_is_never_sent() -> None:
    orphan = Message("tool", [ToolResult("gone", [Text("x")])])
    out = sent(Request("anthropic", "m", [orphan, HI, Message("assistant", [ToolCall("a", "f", "{}")])]))
    assert out.body["messages"][-1] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "tool result unavailable", "is_error": True}
        ],
    }
    assert len(out.edits) == 2


@pytest.mark.pitfall(3)
@pytest.mark.pitfall(28)
def test_a_turn_of_calls_alone_has_no_text_block() -> None:
    calls = Message("assistant", [Text(""), ToolCall("a", "f", "")])
    assert body(chat(HI, calls, tools=[Tool("f")]))["messages"][1]["content"] == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    ]


@pytest.mark.pitfall(4)
def test_ids_are_mapped_alike_in_calls_and_results() -> None:
    history = [HI, Message("assistant", [ToolCall("functions.f:0", "f", "{}")])]
    out = body(chat(*history, Message("tool", [ToolResult("functions.f:0")]), tools=[Tool("f")]))
    call, result = out["messages"][1]["content"][0], out["messages"][2]["content"][0]
    assert call["id"] == result["tool_use_id"]
    assert ":" not in call["id"]
    assert body(chat(*history, tools=[Tool("f")]))["messages"][1]["content"][0]["id"] == call["id"]


@pytest.mark.pitfall(16)
@pytest.mark.pitfall(17)
def test_results_keep_pictures_and_errors() -> None:
    result = ToolResult("a", [Text("x"), Image("AAAA", "image/gif")], is_error=True)
    out = body(chat(HI, Message("assistant", [ToolCall("a", "f")]), Message("tool", [result]), tools=[Tool("f")]))
    assert out["messages"][2]["content"][0] == {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [
            {"type": "text", "text": "x"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "AAAA"}},
        ],
        "is_error": True,
    }


@pytest.mark.pitfall(27)
@pytest.mark.pitfall(36)
def test_blank_turns_go_and_turns_of_one_role_are_joined() -> None:
    out = body(chat(HI, Message("assistant", [Text(" \n")]), Message("user", [Text("still there?")])))
    assert out["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "still there?"}]}
    ]
    first = body(chat(Message("assistant", [Text("hello")]), HI))["messages"]
    assert [message["role"] for message in first] == ["assistant", "user"]


@pytest.mark.pitfall(39)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_conversation_in_which_nothing_is_said_is_refused(dialect: str) -> None:
    for messages in ([], [Message("system", [Text("x")])], [Message("user", [Text(" ")])]):
        with pytest.raises(InvalidRequest):
            upstream.write_request(Request(dialect, "m", messages), "real", stream=False)


@pytest.mark.pitfall(37)
def test_an_answer_begun_by_the_client_ends_without_white_space() -> None:
    begun = Message("assistant", [Text("The answer is \n")])
    assert body(chat(HI, begun))["messages"][-1] == {"role": "assistant", "content": "The answer is"}
    own = body(Request("anthropic", "m", [HI, begun]))["messages"][-1]
    assert own["content"] == "The answer is \n"


@pytest.mark.pitfall(38)
def test_the_name_of_a_speaker_is_reported_lost() -> None:
    out = sent(chat(Message("user", [Text("hi")], {"name": "Ada"})))
    assert out.body["messages"] == [{"role": "user", "content": "hi"}]
    assert out.lost == ["messages[].name"]


@pytest.mark.pitfall(32)
def test_no_more_than_four_breakpoints_and_the_last_ones() -> None:
    texts: list[Part] = [Text(str(i), dict(POINT)) for i in range(4)]
    tool = Tool("f", schema={"type": "object"}, meta=dict(POINT))
    result = ToolResult("a", [Text("r", dict(POINT))])
    history = [HI, Message("assistant", [ToolCall("a", "f", "{}")]), Message("tool", [result]), Message("user", texts)]
    request = Request("anthropic", "m", [Message("system", [Text("s", dict(POINT))]), *history], tools=[tool])
    out = sent(request)
    marked = [block for block in out.body["messages"][2]["content"] if "cache_control" in block]
    assert [block["text"] for block in marked] == ["0", "1", "2", "3"]
    assert orjson.dumps(out.body).count(b"cache_control") == 4
    assert out.edits == ["cache_control: 3 more than 4 breakpoints were left out"]


@pytest.mark.pitfall(32)
def test_of_foreign_hints_only_breakpoints_are_sent() -> None:
    out = body(chat(Message("user", [Text("a", {**POINT, "annotations": []}), Text("b", {"cache_control": "yes"})])))
    assert out["messages"][0]["content"] == [{"type": "text", "text": "a", **POINT}, {"type": "text", "text": "b"}]


@pytest.mark.pitfall(33)
def test_pictures_say_what_they_are() -> None:
    parts: list[Part] = [
        Image("iVBORw0KGgoAAA", "image/jpeg"),
        Image(url="https://x/y.png", detail="high"),
        Image(id="f"),
    ]
    out = body(chat(Message("user", parts)))
    assert [block["source"] for block in out["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAA"},
        {"type": "url", "url": "https://x/y.png"},
        {"type": "file", "file_id": "f"},
    ]


@pytest.mark.pitfall(35)
def test_documents_are_pdf_or_text_and_no_others() -> None:
    parts: list[Part] = [
        File("JVBERi0=", "application/pdf", name="a.pdf"),
        File("aGk=", "text/markdown"),
        File(text="words"),
        File(url="https://x/y.pdf"),
    ]
    out = body(chat(Message("user", parts)))["messages"][0]["content"]
    assert out[0] == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        "title": "a.pdf",
    }
    assert [block["source"].get("data") for block in out[1:]] == ["hi", "words", None]
    with pytest.raises(Unsupported, match="application/zip"):
        body(chat(Message("user", [File("UEs=", "application/zip")])))


def test_sound_has_no_equivalent() -> None:
    with pytest.raises(Unsupported, match="audio") as caught:
        body(chat(Message("user", [Audio("AAAA", "wav")])))
    assert caught.value.details == {"unsupported": ["audio"]}


def test_parts_of_another_vendor_are_reported_lost() -> None:
    out = sent(chat(Message("user", [Opaque("responses", "web_search_call", {}), Text("x")])))
    assert out.lost == ["web_search_call"]


@pytest.mark.pitfall(65)
def test_a_refusal_in_the_history_is_words() -> None:
    assert body(chat(HI, Message("assistant", [Refusal("No.")])))["messages"][1]["content"] == "No."


@pytest.mark.pitfall(44)
@pytest.mark.pitfall(46)
def test_foreign_thinking_is_left_out_and_signed_thinking_comes_first() -> None:
    foreign = [Thinking("t", "enc", origin="responses"), Thinking("u")]
    signed = Thinking("s", "sig", origin="anthropic")
    out = sent(chat(HI, Message("assistant", [Text("so"), *foreign, signed]), HI))
    assert out.body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "s", "signature": "sig"},
        {"type": "text", "text": "so"},
    ]
    assert out.lost == ["thinking of earlier turns"]


@pytest.mark.pitfall(43)
@pytest.mark.pitfall(46)
def test_ones_own_thinking_is_kept_in_its_place_but_not_anothers() -> None:
    turn = [
        Thinking(redacted="r", origin="anthropic"),
        ToolCall("a", "f", "{}"),
        Thinking("u", origin=""),
        Thinking("t", "enc", origin="responses"),
    ]
    out = sent(Request("anthropic", "m", [HI, Message("assistant", turn)], tools=[Tool("f")]))
    kinds = [block["type"] for block in out.body["messages"][1]["content"]]
    assert kinds == ["redacted_thinking", "tool_use", "thinking"]
    assert b"enc" not in orjson.dumps(out.body)
    assert out.lost == ["thinking"]


@pytest.mark.pitfall(66)
def test_the_clients_own_ids_are_not_sent() -> None:
    assert b"somebody" not in orjson.dumps(body(chat(user="somebody", session="somebody")))
    assert b"somebody" not in orjson.dumps(body(ask(minimal(metadata={"user_id": "somebody"}))))


@pytest.mark.pitfall(41)
def test_half_a_character_can_be_sent() -> None:
    out = body(
        chat(Message("user", [Text("cut \ud83d")]), Message("assistant", [ToolCall("a", "f\ud83d", '{"a":"\ud83d"}')]))
    )
    assert out["messages"][0]["content"] == "cut \ufffd"


@pytest.mark.pitfall(20)
def test_arguments_that_had_to_be_repaired_are_told() -> None:
    out = sent(chat(HI, Message("assistant", [ToolCall("a", "f", '{}{"x":1}')]), tools=[Tool("f")]))
    assert out.body["messages"][1]["content"][0]["input"] == {"x": 1}
    assert out.edits[-1] == "arguments of f: the last of several objects"
