"""Settings of models as users write them: words checked one by one, "auto" leaving a choice to flock again.

Owns what is allowed for each field of contract.models.ModelConfig. Refuses to know whether a model fits or a draft
suits: who loads it does. Pure but for looking whether files are there. Called by core/configuring.py and
core/presets.py.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from flock.contract.models import ConfigureModel, ModelConfig
from flock.errors import InvalidRequest
from flock.text import closest, did_you_mean

# words that leave a choice to flock
_NOTHING = ("auto", "none", "default", "all")
KV_TYPES = ("f16", "q8_0", "q4_0")
SWITCH = ("on", "off")
ENGINES = ("llamacpp", "embedded", "mlx", "vllm", "whisper", "piper")
# A parser is a word of the engine's; anything else could be an option of its command line.
_PARSER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
_NUMBER = re.compile(r"^(\d+)([kK]?)$")
# The largest window any model of the catalog has is 10 million tokens; nothing useful is below 128.
CONTEXT = (128, 16_777_216)
SLOTS, THREADS, LAYERS, DRAFT = (1, 256), (1, 1024), (0, 1000), (1, 64)
IDLE_SECONDS_MAX = 30 * 86400.0

Check = Callable[[str, str], object]


def _number(least: int, most: int) -> Check:
    def check(name: str, words: str) -> int:
        found = _NUMBER.match(words.replace(",", "").replace("_", ""))
        value = int(found[1]) * (1024 if found[2] else 1) if found and len(found[1]) < 12 else -1
        if not least <= value <= most:
            raise _wrong(name, words, f"a whole number from {least:,} to {most:,}, or auto")
        return value

    return check


def _one_of(*allowed: str) -> Check:
    def check(name: str, words: str) -> str:
        if words.lower() not in allowed:
            raise _wrong(name, words, f"{', '.join(allowed)}, or auto", allowed)
        return words.lower()

    return check


def _switch(name: str, words: str) -> bool:
    if words.lower() not in SWITCH:
        raise _wrong(name, words, "on or off")
    return words.lower() == "on"


def _parser(name: str, words: str) -> str:
    if not _PARSER.match(words):
        raise _wrong(name, words, "the engine's own word, such as hermes or qwen3, or auto")
    return words


def _seconds(name: str, words: str) -> float:
    try:
        value = float(words)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= IDLE_SECONDS_MAX:
        raise _wrong(name, words, f"seconds from 0 (never) to {IDLE_SECONDS_MAX:,.0f}, or auto")
    return value


def _template(name: str, words: str) -> str:
    if not os.path.isabs(words):
        raise _wrong(name, words, "an absolute path")
    if not os.path.isfile(words):
        raise InvalidRequest(f"there is no chat template {words}", hint=f"ls -l '{os.path.dirname(words)}'")
    return words


def _draft(name: str, words: str) -> str:
    if "/" in words and not os.path.isfile(words):
        raise InvalidRequest(f"there is no file {words} to guess ahead with", hint=f"ls -l '{os.path.dirname(words)}'")
    return words


CHECKS: Mapping[str, Check] = {
    "context": _number(*CONTEXT),
    "slots": _number(*SLOTS),
    "kv_type": _one_of(*KV_TYPES),
    "flash_attention": _one_of(*SWITCH),
    "gpu_layers": _number(*LAYERS),
    "threads": _number(*THREADS),
    "draft": _draft,
    "draft_tokens": _number(*DRAFT),
    "template": _template,
    "tool_parser": _parser,
    "reasoning_parser": _parser,
    "trust_remote_code": _switch,
    "engine": _one_of(*ENGINES),
    "idle_seconds": _seconds,
}


def changed(config: ModelConfig, op: ConfigureModel) -> ModelConfig:
    """Return settings with those an operation names over them. Raises InvalidRequest naming field and words."""
    default = ModelConfig()
    found: dict[str, Any] = {}
    for name, check in CHECKS.items():
        words = str(getattr(op, name)).strip()
        if not words:
            continue
        found[name] = getattr(default, name) if words.lower() in _NOTHING else check(name, words)
    return replace(config, **found)


def named(op: ConfigureModel) -> bool:
    """Return whether an operation wants anything changed."""
    return op.reset or bool(op.preset) or any(str(getattr(op, name)).strip() for name in CHECKS)


def differences(before: ModelConfig, after: ModelConfig) -> list[str]:
    """Return the names of the fields in which two settings differ."""
    return [item.name for item in fields(ModelConfig) if getattr(before, item.name) != getattr(after, item.name)]


def spelled(names: Iterable[str]) -> str:
    """Return fields as a command line spells them."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _wrong(name: str, words: str, allowed: str, choices: Sequence[str] = ()) -> InvalidRequest:
    near = closest(words, choices)
    return InvalidRequest(
        f"{spelled([name])} {words!r} is not allowed: {allowed}{did_you_mean(words, choices)}",
        hint=f"{spelled([name])} {near}" if near else "flock model config --help",
    )
