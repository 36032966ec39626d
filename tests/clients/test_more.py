"""The cells of the matrix that test_matrix.py leaves to another worker."""

from collections.abc import Iterator

import pytest

from tests.clients.bench import Bench
from tests.clients.collected import TIMEOUT, cells, laid, tried


@pytest.fixture(scope="module")
def here() -> Iterator[Bench]:
    with laid() as here:
        yield here


@TIMEOUT
@pytest.mark.parametrize(("backend", "client", "name"), list(cells(of_slow=False)))
def test_cell(here: Bench, backend: str, client: str, name: str) -> None:
    tried(here, backend, client, name)
