"""The Ollama dialect's tables: paths, types of fields, options, levels of thinking; and JSON as its clients can cut it.

Used by the halves beside this file. The facts are those of ollama/ollama's `api/types.go` and `server/routes.go` as of
August 2026, and of ollama-python 0.6.3.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from flock.dialects.history import clean_json
from flock.dialects.ir import Json

# The dialect's name, and what a Request of /api/generate says of itself: its answer is spelled in another way.
NAME, GENERATED = "ollama", "ollama-generate"
CHAT, GENERATE = "/api/chat", "/api/generate"
ENDPOINTS = {CHAT: "chat", GENERATE: "generate"}
# What /api/version says: an Ollama of this version has what these writers spell (levels of thinking, logprobs, ids of
# calls). Clients switch features on by it; VS Code refuses one below 0.6.4.
API_VERSION = "0.14.0"

_BOOL: tuple[tuple[type, ...], str] = ((bool, type(None)), "true or false")
_WORDS: tuple[tuple[type, ...], str] = ((str, type(None)), "a string")
_LIST: tuple[tuple[type, ...], str] = ((list, type(None)), "an array")
# Top-level fields whose type is checked: Ollama's own parser refuses them all, with words about Go.
FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": _WORDS,
    "stream": _BOOL,
    "messages": _LIST,
    "prompt": _WORDS,
    "system": _WORDS,
    "suffix": _WORDS,
    "template": _WORDS,
    "raw": _BOOL,
    "images": _LIST,
    "context": _LIST,
    "format": ((str, dict, type(None)), '"json" or a schema'),
    "options": ((dict, type(None)), "an object"),
    "tools": _LIST,
    "think": ((bool, str, type(None)), "true, false or a level"),
    "keep_alive": ((int, float, str, type(None)), "a duration"),
    "logprobs": _BOOL,
    "top_logprobs": ((int, type(None)), "a whole number"),
}
# Options that have a place in the middle, by the middle's name; `num_predict` and `stop` are read apart.
NUMBERS = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty")
WHOLE_NUMBERS = ("top_k", "seed")
# What `think` may say beside true and false. "max" is the newest: older servers refuse it.
LEVELS = ("low", "medium", "high", "max")
# How much thinking a budget of tokens is, as the chat dialect has it
EFFORT_BY_BUDGET = ((2048, "low"), (16384, "medium"))
# ollama-python reads lines by httpx, which takes these for line breaks too (str.splitlines); inside JSON strings, the
# only place where they can stand, they may be spelled out. JSON itself escapes the other ones.
_BREAKS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


def dumped(value: Any) -> bytes:
    """Return a JSON value as bytes that no client takes for two lines; half characters are replaced."""
    try:
        data = orjson.dumps(value)
    except TypeError:
        data = orjson.dumps(clean_json(value))
    for written, spelled in _BREAKS:
        if written in data:
            data = data.replace(written, spelled)
    return data


def moment(epoch: float) -> str:
    """Return an epoch second as RFC 3339, UTC: what `created_at` and its like hold."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_reply(generated: bool, text: str = "", **more: Any) -> Json:
    """Return what an answer's object holds beside its head: a message, or the fields of /api/generate."""
    if generated:
        return {"response": text, **more}
    return {"message": {"role": "assistant", "content": text, **more}}
