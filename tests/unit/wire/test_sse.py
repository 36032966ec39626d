"""Framing: any cut at any byte gives the same frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import UpstreamError
from flock.wire.sse import FRAME_BYTES, Frames, data_of, event_of, split

FRAMES = b"data: one\n\n: comment\n\nevent: ping\ndata: two\ndata: lines\n\ndata: w\xc3\xb6rld\n\n"


@given(st.lists(st.integers(1, 20), max_size=30), st.booleans())
def test_any_cut_gives_the_same_frames(sizes: list[int], crlf: bool) -> None:
    whole = FRAMES.replace(b"\n", b"\r\n") if crlf else FRAMES
    frames, out, at = Frames(), b"", 0
    for size in sizes:
        out += frames.feed(whole[at : at + size])[0]
        at += size
    out += frames.feed(whole[at:])[0]
    assert out == whole
    assert frames.close() == b""
    assert [data_of(f) for f in split(out)] == [b"one", b"", b"two\nlines", "wörld".encode()]
    assert event_of(split(out)[2]) == b"ping"


def test_an_unfinished_frame_is_kept_back() -> None:
    frames = Frames()
    assert frames.feed(b"data: a\n\ndata: b") == (b"data: a\n\n", b"data: b")
    assert frames.close() == b"data: b"


def test_a_frame_that_never_ends_does_not_fill_the_memory() -> None:
    frames, piece = Frames(), b"x" * 2**20
    for _ in range(FRAME_BYTES // len(piece)):
        frames.feed(piece)
    with pytest.raises(UpstreamError, match="larger than"):
        frames.feed(piece)
