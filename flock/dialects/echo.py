"""The model's name in an answer: the one the client asked for, since clients compare.

Pure. A relay passes bytes on as they came; where the name was an alias, this puts it back. The model's own name goes
into a header. Called by core/commit.py; pinned by tests/unit/dialects/test_echo.py.
"""

import re
from typing import Any, Protocol

import orjson

from flock.dialects.ir import Usage
from flock.plain import is_object
from flock.wire.framing import Framing
from flock.wire.sse import SSE

_KEY = rb'"model":\s*'
_NAMED = re.compile(_KEY + rb'("(?:[^"\\]|\\.)*")')


class _Tap(Protocol):
    @property
    def finished(self) -> bool: ...

    @property
    def fault(self) -> str | None: ...

    @property
    def failure(self) -> str: ...

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> None: ...

    def close(self) -> bytes: ...

    def usage(self) -> Usage | None: ...

    def counted(self) -> Usage: ...


def echoed(body: bytes, asked: str) -> bytes:
    """Return a whole answer with the name the client used in place of the engine's."""
    if not asked:
        return body
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        return body
    if is_object(answer) and isinstance(answer.get("model"), str):
        return orjson.dumps({**answer, "model": asked})
    return body


class EchoTap:
    """Another tap's stream with the model's name put back, in whole frames.

    Engines call a model by the id they were sent or by a name of their own (a file, "default"): where the id is not to
    be seen in the first frame that names a model, the name there is the one.
    """

    __slots__ = ("_frames", "_known", "_name", "_split", "_tap", "_words")

    def __init__(self, tap: _Tap, model: str, asked: str, framing: Framing = SSE) -> None:
        self._tap = tap
        self._frames, self._split = framing.cutter(), framing.split
        # in an answer quotes are escaped, so these bytes are a key of the frame's own
        self._name = re.compile(_KEY + re.escape(orjson.dumps(model)))
        self._known = False
        self._words = b'"model":' + orjson.dumps(asked)

    @property
    def between_frames(self) -> bool:
        """Always: only whole frames are passed on."""
        return True

    @property
    def finished(self) -> bool:
        """Whether the upstream said that its answer is over."""
        return self._tap.finished

    @property
    def fault(self) -> str | None:
        """A failure the upstream reported."""
        return self._tap.fault

    @property
    def failure(self) -> str:
        """What the tap inside has not passed on."""
        return self._tap.failure

    def feed(self, data: bytes) -> bytes:
        """Return the whole frames of these bytes, renamed."""
        whole, _ = self._frames.feed(self._tap.feed(data))
        if whole and not self._known and (found := _NAMED.search(whole)):
            self._known = True
            if not self._name.search(whole):
                self._name = re.compile(_KEY + re.escape(found.group(1)))
        if not whole or not self._name.search(whole):
            return whole
        return b"".join([self._name.sub(lambda _: self._words, frame, count=1) for frame in self._split(whole)])

    def end(self) -> None:
        """Pass it on."""
        self._tap.end()

    def close(self) -> bytes:
        """Return bytes held back that never became a frame."""
        return self._frames.close() + self._tap.close()

    def usage(self) -> Usage | None:
        """Return the usage the stream told."""
        return self._tap.usage()

    def counted(self) -> Usage:
        """Return what flock counted."""
        return self._tap.counted()
