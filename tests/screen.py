"""A program on a terminal of its own, as a person would use it."""

import os
import pty
import select
import subprocess

from tests.running import PATIENCE, ROOT


class Screen:
    """A process on a terminal of its own; what it shows is collected."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.shown = ""
        self._end, inside = pty.openpty()
        self.process = subprocess.Popen(
            list(words),
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", **environment},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)

    def until(self, words: str) -> str:
        """Read until the words have been shown."""
        while words not in self.shown:
            assert self._read(), f"{words!r} never came: {self.shown!r}"
        return self.shown

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._end, keys.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self._end)
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._end], [], [], PATIENCE)[0]:
            return False
        try:
            part = os.read(self._end, 65536)
        except OSError:
            # Linux answers EIO when the last process on a terminal has gone
            return False
        self.shown += part.decode("utf-8", "replace")
        return bool(part)
