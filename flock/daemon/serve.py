"""Running the daemon: lock, store, engines, doors, signals, drain.

Owns the order in which things start and stop, and what is said when one cannot. Refuses to daemonise: whoever wants it
in the background starts it so (local/start.py). Called by cli/up.py.
"""

import asyncio
import contextlib
import gc
import json
import logging
import os
import resource
import signal
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from aiohttp import web

from flock import __version__
from flock.clock import Clock
from flock.config import SETTINGS, Config, load
from flock.core import presets, prices
from flock.core.context import Context
from flock.core.inference import Inference, watch
from flock.daemon import app, listen, logs, notify
from flock.daemon.first_key import Seed, first_key, take_seed
from flock.daemon.wiring import wired
from flock.errors import Draining, FlockError, InternalError
from flock.lock import hold
from flock.paths import Home, check_owner, find_home, private_dir

log = logging.getLogger(__name__)

# how fresh the shell's list of request ids is
LIST_SECONDS = 5.0
# how long `flock up` waits for the default model after the doors are open
WARM_SECONDS = 1.0


def run(home: Home, ready_fd: int | None = None) -> int:
    """Run the daemon until it is told to stop and return the exit code.

    `ready_fd` gets one JSON line: {"ready": true, "first_key": …} or {"error": {…}}. Without it errors are raised.
    """
    seed = take_seed(os.environ)
    # a core file would hold keys and prompts; what the daemon starts inherits it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        check_owner(home)
        config = load(home, os.environ)
        home = find_home(config.data_dir)
        for path in (home.config, home.data, home.logs, home.run, home.socket.parent):
            private_dir(path)
        notifier = notify.from_environment(os.environ)
        # `flock logs` reads the file; of a service of the whole machine the journal has the log
        as_service = notifier.present and _shared_door(ready_fd) is None
        logs.set_up(home, config.log_level, to_file=ready_fd is not None or as_service)
        with hold(home.lock):
            asyncio.run(_main(home, config, ready_fd, notifier, seed))
    except FlockError as error:
        if ready_fd is None:
            raise
        log.error("%s (hint: %s)", error.sentence, error.hint)
        _tell(ready_fd, {"error": error.to_plain()})
        return error.exit_code
    except Exception:
        if ready_fd is None:
            raise
        log.exception("the daemon failed")
        error = InternalError("flock failed to start", hint="flock logs")
        _tell(ready_fd, {"error": error.to_plain()})
        return error.exit_code
    return 0


def _tell(ready_fd: int, message: dict[str, object]) -> None:
    """Write the one line to whoever started us; who no longer listens needs none."""
    with contextlib.suppress(OSError), os.fdopen(ready_fd, "w") as pipe:
        pipe.write(json.dumps(message) + "\n")


def _shared_door(ready_fd: int | None) -> Path | None:
    """Return the door for the group of the machine's service, which that service alone is told to open."""
    said = os.environ.get("FLOCK_SYSTEM_SOCKET")
    return Path(said) if said and ready_fd is None else None


async def _main(home: Home, config: Config, ready_fd: int | None, notifier: notify.Notifier, seed: Seed) -> None:
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[float] = loop.create_future()

    def stop(grace: float) -> None:
        if not stopping.done():
            stopping.set_result(grace)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, 10.0)
    tcp = listen.public_socket(config)
    try:
        async with wired(home, config, stop) as context:
            made = await first_key(context, seed)
            async with _doors(context, tcp, _shared_door(ready_fd)):
                _follow(context)
                await context.registry.start()
                warming = asyncio.create_task(_warm_up(context))
                log.info("flock %s serves at %s", __version__, context.api_url)
                # a small model is ready in this time and the card can say so; a large one goes on loading
                await asyncio.wait({warming}, timeout=WARM_SECONDS)
                if ready_fd is not None:
                    _tell(ready_fd, {"ready": True, "first_key": made})
                notifier.ready(f"serves at {context.api_url}")
                living = asyncio.create_task(notifier.live())
                _settle_memory()
                grace = await stopping
                notifier.stopping(f"{len(context.inference.running)} requests are running")
                warming.cancel()
                await _drain(context, grace)
                living.cancel()
    finally:
        tcp.close()


