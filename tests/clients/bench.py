"""The bench of the matrix: one flock, and the back ends that were asked for attached to it.

Owns the daemon of a run, its key, and where each client works. Called by matrix.py and test_matrix.py.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.clients.backends import NATIVE_CATALOG, empty
from tests.clients.behind import Around, Backend, Served, desk
from tests.clients.client import Client, Place, Target, new_place
from tests.running import Flock, flock_home


class Bench:
    """A flock that runs, and what stands behind it."""

    def __init__(self, flock: Flock, top: Path, stack: contextlib.ExitStack) -> None:
        self.flock = flock
        self.key = flock.json("token", "create", "clients")["token"]
        self._top = top
        self._stack = stack
        self._served: dict[str, Served] = {}
        self._broken: dict[str, str] = {}

    def served(self, backend: Backend) -> Served:
        """Return a back end that runs; one that could not be started is not tried again."""
        if backend.name in self._broken:
            raise AssertionError(self._broken[backend.name])
        if backend.name not in self._served:
            around = Around(self.flock, empty(self._top / backend.name), self._stack)
            try:
                self._served[backend.name] = backend.start(around)
            except AssertionError as error:
                self._broken[backend.name] = f"{backend.name} did not start: {error}"
                raise
        return self._served[backend.name]

    def place(self, backend: Backend, client: Client) -> Place:
        """Return new directories for a run, always the same ones: the models of real engines know them."""
        return new_place(self._top / backend.name / desk(client))

    def target(self, model: str, key: str = "") -> Target:
        """Return how a client is pointed at flock."""
        return Target(self.flock.url, key or self.key, model)


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """Yield a bench; afterwards nothing of it is left."""
    with contextlib.ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clients-", ignore_cleanup_errors=True)))
        flock = stack.enter_context(flock_home(FLOCK_ENGINE_PREFERRED="embedded"))
        catalog = flock.home / "catalog"
        catalog.mkdir(parents=True)
        (catalog / "engines.yaml").write_text(NATIVE_CATALOG)
        flock.ok("up")
        yield Bench(flock, top, stack)
