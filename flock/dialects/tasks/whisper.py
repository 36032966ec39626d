"""Sound to text as whisper.cpp's own server does it, at its own path or at OpenAI's: its manners are the same there.

Owns its manners, looked up in examples/server/server.cpp of whisper.cpp 1.8: every segment of its text is a line that
begins with a space where a word begins, words are tokens, a file it cannot read is "Invalid request" and nothing else,
a language it does not know is not checked, and where none is given it takes its command line's (English) instead of
listening. Called by transcriptions.py.
"""

import math
import re
import zlib
from typing import Any

import orjson

from flock.dialects.ask import Ask, Upload
from flock.dialects.openai.checks import at
from flock.dialects.tasks import forms
from flock.dialects.tasks.bodies import told
from flock.dialects.tasks.events import TEXT, transcript
from flock.dialects.tasks.sound import format_of, wave_of
from flock.dialects.tasks.task import EVENTS, JSON, Done, Finish, Refusal, Sent
from flock.errors import FlockError, InvalidRequest, Unsupported
from flock.plain import is_array, is_object

# shape → where it is asked; with OpenAI's path (--inference-path) that one alone, for translations too
PATHS = {"whisper": "/inference", "whisper-openai": "/v1/audio/transcriptions"}
# what its decoder reads without ffmpeg
_READS = ("WAV", "MP3", "FLAC", "Ogg Vorbis")
_SAYS = ("json", "text", "srt", "vtt", "verbose_json")
_USED = ("model", "language", "prompt", "response_format", "temperature", "timestamp_granularities", "stream")
# the languages of the models (g_lang in src/whisper.cpp); Javanese is jv in ISO 639-1
LANGUAGES = frozenset(
    {
        *("af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de"),
        *("el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht"),
        *("hu", "hy", "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt"),
        *("lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl"),
        *("ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta"),
        *("te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "yue", "zh"),
    }
)
_MOST = 1e9
_SPACE = re.compile(r"(?m)^ +")


def write(ask: Ask, upload: Upload, shape: str, *, translate: bool) -> Sent:
    """Spell the task in one of the shapes of PATHS.

    Raises Unsupported for a form of answer that it has not, InvalidRequest for a language that it does not know.
    """
    wanted = str(ask.body.get("response_format") or "json")
    if wanted not in _SAYS:
        raise Unsupported(
            f"whisper-server answers with no {wanted}",
            hint=f"ask for one of {', '.join(_SAYS)}",
            details=at("response_format"),
        )
    language, edits = _language(ask)
    fields = {
        "response_format": wanted,
        "language": language,
        "translate": "true" if translate else "false",
        "split_on_word": "true",  # else a segment of 60 characters may end within a word
        **{name: str(ask.body[name]) for name in ("prompt", "temperature") if ask.body.get(name)},
    }
    parts = [forms.Part(name, value.encode("utf-8")) for name, value in fields.items()]
    parts.append(forms.Part("file", upload.data, upload.name or "audio", upload.media_type))
    body, content_type = forms.write(parts, forms.boundary_of(ask.raw))
    lost = [name for name in ask.body if name not in _USED]
    if wanted != "verbose_json" and "timestamp_granularities" in ask.body:
        lost.append("timestamp_granularities")
    made = Sent("translate", PATHS[shape], body, content_type, edits=("openai → whisper", *edits), lost=tuple(lost))
    made.finish, made.refusal = _finish(ask, upload, wanted), _refusal(upload)
    return made


def _language(ask: Ask) -> tuple[str, tuple[str, ...]]:
    said = str(ask.body.get("language") or "").strip().lower()
    if not said:
        return "auto", ("language: auto",)
    code = "jw" if said == "jv" else said
    if code != "auto" and code not in LANGUAGES:
        raise InvalidRequest(
            f"language {said!r} is none that whisper knows",
            hint="use its ISO 639-1 code, as en",
            details=at("language"),
        )
    return code, ()


def _refusal(upload: Upload) -> Refusal:
    def refusal(status: int, body: bytes) -> FlockError | None:
        unreadable = status == 400 or b"FFmpeg" in body
        if not unreadable:
            return None
        title = format_of(upload.data)
        if title and title not in _READS and status == 400:
            return Unsupported(
                f"whisper-server cannot read the file, which is {title}: it takes {', '.join(_READS)}",
                hint="convert it, or start whisper-server with --convert",
                details=at("file"),
            )
        return InvalidRequest(
            f"the engine cannot read the file, {f'which begins as {title}' if title else 'which is no known sound'}",
            hint="send a WAV file",
            details=at("file"),
        )

    return refusal


def _finish(ask: Ask, upload: Upload, wanted: str) -> Finish:
    def finish(body: bytes, _content_type: str) -> Done:
        if wanted == "verbose_json":
            words = "word" in (ask.body.get("timestamp_granularities") or ())
            segments = not words or "segment" in ask.body["timestamp_granularities"]
            return Done(orjson.dumps(_verbose(told(body), words=words, segments=segments)))
        if wanted in ("srt", "vtt"):
            return Done(_SPACE.sub("", body.decode("utf-8", "replace")).encode("utf-8"), TEXT)
        text = _joined(body.decode("utf-8", "replace") if wanted == "text" else str(told(body).get("text") or ""))
        if ask.stream:
            return Done(transcript(text, None), EVENTS)
        if wanted == "text":
            return Done(f"{text}\n".encode(), TEXT)
        return Done(orjson.dumps({"text": text, **_usage(upload)}), JSON)

    return finish


def _joined(text: str) -> str:
    """Return the text of the segments as one: each line brings its own space where a word begins."""
    return text.replace("\n", "").strip()


def _usage(upload: Upload) -> dict[str, Any]:
    wave = wave_of(upload.data)
    return {} if wave is None else {"usage": _lasting(wave.seconds)}


def _lasting(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(seconds)}  # OpenAI bills whole seconds


def _verbose(answer: dict[str, Any], *, words: bool, segments: bool) -> dict[str, Any]:
    given = answer.get("segments")
    found = [one for one in given if is_object(one)] if is_array(given) else []
    duration = _number(answer.get("duration"))
    made: dict[str, Any] = {
        "task": str(answer.get("task") or "transcribe"),
        "language": str(answer.get("language") or ""),
        "duration": duration,
        "text": _joined(str(answer.get("text") or "")),
    }
    if segments:
        made["segments"] = [_segment(i, one) for i, one in enumerate(found)]
    if words:
        made["words"] = [word for one in found for word in _words(one)]
    made["usage"] = _lasting(duration)
    return made


def _segment(index: int, one: dict[str, Any]) -> dict[str, Any]:
    text = str(one.get("text") or "")
    raw = text.encode("utf-8")
    return {
        "id": index,
        "seek": 0,
        "start": _number(one.get("start")),
        "end": _number(one.get("end")),
        "text": text,
        "tokens": one.get("tokens") or [],
        "temperature": _number(one.get("temperature")),
        "avg_logprob": _number(one.get("avg_logprob")),
        # as the reference implementation has it (whisper/utils.py); the server does not tell it
        "compression_ratio": len(raw) / len(zlib.compress(raw)),
        "no_speech_prob": _number(one.get("no_speech_prob")),
    }


def _words(segment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the words of a segment, put together from tokens: a word begins with a space."""
    found: list[dict[str, Any]] = []
    tokens = segment.get("words")
    for token in tokens if is_array(tokens) else ():
        if not is_object(token):
            continue
        text, end = str(token.get("word") or ""), _number(token.get("end"))
        if found and not text.startswith(" "):
            found[-1]["word"] += text
            found[-1]["end"] = end
        elif text.strip():
            found.append({"word": text.strip(), "start": _number(token.get("start")), "end": end})
    return found


def _number(value: Any) -> float:
    """Return a number; 0 for what is none (a mean over no tokens is null) or cannot be one of seconds or logarithms."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        return 0.0
    return float(value)
