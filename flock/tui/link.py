"""The full screen's way to the daemon: calls in threads, and the event feed.

Owns the threads, so that nothing on the screen ever waits. Refuses to know what an operation means and to draw. Made by
`cli/tui.py`'s caller in `app.py`; used by `feed.py`, `polls.py`, `acts.py` and the playground.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeVar

from flock.contract.events import Event, FollowEvents
from flock.contract.op import Op
from flock.errors import FlockError, InternalError
from flock.plain import is_object

Out = TypeVar("Out")

# Over ssh each is a process; one more carries the feed and one a stream (client/reach.py).
_CALLS_AT_ONCE = 4
# Events that wait to be taken, 2 kB each and 10 ms of work in all. While there are so many nothing is read: the daemon
# tells a reader that is further behind what it has missed (core/bus.py).
_PENDING = 2_000


class Lines(Protocol):
    """A streamed answer, as `flock.client.reach.Stream` is one."""

    status: int
    headers: Mapping[str, str]

    def __iter__(self) -> Iterator[bytes]:
        """Yield its lines."""
        ...

    def read(self) -> bytes:
        """Return the rest."""
        ...

    def close(self) -> None:
        """End it, also while another thread reads."""
        ...


class Reach(Protocol):
    """The way to one flock, as `flock.client.reach.Reach` is one."""

    name: str
    kind: Literal["here", "ssh", "http"]
    host: str  # what `--host` takes for it, "" for this machine

    def follow(self, op: Op[Any]) -> Iterator[bytes]:
        """Yield the data of each event of a feed."""
        ...

    def send(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = ...) -> Lines:
        """Send one request and return its answer as it comes."""
        ...

    def close(self) -> None:
        """Close every connection; who still reads hears so."""
        ...


class Done(Protocol):
    """What a performed operation gave, as `flock.cli.call.Answer` is one."""

    @property
    def value(self) -> Any:
        """Return the answer."""
        ...

    @property
    def event(self) -> int:
        """Return the number of the newest event that the answer knows of, 0 where that is not known."""
        ...


Perform = Callable[[Op[Any], bool], Done]
# What finds a flock: the way to it, and what carries out operations. Raises FlockErrors
Connect = Callable[[], tuple[Reach, Perform]]


class Link:
    """One flock, from a loop. `name` is what people read of it, `host` what `--host` takes, both "" for this machine's;
    `slow` is whether it is far away.
    """

    def __init__(self, reach: Reach, perform: Perform) -> None:
        self.reach = reach
        self._perform = perform
        self._turns = asyncio.Semaphore(_CALLS_AT_ONCE)
        self.name = reach.name
        self.host = reach.host
        self.slow = reach.kind != "here"

    async def call(self, op: Op[Out]) -> Out:
        """Carry out an operation, asking nothing, and return its answer. Raises the operation's FlockErrors."""
        return (await self.told(op)).value

    async def told(self, op: Op[Any]) -> Done:
        """Do as `call`, and return also which events the answer knows of."""
        return await self.work(lambda: self._perform(op, True))

    async def work(self, do: Callable[[], Out]) -> Out:
        """Do what blocks in a thread and return what it gives. Raises its FlockErrors; anything else as one."""
        try:
            async with self._turns:
                return await _in_a_thread(do)
        except (FlockError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise InternalError(
                f"this is a fault in flock: {type(error).__name__}: {error}", hint="flock logs"
            ) from error

    def events(self, since: int) -> "Events":
        """Begin to read the feed after an event."""
        return Events(self.reach, FollowEvents(since=since))

    def close(self) -> None:
        """Leave: connections are closed; a thread that waits for a program of this machine is left to itself."""
        self.reach.close()


async def _in_a_thread(do: Callable[[], Out]) -> Out:
    """Do what blocks in a thread of its own, which the end of this process does not wait for.

    Not an executor's: Python joins those at its end, and whoever closes the screen would wait for the slowest tool that
    was just being asked for its version.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Out] = loop.create_future()

    def tell(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)

    def run() -> None:
        value, failure = None, None
        try:
            value = do()
        except BaseException as error:  # whatever it is, it is the caller's
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, value, failure)

    threading.Thread(target=run, name="call", daemon=True).start()
    return await done


class Events:
    """The feed, read by a thread of its own. `ended` is set when it is over, with the `failure`, None at a daemon's
    ordinary end.
    """

    def __init__(self, reach: Reach, op: FollowEvents) -> None:
        self._pending: deque[Event] = deque()
        self._feed = reach.follow(op)
        self._room = threading.Event()
        self._closed = False
        self.failure: FlockError | None = None
        self.ended = threading.Event()
        threading.Thread(target=self._read, name="feed", daemon=True).start()

    def take(self) -> list[Event]:
        """Return what has come since the last time."""
        pending = self._pending
        taken = [pending.popleft() for _ in range(len(pending))]
        self._room.set()
        return taken

    def close(self) -> None:
        """Read no more."""
        self._closed = True
        self._room.set()
        close = getattr(self._feed, "close", None)
        try:
            if close is not None:
                close()
        except (
            ValueError,
            OSError,
        ):  # a generator that runs in its thread cannot be closed from here; the reach ends it
            pass

    def _read(self) -> None:
        try:
            for data in self._feed:
                self._pending.append(_event(data))
                while len(self._pending) >= _PENDING and not self._closed:
                    self._room.clear()
                    if len(self._pending) >= _PENDING and not self._closed:
                        self._room.wait()
        except FlockError as error:
            self.failure = error
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.failure = InternalError(f"the feed cannot be read: {error}", hint="flock logs")
        finally:
            self.ended.set()


def _event(data: bytes) -> Event:
    # not by the codec: ten thousand a second come from a busy gateway, and it takes three times as long
    plain: dict[str, Any] = json.loads(str(data, "utf-8"))
    told: object = plain.get("data") or {}
    if not (isinstance(plain["id"], int) and is_object(told)):
        raise TypeError("an event has a number and an object")
    return Event(plain["id"], plain["at"], plain["kind"], plain["subject"], told)
