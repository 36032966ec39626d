"""Canaries: the smallest questions that an engine can only answer by generating.

Owns their bytes. Pure. Called by the drivers of engines, whose names for a model and paths differ.
"""

import json
import struct
from typing import Any

from flock.engines.engine import Canary, LaunchSpec

_RATE = 16000  # what whisper hears in, samples a second
_BOUNDARY = "flock-canary"
# Several tokens: a first prompt of one ends the worker of vLLM 0.32 on a processor.
_WORDS = "Hello, is anybody there?"


def words_canary(spec: LaunchSpec, model: str) -> Canary:
    """Return a question in OpenAI's API: one token of a chat, the vector of a word, the rank of a word."""
    if spec.kind in ("embedding", "rerank"):
        return text_canary(spec, model)
    hello = [{"role": "user", "content": "a"}]
    return _asked("/v1/chat/completions", {"model": model, "messages": hello, "max_tokens": 1, "temperature": 0})


def text_canary(spec: LaunchSpec, model: str) -> Canary:
    """Return a question with no chat template in its way: a template that refuses it would look like a hung engine."""
    if spec.kind == "embedding":
        return _asked("/v1/embeddings", {"model": model, "input": _WORDS})
    if spec.kind == "rerank":
        return _asked("/v1/rerank", {"model": model, "query": _WORDS, "documents": [_WORDS]})
    return _asked("/v1/completions", {"model": model, "prompt": _WORDS, "max_tokens": 1, "temperature": 0})


def sound_canary(path: str) -> Canary:
    """Return half a second of silence to be written down, as a form of whisper-server."""
    samples = _RATE // 2
    form = struct.pack("<IHHIIHH", 16, 1, 1, _RATE, 2 * _RATE, 2, 16)  # PCM, one channel, 16 bits
    wave = b"WAVEfmt " + form + b"data" + struct.pack("<I", 2 * samples) + bytes(2 * samples)
    sound = b"RIFF" + struct.pack("<I", len(wave)) + wave
    body = b"".join(
        (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="response_format"\r\n\r\njson\r\n'.encode(),
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'.encode(),
            b"Content-Type: audio/wav\r\n\r\n",
            sound,
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        )
    )
    return Canary(path, body, f"multipart/form-data; boundary={_BOUNDARY}")


def speech_canary(path: str) -> Canary:
    """Return one word to be spoken, as piper takes it."""
    return _asked(path, {"text": "a"})


def generate_canary(model: str) -> Canary:
    """Return one token in Ollama's own API, past the model's template."""
    options = {"num_predict": 1, "temperature": 0}
    return _asked("/api/generate", {"model": model, "prompt": "a", "raw": True, "stream": False, "options": options})


def _asked(path: str, body: dict[str, Any]) -> Canary:
    return Canary(path, json.dumps(body).encode())
