"""The wired objects of a running daemon: explicit fields, no lookup by name. Made by daemon/serve.py, read by every
handler of an operation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from flock.clock import Clock
from flock.config import Config
from flock.contract.op import Scope
from flock.core.bus import Bus
from flock.core.drift import Drifts
from flock.core.ids import IdLists
from flock.core.inference import Inference
from flock.core.jobs import Jobs
from flock.core.metrics import Metrics
from flock.core.pricing import Pricing
from flock.engines.registry import Registry
from flock.models.fetch import Fetcher
from flock.models.hub import Hub
from flock.models.shelf import Shelf
from flock.outbound.pool import Pools
from flock.paths import Home
from flock.policy.keys import Key, Keys
from flock.policy.limits import Limits
from flock.secrets.vault import Vault
from flock.store.store import Store
from flock.vendors.registry import Vendors


@dataclass(frozen=True, slots=True)
class Actor:
    """Who performs an operation: a key's name or the local user, and the scope they act with.

    `key` is the key itself, None for the local user (but for `flock me`, which sends one along on the private door).
    `before` is filled by the handler of an act that can be undone, and goes into the audit row: see core/undoing.py.
    """

    name: str
    scope: Scope
    key: Key | None = None
    before: dict[str, Any] = field(default_factory=dict[str, Any], compare=False)


@dataclass(slots=True)
class Context:
    """Everything a handler may need. `stop` begins the shutdown with a grace in seconds; times are epoch seconds."""

    home: Home
    config: Config
    clock: Clock
    store: Store
    vault: Vault
    vendors: Vendors
    keys: Keys
    limits: Limits
    pricing: Pricing
    registry: Registry
    hub: Hub
    fetcher: Fetcher
    shelf: Shelf
    pools: Pools
    inference: Inference
    metrics: Metrics
    jobs: Jobs
    bus: Bus
    ids: IdLists
    session: aiohttp.ClientSession
    instance_id: str
    started_at: float
    api_url: str
    stop: Callable[[float], None]
    drifts: Drifts = field(default_factory=Drifts)
