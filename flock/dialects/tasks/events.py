"""Streams of the audio tasks made from a whole answer, for clients that asked for one where the engine has none.

Owns the spelling of OpenAI's events: transcript.text.delta and done, speech.audio.delta and done. Called by the files
of those tasks.
"""

import base64
from typing import Any

import orjson

TEXT = "text/plain; charset=utf-8"
# of sound in one event: a third more in base64, well below what readers of lines take
_CHUNK = 32768


def transcript(text: str, usage: dict[str, Any] | None) -> bytes:
    """Return the events of a transcript; `usage` as OpenAI counts tokens, None for none."""
    done: dict[str, Any] = {"type": "transcript.text.done", "text": text}
    if usage is not None and usage.get("type") == "tokens":
        done["usage"] = usage
    delta = _event({"type": "transcript.text.delta", "delta": text}) if text else b""
    return delta + _event(done)


def speech(sound: bytes) -> bytes:
    """Return the events of a sound."""
    pieces = [sound[start : start + _CHUNK] for start in range(0, len(sound), _CHUNK)]
    deltas = [
        _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode("ascii")}) for piece in pieces
    ]
    return b"".join([*deltas, _event({"type": "speech.audio.done"})])


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
