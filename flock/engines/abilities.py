"""What a model that chats can do beside writing text, told by its files: use tools, think, see pictures, hear sound.

Owns the signs by which that is told: what a chat template asks about, what the other half of a model is for. Refuses to
try anything: a template that mentions tools is taken at its word (models/template.py tries one). For choosing between
models, never for refusing a request. Called by loading.py; blocking, for a thread.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from flock.engines.engine import LaunchSpec
from flock.engines.gguf_header import GgufHeader, read_senses
from flock.errors import FlockError
from flock.plain import is_object

# Templates are handed the tools of a request as `tools` (transformers' apply_chat_template and llama.cpp's --jinja).
_TOOLS = re.compile(r"\btools\b")
# A model whose thinking can be switched is asked by one of these (Qwen 3, DeepSeek 3.1, Granite; gpt-oss; Seed); one
# that always thinks has the tag in the prompt that the template ends with. A tag elsewhere only takes the thinking of
# earlier turns out, which templates of models that do not think do as well.
_THINKING = re.compile(
    r"\b(?:enable_thinking|thinking|reasoning_effort|thinking_budget)\b|add_generation_prompt\b(?s:.*)<think>"
)
# Engines that take pictures and sound for a model in transformers' layout; MLX-LM's server takes text alone.
_SENSING = frozenset({"vllm", "sglang"})
# what stands in the names of config.json's fields where a model sees or hears: vision_config, image_token_id, …
_SIGHT, _HEARING = re.compile("vision|visual|image|img"), re.compile("audio|speech")
# the longest template known has 40 kB, a tokenizer's configuration a megabyte
_TEMPLATE_BYTES, _CONFIG_BYTES = 2 * 2**20, 64 * 2**20


def of(header: GgufHeader, spec: LaunchSpec, engine: str) -> frozenset[str] | None:
    """Return what a model can do when it is loaded so by this kind of engine: words of upstream.ABILITIES.

    None for one that does not chat, and where its files cannot be read.
    """
    if header.kind != "chat":
        return None
    try:
        texts = (_text(spec.template, _TEMPLATE_BYTES),) if spec.template is not None else header.templates
        senses = _of_directory(header.path, engine) if header.path.is_dir() else _of_half(spec.projector)
    except (FlockError, OSError, ValueError):
        return None
    return senses | _told(texts)


def has_template(directory: Path) -> bool:
    """Say whether a directory's files hold a chat template, wherever transformers looks for one. Blocking."""
    named = ("chat_template.jinja", "chat_template.json")
    return any((directory / name).exists() for name in named) or bool(templates_in(directory))


def templates_in(directory: Path) -> tuple[str, ...]:
    """Return the texts of a directory's chat templates, () where none can be read. Blocking."""
    files = [directory / "chat_template.jinja", *sorted((directory / "additional_chat_templates").glob("*.jinja"))]
    found: list[str] = []
    for file in files:
        try:
            found.append(_text(file, _TEMPLATE_BYTES))
        except (OSError, ValueError):
            continue
    for name in ("tokenizer_config.json", "chat_template.json"):
        try:
            config: Any = json.loads(_text(directory / name, _CONFIG_BYTES))
        except (OSError, ValueError):
            continue
        found += _written(config.get("chat_template")) if is_object(config) else []
    return tuple(found)


def _told(templates: Iterable[str]) -> frozenset[str]:
    """Return the abilities that any of a model's templates asks about."""
    signs = (("tools", _TOOLS), ("thinking", _THINKING))
    return frozenset(word for text in templates for word, sign in signs if sign.search(text))


def _of_half(projector: Path | None) -> frozenset[str]:
    return read_senses(projector) if projector is not None else frozenset()


def _of_directory(directory: Path, engine: str) -> frozenset[str]:
    if engine not in _SENSING:
        return frozenset()
    config: Any = json.loads(_text(directory / "config.json", _CONFIG_BYTES))
    names = " ".join(map(str, config)) if is_object(config) else ""
    signs = (("vision", _SIGHT), ("audio", _HEARING))
    return frozenset(word for word, sign in signs if sign.search(names))


def _written(value: Any) -> list[str]:
    """Return the templates a configuration holds: one text, or several that have names."""
    if isinstance(value, str):
        return [value]
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [text for one in listed if is_object(one) and isinstance(text := one.get("template"), str)]


def _text(path: Path, most: int) -> str:
    """Return a file's text. Raises OSError, ValueError for one that is too large or no UTF-8."""
    if path.stat().st_size > most:
        raise ValueError(f"{path} is larger than {most} bytes")
    return path.read_text("utf-8")
