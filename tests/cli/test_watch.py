"""`--watch`: one answer after another, on a terminal of its own and in a pipe; what ends it and what is waited for."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flock.cli import app, tree
from flock.cli.call import Answer
from flock.contract import codec
from flock.contract.op import Op, Risk, ensure_declared
from flock.errors import DaemonUnreachable, EngineUnreachable, NotFound, UsageError
from flock.paths import find_home
from tests.cli.conftest import Opener
from tests.cli.door import Door
from tests.cli.running import ROOT, by_name
from tests.cli.values import QWEN
from tests.screen import Screen

Captured = pytest.CaptureFixture[str]
FAST = "0.2"


def screen(*words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", *words, **environment)


class Sayings:
    """A daemon whose answers, and errors, come one after another; then the reader has left."""

    def __init__(self, *sayings: Any) -> None:
        self._sayings = list(sayings)

    def __call__(self, op: Op[Any], yes: bool) -> Answer:
        if not self._sayings:
            raise BrokenPipeError
        said = self._sayings.pop(0)
        if isinstance(said, Exception):
            raise said
        return Answer(said, codec.dumps(said))


def models(*ids: str) -> Any:
    return [replace(QWEN, id=name) for name in ids]


# which commands have it


def test_what_is_looked_at_can_be_watched_and_nothing_else() -> None:
    declared = ensure_declared().values()
    watched = {op.spec.name for op in declared if op.spec.watch}
    assert watched >= {"model.ls", "model.ps", "status.show", "queue.show", "usage.summary", "usage.breakdown"}
    assert watched >= {"me.show", "savings.show", "hardware.show", "job.show", "vendor.show", "token.ls", "request.ls"}
    assert all(op.spec.risk is Risk.READ for op in declared if op.spec.watch)
    assert watched & {"events.follow", "top.show", "daemon.logs", "engine.logs", "hub.search", "vendor.test"} == set()
    for command in tree.commands():
        assert ("--watch" in command.options) == ("-w" in command.options) == (command.operation in watched)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("model ls --watch", 2.0),
        ("model ls -w", 2.0),
        ("model ls -w --json", 2.0),
        ("model ls --watch 5", 5.0),
        ("model ls --watch=0.5", 0.5),
        ("model ls -w5", 5.0),
        ("job show -w j_1", 2.0),
        ("job show j_1 -w", 2.0),
        ("doctor -w", 2.0),
        ("usage --by user -w 3", 3.0),
        ("model ls", None),
    ],
)
def test_the_number_may_be_left_out(words: str, seconds: float | None) -> None:
    line = tree.parse(words.split())
    assert line is not None
    assert line.given.watch == seconds


@pytest.mark.parametrize("seconds", ["0", "-1", "0.1", "nan", "inf", "1e9"])
def test_a_rhythm_that_makes_no_sense(seconds: str, capsys: Captured) -> None:
    assert app.main(["model", "ls", f"--watch={seconds}"], Sayings()) == 2
    assert re.search(
        r"--watch takes seconds from 0.2 to 86,400, not .*\nhint: .*model ls --watch=2\n", capsys.readouterr().err
    )


def test_csv_is_for_one_answer(capsys: Captured) -> None:
    assert app.main(["usage", "--csv", "--watch"], Sayings()) == 2
    assert "--csv and --watch do not go together" in capsys.readouterr().err


def test_a_word_for_a_number_is_no_number() -> None:
    with pytest.raises(UsageError, match="takes no further word"):
        tree.parse(["model", "ls", "--watch", "often"])


# in a pipe


def test_programs_get_a_line_for_each_answer_that_differs(capsys: Captured) -> None:
    answers = Sayings(models("a"), models("a"), models("a", "b"), models("a", "b"), [])
    assert app.main(["model", "ls", "--json", "--watch", FAST], answers) == 141
    shown, told = capsys.readouterr()
    assert [len(codec.loads(list[Any], line, "")) for line in shown.encode().splitlines()] == [1, 2, 0]
    assert told == ""


def test_pipes_get_the_rows_again_behind_an_empty_line(capsys: Captured) -> None:
    answers = Sayings(models("a"), models("a"), models("a", "b"))
    assert app.main(["model", "ls", "--watch", FAST], answers) == 141
    blocks = capsys.readouterr().out.split("\n\n")
    assert [[row.split("\t")[0] for row in block.strip().splitlines()] for block in blocks] == [["a"], ["a", "b"]]


def test_ids_come_again_when_the_ids_are_others(capsys: Captured) -> None:
    stopped = [replace(QWEN, id="a", state="stopped")]
    assert app.main(["model", "ls", "-q", "--watch", FAST], Sayings(models("a"), stopped, models("b"))) == 141
    assert capsys.readouterr().out == "a\n\nb\n"


def test_a_daemon_that_goes_away_is_waited_for(capsys: Captured) -> None:
    gone = DaemonUnreachable("flock is not running", hint="flock up", details={"state": "absent"})
    answers = Sayings(models("a"), gone, gone, EngineUnreachable("it does not answer"), models("a"), models("b"))
    assert app.main(["model", "ls", "-q", "--watch", FAST], answers) == 141
    shown, told = capsys.readouterr()
    assert shown == "a\n\nb\n"
    assert told == "flock is not running; waiting\nit does not answer; waiting\n"


def test_what_no_waiting_mends_ends_it(capsys: Captured) -> None:
    answers = Sayings(models("a"), NotFound("there is no job 'j_1'", hint="flock job ls"))
    assert app.main(["model", "ls", "-q", "--watch", FAST], answers) == 5
    assert "there is no job 'j_1'" in capsys.readouterr().err


def test_no_daemon_to_begin_with_is_an_error(capsys: Captured) -> None:
    assert app.main(["model", "ls", "--watch"]) == 3
    shown, told = capsys.readouterr()
    assert shown == ""
    assert told.startswith("flock: flock is not running\n")


def test_it_ends_when_its_reader_leaves_though_nothing_changes(opened: Opener) -> None:
    opened(by_name)
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -m flock model ls --json --watch 600 | head -n 1; echo "${{PIPESTATUS[0]}}"'],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[1:] == ["141"]
    assert done.stderr == ""


# on a terminal


@contextmanager
def door(answer: Any) -> Iterator[Door]:
    """A daemon that can go away within a test."""
    path = find_home().socket
    with Door(path, answer) as there:
        yield there
    Path(path).unlink(missing_ok=True)


@pytest.mark.parametrize("key", ["q", "Q", "\x04", ""])
def test_the_screen_is_its_own_and_comes_back(key: str, opened: Opener) -> None:
    opened(by_name)
    shown = screen("model", "ls", "--watch", FAST)
    shown.until("every 0.2 s   q ends")
    shown.until("qwen/qwen3:8b")
    if key:
        shown.type(key)
    else:  # Ctrl-C: the terminal is not the process's own here, so that its driver has nobody to send the signal to
        shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 0, shown.shown
    assert shown.shown.index("\x1b[?1049h") < shown.shown.index("\x1b[?1049l")
    assert "\x1b[?25h" in shown.shown
    assert "Traceback" not in shown.shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_screen_that_is_killed_puts_the_terminal_back(number: int, code: int, opened: Opener) -> None:
    opened(by_name)
    shown = screen("model", "ls", "--watch", FAST)
    shown.until("qwen/qwen3:8b")
    shown.process.send_signal(number)
    assert shown.end() == code, shown.shown
    assert shown.shown.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(opened: Opener) -> None:
    opened(by_name)
    shown = screen("model", "ls", "--watch", "600")
    shown.until("qwen/qwen3:8b")
    # nobody could let it go on, so the system does not stop it, and it goes on at once (POSIX, 11.1.4)
    shown.process.send_signal(signal.SIGTSTP)
    shown.until("\x1b[?1049l")
    shown.shown = shown.shown.partition("\x1b[?1049l")[2]
    shown.until("qwen/qwen3:8b")
    assert shown.shown.startswith("\x1b[?1049h")
    shown.type("q")
    assert shown.end() == 0


def test_a_screen_waits_for_a_daemon_and_goes_on() -> None:
    with door(lambda _: models("before")):
        shown = screen("model", "ls", "--watch", FAST)
        shown.until("before")
    shown.until("this is what was there before")
    with door(lambda _: models("afterwards")):
        shown.until("afterwards")
        shown.type("q")
        assert shown.end() == 0


def test_an_error_that_stays_puts_the_terminal_back_and_is_said() -> None:
    answers = iter([models("a")])

    def once(_: Op[Any]) -> Any:
        for value in answers:
            return value
        raise NotFound("it is gone", hint="flock model ls")

    with door(once):
        shown = screen("model", "ls", "--watch", FAST)
        assert shown.end() == 5
    after = shown.shown.split("\x1b[?1049l")[-1]
    assert "flock: it is gone" in after


def test_top_waits_for_its_daemon_too() -> None:
    with door(by_name):
        shown = screen("top")
        shown.until("requests/min")
    shown.until("this is what was there before")
    with door(by_name):
        shown.type("q")
        assert shown.end() == 0


def test_no_screen_for_a_dumb_terminal(opened: Opener) -> None:
    opened(by_name)
    shown = screen("model", "ls", "--watch", "600", TERM="dumb")
    shown.until("qwen/qwen3:8b")
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    assert "\x1b[?1049h" not in shown.shown
