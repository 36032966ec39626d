"""The window a request is sent with: kept where it fits, doubled where it does not, refused where nothing fits."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.ollama.window import FRESH, LEAST, MARGIN, ROOM, ROOM_MIN, num_ctx
from flock.errors import ContextTooLong


def window(prompt: int, answer: int | None = 1000, **known: Any) -> int:
    return num_ctx(prompt, answer, **{"loaded": None, "largest": None, "fits": None, **known})


@pytest.mark.parametrize(
    ("prompt", "answer", "known", "found"),
    [
        # not loaded: 8,192, or what is needed
        (10, 100, {}, 8192),
        (10, None, {}, 8192),
        (5000, 1000, {}, 8192),  # 6,500 + 1,000
        (6000, 1000, {}, 16384),  # 7,800 + 1,000
        (6000, 1000, {"counted": True}, 8192),
        (30000, 32000, {}, 131072),
        (10, 100, {"largest": 2048}, 2048),
        (30000, 32000, {"largest": 40960}, 40960),
        (30000, 32000, {"largest": 131072, "fits": 65536}, 65536),
        # loaded: kept while it fits
        (10, 100, {"loaded": 4096}, 4096),
        (2000, 1000, {"loaded": 4096}, 4096),
        (10, 100, {"loaded": 131072, "largest": 131072}, 131072),
        (10, 100, {"loaded": 5000}, 5000),
        (3000, 1000, {"loaded": 4096}, 8192),
        (100, 100, {"loaded": 256}, 4096),
        (9000, 1000, {"loaded": 8192, "largest": 40960}, 16384),
        (25000, 8000, {"loaded": 8192, "largest": 40960}, 40960),
        # the answer gets shorter before the prompt is cut
        (3000, 8000, {"loaded": 4096, "largest": 4500}, 4500),
        (2000, 8000, {"loaded": 4096, "largest": 4096}, 4096),
        (2000, 8000, {"loaded": 4096, "largest": 32768, "fits": 4096}, 4096),
        # what is loaded has its memory, whatever is left beside it
        (2000, 8000, {"loaded": 4096, "largest": 32768, "fits": 2048}, 4096),
    ],
)
def test_the_window(prompt: int, answer: int | None, known: dict[str, Any], found: int) -> None:
    assert window(prompt, answer, **known) == found


@pytest.mark.parametrize(
    ("prompt", "known", "tokens", "limit", "words"),
    [
        (40000, {"largest": 40960}, 52256, 40960, "the model's largest window is 40960"),
        (40000, {"loaded": 4096, "largest": 40960}, 52256, 40960, "the model's largest window is 40960"),
        (40000, {"largest": 131072, "fits": 16384}, 52256, 16384, "memory has room for a window of 16384"),
        (40960, {"largest": 40960, "counted": True}, 41216, 40960, "need about 41216 tokens"),
    ],
)
def test_what_no_window_holds_is_refused_with_both_numbers(
    prompt: int, known: dict[str, Any], tokens: int, limit: int, words: str
) -> None:
    with pytest.raises(ContextTooLong, match=words) as caught:
        window(prompt, **known)
    assert caught.value.details == {"tokens": tokens, "limit": limit}
    assert str(tokens) in caught.value.sentence
    assert str(limit) in caught.value.sentence


_WINDOWS = st.none() | st.sampled_from([2048, 4096, 8192, 40960, 131072, 1 << 20])


@given(st.integers(0, 300_000), st.none() | st.integers(1, 64000), _WINDOWS, _WINDOWS, _WINDOWS, st.booleans())
def test_a_prompt_is_whole_or_refused(
    prompt: int, answer: int | None, loaded: int | None, largest: int | None, fits: int | None, counted: bool
) -> None:
    if loaded is not None and largest is not None:
        loaded = min(loaded, largest)
    needed = prompt if counted else math.ceil(prompt * MARGIN)
    room = max(loaded or 0, min((one for one in (largest, fits) if one is not None), default=1 << 30))
    try:
        found = num_ctx(prompt, answer, loaded=loaded, largest=largest, fits=fits, counted=counted)
    except ContextTooLong:
        assert needed + ROOM_MIN > room
        return
    assert needed + ROOM_MIN <= found <= room
    assert loaded is None or found >= loaded, "never smaller than what is loaded"
    if loaded is not None and needed + max(answer or ROOM, ROOM_MIN) <= loaded:
        assert found == loaded
    assert found in (loaded, largest, fits) or (found >= LEAST and found & (found - 1) == 0)
    if loaded is None:
        assert found >= min(FRESH, room)
