"""Histories as clients really send them come out paired, with ids and names that are accepted anywhere."""

import copy
import re

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.history import (
    UNAVAILABLE,
    alternate,
    arguments,
    called_tools,
    clean,
    clean_json,
    media_type,
    notes,
    parse,
    parse_told,
    safe_id,
    safe_names,
    signed_only,
    tidy,
    without_blanks,
)
from flock.dialects.ir import Image, Message, Part, Text, Thinking, ToolCall, ToolResult

SAFE = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def user(text: str) -> Message:
    return Message("user", [Text(text)])


def calls(*ids: str, name: str = "f") -> Message:
    return Message("assistant", [ToolCall(id, name, "{}") for id in ids])


def results(*ids: str) -> Message:
    return Message("tool", [ToolResult(id, [Text(f"of {id}")]) for id in ids])


@pytest.mark.pitfall(6)
def test_results_stand_right_behind_their_turn_in_the_order_of_the_calls() -> None:
    messages, edits = tidy([user("go"), calls("a", "b", "c"), results("c"), user("and"), results("b"), results("a")])
    assert messages == [user("go"), calls("a", "b", "c"), results("a", "b", "c"), user("and")]
    assert edits == []


def test_a_loop_of_tools_is_left_as_it_is() -> None:
    loop = [user("go"), calls("a", "b"), results("a", "b"), calls("c"), results("c"), Message("assistant", [Text("x")])]
    assert tidy(loop) == (loop, [])
    late = [calls("a", "b"), results("a"), calls("c"), results("b"), results("c")]
    assert tidy(late)[0] == [calls("a", "b"), results("a", "b"), calls("c"), results("c")]


@pytest.mark.pitfall(7)
def test_a_call_without_a_result_gets_a_neutral_stub() -> None:
    messages, edits = tidy([user("go"), calls("a", "b"), results("b"), user("stop")])
    stub = ToolResult("a", [Text(UNAVAILABLE)], is_error=True, name="f")
    assert messages == [user("go"), calls("a", "b"), Message("tool", [stub, *results("b").parts]), user("stop")]
    assert "interrupt" not in UNAVAILABLE
    assert edits == ["tool calls without a result got a stub"]


@pytest.mark.pitfall(7)
def test_a_result_without_a_call_is_left_out_and_so_is_a_second_one() -> None:
    messages, edits = tidy([results("x"), user("go"), calls("a"), results("a"), results("a")])
    assert messages == [user("go"), calls("a"), results("a")]
    assert edits == [
        "tool results without a call were left out",
        "second results of the same tool call were left out",
    ]


def test_an_id_used_in_two_turns_belongs_to_each_turn() -> None:
    messages, edits = tidy([calls("call_0"), results("call_0"), user("on"), calls("call_0"), results("call_0")])
    ids = [part.id for message in messages for part in message.parts if isinstance(part, ToolCall | ToolResult)]
    assert ids == ["call_0", "call_0", "call_0_2", "call_0_2"]
    assert edits == ["tool call ids that were empty or used twice became new ones"]


@pytest.mark.pitfall(5)
def test_calls_without_ids_get_one_from_their_place_and_results_follow_by_name_and_order() -> None:
    asked = Message("assistant", [ToolCall("", "f"), ToolCall("", "g"), ToolCall("", "f")])
    told = Message("tool", [ToolResult("", [Text(t)], name=n) for t, n in (("1", "f"), ("3", "f"), ("2", "g"))])
    messages, _ = tidy([user("go"), asked, told])
    assert [part.id for part in messages[1].parts if isinstance(part, ToolCall)] == ["call_1_0", "call_1_1", "call_1_2"]
    answers = [(part.id, part.parts) for part in messages[2].parts if isinstance(part, ToolResult)]
    assert answers == [("call_1_0", [Text("1")]), ("call_1_1", [Text("2")]), ("call_1_2", [Text("3")])]


def test_calls_of_one_turn_that_came_apart_are_joined() -> None:
    messages, _ = tidy([user("go"), Message("assistant", [Text("I look.")]), calls("a"), calls("b"), results("a", "b")])
    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    assert messages[1].parts == [Text("I look."), *calls("a", "b").parts]
    assert messages[2] == results("a", "b")


def test_words_beside_results_stay_the_users() -> None:
    mixed = Message("user", [Text("here"), ToolResult("a", [Text("x")])])
    messages, _ = tidy([calls("a"), mixed])
    assert messages == [calls("a"), Message("tool", [ToolResult("a", [Text("x")])]), user("here")]


