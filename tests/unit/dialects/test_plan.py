"""The plan, as a table: what is relayed, what is spliced, what is translated into which dialect, what is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from flock.dialects.ask import Ask
from flock.dialects.ir import Part, Text, Thinking, ToolCall
from flock.dialects.openai.server import CHAT, COMPLETIONS
from flock.dialects.plan import RELAY, SPLICE, TRANSLATE, Changes, Plan, Target, plan
from flock.dialects.switches import Switches
from flock.dialects.table import SERVERS
from flock.errors import Unsupported
from flock.profile import Family, Native, Profile

PATHS = {"openai": CHAT, "anthropic": "/v1/messages", "responses": "/v1/responses"}
OLLAMA = "/api/chat"
THINKER = Family("thinker", ("m",), think_open="<think>", think_close="</think>", tool_formats=("hermes",))
OFF = Switches(False, False, False, False, False, False, False, False)


def profile(*dialects: str, **fields: Any) -> Profile:
    return Profile("x", "X", frozenset(dialects or ("openai",)), **fields)


def ask(dialect: str = "openai", headers: dict[str, str] | None = None, **fields: Any) -> Ask:
    words: Any = [{"role": "user", "content": "hi"}]
    whole: dict[str, Any] = {"model": "m", **({"input": words} if dialect == "responses" else {"messages": words})}
    if dialect == "anthropic":
        whole["max_tokens"] = 5000
    asked = SERVERS[dialect].read_ask(json.dumps(whole | fields).encode(), PATHS[dialect])
    asked.headers = headers or {}
    return asked


def made(asked: Ask, of: Profile | None = None, switches: Switches | None = None, **target: Any) -> Plan:
    return plan(asked, Target("m", of or profile(), **target), switches or Switches())


@pytest.mark.pitfall(56)
@pytest.mark.parametrize(
    ("fields", "of", "kind", "withheld"),
    [
        ({}, profile(), RELAY, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, profile(), RELAY, False),
        ({"stream": True}, profile(), SPLICE, True),
        ({"stream": True}, profile(stream_usage=False), RELAY, False),
        ({"model": "alias"}, profile(), SPLICE, False),
        ({"model": ""}, profile(), SPLICE, False),
    ],
)
def test_the_same_dialect(fields: dict[str, Any], of: Profile, kind: str, withheld: bool) -> None:
    asked = ask(**fields)
    found = made(asked, of)
    assert (found.kind, found.withhold_usage) == (kind, withheld)
    if kind == RELAY:
        assert found.body is asked.raw
    else:
        sent = json.loads(found.body)
        assert sent["model"] == "m"
        assert sent["messages"] == asked.body["messages"]
        assert found.edits


def test_other_stream_options_survive() -> None:
    found = made(ask(stream=True, stream_options={"x": 1}))
    assert json.loads(found.body)["stream_options"] == {"x": 1, "include_usage": True}


@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize("upstream", PATHS)
def test_every_dialect_reaches_every_engine(client: str, upstream: str) -> None:
    found = made(ask(client), profile(upstream))
    assert (found.kind, found.dialect, found.path) == (
        RELAY if client == upstream else TRANSLATE,
        upstream,
        PATHS[upstream],
    )
    assert found.crossing is not None
    assert found.crossing().server is SERVERS[client]


def test_a_dialect_nobody_speaks_is_refused() -> None:
    with pytest.raises(Unsupported, match="speaks no dialect"):
        plan(ask(), Target("m", Profile(kind="y", title="Y", dialects=frozenset())))


NATIVE = profile(native={"anthropic": Native("0.11.1", frozenset({"images"}))})
PICTURE = {
    "messages": [
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}],
        }
    ]
}


@pytest.mark.parametrize(
    ("version", "fields", "kind"),
    [
        ("0.12.0", {}, RELAY),
        ("0.11.0", {}, TRANSLATE),
        ("", {}, RELAY),
        ("0.12.0", PICTURE, TRANSLATE),
    ],
)
def test_a_native_dialect_by_version_and_feature(version: str, fields: dict[str, Any], kind: str) -> None:
    assert made(ask("anthropic", **fields), NATIVE, version=version).kind == kind


@pytest.mark.pitfall(67)
def test_a_relay_keeps_the_headers_of_its_dialect() -> None:
    headers = {"anthropic-beta": "x-2025", "anthropic-version": "2026-10-21", "user-agent": "someone/1"}
    found = made(ask("anthropic", headers, context_management={"edits": []}), NATIVE)
    assert found.headers == {"anthropic-beta": "x-2025", "anthropic-version": "2026-10-21"}
    assert found.body == json.dumps(found.sent).encode()
    translated = made(ask("anthropic", headers, context_management={"edits": []}))
    assert "anthropic-beta" not in translated.headers
    assert any("context_management" in word for word in translated.lost)


# -- filters

TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("of", "family", "fields", "switches", "kind"),
    [
        (profile(), THINKER, {}, Switches(), TRANSLATE),
        (profile(parses_thinking=True), THINKER, {}, Switches(), RELAY),
        (profile(parses_thinking=True), THINKER, {"tools": TOOLS}, None, TRANSLATE),
        (profile(), THINKER, {}, OFF, RELAY),
        (profile(), THINKER, {"n": 2}, Switches(), RELAY),
        (profile(), THINKER, {"logprobs": True}, Switches(), RELAY),
    ],
)  # fmt: skip
def test_text_is_looked_into_where_the_engine_does_not(
    of: Profile, family: Family, fields: dict[str, Any], switches: Switches | None, kind: str
) -> None:
    found = made(ask(**fields), of, switches, family=family)
    assert (found.kind, found.dialect) == (kind, "openai")


def parts_of(found: Plan, text: str) -> list[Part]:
    """Return the parts that an engine's whole answer of this text becomes."""
    assert found.crossing is not None
    message = {"role": "assistant", "content": text}
    body = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return found.crossing().read(json.dumps(body).encode()).parts


