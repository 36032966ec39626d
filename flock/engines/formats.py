"""What a file or directory is: which format, which kind of model, how large, before any engine is asked.

Owns telling the formats apart (GGUF by its header, directories of MLX and safetensors by their config.json, whisper.cpp
and piper by theirs) and which of flock's engines loads what. Refuses what is no model, each with a sentence naming it.
Reads, never writes; blocking, for a thread. Called by own_models.py, core/adding.py and core/scanning.py.
"""

import json
import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flock.engines.engine import Engine
from flock.engines.gguf_header import file_size, model_stem, read_header
from flock.errors import FlockError, InvalidRequest, NotFound
from flock.plain import is_object
from flock.text import count

# "ggml" as whisper.cpp writes it, a little-endian 0x67676d6c
_GGML = b"lmgg"
# A quantisation at the end of a file's name, as llama.cpp's `llama-quantize` and those who publish call them.
_QUANT = re.compile(
    r"(?:^|[-._])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|BF16|F16|FP16|F32|MXFP4(?:_MOE)?|NVFP4))(?=$|[-._])", re.I
)
# how llama.cpp's gguf-split names parts
_LATER = re.compile(r"-(\d{5})-of-\d{5}\.gguf$")
# what stands for a kind in transformers' names of architectures
_KINDS = (
    ("whisper", "transcription"),
    ("forsequenceclassification", "rerank"),
    ("formaskedlm", "embedding"),
    ("forcausallm", "chat"),
    ("forconditionalgeneration", "chat"),
    ("lmheadmodel", "chat"),
    ("model", "embedding"),
)
# A safetensors file begins with the length of a JSON table; one of a large model takes 200 kB.
_TABLE_MAX = 64 * 2**20
# A configuration is a few kilobytes; a file of that name that is larger is something else.
_CONFIG_MAX = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Recognised:
    """A model that lies here. `format` is gguf, mlx, safetensors, whisper or piper; `kind` a word of profile.KINDS;
    `stem` its name as an id would begin; `quant` "" when neither file nor name tells; `context` tokens, 0 when unknown;
    `kv_bytes_per_token` of its f16 cache, 0 when unknown.
    """

    path: Path
    format: str
    kind: str
    size_bytes: int
    stem: str
    quant: str = ""
    architecture: str = ""
    context: int = 0
    kv_bytes_per_token: int = 0


def recognise(path: Path) -> Recognised:
    """Return what lies at a path. Blocking, up to 0.2 s.

    Raises NotFound when nothing is there, InvalidRequest for what is no model, is cut off or cannot be read.
    """
    if path.is_dir():
        return _directory(path)
    if path.suffix == ".onnx":
        return _piper(path)
    if _begins(path, len(_GGML)) == _GGML:
        size = file_size(path) or 0
        return Recognised(path, "whisper", "transcription", size, model_stem(path), quant_of(path.stem))
    header = read_header(path)
    return Recognised(
        path=path,
        format="gguf",
        kind=header.kind,
        size_bytes=header.size_bytes,
        stem=model_stem(path),
        quant=quant_of(model_stem(path)),
        architecture=header.architecture,
        context=header.context_length,
        kv_bytes_per_token=header.kv_bytes_per_token,
    )


def looks_like(path: Path) -> bool:
    """Return whether a path is worth a closer look, by its name and first bytes: what a scan asks of every file."""
    if path.suffix == ".gguf":
        return True
    if path.suffix == ".onnx":
        return Path(f"{path}.json").is_file()
    return path.suffix == ".bin" and _begins(path, len(_GGML)) == _GGML


def is_later_part(path: Path) -> bool:
    """Return whether a file is a part of a split model, and not the first, which stands for it."""
    found = _LATER.search(path.name)
    return found is not None and found[1] != "00001"


def is_model_directory(path: Path) -> bool:
    """Return whether a directory holds a model as transformers and MLX write them."""
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def kind_of(path: Path) -> str:
    """Return what a model is for, "" when it cannot be read: its start will say why. Blocking."""
    try:
        return recognise(path).kind
    except (FlockError, OSError):
        return ""


def pick(available: Sequence[Engine], format: str, kind: str, wish: str, preferred: str) -> Engine | None:
    """Return the engine for a model: the wished one, the preferred one, else the first that is installed; one that is
    not installed where none is, None where none of them could load it. Order is `available`'s.
    """
    fitting = [e for e in available if (not format or format in e.formats) and (not kind or kind in e.kinds)]
    if wish:
        fitting = [engine for engine in fitting if engine.kind == wish]
    fitting.sort(key=lambda engine: engine.kind != preferred)
    ready = (engine for engine in fitting if (found := engine.find()) is not None and not found.problem)
    return next(ready, fitting[-1] if fitting else None)


def recognised_stem(path: Path) -> str:
    """Return the name a model's file or directory has, without its ending and part number."""
    return path.name if path.is_dir() else model_stem(path)


def format_of(path: Path) -> str:
    """Return a format by names alone, reading nothing: "" for what has no name of a model. For a model whose file may
    be gone.
    """
    endings = {".gguf": "gguf", ".onnx": "piper", ".bin": "whisper"}
    if path.suffix in endings:
        return endings[path.suffix]
    if path.is_dir():
        return "mlx" if _is_mlx(path, _config(path)) else "safetensors"
    return ""


