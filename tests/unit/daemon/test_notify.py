"""What a system's manager hears from the daemon, over real sockets."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock.daemon.notify import Notifier, from_environment

KINDS = ["path", "abstract"] if sys.platform == "linux" else ["path"]


@pytest.fixture(params=KINDS)
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Yield an address as a manager gives it, and its socket."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@flock-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        listening.settimeout(30)
        yield address, listening


def test_ready_and_stopping(manager: tuple[str, socket.socket]) -> None:
    address, listening = manager
    notifier = Notifier(address)
    assert notifier.present
    notifier.ready("serves at\nhttp://127.0.0.1:8080")
    assert listening.recv(4096) == b"READY=1\nSTATUS=serves at http://127.0.0.1:8080"
    notifier.stopping("2 requests are running")
    assert listening.recv(4096) == b"STOPPING=1\nSTATUS=2 requests are running"


def test_the_watchdog_hears_no_more_when_the_loop_hangs(manager: tuple[str, socket.socket]) -> None:
    address, listening = manager
    hangs, goes_on, loop = threading.Event(), threading.Event(), asyncio.new_event_loop()
    living = loop.create_task(Notifier(address, interval=0.01).live())
    thread = threading.Thread(target=loop.run_until_complete, args=(asyncio.wait({living}),))
    thread.start()
    try:
        assert {listening.recv(4096) for _ in range(3)} == {b"WATCHDOG=1"}

        def hang() -> None:
            hangs.set()
            goes_on.wait()

        loop.call_soon_threadsafe(hang)
        hangs.wait()
        listening.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                listening.recv(4096)
        # thirty intervals in which nothing comes
        listening.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listening.recv(4096)
        goes_on.set()
        listening.settimeout(30)
        assert listening.recv(4096) == b"WATCHDOG=1"
    finally:
        goes_on.set()
        loop.call_soon_threadsafe(living.cancel)
        thread.join()
        loop.close()


async def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    for address in ("", "vsock:2:1234", "relative", str(tmp_path / "nobody")):
        notifier = Notifier(address)
        notifier.ready("")
        notifier.stopping("")
        await notifier.live()
    assert not Notifier("vsock:2:1234").present


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "30000000"}, 15.0),
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        # the variables were meant for another process, from which we got them
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "soon"}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 0.0),
    ],
)
def test_the_variables(environ: dict[str, str], interval: float) -> None:
    given = {**environ, "OTHER": "stays"}
    notifier = from_environment(given)
    assert notifier.interval == interval
    assert notifier.present == ("NOTIFY_SOCKET" in environ)
    # no engine is to speak for the daemon
    assert given == {"OTHER": "stays"}
