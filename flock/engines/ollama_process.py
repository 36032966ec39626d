"""The process of flock's own Ollama: one for all the models that it keeps, supervised as the engines of single models.

Owns what differs from those: nothing is planned for it, since it loads models itself; it is known to hang when it does
not say its version, since a token would load a model; and it is always started again. Called by own_ollama.py.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp

from flock.engines.engine import LaunchSpec
from flock.engines.loading import Loading
from flock.engines.ollama_server import OllamaServer
from flock.engines.own_model import OwnModel
from flock.engines.pulse import Heard
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.profile import Profile
from flock.upstream import Upstream

# As its errors call what it serves: "its models cannot be served: Ollama … is too old".
_MODELS = "its models"


class OllamaProcess(Supervised):
    """`ollama serve`, called `name`."""

    def __init__(
        self,
        name: str,
        driver: OllamaServer,
        profile: Profile,
        around: Surroundings,
        on_change: Callable[[], None],
    ) -> None:
        # its states are told by those who watch its answers: ready is when its models are known
        quiet = replace(around, ties=replace(around.ties, tell=_untold))
        # never wanted less than a pinned model: who asks for one of its models must not wait for its start
        model = OwnModel(_MODELS, _program(driver), "ollama", kind="", pinned=True)
        self._driver = driver
        self._names: tuple[str, ...] = ()
        super().__init__(model, driver, profile, quiet, on_change, name=name)

    @property
    def models(self) -> tuple[str, ...]:
        """Return the models it was last heard to have."""
        return self._names

    def heard(self, names: tuple[str, ...], version: str) -> None:
        """Hear what it says that it has, and is."""
        self._names, self.version = names, version or self.version

    async def plan(self) -> Loading:
        """Return what every start of it is."""
        spec = LaunchSpec(_MODELS, Path(), 0, 0, 0, "", kind="")
        return Loading(spec, 0, 0, "")

    async def ensure(self, progress: Callable[[str], None] | None = None) -> Upstream:
        """Return its upstream once it answers, starting it where it does not run. Raises EngineFailed.

        One that was given up is tried again once its program is another one.
        """
        if self.upstream is None:
            self.model = replace(self.model, path=_program(self._driver))
        return await super().ensure(progress)

    async def ask(self, seconds: float) -> Heard:
        """Ask for its version, which it answers whatever its models do."""
        began = time.monotonic()
        # bounds an Ollama that has stopped
        limit = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._around.session.get(f"{self.endpoint}/api/version", timeout=limit) as answer:
                await answer.read()
        except TimeoutError:
            return Heard("silent", f"no answer in {seconds:.1f} s", time.monotonic() - began)
        except (aiohttp.ClientError, OSError) as error:
            return Heard("failed", f"it does not answer: {type(error).__name__}", time.monotonic() - began)
        state, words = ("ok", "it answers") if answer.status == 200 else ("failed", f"it answers HTTP {answer.status}")
        return Heard(state, words, time.monotonic() - began)


def _program(driver: OllamaServer) -> Path:
    return Path(driver.program() or "/")


def _untold(*_told: object) -> None:
    pass
