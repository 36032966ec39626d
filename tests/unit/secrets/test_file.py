"""The file of secrets: private, replaced as a whole, readable by its owner alone, of every release."""

import json
import logging
import os
import resource
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from flock.errors import NotAllowed, StorageFailed
from flock.secrets import disk
from flock.secrets.file import SecretFile
from tests.unit.secrets.conftest import PHRASE, file_at

OLD = '{\n "vllm": "k-old",\n "[::1]:8000": "k-six",\n "secrets": "an engine of that name"\n}'


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_keys_are_kept_and_forgotten(path: Path) -> None:
    secrets = SecretFile(path)
    assert secrets.get("vllm") == ""
    secrets.put("vllm", "k1")
    secrets.put("other", "k2")
    secrets.put("vllm", "k3")
    assert SecretFile(path).get("vllm") == "k3"
    secrets.delete("vllm")
    secrets.delete("never there")
    assert (secrets.get("vllm"), secrets.get("other")) == ("", "k2")


def test_file_and_directory_are_private(path: Path) -> None:
    SecretFile(path).put("vllm", "k")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]


def test_loose_modes_are_tightened_and_said_without_the_key(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secrets = SecretFile(path)
    secrets.put("vllm", "hunter2")
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert secrets.get("vllm") == "hunter2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0644" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_file_of_the_first_release_is_read_and_carried_on(path: Path) -> None:
    secrets = file_at(written(path, OLD))
    assert secrets.get("vllm") == "k-old"
    assert secrets.get("secrets") == "an engine of that name"
    secrets.put("vendor:groq", "k-new")
    assert {name: secrets.get(name) for name in ("vllm", "[::1]:8000", "secrets", "vendor:groq")} == {
        "vllm": "k-old",
        "[::1]:8000": "k-six",
        "secrets": "an engine of that name",
        "vendor:groq": "k-new",
    }
    entries = secrets.look().entries
    assert entries["vllm"].since == ""
    assert entries["vendor:groq"].since == "2026-11-21T12:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a JSON object"),
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ('{"version": 3, "secrets": {}}', "another flock"),
        ('{"version": 2, "secrets": {"a": 1}}', "damaged"),
        ('{"version": 2, "secrets": {"a": {"value": ["hunter2"]}}}', "damaged"),
        ('{"version": 2, "lock": 7, "secrets": {}}', "damaged"),
    ],
)
def test_damaged_file_is_an_error_and_is_not_replaced(path: Path, text: str, words: str) -> None:
    secrets = file_at(written(path, text))
    for act in (
        lambda: secrets.put("vllm", "k"),
        lambda: secrets.get("vllm"),
        lambda: secrets.delete("vllm"),
        lambda: secrets.lock(PHRASE),
        lambda: secrets.unlock(PHRASE),
        secrets.look,
    ):
        with pytest.raises(StorageFailed, match=words) as caught:
            act()
        assert "hunter2" not in caught.value.sentence
        assert str(path) in caught.value.hint
    assert path.read_text() == text


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "config"
    secrets = SecretFile(home / "secrets.json")
    secrets.put("vllm", "k")
    with pytest.raises(StorageFailed, match="cannot write"), file_size_limit(10):
        secrets.put("vllm", "k" * 100)
    with pytest.raises(StorageFailed, match="cannot write"), file_size_limit(10):
        secrets.lock(PHRASE)
    assert secrets.get("vllm") == "k"
    assert not secrets.look().encrypted
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
    secrets = SecretFile(path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: secrets.put(f"engine-{n}", str(n)), range(40)))
    assert [secrets.get(f"engine-{n}") for n in range(40)] == [str(n) for n in range(40)]


def test_a_writer_that_never_ends_does_not_hold_the_others_for_ever(path: Path) -> None:
    secrets = SecretFile(path, turn_seconds=0.01)
    secrets.put("vllm", "k")
    with secrets._turn(), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(secrets.get, "vllm")
        with pytest.raises(StorageFailed, match="its disk hangs"):
            waiting.result()
    assert secrets.get("vllm") == "k"


def test_a_link_is_not_followed_and_the_hint_mends_it(path: Path, tmp_path: Path) -> None:
    elsewhere = written(tmp_path / "dotfiles" / "it's here.json", OLD)
    path.parent.mkdir(mode=0o700)
    path.symlink_to(elsewhere)
    secrets = file_at(path)
    for act in (lambda: secrets.get("vllm"), lambda: secrets.put("vllm", "k"), lambda: secrets.lock(PHRASE)):
        with pytest.raises(StorageFailed, match="is a link") as caught:
            act()
    assert elsewhere.read_text() == OLD
    assert os.system(caught.value.hint) == 0
    assert secrets.get("vllm") == "k-old"
    assert not elsewhere.exists()


def test_what_is_no_file_is_refused_and_holds_nobody(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)
    with pytest.raises(StorageFailed, match="is no file"):
        SecretFile(path).get("vllm")
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageFailed):
        SecretFile(path).get("vllm")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    os.chown(written(path, OLD), 65534, 65534)
    with pytest.raises(NotAllowed, match="belongs to user nobody"):
        SecretFile(path).get("vllm")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_said(path: Path) -> None:
    written(path, OLD).chmod(0o000)
    with pytest.raises(StorageFailed, match="cannot read"):
        SecretFile(path).get("vllm")


def test_drafts_of_a_killed_writer_are_gone_once_the_file_is_sealed(path: Path) -> None:
    secrets = file_at(written(path, OLD))
    draft = path.with_name(".secrets.json.0123456789abcdef")
    draft.write_text("k-old in plain text")
    secrets.lock(PHRASE)
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]


def test_modes_for_people(path: Path) -> None:
    assert disk.mode(path) == ""
    written(path, "{}")
    assert disk.mode(path) == "0600"
    assert json.loads(path.read_text()) == {}
