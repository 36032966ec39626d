"""A secret's whole life: kept, encrypted, locked, unlocked, moved, removed; and the places where it must never be.

`Watched` runs each command and looks for the key and the passphrase in all that it said, in the command lines of every
process on the machine, and in every file of the flock but the one that holds the key.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.e2e.disks import flock_on_disk
from tests.e2e.parts import ask, body
from tests.running import Flock, command_line, fake_upstream, flock_home, wait_for

KEY = "fk-hunter2-hunter2"
PHRASE = "correct horse battery"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


class Watched:
    """A flock's command line, each run of which is searched for what must not be there."""

    def __init__(self, flock: Flock) -> None:
        self.flock = flock

    def __call__(self, *words: str, stdin: str | None = None, code: int = 0) -> str:
        """Run a command with and without --json where it changes nothing; return what it said."""
        done = self.flock.run(*words, stdin=stdin)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        said = done.stdout + done.stderr
        self.search(said)
        return said

    def search(self, said: str = "") -> None:
        """Look everywhere."""
        for hidden in (KEY, PHRASE):
            assert hidden not in said
            for process in psutil.process_iter():
                try:
                    line = " ".join(command_line(process))
                except psutil.Error:
                    continue
                assert hidden not in line or "tests.fakes.upstream" in line  # the fake is told which key it wants
            for file in self.flock.home.rglob("*"):
                if file.is_file() and not (file.name == "secrets.json" and hidden == KEY):
                    assert hidden.encode() not in file.read_bytes(), file


@pytest.fixture
def fake() -> Iterator[int]:
    """The port of an engine that wants the key."""
    with fake_upstream("--good", "--key", KEY) as port:
        yield port


@pytest.fixture
def flock() -> Iterator[Flock]:
    with flock_home(**NO_KEYRING) as flock:
        yield flock


def kept(flock: Flock) -> str:
    return (flock.home / "secrets.json").read_text()


def answers(flock: Flock) -> bool:
    return ask(flock.port, flock.key, body("ok")).status == 200


def engine(flock: Flock) -> dict[str, str]:
    return next(e for e in flock.json("engine", "ls") if e["name"] == "fake")


def test_a_secrets_whole_life_and_where_it_never_is(flock: Flock, fake: int) -> None:
    run = Watched(flock)
    flock.environment["FLOCK_LOG_LEVEL"] = "debug"
    run("up")
    run("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake", stdin=f"{KEY}\n")
    assert answers(flock)
    assert KEY in kept(flock)
    for words in (("secret", "ls"), ("secret", "status"), ("doctor",), ("engine", "ls"), ("audit",), ("status",)):
        run(*words)
        run(*words, "--json")

    run("secret", "lock", "--json", stdin=f"{PHRASE}\n")
    assert KEY not in kept(flock)
    assert answers(flock), "the running daemon goes on"
    assert "unlocked until flock stops" in run("doctor")

    run("down")
    run("up")
    wait_for(lambda: engine(flock)["state"] == "failed", "the engine's key is locked")
    assert "flock secret unlock" in run("doctor")
    assert "locked file" in run("secret", "ls")
    told = ask(flock.port, flock.key, body("ok"))
    assert told.status != 200
    assert KEY.encode() not in told.body

    assert "nothing was changed" in run("secret", "unlock", stdin="incorrect horse\n", code=4)
    run("secret", "unlock", stdin="incorrect horse\n", code=4)
    run("secret", "unlock", stdin=f"{PHRASE}\n")
    wait_for(lambda: answers(flock), "the engine is asked with its key")
    assert KEY not in kept(flock)

    run("secret", "lock", code=0)
    assert json.loads(run("secret", "status", "--json"))["locked"]
    run("secret", "unlock", "--for-good", stdin=f"{PHRASE}\n")
    assert KEY in kept(flock)
    assert (flock.home / "secrets.json").stat().st_mode & 0o777 == 0o600
    run("secret", "unlock", stdin=f"{PHRASE}\n", code=1)

    run("down")
    run("up")
    wait_for(lambda: answers(flock), "no passphrase is needed any more")
    rows = json.loads(run("audit", "--json"))
    assert {("secret.lock", "ok"), ("secret.unlock", "forbidden"), ("secret.unlock", "ok")} <= {
        (row["action"], row["outcome"]) for row in rows
    }
    run("engine", "detach", "fake")
    assert KEY not in kept(flock)
    run("logs", "--lines", "1000")
    run("down")
    run.search()


