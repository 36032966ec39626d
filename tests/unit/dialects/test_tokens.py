"""What Claude Code is told of the usage, and an answer's limit between thinking and window."""

from typing import Any

import orjson
import pytest

from flock.dialects import tokens
from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.dialects.switches import Switches
from flock.profile import NO_FAMILY, Family

THINKER = Family("thinker", ("m",), think_open="<think>", think_close="</think>")
CLAUDE = {"user-agent": "claude-cli/2.1.329 (external, cli)"}
SESSION = {"x-claude-code-session-id": "s"}
OFF = Switches(context_scaling=False)


def ask(dialect: str = "anthropic", model: str = "claude-flock-m", headers: Any = CLAUDE, **body: Any) -> Ask:
    endpoint = body.pop("endpoint", "messages")
    return Ask(dialect, endpoint, "/", orjson.dumps(body), body, model, False, False, headers)


def told(context: int, usage: Usage, **fields: Any) -> Usage:
    scaled = tokens.scale(ask(**fields), context, Switches())
    assert scaled is not None
    return scaled(usage)


# -- scale


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("claude-flock-qwen3", 1_000_000),
        ("whatever", 1_000_000),
        ("claude-sonnet-4-5-20250929", 200_000),
        ("claude-3-5-haiku-latest", 200_000),
        ("claude-sonnet-4-6", 200_000),
        ("claude-opus-4-6", 1_000_000),
    ],
)
def test_it_compacts_when_the_real_window_is_nearly_full(model: str, window: int) -> None:
    """It compacts at its window less 33,000: told exactly when 14,336 of the real one are left."""
    context = 65_536
    full = Usage(input=context - 14_336)
    assert abs(told(context, full, model=model).input - (window - 33_000)) <= 1
    assert told(context, Usage(input=(context - 14_336) // 2), model=model).input < window - 33_000


def test_a_small_window_keeps_a_quarter_free() -> None:
    assert abs(told(16_384, Usage(input=16_384 * 3 // 4)).input - (1_000_000 - 33_000)) <= 1


def test_all_counts_are_in_proportion_and_times_are_not_told() -> None:
    usage = Usage(input=1000, cached=400, output=200, prefill_ms=1.0, decode_ms=2.0, cache_write=100, reasoning=50)
    found = told(65_536, usage)
    factor = found.input / usage.input
    for name in ("cached", "output", "cache_write", "reasoning"):
        assert getattr(found, name) == pytest.approx(getattr(usage, name) * factor, abs=1)
    assert found.cached + found.cache_write <= found.input
    assert usage.input == 1000


@pytest.mark.parametrize(
    ("asked", "context", "switches"),
    [
        (ask(headers={"user-agent": "anthropic-sdk/1"}), 65_536, Switches()),  # somebody else
        (ask("openai"), 65_536, Switches()),
        (ask("responses"), 65_536, Switches()),
        (ask(), None, Switches()),  # nobody knows the window
        (ask(), 0, Switches()),
        (ask(), 1_000_000, Switches()),  # it is as large as assumed
        (ask(model="claude-sonnet-4-5"), 200_000, Switches()),
        (ask(), 65_536, OFF),
    ],
)
def test_everybody_else_is_told_the_truth(asked: Ask, context: int | None, switches: Switches) -> None:
    assert tokens.scale(asked, context, switches) is None


def test_claude_code_is_known_by_either_header() -> None:
    assert tokens.is_claude_code(ask(headers=CLAUDE))
    assert tokens.is_claude_code(ask(headers=SESSION))
    assert not tokens.is_claude_code(ask(headers={"user-agent": "my-claude-cli/1"}))


# -- limited


def limited(dialect: str, family: Family, context: int | None, *, raising: bool = True, **body: Any) -> dict[str, Any]:
    fields, words = tokens.limited(ask(dialect, **body), family, context, raising=raising)
    assert bool(fields) == bool(words)
    return fields


@pytest.mark.pitfall(61)
@pytest.mark.parametrize(
    ("dialect", "name"),
    [("anthropic", "max_tokens"), ("openai", "max_completion_tokens"), ("responses", "max_output_tokens")],
)
def test_a_limit_beyond_the_window_becomes_what_is_left(dialect: str, name: str) -> None:
    found = limited(dialect, NO_FAMILY, 8192, **{name: 32_000, "x": "y" * 4000})
    assert found == {name: 8192 - len(orjson.dumps({name: 32_000, "x": "y" * 4000})) // 4}
    assert limited(dialect, NO_FAMILY, 8192, **{name: 1000}) == {}
    assert limited(dialect, NO_FAMILY, None, **{name: 1 << 20}) == {}


def test_a_prompt_that_fills_the_window_is_the_engines_to_refuse() -> None:
    assert limited("anthropic", NO_FAMILY, 1024, max_tokens=900, x="y" * 9000) == {"max_tokens": 256}
    assert limited("anthropic", NO_FAMILY, 1024, max_tokens=200, x="y" * 9000) == {}


def test_no_limit_and_none_that_counts() -> None:
    for given in ({}, {"max_tokens": None}, {"max_tokens": "9"}):
        assert limited("anthropic", THINKER, 8192, **given) == {}


def test_chats_newer_name_counts_first() -> None:
    both = {"max_tokens": 100_000, "max_completion_tokens": 100}
    assert limited("openai", NO_FAMILY, 8192, **both) == {}
    assert "max_tokens" in limited("openai", NO_FAMILY, 8192, max_tokens=100_000)


@pytest.mark.pitfall(47)
@pytest.mark.parametrize(
    ("limit", "context", "becomes"),
    [
        (100, None, 100 + tokens.THINKING_ALLOWANCE),
        (16, None, 16 + tokens.THINKING_ALLOWANCE),
        (15, None, None),  # a probe
        (1, None, None),
        (4095, None, 4095 + tokens.THINKING_ALLOWANCE),
        (4096, None, None),  # the client has left room
        (100, 1024, 1018),  # never beyond the window: 6 tokens of prompt
    ],
)
def test_room_for_thinking(limit: int, context: int | None, becomes: int | None) -> None:
    body = {"max_tokens": limit, "n": 1}
    found = limited("anthropic", THINKER, context, **body)
    assert found == ({} if becomes is None else {"max_tokens": becomes})


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic", {"max_tokens": 100, "thinking": {"type": "disabled"}}),
        ("openai", {"max_tokens": 100, "reasoning_effort": "none"}),
        ("openai", {"max_tokens": 100, "chat_template_kwargs": {"enable_thinking": False}}),
        ("ollama", {"options": {"num_predict": 100}, "think": False}),
        ("gemini", {"generationConfig": {"maxOutputTokens": 100, "thinkingConfig": {"thinkingBudget": 0}}}),
        ("responses", {"max_output_tokens": 100, "reasoning": {"effort": "none"}}),
        ("openai", {"max_tokens": 100, "endpoint": "completions"}),
    ],
)
def test_no_room_for_thinking_that_is_off(dialect: str, body: dict[str, Any]) -> None:
    assert limited(dialect, THINKER, None, **body) == {}


def test_what_is_left_as_it_came() -> None:
    assert limited("anthropic", THINKER, None, raising=False, max_tokens=100) == {}
    assert limited("anthropic", NO_FAMILY, None, max_tokens=100) == {}


@pytest.mark.parametrize("dialect", ["gemini", "gemini-array", "ollama"])
def test_a_limit_within_another_object_is_changed_in_place(dialect: str) -> None:
    outer, inner = ("options", "num_predict") if dialect == "ollama" else ("generationConfig", "maxOutputTokens")
    found = limited(dialect, NO_FAMILY, 8192, **{outer: {inner: 100_000, "temperature": 0.5}})
    assert 256 <= found[outer][inner] < 8192
    assert found[outer]["temperature"] == 0.5
    assert limited(dialect, THINKER, 8192, **{outer: {inner: 100}}) == {outer: {inner: 2148}}
    assert limited(dialect, THINKER, 8192, **{outer: {inner: -1}}) == {}
    assert limited(dialect, THINKER, 8192, **{outer: []}) == limited(dialect, THINKER, 8192, **{inner: 100}) == {}
