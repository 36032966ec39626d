"""Opening flock to other machines and shutting it again, and copies of a flock that runs."""

import contextlib
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock.local.expose import addresses
from tests.e2e.machine import hint, refused
from tests.running import Flock, free_port, running_flock, wait_for


@contextlib.contextmanager
def standing(**environment: str) -> Iterator[Flock]:
    """A flock whose address stands in its file, as a user's does; it may speak to this machine's own addresses."""
    top = Path(tempfile.mkdtemp(prefix="flock-"))
    flock = Flock(top / "home", free_port(), **environment)
    del flock.environment["FLOCK_LISTEN"]
    flock.home.mkdir()
    (flock.home / "config.yaml").write_text(f"# ours\nlisten: 127.0.0.1:{flock.port}\n")
    flock.ok("up")
    try:
        yield flock
    finally:
        flock.run("down", "--grace", "0", timeout=60)
        flock.kill_all()
        shutil.rmtree(top, ignore_errors=True)
    # 192.0.2.1 is asked of the routing table only: a datagram socket that is connected sends nothing
    assert {c.host for c in flock.egress.outside()} <= {"192.0.2.1", *addresses()}


def file_of(flock: Flock) -> str:
    return (flock.home / "config.yaml").read_text()


needs_address = pytest.mark.skipif(not addresses(), reason="this machine has no address but loopback")


@needs_address
def test_there_and_back() -> None:
    with standing() as flock:
        before = file_of(flock)
        pid = flock.pid
        found = flock.json("expose")
        assert found["listen"] == f"0.0.0.0:{flock.port}"
        assert found["reached"] is True
        assert found["restart"] == ""
        assert "without a key nobody gets in" in found["checks"]
        assert flock.pid != pid  # it counts now
        assert f"listen: 0.0.0.0:{flock.port}" in file_of(flock)
        assert f"external_url: {found['url']}" in file_of(flock)
        assert flock.json("status")["api_url"] == found["url"] + "/v1"
        shut = flock.json("expose", "--off")
        assert (shut["listen"], shut["reached"]) == (f"127.0.0.1:{flock.port}", True)
        assert file_of(flock) == before
        actions = [row["action"] for row in flock.json("audit")]
        assert actions.count("config.set") >= 3  # who opened the door is on record


def test_while_it_does_not_run() -> None:
    with standing() as flock:
        flock.ok("down")
        found = flock.json("expose", "--url", "https://llm.example.org")
        assert (found["url"], found["reached"]) == ("https://llm.example.org", False)
        assert "flock does not run: flock up" in found["checks"]
        assert not [check for check in found["checks"] if "not encrypted" in check]


def test_later() -> None:
    with standing() as flock:
        pid = flock.pid
        found = flock.json("expose", "--url", "https://llm.example.org", "--no-restart")
        assert flock.pid == pid
        assert found["restart"] == "flock down && flock up"
        assert "the address is tried once it counts" in found["checks"]
        assert not [check for check in found["checks"] if "does not run" in check]


def test_doors_that_stay_shut() -> None:
    with standing() as flock:
        before = file_of(flock)
        said = refused(flock, "expose", "--host", "203.0.113.7", code=2)
        assert "203.0.113.7 is no address of this machine" in said
        assert "--off takes neither" in refused(flock, "expose", "--off", "--url", "https://a.example", code=2)
        assert "from 1 to 65535, not 70000" in refused(flock, "expose", "--port", "70000", code=2)
        assert "external_url" in refused(flock, "expose", "--url", "not a url", code=2)
        assert file_of(flock) == before
        flock.ok("config", "set", "auth.require_keys", "false")
        open_door = refused(flock, "expose", code=2)
        assert "would get in without a key" in open_door
        assert hint(open_door).endswith("config set auth.require_keys true")
        flock.environment["FLOCK_LISTEN"] = f"127.0.0.1:{flock.port}"
        assert "FLOCK_LISTEN in the environment decides" in refused(flock, "expose", code=2)


@needs_address
def test_a_port_that_is_taken_leaves_the_old_door_open() -> None:
    with standing() as flock, socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        taken = other.getsockname()[1]
        before = file_of(flock)
        said = refused(flock, "expose", "--port", str(taken), code=2)
        assert f"port {taken} is taken" in said
        assert "has its old one again" in said
        assert file_of(flock) == before
        assert flock.json("status")["api_url"] == flock.url + "/v1"


def test_a_copy_of_a_flock_that_runs_and_back() -> None:
    with running_flock() as flock:
        kept = flock.json("token", "create", "kept")
        copy = flock.json("backup", "create")
        assert flock.json("backup", "ls")[0]["file"] == copy["file"]
        gone = flock.json("token", "create", "gone")
        assert "flock runs, and would write over" in refused(flock, "backup", "restore", copy["file"], "--yes", code=1)
        flock.ok("down")
        again = flock.json("backup", "create", "--keep", "1")  # without a daemon too
        assert [b["file"] for b in flock.json("backup", "ls")] == [again["file"]]
        assert "there is no copy" in refused(flock, "backup", "restore", copy["file"], "--yes", code=5)
        flock.ok("backup", "restore", again["file"], "--yes")
        flock.ok("up")
        assert {t["id"] for t in flock.json("token", "ls")} >= {kept["id"], gone["id"]}


def test_a_copy_with_older_keys() -> None:
    with running_flock() as flock:
        copy = flock.json("backup", "create", "--to", str(flock.home.parent / "copies"))
        gone = flock.json("token", "create", "gone")
        flock.ok("down")
        back = flock.json("backup", "restore", copy["file"], "--yes")
        assert any("what was there is kept as" in note for note in back["notes"])
        flock.ok("up")
        wait_for(lambda: flock.run("status").returncode == 0, "it serves again")
        assert gone["id"] not in json.dumps(flock.json("token", "ls", "--all"))
