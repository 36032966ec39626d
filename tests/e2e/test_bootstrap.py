"""`make up` from a fresh checkout: no settings, no tools but the system's, interrupted, twice at once, in odd places.

The checkout is a copy of this one's files (committed and not), in a directory whose name holds a space; the
environment is empty but for HOME and PATH, and FLOCK_LISTEN, since the usual port may be taken here.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import ROOT, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SYSTEM_PATH = "/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of the project and the home of the user who cloned it."""

    root: Path
    home: Path
    port: int

    def environment(self, path: str = SYSTEM_PATH) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": path, "FLOCK_LISTEN": f"127.0.0.1:{self.port}"}

    def sh(self, line: str, path: str = SYSTEM_PATH) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.root,
            env=self.environment(path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def start(self, line: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def copy_checkout(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    top = tmp_path_factory.mktemp("a fresh machine")
    made = Checkout(top / "flock", top / "home", free_port())
    made.home.mkdir()
    copy_checkout(made.root)
    yield made
    made.sh("make down")


def test_1_it_says_in_one_sentence_what_is_missing(checkout: Checkout, tmp_path: Path) -> None:
    for name in ("sh", "dirname", "cat", "cksum", "sed", "grep", "mkdir", "rm", "mv", "readlink", "sleep"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    bare = checkout.sh("tools/bootstrap.sh up", path=str(tmp_path))
    assert bare.returncode == 69
    assert bare.stderr.startswith("flock: Python 3.11 or newer is missing: ")
    assert bare.stderr.count("\n") == 1

    # a Python without ensurepip is what Debian has before python3-venv
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\ncase $3 in *ensurepip*) exit 1 ;; esac\nexec /usr/bin/python3 "$@"\n')
    python.chmod(0o755)
    lacking = checkout.sh("tools/bootstrap.sh up", path=str(tmp_path))
    assert lacking.returncode == 69
    assert re.fullmatch(
        r"flock: \S+ cannot make virtual environments: sudo apt install python3\.\d+-venv, then run this again\n",
        lacking.stderr,
    )
    assert not (checkout.root / ".venv").exists()
    assert not (checkout.root / ".venv.lock").exists()


def test_2_make_down_says_so_when_nothing_is_installed(checkout: Checkout) -> None:
    down = checkout.sh("make down")
    assert (down.returncode, down.stdout) == (0, "")
    assert "nothing is installed" in down.stderr


def test_3_an_interrupted_run_leaves_nothing_in_the_way(checkout: Checkout) -> None:
    first = checkout.start("make up")
    wait_for((checkout.root / ".venv" / ".half").exists, "the installation has begun")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert (checkout.root / ".venv.lock").exists()  # a killed run cannot tidy up


def test_4_two_runs_at_once_both_start_the_one_daemon(checkout: Checkout) -> None:
    runs = [checkout.start("make up") for _ in range(2)]
    said = [run.communicate(timeout=600)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    everything = "".join(said)
    assert everything.count("installing what requirements.lock lists") == 1
    assert not (checkout.root / ".venv.lock").exists()
    health = checkout.sh(f"curl -fsS http://127.0.0.1:{checkout.port}/healthz")
    assert health.returncode == 0, health.stderr


def test_5_a_second_run_installs_nothing(checkout: Checkout) -> None:
    again = checkout.sh("make up")
    assert again.returncode == 0, again.stderr
    assert "installing" not in again.stderr
    assert "making" not in again.stderr


def test_6_the_command_is_linked_and_nothing_is_overwritten(checkout: Checkout) -> None:
    links = checkout.home / ".local" / "bin"
    for name in ("flock", "flockctl"):
        assert os.readlink(links / name) == str(checkout.root.resolve() / ".venv" / "bin" / name)
    assert checkout.sh(f"'{links}/flock' --version").stdout.startswith("flock ")

    (links / "flock").unlink()
    (links / "flock").write_text("somebody else's")
    (links / "flockctl").unlink()
    (links / "flockctl").symlink_to("/gone/.venv/bin/flockctl")
    again = checkout.sh("make up")
    assert again.returncode == 0, again.stderr
    assert (links / "flock").read_text() == "somebody else's"
    assert f"left {links}/flock alone" in again.stderr
    assert os.readlink(links / "flockctl") == str(checkout.root.resolve() / ".venv" / "bin" / "flockctl")
    (links / "flock").unlink()


def test_7_the_printed_curl_line_works_as_it_stands(checkout: Checkout) -> None:
    card = checkout.sh("make up")
    printed = card.stdout + card.stderr
    lines = [line.strip() for line in printed.splitlines() if "| curl " in line]
    assert len(lines) == 1, printed
    answer = checkout.sh(lines[0])
    assert answer.returncode == 0, answer.stderr
    assert "flock's built-in smoke model" in answer.stdout, answer.stdout


def test_8_a_failed_installation_shows_why_and_the_next_step(checkout: Checkout) -> None:
    lock = checkout.root / "requirements.lock"
    good = lock.read_text()
    lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, good))
    (checkout.root / ".venv").rename(checkout.root / ".venv.aside")
    try:
        failed = checkout.sh("tools/bootstrap.sh runtime")
        assert failed.returncode == 1
        lines = failed.stderr.splitlines()
        assert "installing requirements.lock failed" in failed.stderr
        assert "run the same command again" in lines[-1]
        assert len(lines) <= 26
    finally:
        lock.write_text(good)
        shutil.rmtree(checkout.root / ".venv")
        (checkout.root / ".venv.aside").rename(checkout.root / ".venv")


def test_9_make_down_stops_it(checkout: Checkout) -> None:
    down = checkout.sh("make down")
    assert down.returncode == 0, down.stderr
    health = checkout.sh(f"curl -fsS http://127.0.0.1:{checkout.port}/healthz")
    assert health.returncode == 7  # could not connect
