"""Make the tiny voice that a real piper reads: each letter becomes a short tone of its own.

A voice is an ONNX graph and a JSON file beside it. The graph looks each letter's tone up and lays them end to end; its
two nodes are written as protocol buffers by hand (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3), so that no
test needs the package. Called by tests/engines/real.py, and by hand: python -m tests.models.voice DIRECTORY.
"""

import json
import math
import string
import struct
import sys
from pathlib import Path
from typing import Any

NAME = "en_US-tiny-low"
RATE, HOP = 16000, 256  # samples a second, samples a letter: 62.5 Hz is one wave of them
# piper puts these around a text and between its letters; they are silent
PAD, BEGIN, END = "_", "^", "$"
LETTERS = [PAD, BEGIN, END, *string.ascii_lowercase, *string.digits, " ", ".", ",", "!", "?", "'", "-"]
SILENT = (PAD, BEGIN, END, " ", ".", ",", "!", "?", "'", "-")
FLOAT, INT64 = 1, 7  # TensorProto.DataType
INTEGER = 2  # AttributeProto.INT


def ensure(directory: Path) -> Path:
    """Return the voice's path, made in a directory unless it is there: the directory then holds that voice alone."""
    path = directory / f"{NAME}.onnx"
    if not path.exists():
        write(path)
    return path


def write(path: Path) -> None:
    """Write the voice and its JSON file, the graph last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(path.name + ".json").write_text(json.dumps(_configuration()))
    half = path.with_name(path.name + ".part")
    half.write_bytes(_model())
    half.replace(path)


def _configuration() -> dict[str, Any]:
    return {
        "audio": {"sample_rate": RATE, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "text",  # its letters are its phonemes
        "num_symbols": len(LETTERS),
        "num_speakers": 1,
        "hop_length": HOP,
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {letter: [number] for number, letter in enumerate(LETTERS)},
        "speaker_id_map": {},
        "piper_version": "1.0.0",
        "language": {"code": "en_US"},
    }


def _tone(number: int) -> list[float]:
    if LETTERS[number] in SILENT:
        return [0.0] * HOP
    waves = 1 + number % 40
    return [0.3 * math.sin(2 * math.pi * waves * place / HOP) for place in range(HOP)]


def _model() -> bytes:
    table = [value for number in range(len(LETTERS)) for value in _tone(number)]
    tones = struct.pack(f"<{len(table)}f", *table)
    whole = struct.pack("<4q", 1, 1, 1, -1)
    graph = (
        _part(
            1, _node("Gather", ["tones", "input"], "laid") + _part(5, _text(1, "axis") + _int(3, 0) + _int(20, INTEGER))
        )
        + _part(1, _node("Reshape", ["laid", "whole"], "output"))
        + _text(2, "tiny-voice")
        + _part(5, _constant("tones", FLOAT, (len(LETTERS), HOP), tones))
        + _part(5, _constant("whole", INT64, (4,), whole))
        + _part(11, _value("input", INT64, (1, "letters")))
        + _part(11, _value("input_lengths", INT64, (1,)))
        + _part(11, _value("scales", FLOAT, (3,)))
        + _part(12, _value("output", FLOAT, (1, 1, 1, "samples")))
    )
    return _int(1, 8) + _part(7, graph) + _part(8, _int(2, 15))  # IR version 8, operator set 15


def _node(operator: str, takes: list[str], gives: str) -> bytes:
    return b"".join(_text(1, name) for name in takes) + _text(2, gives) + _text(4, operator)


def _constant(name: str, kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return b"".join(_int(1, size) for size in shape) + _int(2, kind) + _text(8, name) + _part(9, data)


def _value(name: str, kind: int, shape: tuple[int | str, ...]) -> bytes:
    sizes = b"".join(_part(1, _int(1, s) if isinstance(s, int) else _text(2, s)) for s in shape)
    return _text(1, name) + _part(2, _part(1, _int(1, kind) + _part(2, sizes)))


# -- the wire format of protocol buffers: a field is its number with its form, then its value


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _int(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, words: str) -> bytes:
    return _part(field, words.encode())


if __name__ == "__main__":
    ensure(Path(sys.argv[1]))