def _directory(path: Path) -> Recognised:
    config = _config(path)
    if config is None:
        inside = sorted(path.glob("*.gguf"))
        if inside:
            raise InvalidRequest(
                f"{path} is a directory with {count(len(inside), 'GGUF file')}; name one",
                hint=f"flock model scan '{path}'",
            )
        raise InvalidRequest(
            f"{path} is a directory, and no config.json in it says of which model", hint=f"ls '{path}'"
        )
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise InvalidRequest(f"{path} holds no weights: no *.safetensors", hint=f"ls -l '{path}'")
    for file in weights:
        _check_safetensors(file)
    inner = config.get("text_config")
    text: dict[str, Any] = {**config, **inner} if is_object(inner) else config
    mlx = _is_mlx(path, config)
    context = text.get("max_position_embeddings")
    return Recognised(
        path=path,
        format="mlx" if mlx else "safetensors",
        kind=_kind(path, config),
        size_bytes=sum(file.stat().st_size for file in weights),
        stem=path.name,
        quant=_directory_quant(config),
        architecture=str(text.get("model_type", "")),
        context=context if isinstance(context, int) else 0,
        kv_bytes_per_token=_cache(text),
    )


def _config(path: Path) -> dict[str, Any] | None:
    """Return a directory's config.json, None where there is none. Raises InvalidRequest for one that is no object."""
    file = path / "config.json"
    try:
        if file.stat().st_size > _CONFIG_MAX:
            raise InvalidRequest(f"{file} is too large for a model's configuration", hint=f"ls -l '{path}'")
        found: Any = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}", hint=f"ls -l '{file}'") from None
    except ValueError:
        raise InvalidRequest(f"{file} is no JSON", hint="download it again") from None
    if not is_object(found):
        raise InvalidRequest(f"{file} is no JSON object", hint="download it again")
    return found


def _is_mlx(path: Path, config: dict[str, Any] | None) -> bool:
    """Return whether MLX wrote a directory: by its own field for quantised weights, or its mark in the weights."""
    if config is not None and is_object(config.get("quantization")):
        return True
    first = next(iter(sorted(path.glob("*.safetensors"))), None)
    return first is not None and b'"format":"mlx"' in _begins(first, 4096).replace(b" ", b"")


def _kind(path: Path, config: dict[str, Any]) -> str:
    # sentence-transformers writes how vectors are made beside the model
    if (path / "modules.json").is_file():
        return "embedding"
    listed: Any = config.get("architectures")
    names = " ".join(map(str, cast("list[Any]", listed))).lower() if isinstance(listed, list) else ""
    return next((kind for word, kind in _KINDS if word in names), "chat")


def _directory_quant(config: dict[str, Any]) -> str:
    for name in ("quantization", "quantization_config"):
        found = config.get(name)
        if is_object(found):
            width = found.get("bits")
            method = str(found.get("quant_method", ""))
            return f"{method}-{width}bit".strip("-") if width else method
    return str(config.get("torch_dtype", ""))


def _cache(text: dict[str, Any]) -> int:
    """Return the f16 cache of a token by the fields of transformers' PretrainedConfig: 2 bytes each of keys, values."""

    def number(name: str, otherwise: int = 0) -> int:
        value = text.get(name)
        return value if isinstance(value, int) and value > 0 else otherwise

    heads = number("num_attention_heads")
    width = number("head_dim", number("hidden_size") // heads if heads else 0)
    return 2 * 2 * number("num_hidden_layers") * number("num_key_value_heads", heads) * width


def _check_safetensors(file: Path) -> None:
    """Check that a safetensors file is whole: its table says where the last tensor ends."""
    size = file.stat().st_size
    begin = _begins(file, 8)
    length = struct.unpack("<Q", begin)[0] if len(begin) == 8 else 0
    damaged = InvalidRequest(f"{file} is cut off or damaged", hint="download it again")
    if begin.startswith(b"version "):
        raise InvalidRequest(f"{file} is a Git LFS pointer instead of the file itself", hint="download the file itself")
    if not 0 < length <= min(_TABLE_MAX, max(size - 8, 0)):
        raise damaged
    try:
        with file.open("rb") as opened:
            opened.seek(8)
            table: Any = json.loads(opened.read(length))
        ends = [entry["data_offsets"][1] for name, entry in table.items() if name != "__metadata__"]
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}", hint=f"ls -l '{file}'") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise damaged from None
    if size < 8 + length + max(ends, default=0):
        raise damaged


def _piper(path: Path) -> Recognised:
    size = file_size(path)
    if size is None:
        raise NotFound(f"there is no file {path}", hint=f"ls -l '{path.parent}'")
    beside = Path(f"{path}.json")
    try:
        facts: Any = json.loads(beside.read_bytes())
    except OSError:
        raise InvalidRequest(
            f"{path} is a voice without its settings: {beside.name} is not beside it", hint=f"ls -l '{path.parent}'"
        ) from None
    except ValueError:
        raise InvalidRequest(f"{beside} is no JSON", hint="download it again") from None
    if not is_object(facts) or not is_object(facts.get("audio")):
        raise InvalidRequest(f"{path} is an ONNX file, and {beside.name} is not piper's", hint="give a voice of piper")
    if size == 0:
        raise InvalidRequest(f"{path} is empty, not a voice", hint="download it again")
    return Recognised(path, "piper", "speech", size, path.stem)


def _begins(path: Path, count: int) -> bytes:
    try:
        # a named pipe would block the open for ever
        if not os.path.isfile(path):
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def quant_of(name: str) -> str:
    """Return the quantisation that a file's name tells, "" when it tells none."""
    found = _QUANT.findall(name)
    return str(found[-1]).upper() if found else ""
