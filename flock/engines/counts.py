"""Asking an engine how many tokens a prompt has, on the path that its profile names in `counts`.

Owns what is asked, how and what the answer means; the shapes were tried on llama.cpp 0.7.0 and vLLM 0.32.
Refuses to try a second time, to wait and to estimate: core/counting.py decides all that. Called by core/counting.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from flock.dialects.ask import Ask
from flock.plain import is_array, is_object
from flock.upstream import Upstream

Json = dict[str, Any]

# /tokenize lists the tokens, 8 bytes each: this is 8 million of them
_ANSWER_MAX = 64 * 2**20
# What shapes the answer and not the prompt.
_NOT_PROMPT = frozenset((
    "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata", "min_p", "n",
    "presence_penalty", "seed", "service_tier", "stop", "stop_sequences", "store", "stream", "stream_options",
    "temperature", "top_k", "top_logprobs", "top_p", "user",
))  # fmt: skip
# Parts of a chat message that are no words: an engine would load and decode them only to be asked for a number.
_MEDIA = ("image_url", "input_audio", "file", "video_url")
# The engine has no such path, wants another key, or is still loading: nothing about this one prompt.
_NOT_THERE = (401, 403, 404, 405, 501, 503)
# For clients of another dialect than Anthropic's, and for those that name none.
_ANTHROPIC_VERSION = "2023-06-01"


class NoAnswer(Exception):
    """The engine does not answer such questions, or not now."""


class Refused(Exception):
    """The engine does not count this prompt."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an engine is asked: `shape` is its profile's `counts`, `body` JSON; `media`: the pictures are in it."""

    shape: str
    model: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    media: bool = False


def question(ask: Ask, shape: str, chat_body: Mapping[str, Any]) -> Question | None:
    """Return what an engine with that way to count is asked about a prompt, None where it has none for it.

    `chat_body` is the request as a chat engine would be sent it, with the engine's own name of the model. Anthropic's
    path takes what a client of that dialect sent, as it came; it has no way to count anything else.
    """
    model = str(chat_body.get("model") or "")
    headers: dict[str, str] = {}
    if shape == "anthropic" and ask.dialect == "anthropic":
        body = {name: value for name, value in ask.body.items() if name not in _NOT_PROMPT} | {"model": model}
        headers = {"anthropic-version": ask.headers.get("anthropic-version", _ANTHROPIC_VERSION)}
        if beta := ask.headers.get("anthropic-beta"):
            headers["anthropic-beta"] = beta
    elif shape in ("llamacpp", "vllm"):
        body = {name: value for name, value in chat_body.items() if name not in _NOT_PROMPT}
        body["messages"] = _words_only(body.get("messages"))
    else:
        return None
    try:
        return Question(shape, model, orjson.dumps(body), headers, shape == "anthropic")
    except TypeError:  # orjson reads 1024 levels and writes 254
        return None


async def count(session: aiohttp.ClientSession, upstream: Upstream, asked: Question) -> int:
    """Return the tokens an engine counts. Raises NoAnswer or Refused; sets no limit of time."""
    match asked.shape:
        case "llamacpp":
            shown = await _post(session, upstream, "/apply-template", asked.body)
            # as the server does before it generates: BOS where the vocabulary wants one (a template's own has been
            # taken off the prompt then), and the marks of the template as the tokens that they are
            content = {"model": asked.model, "content": shown.get("prompt"), "add_special": True, "parse_special": True}
            tokens = (await _post(session, upstream, "/tokenize", orjson.dumps(content))).get("tokens")
            found: Any = len(tokens) if is_array(tokens) else None
        case "vllm":
            found = (await _post(session, upstream, "/tokenize", asked.body)).get("count")
        case _:
            answer = await _post(session, upstream, "/v1/messages/count_tokens", asked.body, asked.headers)
            found = answer.get("input_tokens")
    if not isinstance(found, int) or found < 0:
        raise NoAnswer(f"{upstream.engine} answers no number of tokens")
    return found


async def _post(
    session: aiohttp.ClientSession, upstream: Upstream, path: str, body: bytes, more: Mapping[str, str] | None = None
) -> Json:
    headers = {"Content-Type": "application/json", **(more or {})}
    if upstream.key:
        headers["Authorization"] = f"Bearer {upstream.key}"
    try:
        async with session.post(upstream.url + path, data=body, headers=headers, allow_redirects=False) as answer:
            if answer.status in _NOT_THERE:
                raise NoAnswer(f"{path} gives status {answer.status}")
            if answer.status != 200:
                raise Refused(f"{path} gives status {answer.status}")
            found = orjson.loads(await _bounded(answer))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoAnswer(f"{path}: {error}") from None
    if not is_object(found):
        raise NoAnswer(f"{path} answers no JSON object")
    return found


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_chunked(2**18):
        size += len(chunk)
        if size > _ANSWER_MAX:
            raise NoAnswer("the answer is too long")
        chunks.append(chunk)
    return b"".join(chunks)


def _words_only(messages: Any) -> Any:
    """Return messages without pictures, sound and files; contents of which nothing is left are empty texts."""
    if not is_array(messages):
        return messages
    return [_without_media(message) for message in messages]


def _without_media(message: Any) -> Any:
    content = message.get("content") if is_object(message) else None
    if not is_array(content):
        return message
    kept = [part for part in content if not (is_object(part) and part.get("type") in _MEDIA)]
    return message if len(kept) == len(content) else {**message, "content": kept or ""}
