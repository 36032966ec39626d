"""The objects of a running daemon, made in order and taken apart in the opposite one.

Owns which object gets which other. Refuses to start anything that waits for somebody else: no engine, no vendor, no
secret is asked here. Called by daemon/serve.py.
"""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import ClientSession

from flock.catalog import load_families, load_profiles
from flock.clock import Clock, SystemClock
from flock.config import Config
from flock.core.bus import Bus
from flock.core.context import Context
from flock.core.counters import recover
from flock.core.counting import Counter
from flock.core.ids import IdLists
from flock.core.inference import Inference, Manners
from flock.core.jobs import Jobs
from flock.core.metrics import Metrics
from flock.core.names import Names
from flock.core.pictures import PictureBook
from flock.core.power import Power
from flock.core.pricing import Pricing
from flock.dialects.switches import Switches
from flock.engines.engine import EngineSettings
from flock.engines.kin import Kin
from flock.engines.ollama_server import default_url
from flock.engines.registry import Registry
from flock.engines.tokenizers import Tokenizers, hub_directory
from flock.errors import KeyRevoked
from flock.models.fetch import Fetcher
from flock.models.hub import Hub
from flock.models.shelf import Shelf
from flock.outbound.images import Pictures
from flock.outbound.pool import Pools
from flock.outbound.session import open_session
from flock.outbound.vendors import VendorClient
from flock.paths import Home
from flock.policy.keys import PREFIX, Keys
from flock.policy.limits import Limits
from flock.secrets.vault import Vault
from flock.store.store import Store
from flock.vendors.plugins import plugged
from flock.vendors.registry import Vendors
from flock.vendors.row import load_vendors
from flock.vendors.tables import Tables

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def wired(home: Home, config: Config, stop: Callable[[float], None]) -> AsyncGenerator[Context]:
    """Make every object of the daemon, and take them apart again in the opposite order."""
    async with contextlib.AsyncExitStack() as stack:
        clock, store, session, vault, kin = await _ground(home, config, stack)
        instance_id = secrets.token_hex(8)
        registry = _registry(home, config, store, session, vault, clock, instance_id, kin)
        stack.push_async_callback(registry.stop)
        paid = await _paid(home, config, store, vault, clock, stack)
        pools = Pools(config.gateway.connect_seconds)
        stack.callback(pools.close)
        tokenizers = Tokenizers(registry.around, hub_directory(os.environ, Path.home()))
        stack.push_async_callback(tokenizers.stop)
        metrics, bus = Metrics(), Bus(clock)
        limits = Limits(clock, store.writer.journal)
        inference = Inference(
            places=registry,
            pools=pools,
            ledger=store.writer,
            metrics=metrics,
            clock=clock,
            names=Names(config.router.default_model, config.router.alias_pairs()),
            manners=_manners(kin, config, Counter(session, clock, tokenizers)),
            vendors=paid.vendors,
            post=paid.post,
            on_stage=bus.tell,
            limits=limits,
            audit=store.writer.audit,
            pricing=paid.pricing,
            power=paid.power,
        )
        keys = await _keys(config, store, clock, inference, limits, stack)
        jobs = Jobs(clock, bus.tell)
        stack.push_async_callback(jobs.stop)
        yield Context(
            home=home,
            config=config,
            clock=clock,
            store=store,
            vault=vault,
            vendors=paid.vendors,
            keys=keys,
            limits=limits,
            pricing=paid.pricing,
            registry=registry,
            hub=Hub(config.engine.hub_endpoint, os.environ),
            fetcher=_fetcher(home, config),
            shelf=Shelf(config.catalog_dirs(home), home.run / "catalog.json"),
            pools=pools,
            inference=inference,
            metrics=metrics,
            jobs=jobs,
            bus=bus,
            ids=IdLists(home.completions),
            session=session,
            instance_id=instance_id,
            started_at=clock.now(),
            api_url=config.external_url or config.listen.url,
            stop=stop,
            drifts=inference.drifts,
        )


async def _ground(
    home: Home, config: Config, stack: contextlib.AsyncExitStack
) -> tuple[Clock, Store, ClientSession, Vault, Kin]:
    """Return what all others stand on; the store forgets what is older than the configuration says."""
    clock = SystemClock()
    store = await Store.open(home.database, clock)
    stack.push_async_callback(store.close)
    store.writer.audit_days = config.records.audit_days
    store.writer.hours.usage_days = config.records.usage_days
    session = await stack.enter_async_context(open_session())
    return clock, store, session, Vault(home.secrets, os.environ, clock), _kin(home, config)


@dataclass(frozen=True, slots=True)
class _Paid:
    """What costs money: the vendors, the way to them, their prices, and the power of own machines."""

    vendors: Vendors
    post: VendorClient
    pricing: Pricing
    power: Power


async def _paid(
    home: Home, config: Config, store: Store, vault: Vault, clock: Clock, stack: contextlib.AsyncExitStack
) -> _Paid:
    """Return what costs money; no key is read and nobody is asked."""
    vendors, post = await _vendors(home, config, store, vault, clock)
    stack.push_async_callback(post.close)
    power = Power(clock)
    pricing = await _pricing(home, config, store, vendors, clock, power)
    if pricing.tables is not None:
        stack.push_async_callback(pricing.tables.stop)
    return _Paid(vendors, post, pricing, power)


