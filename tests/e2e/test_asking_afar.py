"""`flock run` and `flock batch` at another machine's flock: over a real sshd, and over HTTP with a key."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flock.paths import user_name
from tests.e2e.parts import CHAT, environment
from tests.running import PATIENCE, ROOT, Flock, command_line, running_flock, wait_for
from tests.sshd import Box, flock_script, running_box

HOST = "ssh://box"


@pytest.fixture(scope="module")
def far(fake: int) -> Iterator[Flock]:
    with running_flock(**environment()) as flock:
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        yield flock


@pytest.fixture(scope="module")
def box(far: Flock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(tmp_path_factory.mktemp("box")) as box:
        flock_script(box.bin / "flock", far.environment)
        yield box


class Near:
    """A machine without a flock of its own."""

    def __init__(self, top: Path, path: str = "") -> None:
        self.top = top
        self.environment = {
            "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"],
            "HOME": str(top),
            "LANG": "C.UTF-8",
            "FLOCK_HOME": str(top / "flock"),
            "PYTHONPATH": str(ROOT),
        }

    def begin(self, *words: str, stdin: int = subprocess.DEVNULL, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "flock", *words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment | more,
            cwd=self.top,
            start_new_session=True,  # no terminal: ssh would ask at the developer's
        )

    def run(self, *words: str, **more: str) -> tuple[int, str, str]:
        process = self.begin(*words, **more)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def requests(self, count: int, model: str = "ok") -> tuple[str, str]:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        lines = [json.dumps({"custom_id": f"{n}", "url": CHAT, "body": body}) for n in range(count)]
        (self.top / "in.jsonl").write_text("\n".join(lines))
        return "in.jsonl", "out.jsonl"

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.top / "out.jsonl").read_text().splitlines()]


@pytest.fixture
def near(tmp_path: Path, box: Box) -> Near:
    return Near(tmp_path, str(box.client))


def test_an_answer_comes_over_ssh_and_is_on_record_there_under_who_logged_in(near: Near, far: Flock) -> None:
    code, out, err = near.run("--host", HOST, "run", "hello", "-m", "ok", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["text"]
    assert far.json("explain", said["request_id"])["user"] == user_name()
    code, plain, err = near.run("--host", HOST, "run", "hello", "-m", "ok")
    assert (code, plain, err) == (0, said["text"] + "\n", "")
    code, out, err = near.run("--host", HOST, "run", "hello", "-m", "no-such")
    assert (code, out, "there is no model" in err) == (5, "", True)


def test_ctrl_c_over_ssh_ends_the_request_over_there(near: Near, far: Flock) -> None:
    process = near.begin("--host", HOST, "run", "hello", "-m", "stalls")
    assert process.stdout is not None
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    wait_for(lambda: far.json("request", "ls", "--running") == [], "it has ended over there")


def test_a_batch_over_ssh_has_two_connections_however_many_it_asks_for(near: Near, box: Box) -> None:
    files = near.requests(12)
    most = 0
    process = near.begin("--host", HOST, "batch", *files, "--concurrency", "64", "--json")

    def is_over() -> bool:
        nonlocal most
        ours = [one for one in box.connections() if "flock dial-stdio" in " ".join(command_line(one))]
        most = max(most, len(ours))
        return process.poll() is not None

    wait_for(is_over, "it has ended")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, json.loads(out)["done"]) == (0, 12), err
    assert len({answer["custom_id"] for answer in near.answers}) == 12
    assert most <= 3


def test_over_http_a_key_asks_and_without_one_nothing_is_begun(tmp_path: Path, far: Flock) -> None:
    near = Near(tmp_path)
    files = near.requests(5)
    code, _, err = near.run("--host", far.url, "batch", *files)
    assert (code, "no API key" in err) == (4, True)
    assert not (tmp_path / "out.jsonl").exists()
    key = str(far.home / "admin.key")
    code, out, err = near.run("--host", far.url, "run", "hello", "-m", "ok", "--json", FLOCK_ADMIN_TOKEN_FILE=key)
    assert code == 0, err
    assert far.json("explain", json.loads(out)["request_id"])["user"] == "admin"
    code, out, err = near.run("--host", far.url, "batch", *files, "--json", FLOCK_ADMIN_TOKEN_FILE=key)
    assert (code, json.loads(out)["done"]) == (0, 5), err
