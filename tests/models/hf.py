"""Write tiny-script in the form that MLX-LM and vLLM read: a directory of config, tokenizer and safetensors.

The same table of weights as the GGUF (tools/chain_model.py), so the same words come out of every engine. Written with
the standard library alone: a safetensors file is a length, a JSON table and the numbers
(https://github.com/huggingface/safetensors#format), a tokenizer is JSON. Called by tests/engines/real.py, and by hand:
python tests/models/hf.py DIRECTORY. Refuses models other than tiny-script.
"""

import hashlib
import json
import struct
import sys
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.models import make  # noqa: E402

chain = make.chain_model
# vLLM's attention on a processor takes heads of 32 or more; what attention adds is nothing in any case
HEADS, HEAD, FEED_FORWARD, LAYERS = 2, 32, 64, 2
CONTEXT = 8192
# MLX-LM looks into the template for a name that says how calls are written; without it calls stay text
HINT = "{#- calls are JSON, as with tool_call.name -#}"

Tensors = dict[str, tuple[tuple[int, ...], Iterable[float]]]


def tensors(tokens: list[str], table: Any) -> Tensors:
    """Return name → (shape, numbers) under the names that Hugging Face gives a llama."""
    d, f = chain.STATES, FEED_FORWARD
    rows = [[float(chain.sign(state, column)) for column in range(d)] for state in range(d)]
    scores = (chain.output_row(index, chain.rank(token), table) for index, token in enumerate(tokens))
    found: Tensors = {
        "model.embed_tokens.weight": ((len(tokens), d), [x for state in table.states for x in rows[state]]),
        "model.norm.weight": ((d,), [1.0] * d),
        "lm_head.weight": ((len(tokens), d), [x for row in scores for x in row]),
    }
    for layer in range(LAYERS):
        for name, height, width in (
            ("self_attn.q_proj", d, d), ("self_attn.k_proj", d, d), ("self_attn.v_proj", d, d),
            ("self_attn.o_proj", d, d), ("mlp.gate_proj", f, d), ("mlp.up_proj", f, d), ("mlp.down_proj", d, f),
        ):  # fmt: skip
            found[f"model.layers.{layer}.{name}.weight"] = ((height, width), [0.0] * (height * width))
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"model.layers.{layer}.{name}.weight"] = ((d,), [1.0] * d)
    return found


def write_safetensors(path: Path, found: Tensors) -> None:
    """Write 32-bit floats, little-endian on every machine."""
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    blobs: list[bytes] = []
    at = 0
    for name, (shape, numbers) in found.items():
        values = array("f", numbers)
        if sys.byteorder == "big":
            values.byteswap()
        blobs.append(values.tobytes())
        table[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(blobs[-1])]}
        at += len(blobs[-1])
    head = json.dumps(table, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(blobs))


def tokenizer(tokens: list[str]) -> dict[str, Any]:
    """Return tokenizer.json: bytes, and whole words that only the model says, since there are no merges."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    spelled = chain.LETTERS + [t if t in chain.CONTROL else chain.spelled(t) for t in tokens[256:]]
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": tokens.index(t), "content": t, **plain, "special": True} for t in chain.CONTROL],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(spelled)}, "merges": [],
        },
    }  # fmt: skip


def settings(tokens: list[str]) -> dict[str, dict[str, Any]]:
    """Return the JSON files beside the weights by name."""
    end, pad = tokens.index(chain.END), tokens.index(chain.TEXT_END)
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "dtype": "float32",
            "hidden_size": chain.STATES, "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "head_dim": HEAD,
            "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "vocab_size": len(tokens), "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
            "bos_token_id": pad, "eos_token_id": end, "pad_token_id": pad,
        },
        "generation_config.json": {"bos_token_id": pad, "eos_token_id": end, "pad_token_id": pad},
        "tokenizer.json": tokenizer(tokens),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": chain.TEXT_END, "eos_token": chain.END,
            "pad_token": chain.TEXT_END, "add_bos_token": False, "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": HINT + chain.TEMPLATE.replace("@TOOL@", make.TOOL),
        },
    }  # fmt: skip


def write_script(directory: Path) -> None:
    """Write the model whose answer is make.SENTENCE, and a call of make.TOOL where that is offered."""
    call = [chain.CALL, f'\n{{"name": "{make.TOOL}", "arguments": ', make.TOOL_ARGUMENTS, "}\n</tool_call>"]
    tokens = chain.vocabulary([*make.WORDS, make.SENTENCE, *call], ())
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in settings(tokens).items():
        (directory / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
    write_safetensors(directory / "model.safetensors", tensors(tokens, chain.chain_table(tokens, make.WORDS, call)))


def ensure(directory: Path) -> Path:
    """Return the path of tiny-script, made below directory unless the same makers already made it there."""
    makers = [Path(__file__), Path(make.__file__), *sorted(make.TOOLS.glob("*.py"))]
    version = hashlib.sha256(b"".join(maker.read_bytes() for maker in makers)).hexdigest()[:16]
    found = directory / version / "tiny-script"
    if not (found / "model.safetensors").exists():  # the last file that is written
        write_script(found)
    return found


if __name__ == "__main__":
    print(ensure(Path(sys.argv[1])))