@pytest.mark.pitfall(50)
@pytest.mark.parametrize(
    ("fields", "thought", "said"),
    [({}, "why", "so"), ({"reasoning_effort": "none"}, "", "why</think>so")],
)
def test_a_text_begins_as_thinking_where_the_prompt_holds_the_opener(
    fields: dict[str, Any], thought: str, said: str
) -> None:
    family = replace(THINKER, think_implicit=True, thinking_off={"enable_thinking": False})
    parts = parts_of(made(ask(**fields), family=family), "why</think>so")
    assert "".join(part.text for part in parts if isinstance(part, Thinking)) == thought
    assert "".join(part.text for part in parts if isinstance(part, Text)) == said


@pytest.mark.pitfall(22)
@pytest.mark.parametrize(("name", "called"), [("f", True), ("g", False)])
@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_a_call_that_the_model_wrote_as_text_is_one_where_the_tool_is_offered(
    client: str, name: str, called: bool
) -> None:
    tools = TOOLS if client == "openai" else [{"name": "f", "input_schema": {"type": "object"}}]
    text = f'<tool_call>{{"name": "{name}", "arguments": {{"x": 1}}}}</tool_call>'
    (part,) = parts_of(made(ask(client, tools=tools), family=THINKER), text)
    if called:
        assert isinstance(part, ToolCall)
        assert (part.name, json.loads(part.arguments)) == ("f", {"x": 1})
    else:
        assert part == Text(text)
    assert parts_of(made(ask(client, tools=tools), profile(parses_tools=True), family=THINKER), text) == [Text(text)]


def test_completions_are_never_looked_into() -> None:
    asked = SERVERS["openai"].read_ask(b'{"model":"m","prompt":"<think>"}', COMPLETIONS)
    assert made(asked, family=THINKER).kind == RELAY


# -- limits and what cannot be done


@pytest.mark.pitfall(61)
@pytest.mark.parametrize("client", ["openai", "anthropic", "responses"])
def test_a_limit_beyond_the_window_is_lowered(client: str) -> None:
    name = {"openai": "max_tokens", "anthropic": "max_tokens", "responses": "max_output_tokens"}[client]
    asked = ask(client, **{name: 64_000})
    found = made(asked, profile(client), context=8192)
    room = 8192 - len(asked.raw) // 4
    assert found.sent[name] == room
    assert any(str(room) in edit for edit in found.edits)
    assert made(ask(client, **{name: 4000}), profile(client), context=8192).kind == RELAY


