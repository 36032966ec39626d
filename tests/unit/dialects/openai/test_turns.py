"""Messages as engines get them, from a conversation in any dialect: what is moved, reported and refused."""

from typing import Any

import pytest

from flock.dialects.half import Outgoing
from flock.dialects.history import safe_id
from flock.dialects.ir import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from flock.dialects.openai import upstream
from flock.errors import FlockError, InvalidRequest, Unsupported

PNG = "iVBORw0KGgo="
HI = Message("user", [Text("hi")])


def user(*parts: Any) -> Message:
    return Message("user", [Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Any) -> Message:
    return Message("assistant", [Text(part) if isinstance(part, str) else part for part in parts])


def system(*texts: str) -> Message:
    return Message("system", [Text(text) for text in texts])


def result(id: str, *parts: Any, **fields: Any) -> Message:
    told = [Text(part) if isinstance(part, str) else part for part in parts]
    return Message("tool", [ToolResult(id, told, **fields)])


def write(
    *messages: Message, dialect: str = "anthropic", stream: bool = False, options: Any = None, **fields: Any
) -> Outgoing:
    return upstream.write_request(
        Request(dialect, "asked", list(messages), **fields), "served", stream=stream, **(options or {})
    )


def told(*messages: Message, options: Any = None, **fields: Any) -> list[dict[str, Any]]:
    return write(*messages, options=options, **fields).body["messages"]


CALL = ToolCall("call_1", "get_weather", '{"city": "Paris"}')
WEATHER = Tool("get_weather", "The weather", {"type": "object"})


@pytest.mark.pitfall(29)
def test_system_blocks_are_joined() -> None:
    assert told(system("a", "b"), HI)[0] == {"role": "system", "content": "a\n\nb"}
    assert told(system("a"), HI, options={"system_role": "developer"})[0]["role"] == "developer"
    developer = Message("system", [Text("a")], {"role": "developer"})
    assert told(developer, HI, dialect="openai")[0] == {"role": "system", "content": "a"}


@pytest.mark.pitfall(30)
def test_late_system_messages() -> None:
    talk = (system("a"), system("b"), user("1"), assistant("2"), system("c"), user("3"))
    roles = [message["role"] for message in told(*talk)]
    assert roles == ["system", "system", "user", "assistant", "system", "user"]
    noted = told(*talk, options={"late_system": "user"})
    assert [message["role"] for message in noted] == ["system", "user", "assistant", "user"]
    assert (noted[0]["content"], noted[3]["content"]) == ("a\n\nb", "[system] c\n\n3")
    hoisted = told(*talk, options={"late_system": "hoist"})
    assert [message["role"] for message in hoisted] == ["system", "user", "assistant", "user"]
    assert hoisted[0]["content"] == "a\n\nb\n\nc"
    bare = told(user("1"), system("c"), options={"late_system": "hoist"})
    assert bare == [{"role": "system", "content": "c"}, {"role": "user", "content": "1"}]
    assert write(*talk, options={"late_system": "user"}).edits


@pytest.mark.pitfall(36)
def test_a_template_without_a_system_role_gets_turns_that_alternate() -> None:
    as_user = {"system_role": "user"}
    found = told(system("a"), system("b"), user("1"), assistant("2"), options={**as_user, "late_system": "user"})
    assert found == [{"role": "user", "content": "a\n\nb\n\n1"}, {"role": "assistant", "content": "2"}]
    pictured = told(system("a"), user("1", Image(url="u")), options=as_user)[0]["content"]
    assert [part["type"] for part in pictured] == ["text", "text", "image_url"]
    late = told(user("1"), assistant("2"), system("c"), options={**as_user, "late_system": "hoist"})
    assert [message["content"] for message in late] == ["c", "1", "2"]


@pytest.mark.pitfall(6)
def test_results_follow_their_calls() -> None:
    calls = assistant(CALL, ToolCall("call_2", "get_weather", "{}"))
    both = Message("tool", [ToolResult("call_2", [Text("rain")]), ToolResult("call_1", [Text("sun")])])
    assert told(HI, calls, both)[2:] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
        {"role": "tool", "tool_call_id": "call_2", "content": "rain"},
    ]


def test_turns_of_the_user_that_follow_each_other_are_one() -> None:
    # Codex sends its surroundings and the prompt, Claude Code the prompt and late words of the system
    picture = Image("QUJD", "image/png")
    out = write(user("a"), user("b"), assistant("c"), user("d"), user(picture), user("e"))
    first, _, last = out.body["messages"]
    assert first == {"role": "user", "content": "a\n\nb"}
    assert [part["type"] for part in last["content"]] == ["text", "image_url", "text"]
    assert "turns of the user that follow each other: joined" in out.edits
    named = told(Message("user", [Text("a")], {"name": "x"}), user("b"))
    assert [message["content"] for message in named] == ["a", "b"]