def _registry(
    home: Home,
    config: Config,
    store: Store,
    session: ClientSession,
    vault: Vault,
    clock: Clock,
    instance_id: str,
    kin: Kin,
) -> Registry:
    """Return what runs and what is adopted, by the catalog's profiles; no engine is started or asked."""
    profiles, problems = load_profiles(config.catalog_dirs(home))
    for problem in problems:
        log.warning("%s", problem)
    return Registry(
        home=home,
        settings=replace(engine_settings(config, os.environ), kin=kin),
        profiles=profiles,
        models=store.models,
        engines=store.engines,
        session=session,
        clock=clock,
        instance_id=instance_id,
        secrets=vault,
    )


def _kin(home: Home, config: Config) -> Kin:
    """Return what the catalog says of families, of which engines and translation are to know."""
    directories = config.catalog_dirs(home)
    families, problems = load_families(directories)
    for problem in problems:
        log.warning("%s", problem)
    return Kin(families, tuple(directories))


def _fetcher(home: Home, config: Config) -> Fetcher:
    """Return what fetches models; nothing is looked at yet."""
    root = Path(config.engine.models_dir) if config.engine.models_dir else home.models
    cache = hub_directory(os.environ, Path.home())
    return Fetcher(root, config.engine.hub_endpoint, cache=cache, environment=os.environ)


async def _keys(
    config: Config, store: Store, clock: Clock, inference: Inference, limits: Limits, stack: contextlib.AsyncExitStack
) -> Keys:
    """Return the keys of the store, their limits counted on; revoking one ends its running requests."""
    keys = Keys(clock, required=config.auth.require_keys)
    keys.load(await store.keys.all())
    keys.on_revoked = lambda key_id: inference.interrupt_key(
        key_id, KeyRevoked("this API key was revoked", hint="ask for a new one: flock token create")
    )
    store.writer.touched = keys.take_touched
    await _counters(limits, store, keys, clock, stack)
    return keys


async def _counters(limits: Limits, store: Store, keys: Keys, clock: Clock, stack: contextlib.AsyncExitStack) -> None:
    """Let limits go on counting where they ended; what is not needed at once is read while requests run."""
    store.writer.journal.meters = limits.take_meters
    late = await recover(limits, store, keys.all(), clock)
    if late is None:
        return
    reading = asyncio.create_task(late, name="usage before this release")

    async def ended() -> None:
        reading.cancel()
        await asyncio.wait([reading])

    stack.push_async_callback(ended)


async def _vendors(
    home: Home, config: Config, store: Store, vault: Vault, clock: Clock
) -> tuple[Vendors, VendorClient]:
    """Return the vendors and the way to them; no key is read and nobody is asked."""
    rows, problems = load_vendors(config.catalog_dirs(home))
    for problem in problems:
        log.warning("%s", problem)
    post = VendorClient(lambda: vendors.places(), plain=lambda: vendors.plain())
    vendors = Vendors(
        rows,
        store.vendors,
        vault,
        post,
        clock,
        environment=os.environ,
        enabled=config.router.fallback.enabled,
        plugged=await asyncio.to_thread(plugged),
        is_ours=lambda word: word.startswith(PREFIX),
    )
    await vendors.start()
    return vendors, post


async def _pricing(home: Home, config: Config, store: Store, vendors: Vendors, clock: Clock, power: Power) -> Pricing:
    """Return what models cost; the tables are asked for nothing yet. FLOCK_PRICES_URL is another place to fetch them
    from than the library's own.
    """
    url = os.environ.get("FLOCK_PRICES_URL", "")
    tables = Tables(home.prices, clock, os.environ, url=url) if config.prices.tables else None
    pricing = Pricing(vendors, tables, power)
    pricing.load(await store.prices.all())
    return pricing


def _manners(kin: Kin, config: Config, counter: Counter) -> Manners:
    """Return how requests are translated: by the catalog's families and the switches of the configuration."""
    switches = Switches(**config.translation.model_dump())
    pictures = PictureBook(Pictures() if switches.fetch_images else None)
    return Manners(kin.families, switches, pictures, counter)


def engine_settings(config: Config, environ: Mapping[str, str]) -> EngineSettings:
    """Return the registry's part of the configuration; an endpoint's source is the variable or the key that set it."""
    kinds = {
        "ollama": config.engine.ollama_endpoint,
        "vllm": config.engine.vllm_endpoint,
        "mlx": config.engine.mlx_endpoint,
        "llamacpp": config.engine.llamacpp_endpoint,
        "whisper": config.engine.whisper_endpoint,
        "piper": config.engine.piper_endpoint,
    }
    endpoints = {kind: url for kind, url in kinds.items() if url}
    paths = {
        "llamacpp": config.engine.llamacpp_path,
        "mlx": config.engine.mlx_path,
        "vllm": config.engine.vllm_path,
        "sglang": config.engine.sglang_path,
        "whisper": config.engine.whisper_path,
        "piper": config.engine.piper_path,
        "ollama": config.engine.ollama_path,
    }
    return EngineSettings(
        preferred=config.engine.preferred,
        paths={kind: path for kind, path in paths.items() if path},
        endpoints=endpoints,
        sources={kind: config.origin(f"engine.{kind}_endpoint") for kind in endpoints},
        vllm_key=environ.get("VLLM_API_KEY", ""),
        # an Ollama that is named is the one there is; what else may run here is not looked for
        ollama_url="" if "ollama" in endpoints else default_url(environ.get("OLLAMA_HOST", "")),
        memory_bytes=config.engine.memory,
        headroom_bytes=config.engine.headroom,
        jit=config.loading.jit,
        idle_seconds=config.loading.idle_seconds,
        bound_seconds=config.loading.bound_seconds,
        queue_limit=config.loading.queue_limit,
        exclusive=config.loading.exclusive,
        probe_seconds=config.engine.probe_seconds,
        probe_failures=config.engine.probe_failures,
    )
