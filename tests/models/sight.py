"""Make the other half of a model that sees: an encoder of pictures so small that it says nothing about them.

It turns every picture into a few zeros in front of the words, so that a model of tools/chain_model.py answers as it
always does. Owns the sizes; names as llama.cpp reads them (tools/mtmd/clip-impl.h). Called by tests/e2e/test_auto.py.
"""

from pathlib import Path

from tests.models import make

_PATCH, _SIDE, _WIDTH, _FEED_FORWARD, _HEADS = 14, 28, 32, 64, 2
_PATCHES = (_SIDE // _PATCH) ** 2
# the name one engine and its users know it by: what is in front of the model's own name
PREFIX = "mmproj-"


def write_sight(path: Path) -> None:
    """Write the half for models as wide as those of tools/chain_model.py."""
    out = make.chain_model.STATES
    half = make.Gguf("clip")
    for name, value in {
        "has_vision_encoder": True, "projector_type": "mlp", "use_gelu": True,
        "vision.image_size": _SIDE, "vision.patch_size": _PATCH, "vision.embedding_length": _WIDTH,
        "vision.feed_forward_length": _FEED_FORWARD, "vision.projection_dim": out, "vision.block_count": 1,
        "vision.attention.head_count": _HEADS, "vision.attention.layer_norm_epsilon": 1e-5,
    }.items():  # fmt: skip
        half.set(f"clip.{name}", value)
    half.set("general.type", "mmproj")
    for name, value in (("mean", 0.5), ("std", 0.5)):
        half.set_list(f"clip.vision.image_{name}", [value] * 3)
    pixels = _PATCH * _PATCH * 3
    half.raw("v.patch_embd.weight", (_PATCH, _PATCH, 3, _WIDTH), 0, pixels * _WIDTH * 4, bytes(4096))
    _zeros(half, "v.position_embd.weight", _PATCHES, _WIDTH)
    for name, rows, columns in (
        ("attn_q", _WIDTH, _WIDTH), ("attn_k", _WIDTH, _WIDTH), ("attn_v", _WIDTH, _WIDTH),
        ("attn_out", _WIDTH, _WIDTH), ("ffn_up", _FEED_FORWARD, _WIDTH), ("ffn_down", _WIDTH, _FEED_FORWARD),
    ):  # fmt: skip
        _zeros(half, f"v.blk.0.{name}.weight", rows, columns)
        _zeros(half, f"v.blk.0.{name}.bias", 0, rows)
    for norm in ("ln1", "ln2"):
        _zeros(half, f"v.blk.0.{norm}.weight", 0, _WIDTH)
        _zeros(half, f"v.blk.0.{norm}.bias", 0, _WIDTH)
    for number, columns in ((0, _WIDTH), (2, out)):
        _zeros(half, f"mm.{number}.weight", out, columns)
        _zeros(half, f"mm.{number}.bias", 0, out)
    half.write(path)


def _zeros(half: make.Gguf, name: str, rows: int, columns: int) -> None:
    half.tensor(name, rows, columns, [0.0] * (max(rows, 1) * columns))
