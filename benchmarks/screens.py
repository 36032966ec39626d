"""The full screen on a terminal of its own: how long until it is there, and how long a key takes when much goes on.

Owns the pseudo-terminal and what counts as painted: words that were not there before. Refuses to look at colours. Used
by rows.py.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateways import Flock
from processes import PAGE, BenchFailed

# What a terminal of that size is told: as a small one is, over ssh at night
COLUMNS, LINES = 80, 24
# How long anything may take before it counts as never
LIMIT_SECONDS = 20.0
# The smallest application that Textual allows, as the reference
MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("painted")
Minimal().run()
"""


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, argv: list[str], env: dict[str, str], core: int) -> None:
        self.began = time.perf_counter()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        environ = {**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            cwd="/",
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, words: bytes, seconds: float = LIMIT_SECONDS) -> float:
        """Read until the words have been painted and return when that was. Raises BenchFailed when they never are."""
        seen, until = b"", time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                break
            try:
                seen = (seen + os.read(self.master, 65536))[-65536:]
            except OSError:
                break
            if words in seen:
                return time.perf_counter()
        raise BenchFailed(f"the screen never showed {words!r}; it ended with {seen[-300:]!r}")

    def press(self, keys: bytes) -> None:
        """Send keys."""
        os.write(self.master, keys)

    def drain(self, seconds: float) -> None:
        """Read what is painted for so long, as a terminal does."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if ready:
                os.read(self.master, 65536)

    def memory(self) -> int:
        """Return what the program takes, in bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)
        os.close(self.master)


def first_paints(flock: Flock, core: int, turns: int) -> dict[str, list[float]]:
    """Start a minimal Textual application and the full screen by turns; return seconds to the first painted words.

    The first turn only warms the file cache and is not counted.
    """
    programs = {
        "minimal": ([flock.python, "-c", MINIMAL], b"painted"),
        "tui": ([*flock.command(), "tui"], b"Settings"),
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(turns + 1):
        for name, (argv, words) in programs.items():
            terminal = Terminal(argv, flock.env(), core)
            try:
                painted = terminal.wait_for(words)
                if turn:
                    found[name].append(painted - terminal.began)
            finally:
                terminal.close()
    return found


# Keys that are pressed before anything is measured
_WARM_KEYS = 10


@dataclass
class Flooded:
    """Seconds from a key to its paint, and bytes of memory before and after, while events poured in."""

    keys: list[float] = field(default_factory=list)
    before: int = 0
    after: int = 0


def flooded(flock: Flock, directory: Path, core: int, rate: int, seconds: float) -> Flooded:
    """Open the screen's monitor on a feed of `rate` events a second and press keys for so many seconds."""
    home = directory / "flooded"
    (home / "run").mkdir(parents=True, mode=0o700, exist_ok=True)
    env = {**flock.env(), "FLOCK_HOME": str(home)}
    argv = [flock.python, str(Path(__file__).parent / "flood.py"), str(home / "run" / "flock.sock"), str(flock.socket)]
    door = subprocess.Popen([*argv, str(rate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    found = Flooded()
    try:
        assert door.stdout is not None
        door.stdout.readline()
        terminal = Terminal([*flock.command(), "tui", "monitor"], env, core)
        try:
            terminal.wait_for(b"Settings")
            # caches fill, also those of the help: what it takes then is what it takes
            terminal.drain(2)
            for _ in range(_WARM_KEYS):
                terminal.press(b"?")
                terminal.wait_for(b"This page")
                terminal.press(b"q")
                terminal.drain(0.15)
            found.before = terminal.memory()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                pressed = time.perf_counter()
                terminal.press(b"?")
                found.keys.append(terminal.wait_for(b"This page") - pressed)
                terminal.press(b"q")  # closes the help; Escape would wait whether it begins a sequence
                terminal.drain(0.15)
            found.after = terminal.memory()
        finally:
            terminal.close()
    finally:
        door.kill()
        door.wait()
    return found