@pytest.mark.pitfall(61)
def test_a_picture_takes_its_tokens_of_the_window_not_its_bytes() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    found = made(ask(messages=[{"role": "user", "content": [picture]}], max_tokens=64_000), context=8192)
    assert 6000 < found.sent["max_tokens"] < 8192


@pytest.mark.pitfall(61)
def test_a_limit_may_be_left_as_it_is() -> None:
    asked = ask(max_tokens=64_000)
    assert made(asked, switches=Switches(lower_max_tokens=False), context=8192).body is asked.raw


def test_a_limit_that_thinking_would_eat_is_raised() -> None:
    small = ask(max_tokens=100)
    parsed = profile(parses_thinking=True, parses_tools=True)
    assert made(small, parsed, family=THINKER).sent["max_tokens"] == 2148
    assert made(small, parsed, OFF, family=THINKER).sent["max_tokens"] == 100
    assert made(ask(max_tokens=1), parsed, family=THINKER).sent["max_tokens"] == 1
    off = ask(max_tokens=100, chat_template_kwargs={"enable_thinking": False})
    assert made(off, parsed, family=THINKER).sent["max_tokens"] == 100
    assert made(small, parsed, family=THINKER, context=300).sent["max_tokens"] == 280


@pytest.mark.parametrize(
    ("client", "fields", "upstream"),
    [
        ("openai", {"n": 2}, "anthropic"),
        ("openai", {"logprobs": True}, "anthropic"),
        ("openai", {"n": 2}, "responses"),
        ("openai", {"logprobs": True}, "responses"),
        ("responses", {"top_logprobs": 3}, "openai"),
    ],
)
@pytest.mark.pitfall(64)
def test_what_a_translation_cannot_give_is_refused(client: str, fields: dict[str, Any], upstream: str) -> None:
    with pytest.raises(Unsupported):
        made(ask(client, **fields), profile(upstream))
    assert made(ask(client, **fields), profile(client)).kind == RELAY


@pytest.mark.pitfall(34)
def test_an_engine_that_lacks_it_never_gets_it() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}
    with pytest.raises(Unsupported, match="JSON schema"):
        made(ask(response_format=schema), profile(lacks=frozenset({"json_schema"})))
    with pytest.raises(Unsupported, match="images"):
        made(ask("anthropic", **PICTURE), profile(lacks=frozenset({"images"})))


# -- changes


@pytest.mark.pitfall(31)
def test_what_changes_with_every_turn_is_frozen_for_local_engines_alone() -> None:
    line = "x-anthropic-billing-header: cc_version=2.1.329.3c4; cc_entrypoint=cli; cch=0e4ab;"
    asked = ask("anthropic", system=[{"type": "text", "text": line}, {"type": "text", "text": "You are."}])
    native = profile("anthropic")
    assert b"cch=" not in made(asked, native).body
    assert made(asked, native, local=False).body is asked.raw
    assert made(asked, native, Switches(prefix_normaliser=False)).body is asked.raw


def test_changes_made_before_reach_a_translation_too() -> None:
    before = Changes({"messages": [{"role": "user", "content": "changed"}]}, ("a picture",))
    for of in (profile("anthropic"), profile()):
        found = plan(ask("anthropic"), Target("m", of), Switches(), before)
        assert b"changed" in found.body
        assert "a picture" in found.edits


@pytest.mark.pitfall(37)
@pytest.mark.parametrize(
    ("prefill", "told", "lost"), [("told", True, False), ("", False, True), ("repeats", False, False)]
)
def test_words_the_answer_is_to_begin_with(prefill: str, told: bool, lost: bool) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "I say"}]
    found = made(ask("anthropic", messages=turns), profile(prefill=prefill))
    assert (found.sent.get("continue_final_message") is True) is told
    assert any("prefill" in word for word in found.lost) is lost
    assert parts_of(found, "I say so") == [Text(" so" if prefill == "repeats" else "I say so")]


