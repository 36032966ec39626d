"""A look at a relayed stream of this dialect: what it used, whether it ended, whether it failed. Never an edit.

Owns the finding of the last line in bytes that pass: nothing else is parsed, so that a relay costs what copying costs.
Has the manners of `StreamTap` in dialects/openai/tap.py. Called by core.
"""

from typing import Any

from flock.dialects.history import parse_told
from flock.dialects.ir import Json, Usage
from flock.dialects.ollama.reader import fault_of
from flock.dialects.ollama.usage import read_usage
from flock.plain import is_object
from flock.wire.sse import FRAME_BYTES


class LineTap:
    """Looks at one stream in passing: counts lines, keeps the last one. `feed` returns what it was given.

    `prompt`: about how many tokens the prompt has, for an answer that does not count them; the usage is then one of
    which `usage.is_estimated` says so.
    """

    __slots__ = ("_last", "_prompt", "_rest", "lines")

    def __init__(self, prompt: int = 0) -> None:
        self._prompt = prompt
        self._last = self._rest = b""
        self.lines = 0

    def feed(self, data: bytes) -> bytes:
        """Look at the bytes of one read and return them."""
        cut = data.rfind(b"\n") + 1
        if not cut:
            if len(self._rest) < FRAME_BYTES:  # what never ends must not fill the memory
                self._rest += data
            return data
        self.lines += data.count(b"\n")
        whole = (self._rest + data[:cut]).rstrip()
        self._rest = data[cut:]
        if whole:
            self._last = whole[whole.rfind(b"\n") + 1 :]
        return data

    def end(self) -> None:
        """Nothing: what a relay has to say it has said."""

    def close(self) -> bytes:
        """Return bytes held back: none are."""
        return b""

    @property
    def between_frames(self) -> bool:
        """Whether what `feed` has returned so far ends with a whole line: only there may another one be put in."""
        return not self._rest

    @property
    def finished(self) -> bool:
        """Whether the stream said that it is over: a clean EOF alone proves nothing."""
        return self._final().get("done") is True

    @property
    def failure(self) -> str:
        """Nothing: what the upstream reports is passed on as it came."""
        return ""

    @property
    def fault(self) -> str | None:
        """The sentence of an error at the stream's end, None where there is none."""
        final = self._final()
        return fault_of(final) if final.get("error") else None

    def usage(self) -> Usage | None:
        """Return the usage the stream told, None where it told none."""
        final = self._final()
        return read_usage(final, self._prompt) if final.get("done") is True else None

    def counted(self) -> Usage:
        """Return what flock counted where the engine did not say: a token a line, less the last one of a good end."""
        return Usage(output=max(0, self.lines - (1 if self.finished else 0)))

    def _final(self) -> Json:
        """Return the last object, {} where it is none; one that lacks its line break is one too if it is whole."""
        for line in (self._rest, self._last):
            if line.strip():
                try:
                    found: Any = parse_told(line)
                except ValueError:
                    return {}
                return found if is_object(found) else {}
        return {}
