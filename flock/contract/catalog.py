"""The catalog of models: what could be added, and what suits this machine."""

from dataclasses import dataclass

from flock.contract.models import Model
from flock.contract.op import Op, arg, flag, operation

# What a search may be sorted by, and what a model can be asked to do
SORTS = ("released", "size", "name")
CAPABILITIES = (
    *("audio", "chat", "code", "embedding", "fim", "reasoning", "rerank", "speech", "tools", "transcription", "vision"),
)


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model of the catalog.

    `released` is a date, its month or year; `commercial` is "yes", "no" or the condition; `capabilities` are words of
    chat, code, fim, reasoning, tools, vision, audio, embedding, rerank, transcription and speech. `size_bytes` is what
    would be fetched here, `needs_bytes` what it takes in memory with a modest window, `fits` whether this machine has
    that, and `verdict` says so in words; `engine` is the kind that would serve it here, "" for none, and `quant` the
    quantisation. `top` marks the ones we would pick first; `sharded` ones need several machines. `installed` is whether
    it is added already. `purpose` says what a pick is for, "" for what is none.
    """

    id: str
    name: str
    family: str
    released: str
    license: str
    commercial: str
    capabilities: tuple[str, ...]
    params_billions: float | None
    active_billions: float | None
    context: int | None
    size_bytes: int | None
    min_memory_bytes: int | None
    needs_bytes: int | None
    fits: bool
    engine: str
    top: bool = False
    sharded: bool = False
    installed: bool = False
    superseded_by: str = ""
    note: str = ""
    quant: str = ""
    verdict: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to have a model: for which kind of engine, from where, at which quantisation, how large."""

    engine: str
    source: str
    quant: str
    size_bytes: int | None
    needs_bytes: int | None
    fits: bool
    chosen: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Everything known of a model: its entry in the catalog (null when it has none), how it can be had, what is
    installed of it (null when nothing is), and the facts nobody has confirmed (field → where the word comes from).
    """

    id: str
    entry: CatalogModel | None
    installed: Model | None
    variants: tuple[Variant, ...] = ()
    license_url: str = ""
    fallback: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    catalog_file: str = ""


@operation(
    "catalog.search",
    "model search",
    "GET /admin/v1/catalog",
    examples=("model search", "model search qwen --fits", "model search --capability vision --sort released"),
)
class SearchCatalog(Op[list[CatalogModel]]):
    """Search the catalog of models."""

    query: str = arg("words of the id, name or family; all of them when left out", default="")
    sort: str = flag("released, size or name; what suits this machine first otherwise", default="", choices=SORTS)
    since: str = flag("only those released on this day or later, such as 2026-01-01", default="")
    capability: str = flag(
        "only those that can do this: chat, code, tools, vision, reasoning, embedding …",
        default="",
        choices=CAPABILITIES,
    )
    fits: bool = flag("only those that fit this machine", default=False)


@operation("catalog.info", "model info", "GET /admin/v1/catalog/{id}", examples=("model info qwen3-8b",))
class ShowModelInfo(Op[ModelInfo]):
    """Show everything known of a model, installed or not."""

    id: str = arg("the model's id, from `flock model search`")


@operation("catalog.picks", "model picks", "GET /admin/v1/picks", examples=("model picks",))
class ListPicks(Op[list[CatalogModel]]):
    """Name the three models that suit this machine best."""
