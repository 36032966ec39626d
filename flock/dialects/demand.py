"""What a request may take, before anybody was asked: the tokens of its prompt, and those of the answer at most.

Owns what an answer is taken to be where the client sets no limit, and what tasks take. Pure, and no more than a guess:
what counts in the end is the usage that is told. Called by core/admission.py for keys that have limits of tokens or
dollars, and for nobody else: reading and weighing a body takes 0.6 ms for 50 kB, 2.7 ms for 1 MB of text and 0.3 ms for
a picture of that size.
"""

import re
from dataclasses import dataclass
from typing import Any

from flock.dialects import ir
from flock.dialects.ask import Ask, Upload
from flock.dialects.estimate import estimate, image_tokens, sound_tokens, text_tokens
from flock.dialects.table import SERVERS
from flock.errors import FlockError
from flock.plain import is_array, is_object
from flock.profile import TASKS

# What an answer may take when the client sets no limit. Answers of chats are some hundred tokens and those of models
# that think some thousand; whoever gets a longer one has paid for it when it is settled, and what is over is owed.
ANSWER = 4096
# what an answer may have though the prompt seems to fill the window: that is an estimate, within 23 % for most
_ROOM_MIN = 256
# Speech is some 3 words a second, 4 tokens as text and 25 as sound (estimate.py): a transcription is a sixth of the
# sound, and what is read aloud six times its text.
_SOUND_PER_TEXT = 6
# OpenAI's guide to gpt-image-1: output tokens of a picture of 1024 × 1536 by quality; "auto" may be the best one
_PICTURES = {"low": 408, "medium": 1584, "standard": 1584}
_PICTURE_MOST = 6240
# fields of tasks that are settings and no part of what the model reads
_SETTINGS = frozenset(
    {
        *("model", "encoding_format", "encodingFormat", "response_format", "user", "voice", "size", "quality", "style"),
        *("background", "output_format", "input_type", "taskType", "task_type", "keep_alive", "moderation", "format"),
        *("embedding_types", "truncate", "options", "rank_fields", "language", "input_fidelity", "role"),
    }
)
# base64 in a JSON field: words are shorter
_DATA = re.compile(r"[A-Za-z0-9+/=_-]{4096}")
_DATA_BYTES = re.compile(rb"[A-Za-z0-9+/]{4096,}")


@dataclass(frozen=True, slots=True)
class Demand:
    """Tokens of the prompt, about; tokens of all answers together, at most; whether the client set that limit."""

    prompt: int
    answer: int
    said: bool = False


def demand(ask: Ask, window: int | None = None) -> Demand:
    """Return what a request may take; of a model's `window` (tokens, None when unknown) no more than is left of it.

    Never raises: what cannot be read here is the engine's to refuse, and counts by its length.
    """
    found = _task(ask) if ask.endpoint in TASKS else _conversation(ask)
    if window is None or ask.endpoint in TASKS:
        return found
    return Demand(found.prompt, min(found.answer, max(window - found.prompt, _ROOM_MIN) * _answers(ask)), found.said)


def prompt_tokens(ask: Ask) -> int:
    """Return about how many tokens the prompt of a request has, at least 1. Never raises."""
    return demand(ask).prompt


def _conversation(ask: Ask) -> Demand:
    if ask.endpoint == "completions":
        return _completion(ask)
    try:
        request = SERVERS[ask.dialect].read_request(ask)
    except FlockError:  # an engine that speaks the dialect may know better
        return Demand(_length(ask.raw), ANSWER)
    limit = request.max_tokens
    said = limit is not None and limit >= 0
    return Demand(estimate(request), (limit if said and limit is not None else ANSWER) * max(1, request.n or 1), said)


def _completion(ask: Ask) -> Demand:
    """Return what a legacy completion takes: its prompt is a text, tokens, or several of them."""
    texts: list[str] = []
    tokens = _walk(ask.body.get("prompt"), texts)
    limit = ask.body.get("max_tokens")
    said = isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0
    # the vendor's own default is 16; engines go on to the end of their window
    answer = int(limit) if said and limit is not None else ANSWER
    return Demand(max(1, tokens + _words(texts)), answer * _answers(ask), said)


def _answers(ask: Ask) -> int:
    """Return how many answers are asked for."""
    count = 1
    for name in ("n", "best_of"):
        value = ask.body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            count = max(count, value)
    config = ask.body.get("generationConfig")
    if is_object(config) and isinstance(value := config.get("candidateCount"), int):
        count = max(count, value)
    prompts = ask.body.get("prompt") if ask.endpoint == "completions" else None
    if is_array(prompts) and prompts and not isinstance(prompts[0], int):
        count *= len(prompts)
    return count


# -- tasks


def _task(ask: Ask) -> Demand:
    texts: list[str] = []
    tokens = _walk(ask.body, texts) + sum(_upload(upload) for upload in ask.uploads.values())
    prompt = max(1, tokens + _words(texts))
    match ask.endpoint:
        case "rerank":
            documents = ask.body.get("documents") or ask.body.get("texts")
            query = text_tokens(str(ask.body.get("query") or ""))
            # the query is read beside every document
            return Demand(prompt + round(query) * max(0, (len(documents) if is_array(documents) else 1) - 1), 0)
        case "transcriptions" | "translations":
            return Demand(prompt, prompt // _SOUND_PER_TEXT + 1)
        case "speech":
            return Demand(prompt, prompt * _SOUND_PER_TEXT)
        case "images":
            each = _PICTURES.get(str(ask.body.get("quality") or ""), _PICTURE_MOST)
            return Demand(prompt, each * _pictures(ask.body.get("n")))
        case _:
            return Demand(prompt, 0)


def _pictures(count: Any) -> int:
    """Return how many pictures a body asks for: in a form the number is text; OpenAI makes ten at most."""
    words = str(count)
    return min(max(int(words), 1), 10) if words.isascii() and words.isdecimal() and len(words) < 4 else 1


def _walk(value: Any, texts: list[str]) -> int:
    """Add the words of a value to `texts`; return the tokens that stand in it as such, and those of media."""
    tokens, waiting = 0, [value]
    while waiting:  # not by recursion: JSON may be nested deeper than Python's stack
        one = waiting.pop()
        if isinstance(one, str):
            if one.startswith("data:") or _DATA.match(one):
                tokens += image_tokens(ir.Image())
            else:
                texts.append(one)
        elif is_array(one):
            numbers = sum(inner.__class__ is int for inner in one)
            tokens += numbers
            if numbers < len(one):
                waiting += reversed(one)
        elif is_object(one):
            waiting += [inner for name, inner in reversed(one.items()) if name not in _SETTINGS]
    return tokens


def _upload(upload: Upload) -> int:
    if upload.media_type.startswith("image/"):
        return image_tokens(ir.Image())
    return sound_tokens(len(upload.data), wav=upload.data.startswith(b"RIFF"))


def _words(texts: list[str]) -> int:
    return round(text_tokens("\n".join(texts)))


def _length(raw: bytes) -> int:
    """Return about how many tokens a body has that could not be read: data in it counts by the piece."""
    rest, pieces = _DATA_BYTES.subn(b"", raw)
    return max(1, round(text_tokens(rest.decode("utf-8", "replace"))) + pieces * image_tokens(ir.Image()))
