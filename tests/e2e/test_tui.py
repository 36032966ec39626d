"""The full screen on a real terminal (tmux), a real daemon and a real engine behind it: keys in, effects by --json."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.parts import ask, body, environment
from tests.running import Flock, running_flock, wait_for
from tests.sshd import flock_script, running_box
from tests.tmux import Tmux, terminal

FLOCK = (sys.executable, "-P", "-m", "flock")


@pytest.fixture(scope="module")
def flock(models: dict[str, Path]) -> Iterator[Flock]:
    """A flock with a real llama.cpp: tiny-script says one sentence, tiny-chat never ends by itself."""
    with running_flock(**environment()) as flock:
        for name in ("tiny-script", "tiny-chat"):
            flock.ok("model", "add", f"file:{models[name]}", "--name", name)
        flock.ok("model", "default", "tiny-script")
        yield flock
        assert "Traceback" not in (log := (flock.home / "logs/flock.log").read_text()), log


@pytest.fixture
def screen(flock: Flock) -> Iterator[Tmux]:
    """The full screen at 80×24."""
    with terminal(*FLOCK, "tui", **flock.environment) as tmux:
        tmux.until("● live")
        yield tmux


def states(flock: Flock) -> dict[str, str]:
    return {row["id"]: row["state"] for row in flock.json("model", "ls")}


def test_a_model_leaves_memory_and_comes_back(flock: Flock, screen: Tmux) -> None:
    flock.ok("model", "load", "tiny-script")
    screen.keys("3")
    screen.until("tiny-script", "tiny-chat")
    screen.keys("Home")
    screen.until("$ flock model")
    chosen = _subject(screen)
    flock.ok("model", "load", chosen)
    screen.keys("o")
    wait_for(lambda: states(flock)[chosen] == "stopped", f"{chosen} has left memory")
    screen.until(f"$ flock model unload {chosen}")
    screen.keys("l")
    wait_for(lambda: states(flock)[chosen] == "ready", f"{chosen} is back")
    screen.until(f"$ flock model load {chosen}")


def _subject(screen: Tmux) -> str:
    """Return the model under the cursor: the last word of the command that stands below."""
    line = next(line for line in reversed(screen.shown().splitlines()) if "$ flock model " in line)
    return line.split("$ flock model ", 1)[1].split()[1]


def test_every_command_is_behind_the_palette(flock: Flock, screen: Tmux) -> None:
    screen.keys(":")
    screen.type("token create")
    screen.until("Create an API key")
    screen.keys("Enter")
    screen.until("whose key this is", "$ flock token create")
    screen.keys("C-u")
    screen.type("grace")
    screen.until("$ flock token create grace")
    screen.keys("C-s")
    screen.until("key is shown once")
    assert "grace" in [row["name"] for row in flock.json("token", "ls")]


def test_a_running_request_is_seen_and_ended(flock: Flock, screen: Tmux) -> None:
    told: list[int] = []

    def person() -> None:
        told.append(ask(flock.port, flock.key, body("tiny-chat", stream=True, max_tokens=8000)).status)

    thread = threading.Thread(target=person)
    screen.keys("2")
    screen.until("by age")
    thread.start()
    try:
        screen.until("generating", "tiny-chat")
        screen.keys("Home", "x")
        wait_for(lambda: not flock.json("request", "ls", "--running"), "it is ended")
    finally:
        thread.join()
    assert told == [200], "it had begun"
    assert flock.json("explain", "last")["outcome"] == "partial"


def test_a_chat_streams_and_is_on_record(flock: Flock, screen: Tmux) -> None:
    before = len(flock.json("usage"))
    screen.keys("9")
    screen.until("enter sends")
    screen.type("Say something 1 2 3 q ? :")
    screen.keys("Enter")
    screen.until("tests can check it exactly.")
    rows = wait_for(lambda: (found := flock.json("usage"))[before:] and found, "it is on record")
    assert rows[0]["model"] == "tiny-script"


def test_the_screen_waits_for_a_daemon_that_restarts(flock: Flock, screen: Tmux) -> None:
    flock.ok("down", "--grace", "0")
    screen.until("flock is not running")
    screen.keys("u")
    screen.until("● live")
    assert flock.json("status")["pid"] == flock.pid


def test_it_leaves_the_terminal_as_it_was(flock: Flock, screen: Tmux) -> None:
    screen.keys("q")
    assert screen.ended() == 0
    assert "Home Monitor" not in screen.shown()


@pytest.mark.parametrize(("width", "height"), [(200, 60), (40, 12)])
def test_other_sizes(flock: Flock, width: int, height: int) -> None:
    with terminal(*FLOCK, "tui", width=width, height=height, **flock.environment) as tmux:
        tmux.until("● live")
        for key in "123456780d":
            tmux.keys(key)
        tmux.until("● live")
        tmux.keys("q")
        assert tmux.ended() == 0


def test_without_colours(flock: Flock) -> None:
    with terminal(*FLOCK, "tui", **flock.environment, NO_COLOR="1", TERM="xterm") as tmux:
        tmux.until("● live")
        # colours are SGR 30 to 49 and 90 to 107; grey of the filter that takes them out has equal parts
        assert "\x1b[32m" not in tmux.coloured()


def test_another_machines_over_ssh(flock: Flock, tmp_path: Path) -> None:
    with running_box(tmp_path) as box:
        flock_script(box.bin / "flock", flock.environment)
        near = {
            "PATH": f"{box.client}:{flock.environment['PATH']}",
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "FLOCK_HOME": str(tmp_path / "near"),
        }
        with terminal(*FLOCK, "--host", "ssh://box", "tui", **near) as tmux:
            tmux.until("box", "● live")
            assert len(box.connections()) > 0
            tmux.keys("5")
            tmux.until("Tokens")
            tmux.keys("n")
            tmux.until("whose key this is")
            tmux.keys("C-u")
            tmux.type("linus")
            tmux.keys("C-s")
            wait_for(
                lambda: "linus" in [row["name"] for row in flock.json("token", "ls")], "the key is made over there"
            )
            tmux.keys("Escape")
            tmux.gone("whose key this is")
            tmux.keys("q")
            assert tmux.ended() == 0
        wait_for(lambda: not box.connections(), "nothing is left over there")
