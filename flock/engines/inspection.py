"""Looking at single engines and starting them again: what `flock engine show|logs|check|restart` asks for.

Owns the questions to running engines and the reading of their logs. Refuses to touch an adopted engine: it is asked for
one token at most, and only while nothing runs on it. Called by core/engines.py; made by registry.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from flock.contract.engines import Engine as EngineRow
from flock.contract.engines import EngineCheck, EngineLog
from flock.engines import engine_log, rows
from flock.engines.attached import nearest
from flock.engines.canaries import words_canary
from flock.engines.engine import LaunchSpec
from flock.engines.pulse import Heard, ask
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.engines.watched import Watched
from flock.errors import Conflict, FlockError, InvalidRequest, NotFound
from flock.text import count

# Bounds one question of a check: a large model on a processor needs seconds for its first token.
ANSWER_SECONDS = 20.0
# The longest one look at a log waits for news, and how often it looks; a caller asks again.
WAIT_SECONDS, _LOOK_SECONDS = 30.0, 0.25
# A caller's patience is twice that; a large model goes on loading behind the answer.
RESTART_SECONDS = 30.0
_MAY_CHAT = ("", "chat")

log = logging.getLogger(__name__)


class Inspection:
    """Looks at engines. `own` and `adopted` are those there are, `load` loads a model of ours in its turn, `running` is
    how many requests run on an adopted engine.
    """

    def __init__(
        self,
        around: Surroundings,
        own: Callable[[], Iterable[Supervised]],
        adopted: Callable[[], Mapping[str, Watched]],
        load: Callable[[Supervised], Awaitable[None]],
        running: Callable[[str], int],
    ) -> None:
        self._around = around
        self._own = own
        self._adopted = adopted
        self._load = load
        self._running = running
        self._loads: set[asyncio.Task[FlockError | None]] = set()

    def show(self, name: str) -> EngineRow:
        """Return the row of an engine. Raises NotFound with the nearest names."""
        if (watched := self._adopted().get(name)) is not None:
            return rows.adopted_engine(watched)
        return rows.own_engine(self._mine(name))

    async def restart(self, name: str) -> EngineRow:
        """End an engine of ours, whatever it does, and load its model again; return its row once it is ready, or after
        RESTART_SECONDS while it loads on.

        Raises NotFound, Conflict for an adopted one, and what a load fails with.
        """
        own = self._ours(name, "restarted")
        await own.stop()
        own.forgive()
        loading = asyncio.create_task(self._loaded(own), name=f"restart of {name}")
        self._loads.add(loading)
        loading.add_done_callback(self._loads.discard)
        done, _ = await asyncio.wait({loading}, timeout=RESTART_SECONDS)
        if done and (error := loading.result()) is not None:
            raise error
        return rows.own_engine(own)

    async def check(self, name: str = "") -> list[EngineCheck]:
        """Ask every engine, or the named one, for one token, all at the same time. Raises NotFound."""
        if name:
            watched = self._adopted().get(name)
            return [await (self._ask_own(self._mine(name)) if watched is None else self._ask_adopted(watched))]
        mine = [own for own in self._own() if own.pid is not None or own.state in ("failed", "crashloop")]
        asked = [self._ask_own(own) for own in mine] + [self._ask_adopted(w) for w in self._adopted().values()]
        return list(await asyncio.gather(*asked))

    async def log(self, name: str, lines: int, grep: str, after: int, wait_seconds: float) -> EngineLog:
        """Return the last lines of an engine of ours that hold `grep`, of all when `after` is negative, else of those
        behind that place; then wait at most so long for one.

        Raises NotFound, Conflict for an adopted engine, InvalidRequest for a negative number of lines.
        """
        if lines < 0:
            raise InvalidRequest(f"{lines} lines cannot be shown", hint=f"flock engine logs {name} --lines 50")
        path = self._ours(name, "looked into", log=True).log_file
        clock = self._around.clock
        end = clock.monotonic() + min(max(wait_seconds, 0.0), WAIT_SECONDS)
        while True:
            found, place = await asyncio.to_thread(engine_log.kept_lines, path, lines, grep, after)
            if found or after < 0 or clock.monotonic() >= end:
                return EngineLog(found, place)
            after = place
            await asyncio.sleep(_LOOK_SECONDS)

    def _mine(self, name: str) -> Supervised:
        own = next((own for own in self._own() if own.name == name), None)
        if own is None:
            known = [*(own.name for own in self._own()), *self._adopted()]
            raise NotFound(
                f'there is no engine "{name}"', hint="flock engine ls", details={"nearest": nearest(name, known)}
            )
        return own

    def _ours(self, name: str, what: str, *, log: bool = False) -> Supervised:
        if (watched := self._adopted().get(name)) is not None:
            where = f"its output is where it was started: {watched.adoption.address.url}"
            raise Conflict(
                f"{name} was adopted and is never {what} by flock" + (f"; {where}" if log else ""),
                hint=f"flock engine show {name}",
            )
        return self._mine(name)

    async def _loaded(self, own: Supervised) -> FlockError | None:
        try:
            await self._load(own)
        except FlockError as error:
            log.warning("%s was restarted and does not load: %s", own.name, error.sentence)
            return error
        return None

    async def _ask_own(self, own: Supervised) -> EngineCheck:
        if own.upstream is None:
            state = "failed" if own.state in ("failed", "crashloop") else "stopped"
            said = own.failure.sentence if own.failure is not None else f"it is {own.state}"
            return EngineCheck(own.name, state, said)
        heard = await own.ask(ANSWER_SECONDS)
        running = self._around.ties.traffic(own.name).running
        if heard.state == "silent" and (running or own.state == "busy"):
            what = f"{count(running, 'request')} in flight" if running else "it works on a request that was given up"
            return EngineCheck(own.name, "busy", f"{heard.sentence}; {what}", round(heard.seconds, 3))
        return _checked(own.name, heard)

    async def _ask_adopted(self, watched: Watched) -> EngineCheck:
        name, upstream = watched.name, watched.upstream
        if watched.busy:
            return EngineCheck(name, "busy", "it works on a request that was given up, so it was not asked again")
        if watched.state != "ready":
            return EngineCheck(name, "failed", watched.error or f"it is {watched.state}")
        if running := self._running(name):
            return EngineCheck(name, "busy", f"{count(running, 'request')} in flight, so it was not asked")
        # an Ollama would load a model that is not in memory; one that is tells its window
        chats = [m for m in watched.models if m.kind in _MAY_CHAT and (watched.kind != "ollama" or m.context)]
        if not chats:
            return EngineCheck(name, "ok", "it answers; it has no model in memory that chats, so none was asked")
        spec = LaunchSpec(chats[0].model, Path(), 0, 1, upstream.port, "")
        canary = words_canary(spec, chats[0].model)
        return _checked(name, await ask(self._around.session, upstream.url, upstream.key, canary, ANSWER_SECONDS))


def _checked(name: str, heard: Heard) -> EngineCheck:
    # one that refuses the question answers, and that is all that can be said
    state = "ok" if heard.state in ("ok", "refused") else "failed"
    return EngineCheck(name, state, heard.sentence, round(heard.seconds, 3))
