"""Laws over all pairs: whole answers, and answers that come in another form than the client asked for.

An upstream may answer a stream's request in one piece, and a plain request with a stream: the client gets what it asked
for, and it says the same.
"""

from dataclasses import replace

import pytest

from flock.dialects.ir import Reply
from flock.dialects.translate import Crossing, Gathering
from flock.errors import UpstreamError
from tests.unit.dialects.pairs import (
    BROKEN,
    DIALECTS,
    GOOD,
    REPLIES,
    TO,
    crossing,
    name_of,
    own_fold,
    own_reply,
    reply,
    stream,
    whole_stream,
)
from tests.unit.dialects.seen import alike, expected, in_one_piece, streamed

Case = tuple[str, str]
MODEL = {"gemini": "modelVersion"}  # where an answer names its model


def gathered(across: Crossing, data: bytes, size: int) -> Reply:
    """Return the reply of a stream that comes in pieces of a size."""
    gathering = Gathering(across.events())
    for at in range(0, len(data), size):
        gathering.feed(data[at : at + size])
    return gathering.reply()


@pytest.mark.pitfall(2)
@pytest.mark.pitfall(3)
@pytest.mark.pitfall(51)
@pytest.mark.pitfall(55)
@pytest.mark.pitfall(58)
@pytest.mark.pitfall(79)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", REPLIES, ids=name_of)
def test_a_whole_answer(case: Case, client: str) -> None:
    across = crossing(case[0], client, streams=False)
    body = across.whole(across.read(reply(case)), TO)
    alike(client, in_one_piece(client, body), expected(client, own_reply(case)))
    assert f'"{MODEL.get(client, "model")}":"alias"'.encode() in body


@pytest.mark.pitfall(69)
@pytest.mark.pitfall(70)
@pytest.mark.pitfall(75)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", REPLIES, ids=name_of)
def test_a_whole_answer_for_a_client_that_wants_a_stream(case: Case, client: str) -> None:
    across = crossing(case[0], client)
    told = across.replayed(across.read(reply(case)), TO)
    whole_stream(client, told)
    alike(client, streamed(client, told), expected(client, own_reply(case)))


@pytest.mark.pitfall(75)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_a_stream_for_a_client_that_wants_one_piece(case: Case, client: str) -> None:
    across, data = crossing(case[0], client, streams=False), stream(case)
    found = gathered(across, data, len(data))
    assert found == own_fold(case)
    for size in (1, 7, 64):
        assert gathered(across, data, size) == found, f"in pieces of {size} bytes"
    alike(client, in_one_piece(client, across.whole(found, TO)), expected(client, found))


@pytest.mark.pitfall(75)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", sorted(BROKEN), ids=name_of)
def test_a_stream_that_breaks_is_no_whole_answer(case: Case) -> None:
    for client in DIALECTS:
        with pytest.raises(UpstreamError):
            gathered(crossing(case[0], client, streams=False), stream(case), 64)


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_a_stream_cut_before_its_end_is_no_whole_answer(case: Case) -> None:
    """Where it had told why it stopped it may be one, and is the same."""
    across, data = crossing(case[0], "openai", streams=False), stream(case)
    whole = own_fold(case)
    for at in range(0, len(data), 31):
        try:
            found = gathered(across, data[:at], at or 1)
        except UpstreamError:
            continue
        assert replace(found, usage=whole.usage, stop=whole.stop, sequence=whole.sequence) == whole, f"cut at {at}"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"x"', b"<html>", b"\xff"])
@pytest.mark.parametrize("upstream", DIALECTS)
def test_what_is_no_answer(upstream: str, body: bytes) -> None:
    with pytest.raises(UpstreamError, match="no JSON object"):
        crossing(upstream, "openai").read(body)
