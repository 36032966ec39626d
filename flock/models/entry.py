"""A model of the catalog, and how a file of catalog/models/ becomes one.

Owns the value, its overlay, and what a row as a whole must have; single fields are declared in sheet.py. Refuses a row
that is not whole, in a sentence. Called by shelf.py and, for `flock model add --from`, by core/adding.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flock.catalog import Row, checked, read_yaml
from flock.errors import ConfigInvalid
from flock.models.candidate import Candidate, Way, size_of
from flock.models.sheet import FIELDS, FORMATS, WHOLE
from flock.paths import short

# what a model is for: the first of these that it can (words of profile.KINDS)
_KINDS = ("chat", "embedding", "rerank", "transcription", "speech")
GB = 10**9
_PART = re.compile(r"(?P<stem>.+)-00001-of-(?P<count>\d{5})(?P<end>\.gguf)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalog. `commercial` is "yes", "no" or the condition; `kv_bytes_per_token` its cache in f16, 0
    when its shape is not known; `min_memory_gb` and `min_gpu_gb` floors as people say them, 0 for none. `shards` is how
    many machines it needs. `price` is dollars for a million tokens, input and output, None for none. `unsure` maps
    fields to where the word about them comes from; `file` is where the entry stands, the user's own first.
    """

    id: str
    name: str
    capabilities: tuple[str, ...]
    ways: tuple[Way, ...]
    family: str = ""
    released: str = ""
    license: str = ""
    license_url: str = ""
    commercial: str = ""
    params_billions: float | None = None
    active_billions: float | None = None
    context: int | None = None
    kv_bytes_per_token: int = 0
    min_memory_gb: float = 0
    min_gpu_gb: float = 0
    shards: int = 1
    fallback: tuple[str, ...] = ()
    fallback_on_context_length: tuple[str, ...] = ()
    fallback_on_content_policy: tuple[str, ...] = ()
    price: tuple[str, str] | None = None
    superseded_by: str = ""
    top: bool = False
    note: str = ""
    unsure: Mapping[str, str] = field(default_factory=dict[str, str])
    file: str = ""

    @property
    def kind(self) -> str:
        """What it is for: a word of profile.KINDS."""
        return next((kind for kind in _KINDS if kind in self.capabilities), "")

    @property
    def candidate(self) -> Candidate:
        """The part that decides how it can be had."""
        return Candidate(
            id=self.id,
            kind=self.kind,
            ways=self.ways,
            context=self.context,
            kv_bytes_per_token=self.kv_bytes_per_token,
            active_billions=self.active_billions or self.params_billions,
            min_memory_gb=self.min_memory_gb,
            min_gpu_gb=self.min_gpu_gb,
            shards=self.shards,
            senses=self.kind == "chat" and bool({"vision", "audio"} & set(self.capabilities)),
            family=self.family,
        )


def read_entry(path: Path) -> Entry:
    """Return the entry of one file, as `flock model add --from` takes it; blocking. Raises ConfigInvalid naming file
    and field.
    """
    document, name = read_yaml(path), short(path)
    if document is None:
        raise ConfigInvalid(f"{name} holds no catalog entry", hint=f"ls -l '{path}'")
    row = checked_row(path, document)
    if odd := what_is_odd(row):
        raise ConfigInvalid(f"{name} {odd}")
    return made(row, name)


def checked_row(path: Path, document: object) -> Row:
    """Return the fields of a file's value, checked one by one. Raises ConfigInvalid naming the file and the field."""
    checks = {key: declared.check for key, declared in FIELDS.items()}
    return checked(checks, f"{short(path)}: {path.stem}", document)


def overlaid(row: Row, over: Row) -> Row:
    """Return a row with the fields of another one over it; of sources, hardware and other maps, field by field too."""
    merged = row | over
    for key, value in over.items():
        below = row.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and key not in WHOLE:
            merged[key] = cast(Row, below) | cast(Row, value)
    return merged


def what_is_odd(row: Row) -> str:
    """Return what a row as a whole lacks or contradicts, "" for nothing."""
    if missing := sorted(key for key, declared in FIELDS.items() if declared.required and key not in row):
        return f"lacks {', '.join(missing)}"
    if not any(row["sources"].values()):
        return "has no source"
    if not set(row["capabilities"]) & set(_KINDS):
        return f"can neither {' nor '.join(_KINDS)}"
    sharding = row.get("sharding", {})
    if sharding.get("required") and sharding.get("min_shards", 1) < 2:
        return "must be sharded and says not over how many machines (sharding.min_shards, at least 2)"
    return ""


def made(row: Row, file: str) -> Entry:
    """Return the entry of a row that is whole."""
    hardware, sharding, cache = row.get("hardware", {}), row.get("sharding", {}), row.get("cache", {})
    params, price = row.get("params_b"), row.get("price")
    return Entry(
        id=row["id"],
        name=row.get("name", row["id"]),
        capabilities=row["capabilities"],
        ways=_ways(row["sources"], params),
        family=row.get("family", ""),
        released=row.get("released", ""),
        license=row.get("license", ""),
        license_url=row.get("license_url", ""),
        commercial=row.get("commercial", ""),
        params_billions=params,
        active_billions=row.get("active_b"),
        context=row.get("context"),
        # keys and values, 2 bytes each
        kv_bytes_per_token=4 * cache["layers"] * cache["kv_heads"] * cache["head_dim"] if cache else 0,
        min_memory_gb=hardware.get("min_ram_gb", 0),
        min_gpu_gb=hardware.get("min_vram_gb", 0),
        shards=sharding.get("min_shards", 1) if sharding.get("required") else 1,
        fallback=row.get("fallback", ()),
        fallback_on_context_length=row.get("fallback_on_context_length", ()),
        fallback_on_content_policy=row.get("fallback_on_content_policy", ()),
        price=(price["input"], price["output"]) if price else None,
        superseded_by=row.get("superseded_by", ""),
        top=row.get("top", False),
        note=row.get("note", ""),
        unsure=row.get("source", {}),
        file=file,
    )


def _ways(sources: Row, params: float | None) -> tuple[Way, ...]:
    """Return the ways a row's sources name, in the order of the formats' list below."""
    ways: list[Way] = []
    for name, form in FORMATS.items():
        ways += [_way(form, source, params) for source in _listed(sources.get(name, ()))]
    return tuple(ways)


def _listed(found: Any) -> tuple[Row, ...]:
    return cast(tuple[Row, ...], found) if isinstance(found, tuple) else (found,)


def _way(form: str, source: Row, params: float | None) -> Way:
    quant = source.get("quant") or source.get("precision") or ""
    told = source.get("size_gb")
    size = round(told * GB) if told else size_of(params, quant)
    return Way(
        format=form,
        quant=quant,
        repo=source.get("repo", ""),
        files=_parts(source["file"]) if "file" in source else source.get("files", ()),
        tag=source.get("tag", ""),
        size_bytes=size,
        guessed=not told and size is not None,
        projector=source.get("mmproj", ""),
        gpu_bytes=round(source.get("min_vram_gb", 0) * GB),
        min_version=source.get("min_version", ""),
        tool_parser=source.get("tool_parser", ""),
        reasoning_parser=source.get("reasoning_parser", ""),
    )


def _parts(file: str) -> tuple[str, ...]:
    """Return all parts of a file that is the first of several, the file alone otherwise."""
    part = _PART.fullmatch(file)
    if part is None:
        return (file,)
    count = int(part["count"])
    return tuple(f"{part['stem']}-{number:05d}-of-{count:05d}{part['end']}" for number in range(1, count + 1))
