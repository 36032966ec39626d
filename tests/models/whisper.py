"""Make the tiny model that a real whisper-server reads: whatever it hears, it says SENTENCE.

The file is whisper.cpp's own (its loader, whisper_model_load, is the only description): sizes, a mel filter bank, the
vocabulary, tensors. Every word is a token; a token's embedding is a row of a Hadamard matrix, the decoder's
feed-forward turns each into the one that follows, and all attention adds nothing, so every machine says the same.
Called by tests/engines/real.py, and by hand: python -m tests.models.whisper FILE.bin. Refuses to listen.
"""

import struct
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from tests.models import make

sign = make.chain_model.sign

WORDS = (" Hello", " from", " a", " tiny", " real", " whisper", ".")
SENTENCE = "".join(WORDS).strip()
# whisper.cpp looks the blank up by its text
VOCABULARY = (*WORDS, " ")
# English models have this many tokens, and their marks these numbers
TOKENS, END, START, PLAIN, FIRST_TIME = 51864, 50256, 50257, 50362, 50363
SECOND = FIRST_TIME + 50  # times are multiples of 0.02 s
WIDTH, FRAMES, CONTEXT, MELS, BINS = 64, 1500, 448, 80, 201
MAGIC, HALF_FLOATS = 0x67676D6C, 1
# With times and without: the prompt ends with START, or with PLAIN. Where times are forbidden, the end comes next.
CHAIN = (START, FIRST_TIME, *range(len(WORDS)), SECOND, END)
STEPS = [(here, after, 1.0) for here, after in pairwise(CHAIN)] + [(PLAIN, 0, 1.0), (len(WORDS) - 1, END, 0.5)]


def write(path: Path) -> None:
    """Write the model, replacing path in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    with half.open("wb") as file:
        sizes = (TOKENS, FRAMES, WIDTH, 1, 1, CONTEXT, WIDTH, 1, 1, MELS, HALF_FLOATS)
        file.write(struct.pack("<I11i", MAGIC, *sizes))
        file.write(struct.pack(f"<2i{MELS * BINS}f", MELS, BINS, *_filters()))
        file.write(struct.pack("<i", len(VOCABULARY)))
        for word in VOCABULARY:
            file.write(struct.pack("<I", len(word)) + word.encode())
        _encoder(file)
        _decoder(file)
    half.replace(path)


def ensure(directory: Path) -> Path:
    """Return the model's path, made below directory unless it is there."""
    path = directory / "tiny-whisper.bin"
    if not path.exists():
        write(path)
    return path


def _filters() -> Iterable[float]:
    """Return a triangle for each mel band; which ones is all the same to a model that does not listen."""
    for band in range(MELS):
        yield from (max(0.0, 1 - abs(2 + 2 * band - place) / 3) for place in range(BINS))


def _encoder(file: BinaryIO) -> None:
    _floats(file, "encoder.positional_embedding", (FRAMES, WIDTH), [0.0] * FRAMES * WIDTH)
    _nothing(file, "encoder.conv1.weight", (WIDTH, MELS, 3))
    _floats(file, "encoder.conv1.bias", (WIDTH, 1), [0.0] * WIDTH)
    _nothing(file, "encoder.conv2.weight", (WIDTH, WIDTH, 3))
    _floats(file, "encoder.conv2.bias", (WIDTH, 1), [0.0] * WIDTH)
    _attention(file, "encoder.blocks.0.attn")
    _feed_forward(file, "encoder.blocks.0", [])
    _norm(file, "encoder.ln_post")


def _decoder(file: BinaryIO) -> None:
    states = {token: state for state, token in enumerate((*CHAIN, PLAIN), 1)}
    _floats(file, "decoder.positional_embedding", (CONTEXT, WIDTH), [0.0] * CONTEXT * WIDTH)
    silent = bytes(2 * WIDTH)
    rows = {token: struct.pack(f"<{WIDTH}e", *_row(state)) for token, state in states.items()}
    _tensor(file, "decoder.token_embedding.weight", (TOKENS, WIDTH), HALF_FLOATS)
    file.write(b"".join(rows.get(token, silent) for token in range(TOKENS)))
    _attention(file, "decoder.blocks.0.attn")
    _attention(file, "decoder.blocks.0.cross_attn")
    _feed_forward(file, "decoder.blocks.0", [(states[here], states[after], force) for here, after, force in STEPS])
    _norm(file, "decoder.ln")


def _row(state: int) -> list[float]:
    return [float(sign(state, column)) for column in range(WIDTH)]


def _feed_forward(file: BinaryIO, block: str, steps: list[tuple[int, int, float]]) -> None:
    """Add a feed-forward with one unit for each step: it answers to the state before with 8, and adds the one after."""
    idle = [[0.0] * WIDTH] * (4 * WIDTH - len(steps))
    into = [[value / 8 for value in _row(here)] for here, _, _ in steps] + idle
    out_of = [[value * force for value in _row(after)] for _, after, force in steps] + idle
    _norm(file, f"{block}.mlp_ln")
    _halves(file, f"{block}.mlp.0.weight", (4 * WIDTH, WIDTH), (value for row in into for value in row))
    _floats(file, f"{block}.mlp.0.bias", (4 * WIDTH,), [0.0] * 4 * WIDTH)
    turned = (out_of[unit][feature] for feature in range(WIDTH) for unit in range(4 * WIDTH))
    _halves(file, f"{block}.mlp.2.weight", (WIDTH, 4 * WIDTH), turned)
    _floats(file, f"{block}.mlp.2.bias", (WIDTH,), [0.0] * WIDTH)


def _attention(file: BinaryIO, name: str) -> None:
    """Add an attention that returns nothing."""
    _norm(file, f"{name}_ln")
    for part in ("query", "key", "value", "out"):
        _nothing(file, f"{name}.{part}.weight", (WIDTH, WIDTH))
        if part != "key":
            _floats(file, f"{name}.{part}.bias", (WIDTH,), [0.0] * WIDTH)


def _norm(file: BinaryIO, name: str) -> None:
    _floats(file, f"{name}.weight", (WIDTH,), [1.0] * WIDTH)
    _floats(file, f"{name}.bias", (WIDTH,), [0.0] * WIDTH)


def _nothing(file: BinaryIO, name: str, shape: tuple[int, ...]) -> None:
    count = 1
    for size in shape:
        count *= size
    _tensor(file, name, shape, HALF_FLOATS)
    file.write(bytes(2 * count))


def _halves(file: BinaryIO, name: str, shape: tuple[int, ...], values: Iterable[float]) -> None:
    numbers = list(values)
    _tensor(file, name, shape, HALF_FLOATS)
    file.write(struct.pack(f"<{len(numbers)}e", *numbers))


def _floats(file: BinaryIO, name: str, shape: tuple[int, ...], values: list[float]) -> None:
    _tensor(file, name, shape, 0)
    file.write(struct.pack(f"<{len(values)}f", *values))


def _tensor(file: BinaryIO, name: str, shape: tuple[int, ...], kind: int) -> None:
    """Write a tensor's head; the fastest-running dimension comes first."""
    file.write(struct.pack("<3i", len(shape), len(name), kind))
    file.write(struct.pack(f"<{len(shape)}i", *reversed(shape)) + name.encode())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
