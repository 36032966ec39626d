"""The rows that are state: API keys, added models, attached engines, vendors.

Plain values without a database in them, so that policy and engines can name them. Times are seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """An API key as kept: `digest` is the sha256 of the secret, `hint` its last four characters, `vendors` globs of
    the vendors it may use, between commas.
    """

    id: str
    name: str
    scope: str
    digest: bytes
    hint: str
    created_at: float
    last_used_at: float | None
    revoked_at: float | None
    vendors: str = ""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model the user added; `path` is the absolute path of its file."""

    id: str
    path: str
    created_at: float


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """An engine the user attached; its key, if it has one, lies with the secrets and not here."""

    name: str
    url: str
    created_at: float
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class VendorEntry:
    """A vendor the user added: fields over its row of the catalog, and how many of its keys lie with the secrets."""

    name: str
    settings: Mapping[str, object]
    keys: int
    created_at: float
