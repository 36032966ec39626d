"""What the tests of starting, stopping and places share: homes, printed commands, other users, processes held open."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.running import PATIENCE, ROOT, Flock, flock_home

BIN = str(Path(sys.executable).parent)
# what makes flock run from the checkout these tests are run with
CHECKOUT = {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
# nobody's number on Debian, and on most others
NOBODY = 65534


@contextlib.contextmanager
def fresh(**more: str) -> Iterator[Flock]:
    """Yield a flock that has not been started and whose command is found as `flock` by any shell it starts."""
    with flock_home(**CHECKOUT, PATH=f"{BIN}:{os.environ['PATH']}", **more) as flock:
        yield flock


@contextlib.contextmanager
def up(**more: str) -> Iterator[Flock]:
    """Yield one that serves."""
    with fresh(**more) as flock:
        flock.ok("up")
        yield flock


def without_address(flock: Flock) -> Flock:
    """Let the configuration file say where it listens, as it does for a user."""
    del flock.environment["FLOCK_LISTEN"]
    flock.home.mkdir(parents=True, exist_ok=True)
    (flock.home / "config.yaml").write_text(f"# mine\nlisten: 127.0.0.1:{flock.port}\n")
    return flock


def refused(flock: Flock, *words: str, code: int | None = None, **more: Any) -> str:
    """Run a command that must fail with a sentence and no traceback, and return what it said."""
    done = flock.run(*words, **more)
    assert done.returncode != 0, done.stdout
    assert code is None or done.returncode == code, done.stderr
    assert done.stderr.startswith("flock: "), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def hint(said: str) -> str:
    """Return the command of the hint, as it was printed."""
    return said.rpartition("hint: ")[2].strip()


def as_printed(flock: Flock, line: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a printed line in the user's shell."""
    return subprocess.run(
        ["bash", "-c", line],
        env=flock.environment,
        cwd=flock.home.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        **more,
    )


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """Hold a TCP port and yield it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@contextlib.contextmanager
def bystander() -> Iterator[psutil.Process]:
    """Yield a process that has nothing to do with flock, and must outlive everything flock does."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            yield psutil.Process(process.pid)
            assert process.poll() is None, "somebody ended a process that is not flock's"
        finally:
            process.kill()


@contextlib.contextmanager
def foreground(flock: Flock, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `flock up --foreground`, or another command line, and yield it."""
    process = subprocess.Popen(
        command or [sys.executable, "-P", "-m", "flock", "up", "--foreground"],
        env=flock.environment,
        cwd=flock.home.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def copy_of_flock(top: Path, version: str) -> Path:
    """Copy the tree under `top`, let it say another version, and return what PYTHONPATH must hold to run it."""
    place = top / f"flock-{version}"
    for name in ("flock", "catalog", "completions"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "flock/__init__.py").write_text(f'__version__ = "{version}"\n')
    return place


def end(process: psutil.Process) -> None:
    """Kill a process that may have ended already."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def gone(process: psutil.Process) -> bool:
    """Say whether a process has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# Runs a command as another user. An interpreter that lies in a home nobody else may enter is shown to it in a mount
# namespace of its own, at the same path, with nothing else of that home.
_AS_USER = """
set -e
uid=$1 blocked=$2 prefix=$3; shift 3
if [ -n "$blocked" ]; then
    hold=$(mktemp -d)
    mount --bind "$prefix" "$hold"
    mount -t tmpfs -o mode=755 tmpfs "$blocked"
    mkdir -p "$prefix"
    mount --move "$hold" "$prefix"
    rmdir "$hold"
fi
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
"""


def as_user(uid: int, flock: Flock, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as another user; needs root, or sudo without a password."""
    prefix = Path(sys.base_prefix).resolve()
    blocked = next((str(p) for p in reversed(prefix.parents) if not p.stat().st_mode & 0o001), "")
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    names = [f"{k}={v}" for k, v in flock.environment.items()]
    apart = [*root, "unshare", "-m", "bash", "-c", _AS_USER, "-", str(uid), blocked, str(prefix)]
    return subprocess.run(
        [*apart, "env", "-i", *names, sys.executable, "-P", "-m", "flock", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=PATIENCE * 2,
    )


def give(path: Path, uid: int) -> None:
    """Make everything under a path another user's; of a link the link, not what it leads to."""
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    subprocess.run([*root, "chown", "-hR", f"{uid}:{uid}", str(path)], check=True)


@contextlib.contextmanager
def temporary(prefix: str = "flock-") -> Iterator[Path]:
    """Yield a directory that every user may enter."""
    top = Path(tempfile.mkdtemp(prefix=prefix))
    top.chmod(0o755)
    try:
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)
