"""The chat template of a model: where it is found, and whether it does what chats need of it, tried before a load.

Owns the places a template may come from (a model's files, a file of the user's; the family's is catalog.py's) and the
trial in a process of its own. Refuses to render anything in this process: a template is a program. Called by the
operations of models; the probes and what is made of them are in template_findings.py.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flock import errands
from flock.contract.models import Finding
from flock.errors import InvalidRequest
from flock.models.template_findings import Tried, judge, probes
from flock.plain import is_object
from flock.profile import Family

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("template_child.py")
# Processor time for all probes: the longest known template takes 20 ms for them. The child ends itself then.
CPU_SECONDS = 2.0
# Bounds what no bound of processor time does: a machine that swaps, a child that was stopped.
WALL_SECONDS = 60.0
# Addresses, not pages: the interpreter and jinja2 take 60 MB of them, the largest known rendering some more.
MEMORY_BYTES = 512 * 2**20
# The longest template known has 40 kB; tokenizer_config.json names every added token, a megabyte at most.
TEMPLATE_BYTES, CONFIG_BYTES = 2 * 2**20, 64 * 2**20
# What the interpreter itself may need of the environment; the template's process gets nothing else, no secret above all
_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# A tokenizer is any of these: transformers' own, SentencePiece's, byte pairs with their merges, Mistral's, tiktoken's
_TOKENIZERS = (("tokenizer.json",), ("tokenizer.model",), ("vocab.json", "merges.txt"), ("tekken.json",))


@dataclass(frozen=True, slots=True)
class Templates:
    """The chat templates of a model by name: "default", and "tool_use" where there is another one for tools; empty
    when there is none. `where` says in words where they are from; `problem` why they could not be read, "" when they
    could; `bos` and `eos` are the tokens a template may write.
    """

    where: str
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""
    bos: str = "<s>"
    eos: str = "</s>"


def of_file(path: Path) -> Templates:
    """Return the template in a file of the user's, with its problem when it cannot be read. Blocking."""
    where = f"the file {path}"
    try:
        return Templates(where, {"default": _text(path, TEMPLATE_BYTES)})
    except InvalidRequest as error:
        return Templates(where, problem=error.sentence)


def of_gguf(texts: Mapping[str, str]) -> Templates:
    """Return what engines.gguf_header.read_templates found in a model's file."""
    return Templates("the model's file", texts)


def of_directory(directory: Path) -> Templates:
    """Return the templates of a model in transformers' layout: chat_template.jinja and those in
    additional_chat_templates/, else what tokenizer_config.json or chat_template.json holds. Blocking.
    """
    try:
        config = _object(directory / "tokenizer_config.json")
        texts = _named(config.get("chat_template")) or _named(_object(directory / "chat_template.json"))
        own = directory / "chat_template.jinja"
        if own.is_file():
            texts |= {"default": _text(own, TEMPLATE_BYTES)}
        for more in sorted((directory / "additional_chat_templates").glob("*.jinja")):
            texts[more.stem] = _text(more, TEMPLATE_BYTES)
    except InvalidRequest as error:
        return Templates(f"the files in {directory}", problem=error.sentence)
    tokens = {key: _token(config.get(f"{key}_token")) for key in ("bos", "eos")}
    return Templates(f"the files in {directory}", texts, **tokens)


def tokenizer_findings(directory: Path) -> list[Finding]:
    """Say whether a model's directory holds a tokenizer: without one no engine loads it. Blocking."""
    for names in _TOKENIZERS:
        if all((directory / name).is_file() for name in names):
            return [Finding("tokenizer", "ok", f"it has a tokenizer ({' and '.join(names)})")]
    known = ", ".join(" and ".join(names) for names in _TOKENIZERS)
    return [Finding("tokenizer", "error", f"{directory} holds no tokenizer ({known})", "fetch the model's other files")]


async def check(
    found: Templates,
    model_id: str,
    family: Family,
    fallback: Path | None = None,
    cpu_seconds: float = CPU_SECONDS,
) -> list[Finding]:
    """Try a model's chat template and say what was found, what is wrong first said and how it is mended.

    `fallback` is the family's template (catalog.family_template), which is taken where `found` has none. Never raises,
    and ends within WALL_SECONDS whatever the template does.
    """
    mend = f"flock model config {model_id} --template "
    if found.problem:
        return [Finding("template", "error", found.problem, mend + "auto")]
    findings: list[Finding] = []
    if not found.texts:
        if fallback is None:
            return [Finding("template", "warning", _NONE, mend + "FILE")]
        words = f"its files hold no chat template; that of its family ({family.name}) is taken"
        findings.append(Finding("template", "note", words))
        found = of_file(fallback)
        if found.problem:
            return [Finding("template", "error", found.problem, mend + "FILE")]
    else:
        findings.append(Finding("template", "ok", f"it is from {found.where}"))
    tried = await _tried(found, probes(family, found.texts), cpu_seconds)
    return findings + judge(tried, family, mend + "FILE")


_NONE = (
    "its files hold no chat template, and none is known for its family: llama.cpp takes ChatML for it, which it may "
    "not have been trained on, and vLLM answers no chat"
)


async def _tried(found: Templates, wanted: Sequence[Mapping[str, Any]], cpu_seconds: float) -> Tried:
    messages: list[dict[str, Any]] = []
    task = {
        "texts": dict(found.texts),
        "probes": wanted,
        "bos": found.bos,
        "eos": found.eos,
        "cpu_seconds": cpu_seconds,
        "memory_bytes": MEMORY_BYTES,
    }
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        ended = await errands.run(
            [sys.executable, "-P", str(CHILD)],
            messages.append,
            environment=environment,
            task=task,
            seconds=WALL_SECONDS,
        )
    except (OSError, ValueError) as error:
        # no memory for a process, or one that writes a line without end
        log.warning("a chat template could not be tried: %s", error)
        return Tried((), None, (str(error),), cpu_seconds)
    return Tried(tuple(messages), ended.code, ended.tail, cpu_seconds)


def _text(path: Path, most: int) -> str:
    try:
        if not path.is_file():
            raise InvalidRequest(f"there is no file {path}")
        if path.stat().st_size > most:
            raise InvalidRequest(f"{path} is larger than any chat template")
        return path.read_text("utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path} is not UTF-8 text") from None


def _object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, an empty one where there is no file. Raises InvalidRequest."""
    if not path.is_file():
        return {}
    try:
        value: Any = json.loads(_text(path, CONFIG_BYTES))
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{path} is no JSON") from None
    return value if is_object(value) else {}


def _named(value: Any) -> dict[str, str]:
    """Return templates by name from what stands in a file: one text, a list of names and texts, or a mapping."""
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, list):
        rows = [row for row in cast(list[Any], value) if is_object(row)]
        return {str(row.get("name", "default")): str(row["template"]) for row in rows if "template" in row}
    if is_object(value):
        return _named(value.get("chat_template"))
    return {}


def _token(value: Any) -> str:
    """Return a special token's text: a string, or an object with the text in it; "" when there is none."""
    if is_object(value):
        value = value.get("content")
    return value if isinstance(value, str) else ""