_ids = st.sampled_from(["a", "b", "c", ""])
_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, st.text(max_size=3)),
    st.builds(ToolCall, _ids, st.sampled_from(["f", "g"])),
    st.builds(ToolResult, _ids, st.just([])),
)
_messages = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant", "tool", "system"]), st.lists(_parts, max_size=4)),
    max_size=8,
)


@settings(deadline=None, max_examples=200)
@given(_messages)
def test_whatever_comes_is_paired_and_stays_so(messages: list[Message]) -> None:
    before = copy.deepcopy(messages)
    told, _ = tidy(messages)
    assert messages == before
    seen: set[str] = set()
    for i, message in enumerate(told):
        asked = [part.id for part in message.parts if isinstance(part, ToolCall) and message.role == "assistant"]
        assert "" not in asked
        assert not seen & set(asked)
        assert len(set(asked)) == len(asked)
        seen |= set(asked)
        if asked:
            assert told[i + 1].role == "tool"
            assert [part.id for part in told[i + 1].parts if isinstance(part, ToolResult)] == asked
        elif message.role == "tool":
            assert any(isinstance(part, ToolCall) for part in told[i - 1].parts)
    again, edits = tidy(told)
    assert again == told
    assert "tool calls without a result got a stub" not in edits


@pytest.mark.pitfall(36)
def test_turns_of_one_role_are_joined_and_nothing_is_inserted() -> None:
    first = Message("assistant", [Text("hello")])
    assert alternate([first, user("a"), user("b"), calls("x"), results("x"), results("y")]) == [
        first,
        Message("user", [Text("a"), Text("b")]),
        calls("x"),
        results("x"),
        results("y"),
    ]


@pytest.mark.pitfall(27)
def test_blank_texts_and_messages_of_nothing_else_go() -> None:
    found = without_blanks(
        [
            user(" \n"),
            Message("assistant", [Text(""), *calls("a").parts]),
            Message("tool", [ToolResult("a", [Text(" ")])]),
            user("x"),
        ]
    )
    assert found == [calls("a"), Message("tool", [ToolResult("a", [])]), user("x")]


@pytest.mark.pitfall(12)
def test_tools_are_made_of_the_calls_of_a_history() -> None:
    tools = called_tools([calls("a"), calls("b", name="g"), calls("c")])
    assert [(tool.name, tool.schema) for tool in tools] == [("f", {"type": "object"}), ("g", {"type": "object"})]


@pytest.mark.pitfall(4)
@given(st.text(max_size=100))
def test_any_id_becomes_a_legal_one_always_the_same(id: str) -> None:
    assert SAFE.fullmatch(safe_id(id))
    assert safe_id(id) == safe_id(id)
    assert safe_id(safe_id(id)) == safe_id(id)
    assert len(safe_id(id, 9)) <= 9


@pytest.mark.pitfall(4)
def test_legal_ids_stay_and_different_ones_stay_different() -> None:
    assert safe_id("toolu_01-A") == "toolu_01-A"
    assert len({safe_id(id) for id in ("call.1", "call:1", "call_1", "call/1")}) == 4
    assert safe_id("\ud800")


@pytest.mark.pitfall(8)
@given(st.lists(st.text(max_size=80), max_size=8))
def test_names_have_aliases_that_lead_back(names: list[str]) -> None:
    wire = safe_names(names)
    assert set(wire.values()) == set(names)
    assert all(SAFE.fullmatch(alias) for alias in wire)
    assert safe_names(names) == wire


@pytest.mark.pitfall(8)
def test_a_legal_name_is_its_own_alias() -> None:
    alias = next(iter(safe_names(["mcp__server.tool"])))
    assert alias.startswith("mcp__server_tool_")
    # also where another name would have become it
    assert safe_names(["mcp__server.tool", alias])[alias] == alias
    assert safe_names(["get_weather"]) == {"get_weather": "get_weather"}


@pytest.mark.pitfall(41)
def test_lone_surrogates_are_replaced_and_nothing_else_is() -> None:
    kept = "\ufeffa\x00b\r\nc 👩‍🔬"
    assert clean(kept) == kept
    assert clean("a\ud83d") == "a\ufffd"
    assert clean("\ud83d\ude00") == "😀"
    assert clean_json({"\ud800": ["\udfff", 1, None, {"x": True}]}) == {"\ufffd": ["\ufffd", 1, None, {"x": True}]}


@pytest.mark.pitfall(41)
def test_json_with_half_a_character_is_read() -> None:
    assert parse(rb'{"a": "cut \ud83d", "b": "\ud83d\ude00", "n": 12345678901234567890123}') == {
        "a": "cut \ufffd",
        "b": "😀",
        "n": 1.2345678901234568e22,
    }
    assert parse('"\ud83d"') == "\ufffd"


