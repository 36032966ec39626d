"""The rows that are state: API keys, added models, attached engines.

Plain values without a database in them, so that policy and engines can name them. Times are seconds since the epoch.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """An API key as kept: `digest` is the sha256 of the secret, `hint` its last four characters."""

    id: str
    name: str
    scope: str
    digest: bytes
    hint: str
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model the user added; `path` is the absolute path of its file."""

    id: str
    path: str
    created_at: float


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """An engine the user attached; its key, if any, lies with the secrets and not here."""

    name: str
    url: str
    created_at: float
