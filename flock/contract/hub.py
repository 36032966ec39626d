"""The hub: models on Hugging Face that are in no catalog."""

from dataclasses import dataclass

from flock.contract.catalog import Variant
from flock.contract.op import Op, arg, flag, operation


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository on the hub; `gated` ones want their terms accepted and a token."""

    repo: str
    downloads: int | None
    likes: int | None
    updated: str
    gated: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    path: str
    size_bytes: int | None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository with its files, and the ways it could be served here; `source` of each is what `model add` takes."""

    repo: str
    license: str
    gated: bool
    files: tuple[HubFile, ...]
    variants: tuple[Variant, ...]


@operation("hub.search", "hub search", "GET /admin/v1/hub", examples=("hub search qwen3 8b gguf",), watch=False)
class SearchHub(Op[list[HubModel]]):
    """Search Hugging Face for models."""

    words: tuple[str, ...] = arg("what to search for", many=True)
    limit: int = flag("how many", default=20)


@operation(
    "hub.show",
    "hub show",
    "GET /admin/v1/hub/{repo}",
    examples=("hub show bartowski/Qwen2.5-0.5B-Instruct-GGUF",),
    watch=False,
)
class ShowHubRepository(Op[HubRepository]):
    """Show a repository: its files, and which of them could be served here."""

    repo: str = arg("the repository, OWNER/NAME, from `flock hub search`")
