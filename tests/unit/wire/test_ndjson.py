"""Lines of JSON, cut anywhere."""

import pytest

from flock.errors import UpstreamError
from flock.wire.ndjson import NDJSON, Lines, split
from flock.wire.sse import FRAME_BYTES

DATA = b'{"a":1}\n\n{"b":"\xc3\xbc"}\r\n \n{"c":3}'


def test_lines_cut_at_every_byte() -> None:
    for at in range(len(DATA) + 1):
        lines = Lines()
        first, _ = lines.feed(DATA[:at])
        second, rest = lines.feed(DATA[at:])
        assert first + second + rest == DATA
        assert split(first + second) == [b'{"a":1}\n', b'{"b":"\xc3\xbc"}\r\n']
        assert lines.close() == b'{"c":3}'
        assert lines.close() == b""


def test_a_byte_at_a_time() -> None:
    lines = Lines()
    whole = b"".join(lines.feed(DATA[at : at + 1])[0] for at in range(len(DATA)))
    assert split(whole) == [b'{"a":1}\n', b'{"b":"\xc3\xbc"}\r\n']


def test_a_line_that_never_ends_is_refused() -> None:
    lines = Lines()
    lines.feed(b"x" * FRAME_BYTES)
    with pytest.raises(UpstreamError, match="larger than"):
        lines.feed(b"x")


def test_the_framing() -> None:
    assert NDJSON.media_type == "application/x-ndjson"
    cutter = NDJSON.cutter()
    assert NDJSON.split(cutter.feed(DATA)[0]) == [b'{"a":1}\n', b'{"b":"\xc3\xbc"}\r\n']
