"""Laws over all pairs: every recorded stream of every upstream dialect, for a client of every dialect.

However a stream is cut, the client gets the same bytes; they obey its dialect's grammar; and the vendor's own library
understands what the upstream said: text, thinking, calls, why it stopped and what it used.
"""

from itertools import pairwise

import pytest

from tests.unit.dialects.pairs import (
    DIALECTS,
    GOOD,
    STREAMS,
    crossing,
    cuts,
    name_of,
    own_fold,
    sent,
    stream,
    whole_stream,
)
from tests.unit.dialects.seen import alike, expected, streamed

Case = tuple[str, str]


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_a_stream_cut_anywhere_gives_the_same_bytes(case: Case, client: str) -> None:
    data, across = stream(case), crossing(case[0], client)
    whole = sent(across, [data])
    for at in cuts(data):
        assert sent(across, [data[:at], data[at:]]) == whole, f"cut at {at}"
    assert sent(across, [data[at:to] for at, to in pairwise(range(len(data) + 1))]) == whole, "a byte at a time"


@pytest.mark.pitfall(1)
@pytest.mark.pitfall(2)
@pytest.mark.pitfall(3)
@pytest.mark.pitfall(45)
@pytest.mark.pitfall(51)
@pytest.mark.pitfall(55)
@pytest.mark.pitfall(57)
@pytest.mark.pitfall(58)
@pytest.mark.pitfall(69)
@pytest.mark.pitfall(70)
@pytest.mark.pitfall(80)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_the_clients_library_understands_what_the_upstream_said(case: Case, client: str) -> None:
    told = sent(crossing(case[0], client), [stream(case)])
    whole_stream(client, told)
    alike(client, streamed(client, told), expected(client, own_fold(case)))
