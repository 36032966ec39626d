"""The trial of a connection: one short question in the tool's own protocol, at its URL and with its key.

Owns the bodies, and what of an answer is shown. Refuses to know a widget. Called by `connect.py`, in a thread.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flock.client import chat
from flock.errors import FlockError, UpstreamError
from flock.plain import is_array, is_object
from flock.text import one_line
from flock.tui.link import Lines, Reach

Dial = Callable[[str, str], Reach]

_QUESTION = "Say hello in three words."
# Enough for a greeting, and for a model that thinks to be seen to do so
_TOKENS = 64
# Characters of the answer that are shown
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went: the status, which model answered in how many seconds, its first words, and the request's id."""

    status: int
    model: str
    seconds: float
    words: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent: a path, a body, and headers beside the key's."""

    path: str
    body: bytes
    headers: dict[str, str]


def dial(url: str, key: str) -> Reach:
    """Return the way a tool takes: HTTP to flock's URL, with its key. Raises UsageError for a URL that is none."""
    from flock.client import address, reach
    from flock.client.web import WebDoor
    from flock.errors import UsageError

    found = address.parse(url)
    if not isinstance(found, address.Http):
        raise UsageError(f"{url} is no http or https URL", hint="flock connect ls")
    return reach.Reach(WebDoor(found, key, "the tool's configuration"))


def question(protocol: str, model: str) -> Question | None:
    """Return the question in a protocol, as `flock connect ls` names it; None for one that flock does not speak."""
    asked: list[dict[str, str]] = [{"role": "user", "content": _QUESTION}]
    if "Anthropic" in protocol:
        body: dict[str, Any] = {"model": model, "max_tokens": _TOKENS, "messages": asked}
        return _as("/v1/messages", body, {"anthropic-version": "2023-06-01"})
    if "Responses" in protocol:
        return _as("/v1/responses", {"model": model, "input": _QUESTION, "max_output_tokens": _TOKENS})
    if "Gemini" in protocol:
        body = {
            "contents": [{"role": "user", "parts": [{"text": _QUESTION}]}],
            "generationConfig": {"maxOutputTokens": _TOKENS},
        }
        return _as(f"/v1beta/models/{quote(model, safe='/:')}:generateContent", body)
    if "OpenAI" in protocol:
        return _as("/v1/chat/completions", {"model": model, "max_tokens": _TOKENS, "messages": asked})
    return None


def tried(reach: Reach, asked: Question, now: Callable[[], float]) -> Trial:
    """Ask, wait and return how it went. Raises the FlockError that a refusal stands for, and DaemonUnreachable."""
    began = now()
    stream = reach.send("POST", asked.path, asked.body, asked.headers)
    body = stream.read()
    took = max(0.0, now() - began)
    if stream.status != 200:
        raise _told(chat.fault(stream.status, body))
    return Trial(stream.status, _model(stream), took, words_of(body), stream.headers.get("x-flock-request-id", ""))


def _told(error: FlockError) -> FlockError:
    """Return an error with the hint that dialects without a place for it have in the sentence (dialects)."""
    sentence, found, hint = error.sentence.rpartition(" (hint: ")
    if not found or not hint.endswith(")"):
        return error
    return type(error)(sentence, hint=hint[:-1], details=error.details)


def words_of(body: bytes) -> str:
    """Return the first words of an answer in any of the protocols, "" for one without. Raises UpstreamError."""
    try:
        plain: Any = json.loads(body)
    except (ValueError, RecursionError):
        shown = one_line(body[:_SHOWN].decode("utf-8", "replace"), 80)
        raise UpstreamError(f"the answer is not JSON: {shown}", hint="flock logs") from None
    found: list[str] = []
    _gather(plain, found)
    return one_line(" ".join(found), _SHOWN)


def _gather(value: Any, found: list[str]) -> None:
    """Put the words of an answer into `found`: `text` in three of the protocols, `content` in the fourth."""
    if is_array(value):
        for one in value:
            _gather(one, found)
    elif is_object(value):
        if value.get("type") in ("reasoning", "thinking") or value.get("thought") is True:
            return
        said = (value.get("text"), value.get("content"))
        found += [words.strip() for words in said if isinstance(words, str) and words.strip()]
        for name in ("choices", "message", "content", "output", "candidates", "parts"):
            _gather(value.get(name), found)


def _as(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Question:
    return Question(path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def _model(stream: Lines) -> str:
    return stream.headers.get("x-flock-model", "")