@pytest.mark.pitfall(7)
def test_orphans_of_either_kind() -> None:
    found = told(HI, assistant(CALL), user("never mind"))
    assert found[2]["role"] == "tool"
    assert found[2]["content"].startswith("[tool error] ")
    out = write(HI, result("call_x", "y"), user("z"))
    assert [message["role"] for message in out.body["messages"]] == ["user"]
    assert out.edits


@pytest.mark.pitfall(16)
def test_pictures_in_results_move_behind_them() -> None:
    picture = Image(data=PNG, media_type="image/png")
    shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    label = {"type": "text", "text": "[from the result of the tool get_weather]"}
    talk = (HI, assistant(CALL), result("call_1", "a map", picture, name="get_weather"))
    found = told(*talk)
    assert found[2] == {"role": "tool", "tool_call_id": "call_1", "content": "a map"}
    assert found[3] == {"role": "user", "content": [label, shown]}
    joined = told(*talk, user("and?"))
    assert joined[3] == {"role": "user", "content": [label, shown, {"type": "text", "text": "and?"}]}
    assert len(joined) == 4
    bare = told(HI, assistant(CALL), result("call_1", picture, name="get_weather"), assistant("nice"))
    assert [message["role"] for message in bare] == ["user", "assistant", "tool", "user", "assistant"]
    assert bare[2]["content"] == "[see the next message]"


@pytest.mark.pitfall(17)
def test_an_error_is_marked() -> None:
    assert told(HI, assistant(CALL), result("call_1", "404", is_error=True))[2]["content"] == "[tool error] 404"
    assert told(HI, assistant(CALL), result("call_1", is_error=True))[2]["content"] == "[tool error] failed"


@pytest.mark.pitfall(27)
def test_empty_words_are_dropped() -> None:
    assert told(user("", "a", ""), user(""), assistant(""), user("b")) == [{"role": "user", "content": "a\n\nb"}]
    assert told(system(""), HI) == [{"role": "user", "content": "hi"}]
    assert told(HI, assistant(CALL), result("call_1"))[2]["content"] == ""
    with pytest.raises(InvalidRequest, match="says nothing"):
        write(user(""))


@pytest.mark.pitfall(28)
def test_calls_without_words_have_null_content() -> None:
    found = told(HI, assistant("", CALL), result("call_1", "x"))[1]
    assert found["content"] is None
    assert found["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    ]
    assert told(HI, assistant("so:", CALL), result("call_1", "x"))[1]["content"] == "so:"


@pytest.mark.pitfall(3)
@pytest.mark.pitfall(20)
@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ("", "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{}{"a":1}', '{"a":1}'),
        ("not json", '{"raw_arguments":"not json"}'),
        ("[1]", '{"raw_arguments":[1]}'),
    ],
)
def test_arguments_are_always_an_object(arguments: str, sent: str) -> None:
    call = assistant(ToolCall("call_1", "f", arguments))
    assert told(HI, call, result("call_1", "x"))[1]["tool_calls"][0]["function"]["arguments"] == sent


@pytest.mark.pitfall(54)
@pytest.mark.pitfall(43)
def test_thinking_of_earlier_turns() -> None:
    thought = (Thinking("hm", "sig", origin="anthropic"), Thinking(redacted="zz", origin="anthropic"))
    out = write(HI, assistant(*thought, "yes"), HI)
    assert out.body["messages"][1] == {"role": "assistant", "content": "yes"}
    assert out.edits == ["thinking of earlier turns: left out"]
    kept = told(HI, assistant(*thought, "yes"), HI, options={"history_thinking": True})
    assert kept[1] == {"role": "assistant", "content": "yes", "reasoning_content": "hm"}
    assert told(HI, assistant(*thought), HI) == [{"role": "user", "content": "hi\n\nhi"}]


@pytest.mark.pitfall(4)
def test_ids_are_mapped_on_both_sides() -> None:
    odd = "toolu:" + "x" * 80
    found = told(HI, assistant(ToolCall(odd, "f", "{}")), result(odd, "x"))
    assert found[1]["tool_calls"][0]["id"] == found[2]["tool_call_id"] == safe_id(odd)
    assert len(safe_id(odd)) <= 64


