"""`flock run` as it is typed, piped and interrupted: a real engine for the answers, a fake for what was asked and for
answers that go wrong; and people who go before what is of low priority, at a real engine of one slot.
"""

import base64
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flock.contract.prompts import PromptAnswer
from flock.core.yielding import WHY
from flock.paths import user_name
from tests.e2e.parts import call, environment, settings
from tests.models.make import SENTENCE
from tests.running import PATIENCE, Flock, flock_home, wait_for

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def real(models: dict[str, Path]) -> Iterator[Flock]:
    """A flock with a model that says one sentence and one that never ends, which its engine answers one at a time."""
    with flock_home(**environment()) as flock:
        settings(flock, "engine:\n  preferred: llamacpp\n")
        flock.ok("up")
        flock.ok("model", "add", f"file:{models['tiny-script']}", "--name", "script")
        flock.ok("model", "add", f"file:{models['tiny-chat']}", "--name", "endless")
        flock.ok("model", "config", "endless", "--slots", "1")
        wait_for(lambda: ("endless", "ready", 1) in _models(flock), "it has started anew with one slot")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def _models(flock: Flock) -> list[tuple[str, str, int]]:
    return [(one["id"], one["state"], one["slots"]) for one in flock.json("model", "ls")]


def seen(port: int) -> dict[str, Any]:
    """Return what the fake was asked last."""
    return call(port, "GET", "/seen", "").json["bodies"][0]


def began(flock: Flock, *words: str, **more: Any) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", "-m", "flock", *words]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(argv, env=flock.environment, cwd=flock.home.parent, **pipes)


def request_rows(flock: Flock, *words: str) -> list[dict[str, Any]]:
    return flock.json("request", "ls", "--limit", "200", *words)


# -- with a real engine

real_engine = pytest.mark.engine("llama-server")


@real_engine
def test_a_pipe_gets_the_answer_alone(real: Flock) -> None:
    done = real.run("run", "say it", "-m", "script")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{SENTENCE}\n", "")
    quiet = real.run("run", "say it", "-m", "script", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (f"{SENTENCE}\n", "")


@real_engine
def test_json_is_one_answer_that_explain_knows(real: Flock) -> None:
    said = real.json("run", "say it", "-m", "script")
    assert set(said) == set(PromptAnswer.__dataclass_fields__)
    assert (said["text"], said["model"], said["finish"]) == (SENTENCE, "script", "stop")
    assert said["input_tokens"] > 0
    assert said["ttft_ms"] <= said["elapsed_ms"]
    why = wait_for(lambda: _explained(real, said["request_id"]), "it has ended")
    assert (why["user"], why["key_id"], why["stream"]) == (user_name(), "", True)
    assert why["output_tokens"] == said["output_tokens"] > 0


def _explained(flock: Flock, request_id: str) -> dict[str, Any] | None:
    why = flock.json("explain", request_id)
    return why if why["stage"] == "ended" else None


@real_engine
def test_pieces_come_while_the_answer_goes_on_and_a_reader_that_leaves_ends_it(real: Flock) -> None:
    process = began(real, "run", "count", "-m", "endless")
    assert process.stdout is not None
    first = os.read(process.stdout.fileno(), 65536)
    assert first
    assert [row["stage"] for row in request_rows(real, "--running")] == ["generating"]
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    wait_for(lambda: not request_rows(real, "--running"), "the engine's request has ended")


@real_engine
def test_ctrl_c_ends_the_request_at_once(real: Flock) -> None:
    process = began(real, "run", "count", "-m", "endless")
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 65536)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, b"Traceback" in err) == (130, False)
    wait_for(lambda: not request_rows(real, "--running"), "the engine's request has ended")
    assert request_rows(real)[0]["outcome"] == "cancelled"


@real_engine
def test_an_answer_that_reaches_its_limit_says_so(real: Flock) -> None:
    done = real.run("run", "count", "-m", "endless", "--max-tokens", "3", "--temperature", "0")
    assert (done.returncode, "cut off" in done.stderr) == (0, True)
    assert real.json("run", "count", "-m", "endless", "--max-tokens", "3")["finish"] == "length"


