"""A store on a real file, and settled requests to put into it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.store.store import Store


class Request:
    """A settled request as the writer sees it; `model` may be made unfit."""

    def __init__(self, number: int, *, user: str = "alice", model: object = "qwen3-8b", at: float = 4_000_000_000.0):
        self.id = f"req_{number:016x}"
        self.user, self.model, self.at = user, model, at + number

    def usage_row(self) -> tuple[object, ...]:
        return (
            *(self.id, self.at, self.user, "k_1", self.model, "chat.completions", "llamacpp"),
            *(12, 3, 45, 0, 1234.5, 56.7, 200, "ok", 1),
            *("", None, 0, 0, 0.0),
        )

    def decision(self) -> tuple[str, float, bytes]:
        return self.id, self.at, b'{"id":"%s"}' % self.id.encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flock.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(path, SystemClock())
    yield opened
    await opened.close()


def as_nobody() -> None:
    """Give up root, whom file modes do not stop. Only a child process may."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