@pytest.mark.pitfall(35)
def test_documents() -> None:
    text = {"type": "text", "text": '<document name="a.md">\nwords\n</document>'}
    assert told(user(File(text="words", name="a.md"), Image(url="u")))[0]["content"][0] == text
    coded = File(data="d29yZHM=", media_type="text/markdown", name="a.md")
    assert told(user(coded))[0]["content"] == text["text"]
    for file, words in (
        (File(data="JVBERi0=", media_type="application/pdf"), "application/pdf"),
        (File(data="/w==", media_type="text/plain"), "text/plain"),
        (File(url="https://x"), "url"),
        (File(id="file-1"), "file-1"),
    ):
        with pytest.raises(Unsupported, match="document") as caught:
            write(user(file))
        assert words in caught.value.sentence


@pytest.mark.pitfall(33)
def test_pictures_of_every_kind() -> None:
    def shown(image: Image) -> Any:
        return told(user(image))[0]["content"][0]["image_url"]

    assert shown(Image(url="https://x/y.png", detail="low")) == {"url": "https://x/y.png", "detail": "low"}
    assert shown(Image(data="/9j/4AAQ", media_type="image/png"))["url"].startswith("data:image/jpeg;")
    assert shown(Image(data="AAAA", media_type="image/avif"))["url"] == "data:image/avif;base64,AAAA"
    with pytest.raises(Unsupported, match="file-9"):
        write(user(Image(id="file-9")))


def test_sound() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}
    assert told(user(Audio("AA", "wav")))[0]["content"] == [sound]


def test_foreign_blocks_become_words_or_are_refused() -> None:
    found = Opaque(
        "anthropic",
        "search_result",
        {"title": "T", "source": "s", "content": [{"type": "text", "text": "words"}]},
    )
    assert told(user(found))[0]["content"] == "[search result: T (s)]\nwords"
    pages = Opaque(
        "anthropic",
        "web_search_tool_result",
        {"content": [{"type": "web_search_result", "title": "T", "url": "u", "encrypted_content": "x"}]},
    )
    asked = Opaque("anthropic", "server_tool_use", {"name": "web_search", "input": {"query": "q"}})
    said = told(HI, assistant(asked, pages, "so"))[1]["content"]
    assert said == "[web search: q]\n\n[web search results]\nT u\n\nso"
    failed = Opaque("anthropic", "web_search_tool_result", {"content": {"error_code": "too_many"}})
    assert told(user(failed))[0]["content"] == "[web search failed: too_many]"
    with pytest.raises(Unsupported, match="container_upload"):
        write(user(Opaque("anthropic", "container_upload", {})))
    own = {"type": "video_url", "video_url": {"url": "u"}}
    assert told(user(Opaque("openai", "video_url", own)), dialect="openai")[0]["content"] == [own]
    with pytest.raises(Unsupported, match="video_url"):
        write(user(Opaque("openai", "video_url", own)))


@pytest.mark.pitfall(32)
def test_hints_are_dropped_and_reported_once() -> None:
    hint = {"cache_control": {"type": "ephemeral"}}
    out = write(
        Message("system", [Text("s", hint)]),
        user(Text("a", hint), Text("b", {"citations": []}), Text("c", {"id": "x", "tool_reference": "y"})),
        assistant("hi"),
    )
    assert out.lost == ["cache_control", "citations"]
    assert out.body["messages"][1]["content"] == "a\n\nb\n\nc"
    own = told(user(Text("a", hint)), dialect="openai")
    assert own[0]["content"] == [{"type": "text", "text": "a", **hint}]


@pytest.mark.pitfall(65)
def test_a_refusal_in_the_history() -> None:
    assert told(HI, assistant(Refusal("no")), HI)[1] == {"role": "assistant", "content": "", "refusal": "no"}
    assert told(HI, assistant("a", Refusal("no")), HI)[1] == {"role": "assistant", "content": "a", "refusal": "no"}


@pytest.mark.pitfall(38)
def test_names_of_people_are_kept() -> None:
    assert told(Message("user", [Text("x")], {"name": "Alice"}))[0] == {"role": "user", "content": "x", "name": "Alice"}


@pytest.mark.pitfall(40)
def test_words_are_one_string_for_engines_that_take_no_arrays() -> None:
    assert told(user("a", "b"))[0]["content"] == "a\n\nb"
    assert told(HI, assistant(CALL), result("call_1", "a", "b"))[2]["content"] == "a\n\nb"


@pytest.mark.pitfall(39)
def test_a_request_of_only_a_system_message_is_sent() -> None:
    assert told(system("be")) == [{"role": "system", "content": "be"}]


def test_errors_are_flocks() -> None:
    with pytest.raises(FlockError, match="system message"):
        write(Message("system", [Image(url="u")]), HI)
