"""Two changes of token figures: usage scaled for Claude Code, and an answer's limit kept between thinking and window.

Pure. Called by plan.py; their switches are `translation.context_scaling` and `translation.raise_max_tokens`.
"""

import fnmatch
import re
from collections.abc import Callable
from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.dialects.switches import Switches
from flock.plain import is_object
from flock.profile import Family

# Claude Code marks what it sends with both (recorded from 2.1.329)
_SESSION_HEADER, _AGENT = "x-claude-code-session-id", "claude-cli/"
# The window Claude Code 2.1.329 assumes by the name it was given, as its `--output-format json` told: a million tokens
# for names it does not know and for the newest, 200,000 for these.
_WINDOW, _SMALLER_WINDOW = 1_000_000, 200_000
_SMALLER = ("claude-3*", "claude-*-4-5*", "claude-sonnet-4-6*")
# It compacts when the usage told with the last answer reaches the window less this (measured: 66,985 + 20 of 100,000
# does, 66,970 + 20 does not): 20,000 for an answer and 13,000 more.
_MARGIN = 33_000
# What the real window keeps free when Claude Code compacts. What came since the last answer it estimates itself, not in
# proportion, so a whole round may come on top: it keeps up to 30,000 bytes of what its shell prints (7,671), its order
# for a summary has 1,630, and a long summary 5,000. With 8,192 the order came to 63,731 tokens of 65,536 and the
# summary was cut off, which cost a refusal and another summary of less. A quarter at most.
_ROOM = 14_336
# What a conversation must have between Claude Code's own prompt and the point at which it compacts. It gives up ("is
# thrashing", exit 1) when it compacts three times in a row within three turns of the last time: of 32,768 tokens with a
# prompt of 20,200 it did so after 12 requests, though a turn had but a thousand tokens. Told the truth it uses all of
# the window, is refused, compacts, and got its work done; with a prompt of 12,200 the proportion is the better way.
_TURNS = 8_192
# Thinking of small models on easy questions runs to about a thousand tokens; twice that leaves room for the answer.
THINKING_ALLOWANCE = 2048
# Below this an answer is a probe ("quota", max_tokens 1), above the other the client has left room for thinking.
_PROBE, _ROOMY = 16, 4096
# bytes of a body per token, JSON's own marks included: OpenAI's rule of thumb for English
_CHARACTERS = 4
# base64 of pictures and sounds: text without a space for so long is none; a picture is about a thousand tokens to the
# models that see (estimate.py has them by size)
_DATA, _PIECE = re.compile(rb"[A-Za-z0-9+/]{4096,}"), 1000
# What an answer may always have: a prompt that leaves less is the engine's to refuse, with its own count.
_ROOM_MIN = 256
_LIMITS = {
    "openai": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
    "gemini": ("maxOutputTokens",),
    "gemini-array": ("maxOutputTokens",),
    "ollama": ("num_predict",),
}
# in which object of the body it stands, where not at the top
_WITHIN = {"gemini": "generationConfig", "gemini-array": "generationConfig", "ollama": "options"}


def is_claude_code(ask: Ask) -> bool:
    """Return whether a request comes from Claude Code itself."""
    return _SESSION_HEADER in ask.headers or ask.headers.get("user-agent", "").startswith(_AGENT)


def scale(ask: Ask, context: int | None, switches: Switches) -> Callable[[Usage], Usage] | None:
    """Return what Claude Code is told of the usage, None where it is told the truth.

    It compacts by the window it assumes for the model's name; told in proportion, it compacts before the real window
    (`context`, in tokens) is full. The usage that flock keeps is never changed.
    """
    if ask.dialect != "anthropic" or not switches.context_scaling or not context or not is_claude_code(ask):
        return None
    smaller = any(fnmatch.fnmatchcase(ask.model, pattern) for pattern in _SMALLER)
    assumed = _SMALLER_WINDOW if smaller else _WINDOW
    if context >= assumed:
        return None
    full = context - min(_ROOM, context // 4)
    if context // 4 < _ROOM and full - _own_prompt(ask.body) < _TURNS:
        return None
    factor = (assumed - _MARGIN) / full

    def scaled(usage: Usage) -> Usage:
        return Usage(
            input=round(usage.input * factor),
            cached=round(usage.cached * factor),
            output=round(usage.output * factor),
            cache_write=round(usage.cache_write * factor),
            reasoning=round(usage.reasoning * factor),
            cache_kept=round(usage.cache_kept * factor),
        )

    return scaled


def _own_prompt(body: dict[str, Any]) -> int:
    """Return about how many tokens there are in a request of Claude Code's before any conversation."""
    try:
        return len(orjson.dumps([body.get("system"), body.get("tools")])) // _CHARACTERS
    except TypeError:  # nested too deeply, or half a character: plan.py says so where it must be written
        return 0


def limited(
    ask: Ask, family: Family, context: int | None, *, raising: bool, lowering: bool = True
) -> tuple[dict[str, Any], list[str]]:
    """Return the answer's limit as it should be, as (top-level fields, words about it); nothing where it may stay.

    With `lowering`, lowered to what the window (`context`, in tokens) has room for: coding tools ask for 32,000 or
    64,000 whatever the model, and vLLM refuses more than its window. With `raising`, raised by what the model will
    think, when its family thinks, the client did not switch that off and thinking would eat the limit; never beyond
    what is left.
    """
    body = ask.body
    within = _WITHIN.get(ask.dialect, "")
    fields = body.get(within) if within else body
    if not is_object(fields):
        return {}, []
    for name in _LIMITS.get(ask.dialect, ("max_tokens",)):
        if isinstance(limit := fields.get(name), int) and limit >= 0:  # Ollama: -1 is no limit
            break
    else:
        return {}, []

    def changed(to: int) -> dict[str, Any]:
        return {within: {**fields, name: to}} if within else {name: to}

    room = max(context - len(ask.raw) // _CHARACTERS, _ROOM_MIN) if context else limit + THINKING_ALLOWANCE
    if limit > room and context:
        room = max(context - _tokens(ask.raw), _ROOM_MIN)
    if limit > room:
        if not lowering:
            return {}, []
        return changed(room), [f"{name}: {limit} → {room}, what the window of {context} has room for"]
    if not raising or not family.think_close or ask.endpoint == "completions" or not _PROBE <= limit < _ROOMY:
        return {}, []
    new = min(limit + THINKING_ALLOWANCE, room)
    if new > limit and not thinks_not(body):
        return changed(new), [f"{name}: {limit} → {new}, room for the model's thinking"]
    return {}, []


def _tokens(raw: bytes) -> int:
    """Return about how many tokens a body has: pictures and sounds count by the piece, not by their bytes."""
    data = [len(found[0]) for found in _DATA.finditer(raw)]
    return (len(raw) - sum(data)) // _CHARACTERS + len(data) * _PIECE


def thinks_not(body: dict[str, Any]) -> bool:
    """Return whether the client said that the model is not to think, in whichever dialect's words."""
    thinking, reasoning = body.get("thinking"), body.get("reasoning")
    template, config = body.get("chat_template_kwargs"), body.get("generationConfig")
    budget = config.get("thinkingConfig") if is_object(config) else None
    return (
        (is_object(thinking) and thinking.get("type") == "disabled")
        or body.get("reasoning_effort") == "none"
        or body.get("think") is False
        or (is_object(budget) and budget.get("thinkingBudget") == 0)
        or (is_object(reasoning) and reasoning.get("effort") == "none")
        or (is_object(template) and template.get("enable_thinking") is False)
    )
