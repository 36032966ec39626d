"""Make tiny-embed and tiny-rerank: BERT models of two layers, as llama.cpp reads them, one for each task.

The words are single characters, so a text of n letters has about n tokens and any text has some. tiny-embed takes the
mean of what its layers make of them: equal texts have equal vectors, other texts other ones. tiny-rerank has a head
that scores a pair. Their numbers mean nothing. Called by make.py; refuses everything else.
"""

import random
import string
import sys
from pathlib import Path

TOOLS = str(Path(__file__).resolve().parents[2] / "tools")
sys.path += [place for place in (TOOLS,) if place not in sys.path]

from gguf_writer import Gguf  # noqa: E402

from tests.models.noise import noise  # noqa: E402

WIDTH, LAYERS, HEADS, FEED_FORWARD = 64, 2, 4, 128
CONTEXT = 512  # the positions that original BERT has
CONTROL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SPOKEN = list(string.punctuation + string.digits + string.ascii_lowercase)
# llama.cpp writes a word's first piece with this mark, and the pieces behind it bare
WORD_START = "\u2581"
NORMAL_TYPE, UNKNOWN_TYPE, CONTROL_TYPE = 1, 2, 3  # llama_token_type
MEAN, RANK = 1, 4  # llama_pooling_type


def write_embed(path: Path) -> None:
    """Write the model whose answer is a vector of WIDTH numbers."""
    model = _encoder("tiny-embed", MEAN, random.Random(0))
    model.write(path)


def write_rerank(path: Path) -> None:
    """Write the model whose answer to a pair of texts is one number."""
    source = random.Random(0)
    model = _encoder("tiny-rerank", RANK, source)
    model.set_list("bert.classifier.output_labels", ["relevance"])
    model.tensor("cls.weight", WIDTH, WIDTH, noise(source, WIDTH * WIDTH, 2))
    model.tensor("cls.bias", 0, WIDTH, [0.0] * WIDTH)
    model.tensor("cls.output.weight", 1, WIDTH, noise(source, WIDTH, 1))
    model.tensor("cls.output.bias", 0, 1, [0.0])
    model.write(path)


def _encoder(name: str, pooling: int, source: random.Random) -> Gguf:
    model = Gguf("bert")
    model.set("general.name", name)
    model.set("general.type", "model")
    model.set("general.file_type", 0)  # all F32
    tokens = [*CONTROL, *(WORD_START + c for c in SPOKEN), *SPOKEN]
    for key, value in {
        "context_length": CONTEXT, "embedding_length": WIDTH, "block_count": LAYERS,
        "feed_forward_length": FEED_FORWARD, "attention.head_count": HEADS,
        "attention.layer_norm_epsilon": 1e-12, "attention.causal": False,
        "pooling_type": pooling, "vocab_size": len(tokens),
    }.items():  # fmt: skip
        model.set(f"bert.{key}", value)
    _tokenizer(model, tokens)
    model.tensor("token_embd.weight", len(tokens), WIDTH, noise(source, len(tokens) * WIDTH, 0))
    model.tensor("token_types.weight", 2, WIDTH, noise(source, 2 * WIDTH, 3))
    model.tensor("position_embd.weight", CONTEXT, WIDTH, noise(source, CONTEXT * WIDTH, 3))
    _norm(model, "token_embd_norm")
    for layer in range(LAYERS):
        _layer(model, f"blk.{layer}", source)
    return model


def _tokenizer(model: Gguf, tokens: list[str]) -> None:
    kinds = [CONTROL_TYPE] * len(CONTROL) + [NORMAL_TYPE] * (len(tokens) - len(CONTROL))
    kinds[CONTROL.index("[UNK]")] = UNKNOWN_TYPE
    model.set("tokenizer.ggml.model", "bert")
    model.set("tokenizer.ggml.pre", "default")
    model.set("tokenizer.ggml.token_type_count", 2)
    model.set_list("tokenizer.ggml.tokens", tokens)
    model.set_list("tokenizer.ggml.token_type", kinds)
    for key, token in {
        "bos": "[CLS]", "eos": "[SEP]", "unknown": "[UNK]", "seperator": "[SEP]", "padding": "[PAD]", "mask": "[MASK]",
    }.items():  # fmt: skip
        model.set(f"tokenizer.ggml.{key}_token_id", CONTROL.index(token))


def _norm(model: Gguf, name: str) -> None:
    model.tensor(f"{name}.weight", 0, WIDTH, [1.0] * WIDTH)
    model.tensor(f"{name}.bias", 0, WIDTH, [0.0] * WIDTH)


def _layer(model: Gguf, block: str, source: random.Random) -> None:
    for name, rows, columns in (
        ("attn_q", WIDTH, WIDTH), ("attn_k", WIDTH, WIDTH), ("attn_v", WIDTH, WIDTH), ("attn_output", WIDTH, WIDTH),
        ("ffn_up", FEED_FORWARD, WIDTH), ("ffn_down", WIDTH, FEED_FORWARD),
    ):  # fmt: skip
        model.tensor(f"{block}.{name}.weight", rows, columns, noise(source, rows * columns, 2))
        model.tensor(f"{block}.{name}.bias", 0, rows, [0.0] * rows)
    _norm(model, f"{block}.attn_output_norm")
    _norm(model, f"{block}.layer_output_norm")
