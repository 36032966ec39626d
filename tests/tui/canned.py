"""A flock that answers every operation from a table, for the full screen: no daemon, no socket, no clock."""

import asyncio
import os
import queue
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from textual.pilot import Pilot

from flock.contract import codec
from flock.contract.events import Event, Top
from flock.contract.op import Op
from flock.contract.usage import Percentiles, UsageSummary
from flock.errors import DaemonUnreachable, FlockError
from flock.tui.app import FlockApp
from tests.cli.values import CASES, NOW

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 60))
THEMES = ("dark", "light")
# The screen's clock stands still at the time the canned answers are of
FROZEN = NOW


class Done:
    """An answer as `flock.cli.call.Answer` is one."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.event = 0


class Stream:
    """A streamed answer of fixed lines."""

    def __init__(self, lines: list[bytes], status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers or {}
        self._lines = lines
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            if self.closed:
                return
            yield line

    def read(self) -> bytes:
        return b"".join(self._lines)

    def close(self) -> None:
        self.closed = True


class Canned:
    """A reach and a perform in one. `answers` maps an operation's name to its value, a FlockError, or a function of the
    operation; what is not there comes from tests/cli/values.py. `done` are the operations that were performed and
    change something, `asked` all. `tell` sends an event down the feed; `streams` answers `send`.
    """

    name = ""
    host = ""
    kind: Literal["here", "ssh", "http"] = "here"

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "top.show": quiet_top(),
            **{k.replace("__", "."): v for k, v in answers.items()},
        }
        self.asked: list[Op[Any]] = []
        self.streams: list[Stream] = []
        self.sent: list[tuple[str, str, bytes | None]] = []
        self._events: queue.Queue[bytes | None] = queue.Queue()
        self._last = 0

    @property
    def done(self) -> list[Op[Any]]:
        return [op for op in self.asked if op.spec.risk.value != "read"]

    def perform(self, op: Op[Any], yes: bool) -> Done:
        assert yes, "the screen asks by itself"
        self.asked.append(op)
        value = self.answers.get(op.spec.name, _case(op))
        if callable(value):
            value = value(op)
        if isinstance(value, FlockError):
            raise value
        return Done(value)

    def tell(self, kind: str, subject: str, /, **data: Any) -> None:
        self._last += 1
        event = Event(self._last, "2026-11-21T12:00:00Z", kind, subject, data)
        self._events.put(codec.dumps(event))

    def hang_up(self) -> None:
        """End the feed, as a daemon does that goes down."""
        self._events.put(None)

    def follow(self, op: Op[Any]) -> Iterator[bytes]:
        while (data := self._events.get()) is not None:
            yield data

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Stream:
        self.sent.append((method, path, body))
        return self.streams.pop(0)

    def close(self) -> None:
        self._events.put(None)

    def app(self, page: str = "home", theme: str = "dark") -> FlockApp:
        return Patient(lambda: (self, self.perform), page, theme, now=lambda: FROZEN)


class Patient(FlockApp):
    """The screen with toasts that stay: on a busy machine they would be gone before anybody looks."""

    def notify(self, message: str, **more: Any) -> None:
        super().notify(message, **{**more, "timeout": 600.0})


def absent() -> DaemonUnreachable:
    return DaemonUnreachable("flock is not running", hint="flock up", details={"state": "absent"})


def quiet_top(**more: Any) -> Top:
    """Return a look at a daemon where nothing runs, with fields of its own."""
    top: Top = next(value for op, value in CASES.values() if op.spec.name == "top.show")
    quiet: dict[str, Any] = {"requests": (), "requests_per_minute": 0.0, "tokens_per_second": 0.0, "last_event": 0}
    return replace(top, **{**quiet, **more})


def no_usage() -> UsageSummary:
    """Return the sum of nothing."""
    none = Percentiles(None, None, None)
    at = "2026-11-21T12:00:00Z"
    return UsageSummary(at, at, 0, 0, 0, 0.0, 0, 0, 0, None, 0, none, none, (), (), (0,) * 24)


def _case(op: Op[Any]) -> Any:
    for asked, value in CASES.values():
        if type(asked) is type(op):
            return value
    raise AssertionError(f"no canned answer for {op.spec.name}: put one into Canned(...)")


async def until(pilot: Pilot[Any], is_so: Callable[[], bool], what: str = "") -> None:
    """Wait until something is so."""
    for _ in range(600):
        await pilot.pause()
        if is_so():
            return
        if pilot.app.return_code:
            raise AssertionError(f"the screen has ended before this came: {what or is_so}")
        await asyncio.sleep(0.02)
    raise AssertionError(f"never came: {what or is_so}")


def text_of(app: FlockApp) -> str:
    """Return what stands on the screen, line by line, without colours."""
    width, height = app.size
    lines = [
        "".join(segment.text for segment in strip)
        for strip in app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]
    ]
    assert len(lines) == height
    return "\n".join(line[:width].rstrip() for line in lines)


def compare(app: FlockApp, name: str) -> None:
    """Compare the screen with its picture; FLOCK_WRITE_GOLDENS=1 writes it anew."""
    drawn = _normal(app.export_screenshot(title="flock"))
    file = SNAPSHOTS / f"{name}.svg"
    if os.environ.get("FLOCK_WRITE_GOLDENS"):
        file.write_text(drawn, "utf-8")
    assert drawn == file.read_text("utf-8"), f"{file.name} looks different; write it anew and look at both"


def _normal(svg: str) -> str:
    """Return a picture without what differs from run to run, and without fonts from the network."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
