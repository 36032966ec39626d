"""Sound to text: transcriptions, and translations into English.

Clients send OpenAI's form. Upstreams have OpenAI's path ("openai"; "vllm" for one that streams events of its own, so
that the stream is made from the whole), or are whisper.cpp's server ("whisper" and "whisper-openai", whisper.py).
Called by the door and the plan (task.py says what a task has).
"""

import math
from dataclasses import dataclass
from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.dialects.openai.checks import at
from flock.dialects.tasks import forms, whisper
from flock.dialects.tasks.bodies import empty, missing, no_such, prompt_usage, told, usage_within
from flock.dialects.tasks.events import transcript
from flock.dialects.tasks.task import EVENTS, Done, Sent
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array

_PATH = "/v1/audio/"
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_GRANULARITIES = ("word", "segment")
# a stream is of text, so that it can be made from an answer that is one
_STREAMED = ("json", "text")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


@dataclass(frozen=True, slots=True)
class SoundToText:
    """The task: `NAME` is "transcriptions" or "translations"."""

    NAME: str

    @property
    def path(self) -> str:
        """OpenAI's path for it."""
        return _PATH + self.NAME

    def read_ask(self, raw: bytes, path: str, content_type: str) -> Ask:
        """Parse and check a form. Raises InvalidRequest naming the field that is wrong."""
        raw = forms.trimmed(raw, content_type)
        parts = forms.read(raw)
        fields, uploads = forms.fields(parts), forms.uploads(parts)
        if "file" not in uploads:
            raise missing("file", "add the sound as a file with a name: curl -F file=@NAME")
        if not uploads["file"].data:
            raise empty("file")
        _check(fields)
        stream = _switch(fields, "stream")
        body: dict[str, Any] = dict(fields)
        return Ask("openai", self.NAME, path, raw, body, _one(fields, "model"), stream, False, uploads=uploads)

    def write(self, ask: Ask, model: str, shape: str) -> Sent:
        """Spell the task for a model of an upstream. Raises Unsupported for what it cannot answer with."""
        if shape == "openai":
            return _openai(ask, model, self.path)
        if shape != "vllm" and shape not in whisper.PATHS:
            raise no_such(shape, self.NAME)
        wanted = str(ask.body.get("response_format") or "json")
        if ask.stream and wanted not in _STREAMED:
            raise Unsupported(
                f"response_format {wanted} cannot be streamed by this model's engine",
                hint=f"leave stream out, or ask for {' or '.join(_STREAMED)}",
                details=at("stream"),
            )
        if shape == "vllm":
            return _whole(ask, model, self.path)
        return whisper.write(ask, ask.uploads["file"], shape, translate=self.NAME == "translations")


TRANSCRIPTIONS = SoundToText("transcriptions")
TRANSLATIONS = SoundToText("translations")


def _check(fields: dict[str, str | list[str]]) -> None:
    wanted = _one(fields, "response_format")
    if wanted and wanted not in _FORMATS:
        raise InvalidRequest(
            f"response_format must be one of {', '.join(_FORMATS)}, not {wanted[:100]!r}",
            hint="correct response_format",
            details=at("response_format"),
        )
    for name in ("prompt", "language"):
        _one(fields, name)
    temperature = _one(fields, "temperature")
    try:
        heat = float(temperature or 0)
    except ValueError:
        heat = math.nan
    if not 0 <= heat <= 2:
        raise InvalidRequest(
            f"temperature must be a number between 0 and 1, not {temperature[:100]!r}",
            hint="correct temperature",
            details=at("temperature"),
        )
    given = fields.get("timestamp_granularities", [])
    if isinstance(given, str):
        given = [given]
    fields.update({"timestamp_granularities": given} if given else {})
    for one in given:
        if one not in _GRANULARITIES:
            raise InvalidRequest(
                f"timestamp_granularities[] must be word or segment, not {one[:100]!r}",
                hint="correct timestamp_granularities[]",
                details=at("timestamp_granularities"),
            )


def _one(fields: dict[str, str | list[str]], name: str) -> str:
    """Return a field that may come once, "" for none."""
    value = fields.get(name, "")
    if is_array(value):
        raise InvalidRequest(f"{name} came {len(value)} times", hint=f"send {name} once", details=at(name))
    return str(value)


def _switch(fields: dict[str, str | list[str]], name: str) -> bool:
    value = _one(fields, name).strip().lower()
    if value not in _TRUE + _FALSE:
        raise InvalidRequest(
            f"{name} must be true or false, not {value[:100]!r}", hint=f"correct {name}", details=at(name)
        )
    return value in _TRUE


# -- an upstream with OpenAI's path


def _openai(ask: Ask, model: str, path: str) -> Sent:
    raw, kind = (ask.raw, "relay") if ask.model == model else (forms.spliced(ask.raw, "model", model), "splice")
    made = Sent(kind, path, raw, forms.content_type(forms.boundary_of(ask.raw)), usage_of=_usage)
    if ask.stream:
        made.streams, made.finish = True, _streamed
    return made


def _whole(ask: Ask, model: str, path: str) -> Sent:
    if not ask.stream:
        return _openai(ask, model, path)
    parts = [part for part in forms.read(ask.raw) if part.name not in ("model", "stream")]
    body, content_type = forms.write([forms.Part("model", model.encode()), *parts], forms.boundary_of(ask.raw))
    edits = ("stream: made from the whole answer",)
    return Sent("translate", path, body, content_type, edits=edits, finish=_streamed)


def _streamed(body: bytes, content_type: str) -> Done:
    """Return a whole answer as the events that the client asked for."""
    if "json" not in content_type:
        return Done(transcript(body.decode("utf-8", "replace").strip(), None), EVENTS)
    answer = told(body)
    usage = answer.get("usage")
    return Done(transcript(str(answer.get("text") or ""), usage), EVENTS, prompt_usage(usage))


def _usage(body: bytes) -> Usage | None:
    return usage_within(body)
