"""Keys of adopted engines: a private file, replaced as a whole."""

import logging
import resource
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from flock.errors import StorageFailed
from flock.secrets import Secrets


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "secrets.json"


def test_keys_are_kept_and_forgotten(path: Path) -> None:
    secrets = Secrets(path)
    assert secrets.get("vllm") == ""
    secrets.put("vllm", "k1")
    secrets.put("other", "k2")
    secrets.put("vllm", "k3")
    assert Secrets(path).get("vllm") == "k3"
    secrets.delete("vllm")
    secrets.delete("never there")
    assert (secrets.get("vllm"), secrets.get("other")) == ("", "k2")


def test_file_and_directory_are_private(path: Path) -> None:
    Secrets(path).put("vllm", "k")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]


def test_loose_modes_are_tightened_and_said_without_the_key(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secrets = Secrets(path)
    secrets.put("vllm", "hunter2")
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert secrets.get("vllm") == "hunter2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0644" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_damaged_file_is_an_error_and_is_not_replaced(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StorageFailed, match="not a JSON object"):
        Secrets(path).put("vllm", "k")
    assert path.read_text() == text


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "config"
    home.mkdir(mode=0o700)
    secrets = Secrets(home / "secrets.json")
    secrets.put("vllm", "k")
    with pytest.raises(StorageFailed, match="cannot write"), file_size_limit(10):
        secrets.put("vllm", "k" * 100)
    assert secrets.get("vllm") == "k"
    assert [file.name for file in home.iterdir()] == ["secrets.json"]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make every write beyond `size` bytes fail, as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    secrets = Secrets(path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: secrets.put(f"engine-{n}", str(n)), range(40)))
    assert [secrets.get(f"engine-{n}") for n in range(40)] == [str(n) for n in range(40)]
