"""Models of a real size and shape whose weights mean nothing: for what a load takes, in memory and in time.

Owns the geometries, which differ in what an estimate must not mix up: width, layers, heads, vocabulary, quantisation.
Called by tests/engines/test_estimates.py; by hand: python -m tests.models.sized DIRECTORY.
"""

import random
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.models.make import chain_model
from tools.gguf_writer import Gguf

# ggml_type: bytes of a block and the weights in it (ggml-common.h)
TYPES = {"f32": (0, 4, 1), "f16": (1, 2, 1), "q4_0": (2, 18, 32), "q8_0": (8, 34, 32)}


@dataclass(frozen=True, slots=True)
class Sized:
    """A geometry of llama's architecture; `kind` is the type of its matrices."""

    name: str
    kind: str
    width: int
    layers: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int = 131_072


SMALL = Sized("sized-small", "f16", 512, 6, 1536, 8, 8, 8_000)
MEDIUM = Sized("sized-medium", "q8_0", 1024, 14, 2816, 16, 4, 32_000)
LARGE = Sized("sized-large", "q8_0", 1536, 20, 4608, 12, 2, 64_000)
SQUEEZED = Sized("sized-squeezed", "q4_0", 1024, 14, 2816, 16, 4, 32_000)


def _block(kind: str) -> bytes:
    """Return 1,088 kB of weights of a type: whole blocks of every type, small finite numbers."""
    source = random.Random(7)
    if kind in ("f32", "f16"):
        code = "f" if kind == "f32" else "e"
        count = 2**20 // struct.calcsize(code)
        return struct.pack(f"<{count}{code}", *(source.randint(-64, 64) / 4096 for _ in range(count)))
    width = TYPES[kind][1]
    scale = struct.pack("<e", 1 / 4096)
    return b"".join(scale + source.randbytes(width - 2) for _ in range(2**15))


def write(path: Path, sized: Sized) -> Path:
    """Write the model and return its path; a second for each gigabyte."""
    model = Gguf("llama")
    tokens = chain_model.vocabulary((), ())
    tokens += [f"w{n}" for n in range(sized.vocabulary - len(tokens))]
    chain_model.write_tokenizer(model, tokens, (), "none")
    d = sized.width
    for key, value in {
        "context_length": sized.context, "embedding_length": d, "block_count": sized.layers,
        "feed_forward_length": sized.feed_forward, "attention.head_count": sized.heads,
        "attention.head_count_kv": sized.kv_heads, "rope.dimension_count": d // sized.heads, "vocab_size": len(tokens),
        "rope.freq_base": 10000.0, "attention.layer_norm_rms_epsilon": 1e-5,
    }.items():  # fmt: skip
        model.set(f"llama.{key}", value)
    blocks: dict[str, bytes] = {}

    def fill(name: str, rows: int, columns: int, kind: str) -> None:
        number, width, share = TYPES[kind]
        if kind not in blocks:
            blocks[kind] = _block(kind)
        block = blocks[kind]
        model.raw(name, (columns, rows) if rows else (columns,), number, max(rows, 1) * columns // share * width, block)

    kv = d // sized.heads * sized.kv_heads
    fill("token_embd.weight", len(tokens), d, sized.kind)
    fill("output.weight", len(tokens), d, sized.kind)
    fill("output_norm.weight", 0, d, "f32")
    f = sized.feed_forward
    for layer in range(sized.layers):
        for name, rows, columns in (
            ("attn_q", d, d), ("attn_k", kv, d), ("attn_v", kv, d), ("attn_output", d, d),
            ("ffn_gate", f, d), ("ffn_up", f, d), ("ffn_down", d, f),
        ):  # fmt: skip
            fill(f"blk.{layer}.{name}.weight", rows, columns, sized.kind)
        fill(f"blk.{layer}.attn_norm.weight", 0, d, "f32")
        fill(f"blk.{layer}.ffn_norm.weight", 0, d, "f32")
    model.write(path)
    return path


def main(arguments: list[str]) -> None:
    """Write all of them into a directory."""
    for sized in (SMALL, MEDIUM, LARGE, SQUEEZED):
        made = write(Path(arguments[0]) / f"{sized.name}.gguf", sized)
        print(made, made.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])