def test_a_tool_the_client_offers_itself_is_not_offered_twice() -> None:
    tools = [
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "mcp__brave__web_search", "input_schema": {"type": "object"}},
    ]
    found = made(ask("anthropic", tools=tools))
    assert [tool["function"]["name"] for tool in found.sent["tools"]] == ["mcp__brave__web_search"]
    assert "tools.web_search: the client offers its own" in found.lost


# -- Claude Code's window

CLAUDE = {"user-agent": "claude-cli/2.1.329 (external, cli)", "x-claude-code-session-id": "s"}


@pytest.mark.parametrize(
    ("headers", "fields", "context", "scaled"),
    [
        (CLAUDE, {}, 32_768, True),
        ({}, {}, 32_768, False),
        (CLAUDE, {}, 1_000_000, False),
        (CLAUDE, {}, None, False),
        (CLAUDE, {"model": "claude-sonnet-4-6"}, 200_000, False),
    ],
)
def test_usage_is_told_in_proportion_to_claude_code_alone(
    headers: dict[str, str], fields: dict[str, Any], context: int | None, scaled: bool
) -> None:
    found = made(ask("anthropic", headers, **fields), profile("anthropic"), context=context)
    assert (found.kind == TRANSLATE) is scaled
    if scaled:
        assert found.crossing is not None
        assert found.crossing().reported is not None


# -- what is asked of the engine


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("tools", [True, False])
@pytest.mark.parametrize("streams_tools", [True, False])
def test_a_stream_is_asked_for_unless_the_engine_streams_calls_wrong(
    client: bool, tools: bool, streams_tools: bool
) -> None:
    """Whatever the client wants: an answer is collected, or told in pieces, where the two differ."""
    offered = {"tools": [{"name": "f", "input_schema": {"type": "object"}}]} if tools else {}
    found = made(ask("anthropic", stream=client, **offered), profile(stream_tools=streams_tools))
    assert found.sent.get("stream", False) is (streams_tools or not tools)


# -- what a model is known to be able to do


def told(**fields: Any) -> Ask:
    words = [{"role": "user", "content": "hi"}]
    return SERVERS["ollama"].read_ask(json.dumps({"model": "m", "messages": words, **fields}).encode(), OLLAMA)


DULL, ABLE = frozenset({"tools"}), frozenset({"thinking", "vision"})
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(("abilities", "think"), [(DULL, None), (ABLE, "high"), (None, "high")])
def test_a_model_that_does_not_think_is_not_asked_to(abilities: frozenset[str] | None, think: str | None) -> None:
    found = made(ask(reasoning_effort="high"), profile("ollama"), context=8192, abilities=abilities)
    assert found.sent.get("think") == think
    assert bool(found.lost) is (think is None)


@pytest.mark.parametrize(("abilities", "think"), [(DULL, False), (ABLE, True), (None, True)])
def test_nor_by_a_client_of_ollamas(abilities: frozenset[str] | None, think: bool) -> None:
    found = made(told(think=True), profile("ollama"), context=8192, abilities=abilities)
    assert (found.kind, found.sent["think"]) == (SPLICE, think)
    assert any("does not think" in words for words in found.edits) is (not think)


@pytest.mark.parametrize("client", ["openai", "ollama"])
def test_pictures_for_a_model_that_does_not_see_are_refused_by_name(client: str) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    shown = ask(messages=[{"role": "user", "content": [picture]}])
    if client == "ollama":
        shown = told(messages=[{"role": "user", "content": "see", "images": [PIXEL]}])
    for abilities in (ABLE, None):
        made(shown, profile("ollama"), context=8192, abilities=abilities)
    with pytest.raises(Unsupported, match="m does not see pictures"):
        made(shown, profile("ollama"), context=8192, abilities=DULL)
    with pytest.raises(Unsupported, match="m does not see pictures"):
        made(shown, profile("openai"), abilities=DULL)


def test_a_limit_that_is_lowered_and_a_window_are_sent_together() -> None:
    found = made(told(options={"num_predict": 100_000, "seed": 3}), profile("ollama"), context=8192)
    options = found.sent["options"]
    assert options["num_predict"] < 8192
    assert (options["seed"], found.sent["truncate"]) == (3, False)
    assert options["num_ctx"]
    assert any(words.startswith("num_predict: 100000") for words in found.edits)
