"""Keys that people show are nowhere but where they were put: not in logs, errors, arguments, environments, databases,
copies or core files; and neither are any in what the project ships.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.parts import CHAT, Client, ask, body, call, children
from tests.running import ROOT, Flock, command_line, running_flock, wait_for

MODEL = "flock-smoke"
# what a real key looks like: no fixture, golden, page or picture may hold one
REAL = re.compile(rb"sk-orc-[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
WRONG = "sk-orc-" + "w" * 32


def ways(key: str) -> list[tuple[str, dict[str, str], Any]]:
    """Return (path, headers, body) of every way to show a key."""
    chat = body(MODEL)
    gemini = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    return [
        (CHAT, {"Authorization": f"Bearer {key}"}, chat),
        (CHAT, {"x-api-key": key}, chat),
        (CHAT, {"api-key": key}, chat),
        (CHAT, {"X-Flock-Key": key}, chat),
        (f"{CHAT}?key={key}", {}, chat),
        (f"/v1beta/models/{MODEL}:generateContent?key={key}", {}, gemini),
        ("/v1/messages", {"x-api-key": key}, {**chat, "max_tokens": 5}),
        # in the wrong place: a path, a field, a model's name, a header nobody reads
        (f"/v1/{key}", {}, chat),
        (CHAT, {"Authorization": f"Basic {key}"}, chat),
        (CHAT, {"Authorization": f"Bearer {key}"}, {**chat, "model": key}),
        (CHAT, {"Authorization": f"Bearer {key}"}, b"{not json " + key.encode()),
    ]


def show(flock: Flock, key: str) -> list[bytes]:
    """Show a key in every way and return the answers to requests that named it nowhere but as a key."""
    said: list[bytes] = []
    for path, headers, what in ways(key):
        with closing(Client(flock.port)) as client:
            told = client.send(what, path, headers).rest(client.head())
        named = key.encode() in (what if isinstance(what, bytes) else json.dumps(what).encode()) or key in path[:50]
        if not named:
            said.append(told.body + json.dumps(told.headers).encode())
    return said


def places(flock: Flock) -> dict[str, bytes]:
    """Return everything that is kept or can be seen of a flock: files, arguments and environments of its processes."""
    found = {str(file): file.read_bytes() for file in flock.home.rglob("*") if file.is_file()}
    for process in flock.processes():
        found[f"arguments of {process.pid}"] = " ".join(command_line(process)).encode()
        found[f"environment of {process.pid}"] = json.dumps(process.environ()).encode()
    return found


def test_a_key_is_nowhere() -> None:
    with running_flock(FLOCK_LOG_LEVEL="debug") as flock:
        made = flock.json("token", "create", "alice", "--budget", "5/day", "--rpm", "1000")
        key, admin = made["token"], flock.key
        said = show(flock, key) + show(flock, WRONG)
        call(flock.port, "GET", "/admin/v1/tokens", key)  # refused: its scope
        rotated = flock.json("token", "rotate", made["id"])["token"]
        said += show(flock, rotated)
        for words in (
            *(("token", "ls"), ("token", "show", made["id"]), ("audit",), ("usage",), ("status",), ("doctor",)),
            *(("request", "ls"), ("explain", "last"), ("history",), ("logs", "--lines", "2000"), ("config", "show")),
            *(("backup", "create", "--to", str(flock.home / "copies")), ("top", "--once")),
        ):
            done = flock.run(*words, "--json")
            said += [done.stdout.encode(), done.stderr.encode()]
        assert ask(flock.port, admin, body(MODEL)).status == 200
        seen = places(flock)
        assert any(name.startswith("environment") for name in seen)
        for secret in (key, rotated, WRONG, admin):
            hidden = secret.encode()
            assert not [text for text in said if hidden in text]
            allowed = {str(flock.home / "admin.key")} if secret == admin else set[str]()
            assert {name for name, text in seen.items() if hidden in text} - allowed == set()


def test_a_crash_leaves_no_core_file() -> None:
    """Neither the daemon nor an engine may write its memory to the disk, whatever the shell that started it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("this system allows no core files at all")
    with running_flock() as flock:
        assert ask(flock.port, flock.key, body(MODEL)).status == 200
        for process in [psutil.Process(flock.pid), *children(flock)]:
            assert limit_of(process) == (0, 0), command_line(process)
        os.kill(flock.pid, signal.SIGABRT)
        wait_for(lambda: not psutil.pid_exists(flock.pid) or is_dead(flock.pid), "it is gone")
        assert not [file for file in flock.home.parent.rglob("core*") if file.is_file()]


def limit_of(process: psutil.Process) -> tuple[int, int]:
    """Return how large a core file of a process may be: soft and hard."""
    if sys.platform != "linux":
        pytest.skip("limits of other processes can be read on Linux only")
    found = re.search(r"^Max core file size\s+(\S+)\s+(\S+)", Path(f"/proc/{process.pid}/limits").read_text(), re.M)
    assert found is not None
    return int(found[1]), int(found[2])


def is_dead(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def test_nothing_that_is_shipped_holds_a_key() -> None:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    files = [ROOT / os.fsdecode(name) for name in names if name]
    holding = [
        (str(file.relative_to(ROOT)), found[0])
        for file in files
        if file.is_file() and (found := REAL.findall(file.read_bytes()))
    ]
    assert [(name, key) for name, key in holding if len(set(key[7:])) > 8] == []
