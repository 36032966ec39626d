"""A process that runs, ours by birth or taken over: waiting for its end and signalling its whole group.

Owns the two ways to wait for an end: a child's is collected, that of a process which another daemon started is seen
through a descriptor of the kernel's (Linux) or by looking. Refuses to signal a group that may be somebody else's by
now. Called by process.py.
"""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from typing import Protocol

import psutil

from flock.engines.children import running

# How often a process is looked at where no descriptor tells of its end.
_LOOK_SECONDS = 0.2


class Running(Protocol):
    """One process, the leader of its group. `code` is its exit code, negative for a signal, None when unknown."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        ...

    @property
    def code(self) -> int | None:
        """Its exit code."""
        ...

    async def wait(self) -> None:
        """Return when it has ended."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send its whole group a signal, while it has not ended."""
        ...


class Born:
    """A child of this daemon."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def gone(self) -> bool:
        """Whether it has been collected."""
        return self._process.returncode is not None

    @property
    def code(self) -> int | None:
        """Its exit code."""
        return self._process.returncode

    async def wait(self) -> None:
        """Return when it has been collected."""
        await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Signal the group: while the leader has not been collected the number is the group's we made."""
        if not self.gone:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


class Taken:
    """A process that an earlier daemon started. psutil knows it by its start time, so a pid given away is noticed."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.code: int | None = None

    @property
    def gone(self) -> bool:
        """Whether it has ended; one that nobody collects has, too."""
        return not running(self._process)

    async def wait(self) -> None:
        """Return when it has ended."""
        descriptor = self._open()
        if descriptor < 0:
            while not self.gone:  # noqa: ASYNC110 - macOS tells nobody but the parent of a process's end
                await asyncio.sleep(_LOOK_SECONDS)
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            if not self.gone:
                await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def signal(self, number: signal.Signals) -> None:
        """Signal the group if it is still the one this process leads."""
        with contextlib.suppress(OSError, psutil.Error):
            if running(self._process) and os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)

    def _open(self) -> int:
        """Return a descriptor that becomes readable at its end (pidfd_open(2)), -1 where there is none."""
        try:
            return os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            return -1