@pytest.mark.parametrize(
    "raw", [b"{", b'{"a": "\\ud83d"', b'["\\ud83d", NaN]', b'"\\ud8zz"', b"[" * 5000 + b'"\\ud83d"']
)
def test_what_is_no_json_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(raw)


@pytest.mark.pitfall(3)
@pytest.mark.parametrize("text", ["", " ", "{}", "null"])
def test_no_arguments_are_an_empty_object(text: str) -> None:
    assert arguments(ToolCall("a", "f", text)) == ({}, "")


@pytest.mark.pitfall(20)
@pytest.mark.parametrize("text", ['{}{"a":1}', '{"b":2} {"a":1}', '{"a":1}{"b":'])
def test_of_joined_arguments_the_last_whole_object_counts(text: str) -> None:
    found, edit = arguments(ToolCall("a", "f", text))
    assert found == {"a": 1}
    assert edit == "arguments of f: the last of several objects"


@pytest.mark.pitfall(19)
@pytest.mark.parametrize(("text", "kept"), [('{"a": "lo', '{"a": "lo'), ("hello", "hello"), ("[1]", [1]), ("3", 3)])
def test_arguments_that_are_no_object_are_kept(text: str, kept: object) -> None:
    found, edit = arguments(ToolCall("a", "f", text))
    assert found == {"raw_arguments": kept}
    assert edit


def test_arguments_with_half_a_character_are_read() -> None:
    assert arguments(ToolCall("a", "f", r'{"a":"\ud83d"}'))[0] == {"a": "\ufffd"}
    assert arguments(ToolCall("a", "f", r'{}{"a":"\ud83d"}'))[0] == {"a": "\ufffd"}


@given(st.text(alphabet='{}[]":,\\au 1', max_size=20))
def test_any_argument_text_becomes_an_object_that_can_be_written(text: str) -> None:
    assert orjson.loads(orjson.dumps(arguments(ToolCall("a", "f", text))[0])) is not None


@pytest.mark.pitfall(14)
def test_the_input_of_a_custom_tool_is_one_string() -> None:
    assert arguments(ToolCall("a", "patch", "*** Begin"), custom=True) == ({"input": "*** Begin"}, "")


@pytest.mark.pitfall(33)
def test_a_picture_is_what_its_first_bytes_say() -> None:
    assert media_type("iVBORw0KGgoAAA", "image/jpeg") == "image/png"
    assert media_type("/9j/4AAQ", "image/png") == "image/jpeg"
    assert media_type("R0lGODlh", "") == "image/gif"
    assert media_type("UklGRh4AAABXRUJQ", "image/png") == "image/webp"
    assert media_type("AAAA", "image/avif") == "image/avif"


@pytest.mark.pitfall(46)
def test_only_thinking_a_dialect_has_signed_is_signed() -> None:
    kept = [Thinking("t", "sig", origin="anthropic"), Thinking(redacted="r", origin="anthropic")]
    foreign = [Thinking("t", "sig", origin="responses"), Thinking("t"), Thinking("t", origin="anthropic")]
    turns = [Message("assistant", [*kept, *foreign, Text("x")]), Message("assistant", [*foreign]), user("y")]
    assert signed_only(turns, "anthropic") == [Message("assistant", [*kept, Text("x")]), user("y")]


@pytest.mark.pitfall(30)
def test_late_system_words_become_notes_in_place() -> None:
    system = Message("system", [Text("be brief")])
    picture = Image(url="u")
    found = notes([system, system, user("hi"), Message("system", [Text("plan mode"), picture]), user("go")])
    note = Message("user", [Text("<system-reminder>\nplan mode\n</system-reminder>"), picture])
    assert found == [system, system, user("hi"), note, user("go")]


@pytest.mark.pitfall(74)
def test_bytes_of_an_engine_that_are_no_text_are_replaced() -> None:
    assert parse_told(b'{"a":"\xff\xfe","b":"\xc3\xb6"}') == {"a": "\ufffd\ufffd", "b": "\u00f6"}
    for body in (b"", b"\xff", b"{", b'{"a":'):
        with pytest.raises(ValueError, match=r"\S"):
            parse_told(body)


@pytest.mark.parametrize("levels", [10, 239, 400, 1000, 3000])
def test_arguments_that_cannot_be_written_again_are_kept_as_text(levels: int) -> None:
    text = '{"a":' * levels + "1" + "}" * levels
    found, edit = arguments(ToolCall("a", "f", text))
    body = {"content": [{"input": found}]}
    assert bool(edit) == (levels > 239)
    assert orjson.loads(orjson.dumps(body)) == body
    if edit:
        assert found == {"raw_arguments": text}
