"""Keys in their order: each is over, and what it opens stands, before the next is handed on.

Owns the keys that wait. Refuses to know what a key does. Called by `app.py`; pinned by tests/tui/test_typing.py.

Textual hands a key to what has the keyboard as soon as it has come, and carries out what the one before opens or moves
later. What came in one packet, as a fast typist's keys do over a slow line, would so go to the page behind a form, the
field before Tab, or the page that is being left: "n" for a new key and "i" of its name would open an invitation.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App
from textual.keys import _character_to_key  # pyright: ignore[reportPrivateUsage]
from textual.message_pump import MessagePump
from textual.widgets import Input, TextArea

# A key is handled on the way up from what has the keyboard; what it says there (that a field is sent, a row chosen)
# goes the way again, and so does what a box says that is closed by that
_ROUNDS = 3
# Ends the wait for a handler that does not return, or keys would be dead as long: opening a page for the first time
# takes a tenth of it
_PATIENCE_SECONDS = 2.0
# Between two looks at whether what is waited for is still there
_LOOK_SECONDS = 0.01
# What begins a longer sequence behind Escape
_INTRODUCERS = "[]OPX^_"
# How a key is named that came with Escape in front
_BEHIND = "escape_and_"
# Nothing holds up leaving
_AT_ONCE = ("ctrl+c",)


def _tell_apart() -> None:
    """Let Textual (8.2.8) hear of Escape and a key that came in one packet: it makes "^" and the key of them, and
    letters of a Mac of the digits ("™" for the second page).
    """
    known = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for letter in map(chr, range(33, 127)):
        if letter not in _INTRODUCERS and (letter.isdigit() or f"\x1b{letter}" not in known):
            known[f"\x1b{letter}"] = (SimpleNamespace(value=_BEHIND + letter),)


_tell_apart()


class InOrder:
    """The keys of one application. `hand` hands one on; `opened` waits for pages that are being opened."""

    def __init__(
        self, app: App[Any], hand: Callable[[events.Event], Awaitable[None]], opened: Callable[[], Awaitable[None]]
    ) -> None:
        self._app = app
        self._hand = hand
        self._opened = opened
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(self, event: events.Key | events.Paste) -> None:
        """Hand a key or a paste on, now or when those before it are over."""
        if self._task is not None and not (isinstance(event, events.Key) and event.key in _AT_ONCE):
            self._waiting.append(event)
            return
        event = self._apart(event)
        settles = not self._is_written(event)
        await self._hand(event)
        if settles and self._task is None:
            self._task = asyncio.create_task(self._go_on())

    def _apart(self, event: events.Key | events.Paste) -> events.Key | events.Paste:
        """Return what is handed on: Escape, while the rest waits, for the two in one packet; in a field it is nothing,
        since there some hold letters with Alt, and would lose what they typed.
        """
        if isinstance(event, events.Key) and event.key.startswith(_BEHIND) and not self._writes():
            letter = event.key.removeprefix(_BEHIND)
            self._waiting.appendleft(events.Key(_character_to_key(letter), letter))
            return events.Key("escape", None)
        return event

    def _is_written(self, event: events.Key | events.Paste) -> bool:
        """Return whether a field takes it as its words: such opens nothing, and long texts are to go fast."""
        letters = isinstance(event, events.Paste) or event.is_printable
        return letters and self._writes()

    def _writes(self) -> bool:
        return isinstance(self._app.focused, (Input, TextArea))

    async def _go_on(self) -> None:
        try:
            settles = True
            while True:
                if settles:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_PATIENCE_SECONDS):
                            await self._settled()
                if not self._waiting:
                    return
                event = self._apart(self._waiting.popleft())
                settles = not self._is_written(event)
                await self._reached(self._app, lambda event=event: self._hand(event))
        finally:
            self._task = None

    async def _settled(self) -> None:
        """Wait until what the last key has set off is over."""
        for _ in range(_ROUNDS):
            node: MessagePump | None = self._app.focused or self._app.screen
            while node is not None:
                await self._reached(node)
                node = node._parent  # pyright: ignore[reportPrivateUsage]
            for _ in range(2):  # what runs beside the messages begins with the next turn of the loop
                await asyncio.sleep(0)
            await self._opened()

    @staticmethod
    async def _reached(node: MessagePump, do: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait until something has handled all that it was sent before this; then it does `do`."""
        reached = asyncio.Event()

        async def here() -> None:
            try:
                if do is not None:
                    await do()
            finally:
                reached.set()

        if not node.call_later(here):
            return
        while not reached.is_set() and node.is_running:
            with suppress(TimeoutError):
                await asyncio.wait_for(reached.wait(), _LOOK_SECONDS)
