"""What a GGUF file says about itself, read without loading it.

Owns the format's header (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Refuses files that are no model,
each with a sentence naming the file and what it is. Reads, never writes. Called by registry.py before a model is
added and by supervisor.py before each start.
"""

import contextlib
import mmap
import os
import re
import stat
import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flock.engines.kv_cache import geometry
from flock.errors import InvalidRequest, NotFound
from flock.text import size

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
# llama_pooling_type in llama.h: how the vectors of a text's tokens become one
_POOLINGS = {1: "mean", 2: "cls", 3: "last", 4: "rank"}
# Architectures of llama.cpp that encode and cannot generate. Their files mostly name a pooling; the oldest do not.
_ENCODERS = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llama-embed",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
# the chat template; others of the same model stand beside it as "….tool_use"
_TEMPLATE = "tokenizer.chat_template"
# per-layer head counts are kept; token lists (hundreds of thousands of entries) are passed over
_KEPT_ARRAY = 4096


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """A model file. Sizes in bytes, `size_bytes` over all parts; `context_length` in tokens, 0 when it is not told;
    `kv_bytes_per_token` is the key/value cache of one token in f16, 0 when it cannot be computed. Layers that keep only
    the newest `sliding_window` tokens are not in it: they take `sliding_bytes_per_token` for each of those.

    `kind` is chat, embedding or rerank; `pooling` is how the vectors of the tokens become one ("mean", "cls", "last",
    "rank"), "" when the file does not say; `heads` the attention heads of a layer; `embedding` and `feed_forward` the
    model's widths, `vocabulary` its number of tokens, `head_size` what a head's width is a multiple of; each 0 when it
    does not tell. `templates` are the texts of its chat templates.
    """

    path: Path
    architecture: str
    name: str
    context_length: int
    size_bytes: int
    kv_bytes_per_token: int
    has_chat_template: bool
    kind: str = "chat"
    pooling: str = ""
    heads: int = 0
    sliding_bytes_per_token: int = 0
    sliding_window: int = 0
    embedding: int = 0
    feed_forward: int = 0
    vocabulary: int = 0
    head_size: int = 0
    templates: tuple[str, ...] = field(default=(), repr=False, compare=False)


