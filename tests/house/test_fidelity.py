"""Nothing of a request vanishes in silence: it arrives, or is named as left out, changed or refused."""

import pytest

from tests.fidelity import SAMPLES, UPSTREAMS, Sample, outcome

CASES = [(sample, client, upstream) for sample in SAMPLES for client in sample.bodies for upstream in UPSTREAMS]


@pytest.mark.parametrize(("sample", "client", "upstream"), CASES, ids=[f"{s.title}: {c} to {u}" for s, c, u in CASES])
def test_nothing_is_lost_in_silence(sample: Sample, client: str, upstream: str) -> None:
    kind, words = outcome(sample, client, upstream)
    assert kind != "lost"
    assert kind == "kept" or words


@pytest.mark.parametrize(("sample", "client"), [(s, c) for s in SAMPLES for c in s.bodies])
def test_the_clients_own_dialect_keeps_everything(sample: Sample, client: str) -> None:
    kind, words = outcome(sample, client, client)
    assert kind == "kept" or sample.title == "conversation kept by the server", words