@real_engine
def test_a_terminal_gets_the_answer_and_a_last_line_that_explain_takes(real: Flock) -> None:
    """Standard input is the terminal, too: nothing is read from it, and nobody waits for it."""
    code, shown = on_terminal(real, "run", "say it", "-m", "script")
    assert code == 0
    assert shown.startswith(f"{SENTENCE}\r\n")
    last = shown.replace("\x1b[2m", "").replace("\x1b[0m", "").splitlines()[-1]
    assert last.startswith("script · ")
    assert "flock explain req_" in last
    assert " out" in last
    code, shown = on_terminal(real, "run")
    assert (code, "nothing is asked" in shown) == (2, True)


def on_terminal(flock: Flock, *words: str, **more: str) -> tuple[int, str]:
    """Run the command line with a terminal at all three ends; return its exit code and what stood there."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-P", "-m", "flock", *words]
    env = {**flock.environment, "TERM": "xterm", **more}
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=flock.home.parent)
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], PATIENCE)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(timeout=PATIENCE), shown.decode()


@real_engine
def test_a_person_goes_before_every_request_of_low_priority_that_waits(real: Flock, tmp_path: Path) -> None:
    """Three of a batch want the engine of one slot; one is let to it, and whoever asks meanwhile is next."""
    said = {"model": "endless", "messages": [{"role": "user", "content": "count"}], "max_tokens": 1500}
    lines = [{"custom_id": str(n), "url": "/v1/chat/completions", "body": said} for n in range(3)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    batch = began(real, "batch", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), "--concurrency", "6")

    def waiting() -> list[dict[str, Any]]:
        return [w for w in real.json("queue")["waiting"] if w["why"] == WHY]

    waiters = wait_for(lambda: waiting() if len(waiting()) == 2 else None, "two wait")
    assert [w["position"] for w in waiters] == [1, 2]
    assert {w["user"] for w in waiters} == {user_name()}
    person = real.json("run", "me first", "-m", "endless", "--max-tokens", "2")
    out, err = batch.communicate(timeout=PATIENCE * 2)
    assert batch.returncode == 0, err
    rows = {row["id"]: _sent(real, row["id"]) for row in request_rows(real)[:4]}
    arrived, sent = rows.pop(person["request_id"])
    assert len(rows) == 3
    assert [low for low, (_, when) in rows.items() if arrived < when < sent] == []
    assert len([low for low, (_, when) in rows.items() if when > sent]) >= 1
    notes = [real.json("explain", low)["notes"][-1] for low in rows]
    assert len([note for note in notes if note.startswith("low priority, and let others go first")]) >= 2
    assert out


def _sent(flock: Flock, request_id: str) -> tuple[float, float]:
    """Return when a request came and when it was sent to the engine, in seconds."""
    why = flock.json("explain", request_id)
    came = datetime.fromisoformat(why["at"]).timestamp()
    return came, came + why["attempts"][0]["started_ms"] / 1000


# -- with a fake


def test_standard_input_and_files_stand_behind_the_prompt(flock: Flock, fake: int, tmp_path: Path) -> None:
    code, picture = tmp_path / "main.py", tmp_path / "dot.dat"
    code.write_text("print('```')\n")
    picture.write_bytes(PNG)
    done = flock.run("run", "Review", "this", "-m", "ok", "-f", str(code), "-f", str(picture), stdin="a diff\n")
    assert done.returncode == 0, done.stderr
    text, shown = seen(fake)["messages"][0]["content"]
    assert text["text"] == f"Review this\n\na diff\n\n\n{code}:\n````\nprint('```')\n````"
    assert shown["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    flock.ok("run", "-m", "ok", "--system", "be brief", "--temperature", "0.5", stdin="all of it")
    asked = seen(fake)
    assert asked["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "all of it"},
    ]
    assert asked["temperature"] == 0.5
    flock.ok("run", "-", "-m", "ok", stdin="alone")
    assert seen(fake)["messages"][0]["content"] == "alone"


@pytest.mark.parametrize("closed", ["< /dev/null", "<&-"])
def test_a_standard_input_that_is_none_keeps_nobody_waiting(flock: Flock, fake: int, closed: str) -> None:
    """As cron and `ssh -n` start it, from a shell with hardly any environment."""
    script = f"exec {sys.executable} -P -m flock run hello -m ok {closed}"
    done = subprocess.run(
        ["sh", "-c", script], env=flock.environment, cwd=flock.home.parent, capture_output=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert seen(fake)["messages"][0]["content"] == "hello"


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        ((), "", 2, "nothing is asked"),
        ((" ",), None, 2, "nothing is asked"),
        (("x", "-m", "okk"), None, 5, "did you mean ok?"),
        (("x", "-m", "ok", "-f", "absent.txt"), None, 5, "there is no file 'absent.txt'"),
        (("x", "-m", "ok", "-f", "/"), None, 2, "is a directory"),
        (("x", "-m", "ok", "-f", sys.executable), None, 2, "neither text in UTF-8 nor a picture"),
        (("x", "-m", "ok", "-f", "/dev/zero"), None, 2, "is larger than"),
        (("x", "-m", "ok", "--temperature", "hot"), None, 2, "no number from 0 to 2"),
        (("x", "-m", "ok", "--max-tokens", "-1"), None, 2, "less than nothing"),
        (("x", "-m", "status-400"), None, 2, ""),
        (("x", "-m", "status-500"), None, 1, ""),
    ],
)
def test_what_cannot_be_asked_says_why(
    flock: Flock, words: tuple[str, ...], stdin: str | None, code: int, said: str
) -> None:
    done = flock.run("run", *words, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert "flock: " in done.stderr
    as_json = flock.run("run", *words, "--json", stdin=stdin)
    assert as_json.returncode == code
    assert json.loads(as_json.stderr)["error"]["message"]


@pytest.mark.parametrize(
    ("model", "code"), [("dies-midway", 1), ("ends-early", 1), ("error-midway", 1), ("dies-in-frame", 1)]
)
def test_an_answer_that_breaks_off_is_a_failure_with_what_came_of_it(flock: Flock, model: str, code: int) -> None:
    done = flock.run("run", "x", "-m", model)
    assert done.returncode == code
    assert done.stdout.strip()
    assert done.stdout.endswith("\n")
    assert done.stderr.startswith("flock: ")


def test_nobody_there_is_exit_code_3(tmp_path: Path) -> None:
    done = Flock(tmp_path / "nobody", 1).run("run", "hello")
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "flock: flock is not running")


def test_low_priority_is_on_record(flock: Flock) -> None:
    said = flock.json("run", "x", "-m", "ok", "--low-priority")
    assert flock.json("explain", said["request_id"])["notes"][-1].startswith("low priority")


def test_thinking_is_shown_where_it_is_asked_for_and_never_in_the_answer() -> None:
    with flock_home(**environment()) as flock, thinker() as port:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "thinker")
        hidden = flock.run("run", "x", "-m", "thinker")
        assert (hidden.stdout, hidden.stderr) == ("yes \x1b[2J\n", "")
        shown = flock.run("run", "x", "-m", "thinker", "--thinking")
        assert (shown.stdout, shown.stderr) == ("yes \x1b[2J\n", "let me see\n")
        assert flock.json("run", "x", "-m", "thinker")["thinking"] == "let me see"
        _, terminal = on_terminal(flock, "run", "x", "-m", "thinker", NO_COLOR="1")
        assert "yes \\x1b[2J\r\n" in terminal
        assert "\x1b[2J" not in terminal


FRAMES: list[Mapping[str, Any]] = [
    {"delta": {"role": "assistant", "reasoning_content": "let me "}},
    {"delta": {"reasoning_content": "see"}},
    {"delta": {"content": "yes \x1b[2J"}},
    {"delta": {}, "finish_reason": "stop"},
]


class _Thinker(BaseHTTPRequestHandler):
    """An engine that thinks before it answers, and whose answer would clear a screen."""

    def do_GET(self) -> None:
        self.told("application/json", json.dumps({"object": "list", "data": [{"id": "thinker"}]}).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        chunks = [{"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, **f}]} for f in FRAMES]
        sent = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
        self.told("text/event-stream", sent + b"data: [DONE]\n\n")

    def told(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def thinker() -> Iterator[int]:
    """Yield the port of such an engine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Thinker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()