def test_an_old_passphrase_file_and_a_short_one(flock: Flock, tmp_path: Path) -> None:
    run = Watched(flock)
    run("up")
    assert "8 to 1024 characters" in run("secret", "lock", stdin="short\n", code=2)
    (tmp_path / "phrase").write_text(f"{PHRASE}\n")
    flock.environment["FLOCK_PASSPHRASE_FILE"] = str(tmp_path / "phrase")
    run("secret", "lock")
    assert json.loads(run("secret", "status", "--json"))["encrypted"]


def test_a_daemon_killed_as_it_locks_leaves_a_store_that_opens(flock: Flock, fake: int) -> None:
    """Killed as soon as anything is seen of the new file; its single steps are tests/unit/secrets/test_seal.py's."""
    flock.ok("up")
    flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake", stdin=f"{KEY}\n")
    for _ in range(3):
        before, daemon = kept(flock), flock.pid
        with ThreadPoolExecutor(1) as other:
            locking = other.submit(flock.run, "secret", "lock", stdin=f"{PHRASE}\n")
            while kept(flock) == before and not list(flock.home.glob(".secrets.json.*")) and not locking.done():
                pass
            os.kill(daemon, signal.SIGKILL)
        flock.ok("up")
        if flock.json("secret", "status")["encrypted"]:
            assert KEY not in kept(flock)
            flock.ok("secret", "unlock", "--for-good", stdin=f"{PHRASE}\n")
        wait_for(lambda: answers(flock), "the store opens")


@pytest.mark.parametrize("mounted", [True, False], ids=["tmpfs", "limit"])
def test_on_a_full_disk_nothing_is_locked_and_nothing_is_lost(mounted: bool, fake: int) -> None:
    with flock_on_disk(mounted=mounted, **NO_KEYRING) as (flock, disk):
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake", stdin=f"{KEY}\n")
        before = kept(flock)
        disk.full()
        done = flock.run("secret", "lock", stdin=f"{PHRASE}\n")
        assert done.returncode == 1
        assert "cannot write" in done.stderr
        assert KEY not in done.stderr
        assert kept(flock) == before
        assert [file.name for file in flock.home.iterdir() if "secrets" in file.name] == ["secrets.json"]
        assert answers(flock)
        disk.roomy()
        flock.ok("secret", "lock", stdin=f"{PHRASE}\n")
        assert KEY not in kept(flock)
        disk.full()
        assert flock.run("secret", "unlock", "--for-good", stdin=f"{PHRASE}\n").returncode == 1
        assert KEY not in kept(flock)
        assert answers(flock)


@pytest.mark.skipif(
    not (shutil.which("dbus-run-session") and shutil.which("gnome-keyring-daemon")),
    reason="gnome-keyring and dbus-run-session are not installed",
)
def test_a_real_secret_service(flock: Flock, fake: int, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir(mode=0o700)
    for name, place in (("XDG_RUNTIME_DIR", run_dir), ("XDG_DATA_HOME", tmp_path / "data"), ("HOME", tmp_path)):
        flock.environment[name] = str(place)
    flock.environment.pop("PYTHON_KEYRING_BACKEND")
    script = "printf pw | gnome-keyring-daemon --unlock --foreground --components=secrets >&2 & env; cat; kill $!"
    session = subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", script],
        env=flock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert session.stdin is not None
    assert session.stdout is not None
    try:
        for line in session.stdout:
            name, _, value = line.strip().partition("=")
            if name == "DBUS_SESSION_BUS_ADDRESS":
                flock.environment[name] = value
                break
        wait_for(lambda: (run_dir / "keyring").exists(), "the keyring's daemon is there")
        run = Watched(flock)

        def proved() -> bool:
            """The service's name may come on the bus after its directory, and each daemon proves it once."""
            flock.ok("up")
            found = json.loads(run("secret", "status", "--json"))
            if found["kind"] != "keyring":
                flock.ok("down")
            return found["backend"] == "SecretService"

        wait_for(proved, "the keyring proves itself")
        run("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake", stdin=f"{KEY}\n")
        assert KEY not in kept(flock)
        assert "in the keyring (SecretService), 1 secret" in run("doctor")
        run("down")
        run("up")
        wait_for(lambda: answers(flock), "its key is read from the keyring")
        run("engine", "detach", "fake")
        assert json.loads(run("secret", "ls", "--json")) == []
    finally:
        session.stdin.close()
        session.wait()
        session.stdout.close()
