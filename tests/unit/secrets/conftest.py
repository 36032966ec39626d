"""A place for secrets, a keyring with faults, and vaults over them that cost little and wait shortly."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flock.secrets.file import SecretFile
from flock.secrets.seal import Cost
from flock.secrets.vault import Vault
from tests.fakes.rings import Ring

# scrypt at its real cost takes half a second at each passphrase
CHEAP = Cost(n=2, r=1, p=1)
# 2026-11-21T12:00:00Z
NOW = 1795262400.0
PHRASE = "correct horse battery"


class Clock:
    """A clock that stands still."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "secrets.json"


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    """A keyring in a good mood."""
    (tmp_path / "ring").mkdir()
    return Ring(tmp_path / "ring")


def file_at(path: Path) -> SecretFile:
    return SecretFile(path, lambda: NOW, cost=CHEAP)


MakeVault = Callable[..., Vault]


@pytest.fixture
def vault_over(path: Path) -> MakeVault:
    """Make a vault over a keyring, or none; `limit` is long where nothing is meant to hang."""

    def make(ring: Any = None, environ: Mapping[str, str] = {}, *, limit: float = 30.0) -> Vault:
        def find() -> Any:
            from keyring.backends import fail

            return fail.Keyring() if ring is None else ring

        return Vault(path, environ, Clock(), limit=limit, cost=CHEAP, find=find)

    return make
