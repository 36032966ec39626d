"""A disk that takes nothing more: at the first start, while flock serves, and at the next start.

Nothing is half-written, nothing that was answered is forgotten, and what can be said is said.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.disks import Disk, flock_on_disk
from tests.e2e.parts import ask, body, call, serves, usage
from tests.running import Flock, fake_upstream, wait_for

KINDS = pytest.mark.parametrize("mounted", [True, False], ids=["tmpfs", "limit"])
# ENOSPC, EFBIG, and what SQLite makes of them
NO_ROOM = r"No space left on device|File too large|no space is left|the disk failed"


def half_written(home: Path) -> list[Path]:
    """Return what a reader would stumble over: empty files of ours and drafts that were left."""
    found = [p for p in home.rglob("*") if p.is_file() and "ids" not in p.parts and p.parent.name != "run"]
    drafts = [p for p in found if p.name.startswith(".") or p.suffix in (".new", ".part")]
    return drafts + [
        p for p in found if p.stat().st_size == 0 and p.name in ("admin.key", "config.yaml", "secrets.json")
    ]


@KINDS
@pytest.mark.parametrize("leave", [0, 4096, 16384, 49152, 81920, 131072, 163840])
def test_a_first_start_without_room(mounted: bool, leave: int) -> None:
    with flock_on_disk(mounted=mounted) as (flock, disk):
        disk.full(leave)
        done = flock.run("up", preexec_fn=disk.limit)
        if done.returncode:
            assert done.stderr.startswith("flock: ")
            assert any(words in done.stderr for words in NO_ROOM.split("|")), done.stderr
            assert "df -h" in done.stderr
            assert "Traceback" not in done.stderr + flock.ok("logs")
            assert not flock.processes()
            assert half_written(flock.home) == []
            assert not (flock.home / "admin.key").exists()
        else:
            assert leave > 49152
        disk.roomy()
        flock.ok("up")
        assert ask(flock.port, flock.key, body("flock-smoke")).status == 200


@pytest.mark.parametrize("room", [20, 1000], ids=["the file", "the row"])
def test_a_first_key_that_cannot_be_kept_leaves_no_file(room: int) -> None:
    """A key is 40 bytes, a row more than a thousand; everything before them needs less than 20."""
    with flock_on_disk(mounted=False) as (flock, disk):
        flock.ok("up")
        flock.ok("down")
        (flock.home / "admin.key").unlink()
        with sqlite3.connect(flock.home / "data/flock.db", isolation_level=None) as other:
            other.execute("DELETE FROM keys")
            # while another reads it, the database's own side files are there and need not grow
            disk.full(room)
            done = flock.run("up", preexec_fn=disk.limit)
            assert done.returncode == 1
            assert any(words in done.stderr for words in NO_ROOM.split("|")), done.stderr
            assert not (flock.home / "admin.key").exists()
        other.close()
        disk.roomy()
        flock.ok("up")
        assert ask(flock.port, flock.key, body("flock-smoke")).status == 200


def test_a_failure_that_lasts_is_logged_once() -> None:
    """With room for the log and none for the database."""
    with fake_upstream() as upstream, flock_on_disk(mounted=False) as (flock, disk):
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        disk.full(150_000)
        while not failing(flock):
            assert ask(flock.port, flock.key, body("ok")).status == 200
        for _ in range(20):  # each asks the writer to try again
            flock.ok("token", "ls")
        lines = [x["text"] for x in flock.json("logs", "--lines", "1000")]
        assert sum("usage waits in memory" in line for line in lines) == 1, lines
        disk.roomy()
        wait_for(lambda: not failing(flock), "the writer goes on")
        assert sum("takes rows again" in x["text"] for x in flock.json("logs")) == 1


@pytest.fixture(params=[True, False], ids=["tmpfs", "limit"])
def filled(request: pytest.FixtureRequest) -> Iterator[tuple[Flock, Disk]]:
    """A flock that serves a fake upstream, and whose disk has just become full."""
    with fake_upstream() as upstream, flock_on_disk(mounted=request.param) as (flock, disk):
        flock.ok("up", "--json")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        before = ask(flock.port, flock.key, body("ok"))
        wait_for(lambda: before.id in usage(flock), "a row on a healthy disk")
        disk.full()
        yield flock, disk


def failing(flock: Flock) -> str:
    """Return why usage is not being recorded, as the daemon says it."""
    return call(flock.port, "GET", "/admin/v1/status", flock.key).json["warning"]


def test_requests_are_answered_and_their_rows_wait(filled: tuple[Flock, Disk]) -> None:
    flock, disk = filled
    ids = []
    # the log of the database is preallocated here and there, so the disk's end is met after some rows
    end = time.monotonic() + 60
    while not failing(flock) or len(ids) < 20:
        told = ask(flock.port, flock.key, body("ok", stream=bool(len(ids) % 2)))
        assert told.status == 200
        ids.append(told.id)
        assert time.monotonic() < end, "the disk never became full"
    status = flock.ok("status")
    assert "usage waits in memory" in status
    assert "usage waits in memory" in flock.ok()
    doctor = flock.run("doctor")
    assert (doctor.returncode, "serious  store: usage is not being recorded" in doctor.stdout) == (1, True)
    disk.roomy()
    wait_for(lambda: not failing(flock), "the writer goes on")
    wait_for(lambda: set(ids) <= usage(flock).keys(), "every row was written")
    assert "usage waits" not in flock.ok("status")
    assert "ok       store: usage is being recorded" in flock.run("doctor").stdout
    assert call(flock.port, "GET", f"/admin/v1/requests/{ids[-1]}/explanation", flock.key).status == 200
    lines = [x["text"] for x in flock.json("logs", "--lines", "1000")]
    # every failure once, not five times a second
    assert sum("usage waits in memory" in line for line in lines) <= 2, lines
    assert len(lines) < 40, lines


def commands_fail_whole(flock: Flock, second: int) -> None:
    config = flock.home / "config.yaml"
    kept = config.read_text()
    tokens = flock.json("token", "ls")
    for words in (
        ("config", "set", "log_level", "debug"),
        ("token", "create", "alice"),
        ("engine", "attach", f"http://127.0.0.1:{second}", "--name", "second"),
    ):
        done = flock.run(*words)
        assert done.returncode == 1, (words, done.stdout, done.stderr)
        assert done.stderr.startswith("flock: "), done.stderr
        assert any(sentence in done.stderr for sentence in NO_ROOM.split("|")), done.stderr
    assert config.read_text() == kept
    assert flock.json("token", "ls") == tokens
    assert [e["name"] for e in flock.json("engine", "ls") if e["ownership"] != "own"] == ["fake"]
    assert half_written(flock.home) == []
    assert serves(flock)


@pytest.fixture
def second() -> Iterator[int]:
    """Another engine that could be attached."""
    with fake_upstream() as port:
        yield port


def test_changes_fail_whole(filled: tuple[Flock, Disk], second: int) -> None:
    flock, disk = filled
    disk.roomy()
    flock.ok("config", "set", "log_level", "info")
    disk.full()
    # rows first, until the disk's end is met
    while not failing(flock):
        assert ask(flock.port, flock.key, body("ok")).status == 200
    commands_fail_whole(flock, second)
    disk.roomy()
    wait_for(lambda: not failing(flock), "the writer goes on")
    flock.ok("config", "set", "log_level", "debug")
    token = flock.json("token", "create", "alice")["token"]
    assert call(flock.port, "GET", "/v1/models", token).status == 200
    flock.ok("engine", "attach", f"http://127.0.0.1:{second}", "--name", "second")
    flock.ok("down")
    flock.ok("up")
    assert [t["name"] for t in flock.json("token", "ls")] == ["alice", "admin"]


def test_an_engines_key_that_cannot_be_kept_leaves_no_engine() -> None:
    with fake_upstream("--key", "secret") as upstream, flock_on_disk() as (flock, disk):
        flock.ok("up")
        disk.full()
        done = flock.run("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "locked", stdin="secret\n")
        assert done.returncode == 1, done.stdout
        assert any(sentence in done.stderr for sentence in NO_ROOM.split("|")), done.stderr
        assert "secret" not in done.stderr.replace("secrets.json", "")
        disk.roomy()
        assert [e["name"] for e in flock.json("engine", "ls") if e["ownership"] != "own"] == []
        assert half_written(flock.home) == []
        secrets = flock.home / "secrets.json"
        assert not secrets.exists() or "locked" not in secrets.read_text()


def test_down_and_up_on_a_full_disk(filled: tuple[Flock, Disk]) -> None:
    flock, disk = filled
    flock.ok("down")
    assert not flock.processes()
    done = flock.run("up", preexec_fn=disk.limit)
    if done.returncode:
        assert any(sentence in done.stderr for sentence in NO_ROOM.split("|")), done.stderr
        assert not flock.processes()
    disk.roomy()
    flock.ok("up")
    assert ask(flock.port, flock.key, body("ok")).status == 200
    assert os.stat(flock.home / "admin.key").st_size > 20