def _settle_memory() -> None:
    """Take what is loaded for good out of the garbage collector's sight, and let it look less often.

    With the defaults it took 18 µs of every request and held the loop for 55 ms at a time, walking the modules of
    pydantic and SQLAlchemy; measured over 22,000 plain requests. What a request leaves is freed by reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _follow(context: Context) -> None:
    """Let what depends on the routing table follow it: idle connections and the shell's lists."""

    def changed() -> None:
        upstreams = [p.upstream for places in context.registry.table.values() for p in places if p.upstream]
        context.pools.retain({(u.host, u.port, u.tls) for u in upstreams})
        context.ids.keep("models", context.registry.table)
        context.ids.keep("engines", [e.name for e in context.registry.engines()])

    def vendors_changed() -> None:
        context.ids.keep("vendors", context.vendors.names())
        context.pricing.learn(context.vendors.listed())

    context.registry.on_change = changed
    context.registry.on_event = context.bus.tell
    context.registry.heard = context.inference.heard
    context.registry.in_flight = lambda name: context.inference.in_flight.get(name, 0)
    context.vendors.on_change = vendors_changed
    vendors_changed()
    context.ids.keep("tokens", context.keys.ids())
    context.ids.keep("settings", SETTINGS)


async def _list_requests(context: Context) -> None:
    with contextlib.suppress(FlockError):  # completion is a comfort
        await presets.keep_ids(context)
        await prices.keep_ids(context)
    while True:
        await asyncio.sleep(LIST_SECONDS)
        context.ids.keep("requests", reversed(context.inference.recent))


async def _warm_up(context: Context) -> None:
    """Load the default model now, so that the first request need not wait, and what was in memory when the last daemon
    ended; who asks meanwhile joins the same start.
    """
    try:
        default = context.inference.resolve("").model
    except FlockError:
        default = ""
    await context.registry.restore(default)


@contextlib.asynccontextmanager
async def _doors(context: Context, tcp: "listen.Socket", shared: Path | None) -> AsyncGenerator[None]:
    """Open both doors, and the private one a second time at `shared` for a group; watch over running requests."""
    options: dict[str, Any] = {
        "access_log": None,  # keys may stand in URLs; flock's own log names paths only
        "handler_cancellation": True,  # a client that leaves must cancel the engine's work
        "keepalive_timeout": 75.0,  # nginx's default; aiohttp's hour keeps dead connections
        "max_line_size": app.HEADER_BYTES,
        "max_field_size": app.HEADER_BYTES,
        "shutdown_timeout": 1.0,  # the drain before has waited already
    }
    public = web.AppRunner(app.public(context), **options)
    private = web.AppRunner(app.private(context), **options)
    await public.setup()
    await private.setup()
    watching = asyncio.create_task(watch(context.inference, context.clock))
    listing = asyncio.create_task(_list_requests(context))
    try:
        await web.SockSite(public, tcp, backlog=listen.BACKLOG).start()
        await web.SockSite(private, listen.private_socket(context.home.socket), backlog=listen.BACKLOG).start()
        if shared is not None:
            await web.SockSite(private, listen.private_socket(shared, group=True), backlog=listen.BACKLOG).start()
        yield
    finally:
        watching.cancel()
        listing.cancel()
        await private.cleanup()
        await public.cleanup()
        for door in (context.home.socket, shared):
            if door is not None:
                door.unlink(missing_ok=True)


async def _drain(context: Context, grace: float) -> None:
    """Refuse new requests, let running ones end within the grace, then end the rest with a typed error."""
    inference = context.inference
    inference.drain()
    context.registry.drain()
    deadline = context.clock.monotonic() + grace
    log.info("going down; %d requests are running", len(inference.running))
    await _until_idle(inference, context.clock, deadline)
    for record in list(inference.running.values()):
        if record.interrupt is not None:
            record.interrupt(Draining("flock went down before the answer was complete", hint="send it again"))
    await _until_idle(inference, context.clock, context.clock.monotonic() + 1.0)
    context.bus.close()


async def _until_idle(inference: Inference, clock: Clock, deadline: float) -> None:
    # looked at 20 times a second, once in the daemon's life: an event per request would cost every request
    while inference.running and clock.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
