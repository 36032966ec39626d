"""Models that real engines serve in end-to-end tests."""

from pathlib import Path

import pytest

from tests.models.make import ensure


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny models by name: tiny-script says one sentence, tiny-chat never ends by itself."""
    return ensure(tmp_path_factory.getbasetemp() / "models")