class _Reader:
    """A cursor over the mapped file; struct.error when it runs past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.position = 0

    def scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.data, self.position)
        self.position += struct.calcsize("<" + code)
        return value

    def skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self.data):
            raise struct.error("past the end")

    def text(self) -> str:
        length = self.scalar("Q")
        start = self.position
        self.skip(length)
        return self.data[start : self.position].decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self.array(self.scalar("I"), self.scalar("Q"))
        if kind not in _SCALARS:
            raise struct.error(f"unknown type {kind}")
        return self.scalar(_SCALARS[kind])

    def array(self, kind: int, count: int) -> Any:
        if kind == _STRING:
            for _ in range(count):
                self.skip(self.scalar("Q"))
            return range(count)  # only how many there are
        # an array of arrays is allowed by the format, written by nobody and refused by llama.cpp
        if kind not in _SCALARS:
            raise struct.error(f"unknown type {kind}")
        if count > _KEPT_ARRAY:
            self.skip(count * struct.calcsize("<" + _SCALARS[kind]))
            return None
        return [self.scalar(_SCALARS[kind]) for _ in range(count)]


def read_header(path: Path) -> GgufHeader:
    """Read the header of a model file, blocking: milliseconds, up to 0.2 s for a vocabulary of 250,000 words.

    Raises NotFound for no such file; InvalidRequest for what cannot be read, is no GGUF, is cut off, lacks a part, or
    holds something other than a model.
    """
    file_size = _regular_file_size(path)
    with _told_apart(path, file_size):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            values, tensors, scores = _parse(path, data)
        return _describe(path, file_size, values, tensors, scores)


@contextlib.contextmanager
def _told_apart(path: Path, file_size: int) -> Generator[None]:
    """Say of a failure whether the file cannot be read or is damaged. Raises InvalidRequest."""
    try:
        yield
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", hint=f"ls -l '{path}'") from None
    except (struct.error, TypeError, ValueError):
        # facts of the wrong type come from the same damage as facts cut short
        raise InvalidRequest(
            f"{path} is cut off or damaged: it ends after {size(file_size)}", hint="download it again"
        ) from None


def read_templates(path: Path) -> dict[str, str]:
    """Return the chat templates of a model file by name: "default", and "tool_use" and others where it has them.

    Blocking, as read_header. Raises what read_header raises.
    """
    file_size = _regular_file_size(path)
    with (
        _told_apart(path, file_size),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        values = _parse(path, data)[0]
    return _templates(values)


def read_senses(path: Path) -> frozenset[str]:
    """Return what the other half of a model (mmproj) lets it take in: "vision", "audio"; files from before halves for
    sound say neither and are for pictures. Blocking. Raises what read_header raises.
    """
    file_size = _regular_file_size(path)
    with (
        _told_apart(path, file_size),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        values = _parse(path, data)[0]
    # the names of clip.cpp (tools/mtmd/clip-impl.h)
    told = {"vision": values.get("clip.has_vision_encoder"), "audio": values.get("clip.has_audio_encoder")}
    return frozenset(sense for sense, has in told.items() if has) or frozenset({"vision"})


def _templates(values: dict[str, Any]) -> dict[str, str]:
    found = {key.removeprefix(_TEMPLATE): value for key, value in values.items() if key.startswith(_TEMPLATE)}
    named = {name.removeprefix("."): text for name, text in found.items() if not name or name.startswith(".")}
    return {name or "default": text for name, text in named.items() if isinstance(text, str)}


def _describe(path: Path, file_size: int, values: dict[str, Any], tensors: int, scores: bool) -> GgufHeader:
    parts = _check_parts(path, int(values.get("split.count", 0)), int(values.get("split.no", 0)))
    _check_is_model(path, values, tensors, parts)
    architecture = str(values["general.architecture"])
    pooling = _POOLINGS.get(int(values.get(f"{architecture}.pooling_type", 0)), "")
    heads: Any = values.get(f"{architecture}.attention.head_count", 0)
    cache = geometry(architecture, values)
    return GgufHeader(
        path=path,
        architecture=architecture,
        name=str(values.get("general.name", "")),
        context_length=int(values.get(f"{architecture}.context_length", 0)),
        size_bytes=sum(part.stat().st_size for part in parts) if parts else file_size,
        kv_bytes_per_token=cache.whole,
        has_chat_template="tokenizer.chat_template" in values,
        kind=_kind(architecture, pooling, scores),
        pooling=pooling,
        heads=_most(heads),
        sliding_bytes_per_token=cache.sliding,
        sliding_window=cache.window,
        embedding=int(values.get(f"{architecture}.embedding_length", 0)),
        feed_forward=_feed_forward(architecture, values),
        vocabulary=len(values.get("tokenizer.ggml.tokens") or ()),
        head_size=cache.head_size,
        templates=tuple(_templates(values).values()),
    )


def _most(told: Any) -> int:
    """Return a number that may be told for each layer: the largest."""
    return int(max(cast("list[Any]", told), default=0) if isinstance(told, list) else told)


def _feed_forward(architecture: str, values: dict[str, Any]) -> int:
    """Return how wide the middle of a layer is, all experts that a token uses taken together."""
    wide = _most(values.get(f"{architecture}.feed_forward_length", 0))
    expert = _most(values.get(f"{architecture}.expert_feed_forward_length", 0))
    return max(wide, expert * _most(values.get(f"{architecture}.expert_used_count", 0)))


def _kind(architecture: str, pooling: str, scores: bool) -> str:
    """Return what a model is for. A generating model names no pooling; one with a head that scores and no other
    pooling reranks, also where the file is from before llama.cpp had that pooling.
    """
    if pooling == "rank" or (scores and not pooling):
        return "rerank"
    return "embedding" if pooling or architecture in _ENCODERS else "chat"


def _regular_file_size(path: Path) -> int:
    # a named pipe would block the open for ever, so the kind is looked at first
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"there is no file {path}", hint=f"ls -l '{path.parent}'") from None
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", hint=f"ls -l '{path}'") from None
    if stat.S_ISDIR(found.st_mode):
        raise InvalidRequest(f"{path} is a directory, not a GGUF file", hint=f"ls '{path}'")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequest(f"{path} is not a regular file", hint=f"ls -l '{path}'")
    if found.st_size == 0:
        raise InvalidRequest(f"{path} is empty, not a GGUF file", hint=f"ls -l '{path}'")
    return found.st_size


def _parse(path: Path, data: mmap.mmap) -> tuple[dict[str, Any], int, bool]:
    """Return the facts, the number of tensors, and whether one of them belongs to a head that scores."""
    if data[:4] != b"GGUF":
        kind = "a Git LFS pointer instead of the file itself" if data[:8] == b"version " else "not a GGUF file"
        raise InvalidRequest(f"{path} is {kind}", hint=f"flock model scan '{path.parent}'")
    reader = _Reader(data)
    reader.skip(4)
    version = reader.scalar("I")
    if version not in (2, 3):
        raise InvalidRequest(
            f"{path} is a GGUF of a version flock does not read ({version:#x})", hint="convert it to GGUF 3"
        )
    tensors, pairs = reader.scalar("Q"), reader.scalar("Q")
    values: dict[str, Any] = {}
    for _ in range(pairs):
        key = reader.text()
        values[key] = reader.value(reader.scalar("I"))
    scores = _check_tensors(reader, tensors, int(values.get("general.alignment", 32)))
    return values, tensors, scores


def _check_tensors(reader: _Reader, count: int, alignment: int) -> bool:
    """Check that the last tensor is there; return whether one is called as llama.cpp calls a classifier's."""
    last, scores = 0, False
    for _ in range(count):
        scores |= reader.text() in ("cls.weight", "cls.output.weight")
        reader.skip(8 * reader.scalar("I"))
        reader.skip(4)
        last = max(last, reader.scalar("Q"))
    start = -(-reader.position // max(alignment, 1)) * max(alignment, 1)
    # the last tensor must at least begin inside the file; llama.cpp checks to the byte when it loads
    if count and start + last >= len(reader.data):
        raise struct.error("tensor data is missing")
    return scores


def _check_parts(path: Path, count: int, number: int) -> list[Path]:
    """Return all files of a split model, [] for a whole one."""
    if count <= 1:
        return []
    match = _PART.match(path.name)
    if match is None:
        raise InvalidRequest(
            f"{path} is part {number + 1} of {count} and its name does not say so",
            hint="name the parts as they were published: NAME-00001-of-00003.gguf",
        )
    names = [f"{match['stem']}-{i + 1:05d}-of-{count:05d}.gguf" for i in range(count)]
    parts = [path.parent / name for name in names]
    if number != 0:
        raise InvalidRequest(
            f"{path} is part {number + 1} of {count}; the first part stands for the model",
            hint=f"flock model add 'file:{parts[0]}'",
        )
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise InvalidRequest(
            f"{path} is the first of {count} parts, and {', '.join(missing[:3])} is missing beside it",
            hint=f"download the missing part into '{path.parent}'",
        )
    return parts


def _check_is_model(path: Path, values: dict[str, Any], tensors: int, parts: list[Path]) -> None:
    if "general.architecture" not in values:
        raise InvalidRequest(f"{path} does not say which architecture it is", hint="download it again")
    if values["general.architecture"] == "clip" or values.get("general.type") == "mmproj":
        raise InvalidRequest(f"{path} is the image half of a model (mmproj)", hint="give the file of the model itself")
    if values.get("general.type") == "adapter":
        raise InvalidRequest(f"{path} is a LoRA adapter, not a model", hint="give the file of the model itself")
    if tensors == 0 and not parts:
        raise InvalidRequest(f"{path} holds a vocabulary and no weights", hint="give the file of the model itself")


def file_size(path: Path) -> int | None:
    """Return the bytes of a model's file with all its parts, None when a part is not there. Reads no content."""
    match = _PART.match(path.name)
    names = [path.name]
    if match is not None:
        names = [f"{match['stem']}-{i + 1:05d}-of-{match['count']}.gguf" for i in range(int(match["count"]))]
    try:
        return sum((path.parent / name).stat().st_size for name in names)
    except OSError:
        return None


def model_stem(path: Path) -> str:
    """Return a file's name without its ending and part number."""
    match = _PART.match(path.name)
    return match["stem"] if match is not None else path.stem
