"""The rows that are state: API keys, added models, presets, attached engines, vendors.

Plain values without a database in them, so that policy and engines can name them. Times are seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """An API key as kept: `digest` is the sha256 of the secret, `hint` its last four characters, `vendors` and `models`
    globs of the vendors it may use and the models it may ask for, between commas.

    `owner` is whose usage its requests are, "" for `name`. `rpm`, `tpm`, `quota` are requests and tokens a minute and
    tokens a day, 0 for no limit; `budgets` are (dollars as a decimal string, window); `share` is its weight in queues.
    `old_digest` is that of the secret before the last rotation, good until `old_until`.
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
    owner: str = ""
    note: str = ""
    expires_at: float | None = None
    models: str = ""
    rpm: int = 0
    tpm: int = 0
    quota: int = 0
    budgets: tuple[tuple[str, str], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    share: int = 1
    old_digest: bytes | None = None
    old_until: float | None = None


@dataclass(frozen=True, slots=True)
class HoldEntry:
    """Dollars that a running request of a key holds until its usage row: `at` is when it arrived, `tokens` and
    `nano_usd` (billionths) the most it may use.
    """

    request_id: str
    at: float
    user: str
    key_id: str
    model: str
    endpoint: str
    vendor: str
    tokens: int
    nano_usd: int


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model the user added; `path` is the absolute path of its file or directory, "" for one an Ollama keeps.

    `source` is where it came from (contract.models.Model.source), "" for a file of the user's own; `engine` the kind of
    engine it was added for, "" for any that can; `config` the fields of contract.models.ModelConfig that were set;
    `facts` what was known of it when it was added: family, quant, license, projector (the path of its image half),
    sha256 by path. `files` are absolute paths of what flock fetched for it. `loaded` is whether it was in memory when
    the daemon last wrote, `peak_bytes` the most memory it was seen to take with the settings of which `peak_of` is the
    mark.
    """

    id: str
    path: str
    created_at: float
    source: str = ""
    engine: str = ""
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    files: tuple[str, ...] = ()
    pinned: bool = False
    priority: int = 0
    loaded: bool = False
    peak_bytes: int | None = None
    peak_of: str = ""
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class PresetEntry:
    """Settings of models under a name: `config` has the fields of contract.models.ModelConfig that are set."""

    name: str
    config: Mapping[str, object]
    created_at: float


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """An engine the user attached; its key, if it has one, lies with the secrets and not here."""

    name: str
    url: str
    created_at: float
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A price that was set: `model` is a vendor's, without its prefix, or a glob; `card` has decimal strings under the
    names of upstream.Price. Of the vendor "local", with no model, they are `watts` and `usd_per_kwh`.
    """

    vendor: str
    model: str
    card: Mapping[str, str]
    created_at: float


@dataclass(frozen=True, slots=True)
class VendorEntry:
    """A vendor the user added: fields over its row of the catalog, and how many of its keys lie with the secrets."""

    name: str
    settings: Mapping[str, object]
    keys: int
    created_at: float
