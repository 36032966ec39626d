"""`flock logs`: the last lines, and those that follow, through every kind of rotation."""

import queue
import threading
from pathlib import Path

import pytest

from flock.contract.lifecycle import LogLine, ShowLogs
from flock.errors import StorageFailed, UsageError
from flock.local.logs import follow, tail
from flock.local.operations import Here, run
from flock.paths import private_dir


@pytest.fixture
def log(here: Here) -> Path:
    """Return the log's path, its directory made."""
    private_dir(here.home.logs)
    return here.home.log_file


def test_no_log_has_no_lines(here: Here) -> None:
    assert run(ShowLogs(), here) == []


def test_the_last_lines(here: Here, log: Path) -> None:
    log.write_text("a\nb\nc\n")
    assert run(ShowLogs(lines=2), here) == [LogLine("b"), LogLine("c")]
    assert run(ShowLogs(lines=0), here) == []
    with pytest.raises(UsageError):
        run(ShowLogs(lines=-1), here)


@pytest.mark.parametrize("count", [1, 2, 3000, 5000, 9000])
def test_tail_equals_reading_everything(log: Path, count: int) -> None:
    lines = [f"{i} {'x' * (i % 97)} é" for i in range(6000)]
    log.write_text("\n".join(lines) + "\n")
    assert tail(log, count) == lines[-count:]
    log.write_text("\n".join(lines))
    assert tail(log, count) == lines[-count:]


def test_tail_keeps_to_what_was_written_since(log: Path) -> None:
    log.write_bytes(b"old\n")
    with log.open("ab") as more:
        more.write(b"new\xff\r\nand a bar 1%\r2%\n\n")
    assert tail(log, 10, since=4) == ["new�", "and a bar 1%\r2%", ""]
    assert tail(log, 10, since=log.stat().st_size) == []


def test_a_log_that_is_a_directory(here: Here, log: Path) -> None:
    log.mkdir()
    with pytest.raises(StorageFailed, match="cannot read the log"):
        run(ShowLogs(), here)


def add(log: Path, words: str) -> None:
    """Append to the log."""
    with log.open("a") as more:
        more.write(words)


def test_following_shows_each_line_once(here: Here, log: Path) -> None:
    log.write_text("one\ntwo\nthr")
    lines = follow(here.home, 1)
    assert next(lines) == "two"
    add(log, "ee\nfour\n")
    assert [next(lines), next(lines)] == ["three", "four"]


def test_following_goes_on_after_a_rename(here: Here, log: Path) -> None:
    log.write_text("one\n")
    lines = follow(here.home, 5)
    assert next(lines) == "one"
    add(log, "late\n")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("new\n")
    assert [next(lines), next(lines)] == ["late", "new"]


def test_following_goes_on_after_the_file_was_emptied(here: Here, log: Path) -> None:
    log.write_text("a long first line\n")
    lines = follow(here.home, 5)
    assert next(lines) == "a long first line"
    log.write_text("short\n")
    assert next(lines) == "short"


def test_following_waits_for_the_first_log(here: Here, log: Path) -> None:
    got: queue.Queue[str] = queue.Queue()
    lines = follow(here.home, 5)
    reader = threading.Thread(target=lambda: got.put(next(lines)))
    reader.start()
    log.write_text("first\n")
    assert got.get() == "first"
    reader.join()
