"""The fields of a file of catalog/models/: what each means, its check, and its JSON Schema.

Owns the declarations; catalog/schema.json is made from them (tools/docs.py), and a file is checked by them. Refuses
fields it does not know, tags that Ollama answers elsewhere (":cloud"), paths that leave their repository. Pure. Called
by entry.py.
"""

from collections.abc import Mapping
from typing import Any

from flock.contract import catalog
from flock.fields import (
    Declared,
    Fields,
    amount,
    date,
    inside,
    leave,
    many,
    marks,
    number,
    prose,
    schema_of,
    some,
    switch,
    text,
    whole,
)

CAPABILITIES = frozenset(catalog.CAPABILITIES)
_ID = r"[a-z0-9][a-z0-9.-]*"
_REPO = r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*"
# a tag that ends in "cloud" is answered by ollama.com, whatever is installed here
_TAG = r"(?!.*[:-]cloud$)[A-Za-z0-9][A-Za-z0-9._/-]*(:[A-Za-z0-9._-]+)?"
_PATH = r"(?!.*(^|/)\.\.(/|$))[^/\\\n][^\\\n]*"

_IDS = text("an id of the catalog", _ID, "an id of the catalog in small letters, such as qwen3-8b")
_SIZE = number("how many billion bytes are fetched; follows from params_b and the quantisation where left out")
_QUANT = text("the quantisation, as the source calls it, such as Q4_K_M")
_VERSION = text("the first version of the engine that loads it", r"v?\d[\w.+-]*", 'a version as text, such as "0.17.0"')
_PARSER = text("the engine's own word for it", r"[a-z0-9_]+", "a parser's name, such as hermes")


def _repo(words: str) -> Declared:
    return text(words, _REPO, "a repository OWNER/NAME", required=True)


def _file(words: str, *, required: bool = False) -> Declared:
    return text(words, _PATH, "a path within the repository", required=required)


_OLLAMA: Fields = {
    "tag": text(
        "what Ollama calls it, hf.co/OWNER/REPO:QUANT among them; never a tag that ends in cloud",
        _TAG,
        "a tag that Ollama runs here, such as qwen3:8b",
        required=True,
    ),
    "quant": _QUANT,
    "size_gb": _SIZE,
}
_GGUF: Fields = {
    "repo": _repo("the repository on the hub"),
    "file": _file("the file, the first of several parts; left out, the quantisation finds it when it is added"),
    "quant": text("the quantisation, such as Q4_K_M", required=True),
    "mmproj": _file("the image half, a file of the same repository"),
    "size_gb": _SIZE,
}
_MLX: Fields = {
    "repo": _repo("the repository on the hub"),
    "quant": _QUANT,
    "size_gb": _SIZE,
    "min_version": _VERSION,
}
_VLLM: Fields = {
    "repo": _repo("the repository on the hub"),
    "precision": text("how its weights are kept: bf16, fp8, awq-int4 …", required=True),
    "size_gb": _SIZE,
    "min_vram_gb": number("the graphics memory that vLLM's recipe asks for"),
    "min_version": _VERSION,
    "tool_parser": _PARSER,
    "reasoning_parser": _PARSER,
}
_WHISPER: Fields = {
    "repo": _repo("the repository on the hub"),
    "file": _file("the model's file", required=True),
    "quant": _QUANT,
    "size_gb": _SIZE,
}
_PIPER: Fields = {
    "repo": _repo("the repository on the hub"),
    "files": many("the voice and its settings", _file("a file")),
    "size_gb": _SIZE,
}
# a name under `sources` → the format of what it names
FORMATS: Mapping[str, str] = {
    "gguf": "gguf",
    "mlx": "mlx",
    "vllm": "safetensors",
    "ollama": "ollama",
    "whisper": "whisper",
    "piper": "piper",
}
# maps that only make sense together
WHOLE = frozenset({"cache", "price"})

_SOURCES: Fields = {
    "ollama": inside("for Ollama", _OLLAMA),
    "gguf": many("for llama.cpp, one for each quantisation", inside("a GGUF file", _GGUF)),
    "mlx": inside("for MLX-LM", _MLX),
    "vllm": inside("for vLLM", _VLLM),
    "whisper": inside("for whisper-server", _WHISPER),
    "piper": inside("for piper", _PIPER),
}

_KNOWN: Fields = {
    "id": text("what clients call it; the file's name", _ID, "small letters, digits, dots and hyphens", required=True),
    "name": text("what people call it"),
    "family": text("the line of models it belongs to", _ID, "one word in small letters, such as qwen"),
    "released": date("the day, month or year of its release"),
    "license": text("the licence's name"),
    "license_url": text("where the licence can be read", r"https://\S+", "an https URL"),
    "commercial": leave("whether it may be used for money: true, false, or the condition"),
    "capabilities": some("what it can do", CAPABILITIES, "capabilities", required=True),
    "params_b": number("billions of parameters"),
    "active_b": number("billions of parameters at work on a token, where not all are"),
    "context": whole("its whole window in tokens"),
    "cache": inside(
        "the shape of its key/value cache; left out when unknown",
        {
            "layers": whole("layers whose cache grows with the window", required=True),
            "kv_heads": whole("key/value heads of a layer", required=True),
            "head_dim": whole("width of a head", required=True),
        },
    ),
    "hardware": inside(
        "floors, as people say them: 16 for a machine sold with 16 GB",
        {"min_ram_gb": number("memory of the machine"), "min_vram_gb": number("memory of the graphics card")},
    ),
    "sources": inside("where it is to be had, for each engine", _SOURCES, required=True),
    "sharding": inside(
        "whether it needs several machines",
        {"required": switch("whether it does"), "min_shards": whole("how many at least")},
    ),
    "fallback": many("models to ask when this one cannot answer, best first", _IDS),
    "fallback_on_context_length": many("models to ask when a prompt is too long for it", _IDS),
    "fallback_on_content_policy": many("models to ask when it refuses what is asked", _IDS),
    "price": inside(
        "dollars for a million tokens, where its use is to be charged",
        {"input": amount("of prompts"), "output": amount("of answers")},
    ),
    "superseded_by": text("what its makers have published since in its place"),
    "top": switch("whether it is one of those we would pick first"),
    "note": prose("what a user should know"),
}
FIELDS: Fields = {
    **_KNOWN,
    "source": marks("facts nobody has confirmed: field → where the word comes from", frozenset(_KNOWN)),
}


def schema() -> dict[str, Any]:
    """Return catalog/schema.json: what an entry may hold, for editors and for who writes one by hand."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A model of flock's catalog",
        "description": "A file of catalog/models/, called like its id. Made by `make docs` from flock/models/sheet.py.",
        **schema_of(FIELDS),
    }
