"""Text to sound.

Clients speak OpenAI's /v1/audio/speech. Upstreams have the same path ("openai"), or are piper's own server ("piper":
POST /synthesize, looked up in piper/http_server.py of piper-tts 1.8), which gives WAV alone under a wrong Content-Type,
falls back to its own voice for one it does not know, and fails at text in which there is nothing to say. Called by the
door and the plan (task.py says what a task has).
"""

import re
from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.openai.checks import at, named, number, words, wrong
from flock.dialects.tasks.bodies import dumped, empty, missing, model_of, no_such, odd, passed, read_object, unknown
from flock.dialects.tasks.events import speech
from flock.dialects.tasks.sound import wave_of
from flock.dialects.tasks.task import EVENTS, Done, Finish, Refusal, Sent
from flock.errors import FlockError, InvalidRequest, Unsupported
from flock.plain import is_object

NAME = "speech"
PATH = "/v1/audio/speech"
PIPER = "/synthesize"
# characters; OpenAI takes 4096, engines of one's own more: half an hour of speech
MOST_TEXT = 65536
_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}
_USED = ("model", "input", "voice", "response_format", "speed", "stream_format")
# OpenAI's own voices, by its reference of 2026: names that say nothing to another engine
_OPENAI_VOICES = frozenset(
    {
        *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer"),
        "verse",
    }
)
# how piper's voices are called (en_US-lessac-medium). Also a guard: the server makes a path of the name.
_PIPER_VOICE = re.compile(r"[a-z]{2,3}_[A-Z]{2}-[A-Za-z0-9_]+-[a-z_]+")


def read_ask(raw: bytes, path: str, _content_type: str) -> Ask:
    """Parse and check a body. Raises InvalidRequest naming the field that is wrong."""
    body = read_object(raw)
    text = body.get("input")
    if text is None:
        raise missing("input", "add input: the text to speak")
    if not named(text, "input").strip():
        raise empty("input")
    if len(text) > MOST_TEXT:
        raise InvalidRequest(
            f"input has {len(text)} characters, more than {MOST_TEXT}", hint="send it in parts", details=at("input")
        )
    _voice(body)
    for name, known in (("response_format", _FORMATS), ("stream_format", ("audio", "sse"))):
        value = words(body.get(name), name)
        if value and value not in known:
            raise InvalidRequest(
                f"{name} must be one of {', '.join(known)}, not {value[:100]!r}",
                hint=f"correct {name}",
                details=at(name),
            )
    speed = number(body.get("speed"), "speed")
    if speed is not None and not 0.25 <= speed <= 4:
        raise InvalidRequest(
            f"speed must be between 0.25 and 4, not {speed}", hint="correct speed", details=at("speed")
        )
    words(body.get("instructions"), "instructions")
    stream = body.get("stream_format") == "sse"
    return Ask("openai", NAME, path, raw, body, model_of(body), stream, wants_usage=False)


def _voice(body: dict[str, Any]) -> str:
    voice = body.get("voice")
    if is_object(voice):
        return named(voice.get("id"), "voice.id")
    if voice is not None and not isinstance(voice, str):
        raise wrong("voice", "a string or an object with an id", voice)
    return voice or ""


def write(ask: Ask, model: str, shape: str) -> Sent:
    """Spell the task for a model of an upstream. Raises Unsupported for a format of sound it has not."""
    if shape == "openai":
        made = passed(ask, model, PATH)
        made.streams = True
        made.finish = _events if ask.stream else None
        return made
    if shape == "piper":
        return _piper(ask, model)
    raise no_such(shape, NAME)


def _events(body: bytes, _content_type: str) -> Done:
    """Return a whole sound as the events that the client asked for."""
    return Done(speech(body), EVENTS)


def _piper(ask: Ask, model: str) -> Sent:
    wanted = ask.body.get("response_format")
    if wanted not in (None, "wav", "pcm"):
        raise Unsupported(
            f"piper gives no {wanted}, only wav", hint="ask for response_format wav", details=at("response_format")
        )
    text = str(ask.body["input"])
    edits = ["openai → piper"]
    if wanted is None:
        edits.append("response_format: mp3 → wav, piper has no other")
    elif wanted == "pcm":
        edits.append("response_format: pcm at the voice's own rate, which Content-Type tells")
    body = {"text": text, **_spoken_by(_voice(ask.body), model, edits)}
    speed = ask.body.get("speed")
    if speed is not None and speed != 1:
        body["length_scale"] = round(1 / speed, 4)
    made = Sent("translate", PIPER, dumped(body), edits=tuple(edits), lost=tuple(unknown(ask.body, *_USED)))
    made.finish, made.refusal = _finish(ask, pcm=wanted == "pcm"), _refusal(text)
    return made


def _refusal(text: str) -> Refusal:
    def refusal(status: int, _body: bytes) -> FlockError | None:
        if status != 500 or any(letter.isalnum() for letter in text):
            return None
        return InvalidRequest("input holds nothing that piper can speak", hint="send words", details=at("input"))

    return refusal


def _spoken_by(voice: str, model: str, edits: list[str]) -> dict[str, Any]:
    """Return piper's fields for who speaks: a voice by its name, or a speaker of the model's voice."""
    if _PIPER_VOICE.fullmatch(voice):
        return {"voice": voice}
    said: dict[str, Any] = {"voice": model} if _PIPER_VOICE.fullmatch(model) else {}
    if voice in _OPENAI_VOICES:
        edits.append(f"voice: {voice} → {model}")
    elif voice:
        said["speaker"] = voice
        edits.append(f"voice: {voice}, as a speaker of {model}")
    return said


def _finish(ask: Ask, *, pcm: bool) -> Finish:
    def finish(body: bytes, _content_type: str) -> Done:
        wave = wave_of(body)
        if wave is None:
            raise odd("no WAV file")
        sound, kind = body, _TYPES["wav"]
        if pcm:
            sound = body[wave.start : wave.start + wave.size]
            kind = f"audio/pcm; rate={wave.rate}; channels={wave.channels}; bits={wave.bits}"
        return Done(speech(sound), EVENTS) if ask.stream else Done(sound, kind)

    return finish
