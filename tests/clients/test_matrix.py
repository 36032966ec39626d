"""The matrix of clients and engines, cell by cell; `python -m tests.clients.matrix` prints the same as one table."""

from collections.abc import Iterator

import pytest

from tests.clients.backends import BACKENDS
from tests.clients.bench import Bench, bench
from tests.clients.cells import CELLS, Cell, not_applicable
from tests.clients.client import RUN_SECONDS
from tests.clients.roster import ROSTER
from tests.engines.real import START_SECONDS
from tests.running import PATIENCE


@pytest.fixture(scope="module")
def here() -> Iterator[Bench]:
    with bench() as here:
        yield here
        assert "Traceback" not in (here.flock.home / "logs/flock.log").read_text()


def cells() -> Iterator[object]:
    """Yield the parameters of every cell in which there is something to try, one back end after the other."""
    for backend in BACKENDS.values():
        for client in ROSTER.values():
            marks = [pytest.mark.engine(needed) for needed in (client.installed_as, backend.engine) if needed]
            for name in CELLS:
                if not not_applicable(name, client, backend):
                    yield pytest.param(backend.name, client.name, name, marks=marks)


# the start of a back end, a whole run of a client, what is waited for afterwards
@pytest.mark.timeout(START_SECONDS + RUN_SECONDS + 2 * PATIENCE)
@pytest.mark.parametrize(("backend", "client", "name"), list(cells()))
def test_cell(here: Bench, backend: str, client: str, name: str) -> None:
    CELLS[name](Cell(here, ROSTER[client], BACKENDS[backend]))
