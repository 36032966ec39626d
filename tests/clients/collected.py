"""Which cells of the matrix each file of tests has: two files, so that two workers share them.

The programs of test_matrix.py take much longer one by one; MLX-LM and vLLM, which take long to start, are tried there
for all clients. Called by test_matrix.py and test_more.py.
"""

import contextlib
from collections.abc import Iterator

import pytest

from tests.clients.backends import BACKENDS
from tests.clients.behind import Backend
from tests.clients.bench import Bench, bench
from tests.clients.cells import CELLS, Cell, not_applicable
from tests.clients.client import RUN_SECONDS, Client
from tests.clients.roster import FIRST, ROSTER
from tests.engines.real import START_SECONDS
from tests.running import PATIENCE

SLOW_BACKENDS = ("mlx", "vllm")
# the start of a back end, a whole run of a client, what is waited for afterwards
TIMEOUT = pytest.mark.timeout(START_SECONDS + RUN_SECONDS + 2 * PATIENCE)


def slow(client: Client, backend: Backend) -> bool:
    """Say whether a client before a back end belongs to test_matrix.py."""
    return client.installed_as in FIRST or backend.name in SLOW_BACKENDS


def cells(*, of_slow: bool) -> Iterator[object]:
    """Yield the parameters of every cell in which there is something to try, one back end after the other."""
    for backend in BACKENDS.values():
        for client in ROSTER.values():
            marks = [pytest.mark.engine(needed) for needed in (client.installed_as, backend.engine) if needed]
            for name in CELLS:
                if slow(client, backend) == of_slow and not not_applicable(name, client, backend):
                    yield pytest.param(backend.name, client.name, name, marks=marks)


@contextlib.contextmanager
def laid() -> Iterator[Bench]:
    """Yield a bench whose flock must not have met anything it did not expect."""
    with bench() as here:
        yield here
        assert "Traceback" not in (here.flock.home / "logs/flock.log").read_text()


def tried(here: Bench, backend: str, client: str, name: str) -> None:
    """Try one cell."""
    CELLS[name](Cell(here, ROSTER[client], BACKENDS[backend]))
