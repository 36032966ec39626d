"""Every command that only looks, as cron calls it: the same JSON in a bare environment, one line without a daemon."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flock.errors import EXIT_CODES
from tests.e2e.looks import CALLERS_OWN, after, looks, needs_daemon, prepared
from tests.e2e.machine import CHECKOUT
from tests.running import PATIENCE, Flock, flock_home, free_port

LOOKS = looks()
FLOCK = shlex.join([sys.executable, "-P", "-m", "flock"])
# `connect ls` asks the tools it finds for their versions, and some of them look up names
NO_TOOLS = "/nowhere"
# what differs from one look to the next wherever it is called
MEASURED = re.compile("(_ms|seconds|_bytes|_per_second)$")
Named = dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flock, Named]]:
    """A flock in the platform's own places under a home directory, which only HOME names."""
    top = tmp_path_factory.mktemp("cron")
    flock = Flock(top / "unused", free_port(), **CHECKOUT)
    flock.home = top / ".local/share/flock"
    flock.home.parent.mkdir(parents=True)
    (top / ".config/flock").mkdir(parents=True)
    # a hub where nothing answers: nothing out there is asked
    written = f"listen: 127.0.0.1:{flock.port}\nengine:\n  hub_endpoint: http://127.0.0.1:9\n"
    (top / ".config/flock/config.yaml").write_text(written)
    for name in ("FLOCK_HOME", "FLOCK_LISTEN"):
        del flock.environment[name]
    flock.environment |= {"HOME": str(top), "PATH": NO_TOOLS, "LANG": "en_GB.UTF-8", "TERM": "xterm-256color"}
    flock.ok("up", "--no-wizard")
    try:
        yield flock, prepared(flock)
    finally:
        flock.run("down", "--grace", "0")


def bare(flock: Flock, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line with nothing but HOME, through a shell, as cron does."""
    line = " ".join([*(f"{name}={shlex.quote(value)}" for name, value in CHECKOUT.items()), FLOCK, shlex.join(words)])
    return subprocess.run(
        ["env", "-i", f"HOME={flock.environment['HOME']}", "/bin/sh", "-c", line],
        env=os.environ,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )


def leaves(plain: Any, path: str = "") -> dict[str, Any]:
    """Return a JSON value as its leaves by path."""
    if isinstance(plain, dict):
        return {k: v for key, value in plain.items() for k, v in leaves(value, f"{path}.{key}").items()} or {path: {}}
    if isinstance(plain, list):
        return {k: v for i, value in enumerate(plain) for k, v in leaves(value, f"{path}[{i}]").items()} or {path: []}
    return {path: plain}


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_the_same_json_in_a_bare_environment(name: str, home: tuple[Flock, Named]) -> None:
    flock, named = home
    words = (*LOOKS[name].spec.verb, *named.get(name, ()), "--json")
    before, here, again = flock.run(*words), bare(flock, *words), flock.run(*words)
    assert here.returncode == before.returncode == again.returncode, here.stderr
    if here.returncode not in (0, 1) or not here.stdout:
        assert here.returncode in EXIT_CODES
        assert here.stdout == ""
        error, expected = (json.loads(done.stderr.splitlines()[-1])["error"]["code"] for done in (here, before))
        assert error == expected
        return
    # times and measurements go on: what two looks of the full environment agree on, the bare one says too
    first, found, second = (leaves(json.loads(done.stdout)) for done in (before, here, again))
    assert set(found) == set(first) or set(first) != set(second) or name in CALLERS_OWN
    if name not in CALLERS_OWN:
        steady = {path for path, value in first.items() if second.get(path, ...) == value and not MEASURED.search(path)}
        assert {path: found.get(path) for path in steady} == {path: first[path] for path in steady}


@pytest.fixture(scope="module")
def nobody() -> Iterator[Flock]:
    """A home where no flock was ever started."""
    with flock_home(PATH=NO_TOOLS) as flock:
        yield flock


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_no_daemon_is_one_line_and_a_hint(name: str, nobody: Flock, tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("default:\n  rpm: 5\n")
    words = after("k_1", "req_1", "j_1", "embedded:flock-smoke", limits).get(name, ())
    done = nobody.run(*LOOKS[name].spec.verb, *words)
    assert "Traceback" not in done.stderr
    if not needs_daemon(name):
        assert done.returncode in (0, 1), done.stderr
        return
    assert (done.returncode, done.stdout) == (3, "")
    sentence, hint = done.stderr.splitlines()
    assert sentence == "flock: flock is not running"
    assert hint.startswith("hint: ")
    assert hint.endswith(" up")
    as_json = nobody.run(*LOOKS[name].spec.verb, *words, "--json")
    assert (as_json.returncode, as_json.stdout) == (3, "")
    assert json.loads(as_json.stderr)["error"]["code"] == "daemon_unreachable"
