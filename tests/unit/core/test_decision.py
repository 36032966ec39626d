"""The decision record: packed flat, spelled out on reading, at every stage of a request."""

import pytest

from flock.core import decision
from flock.core.record import Record, Try, new_request_id
from flock.dialects.openai.upstream import Usage
from flock.profile import Profile
from flock.routing.choose import Ranked
from flock.upstream import Placement, Upstream

PROFILE = Profile(kind="x", title="X", dialects=frozenset({"openai"}))


def record(stage: str, stream: bool = True) -> Record:
    made = Record("chat", 1_800_000_000.0, 100.0)
    made.requested, made.stream = "m", stream
    stages = ["queued", "loading", "prefilling", "generating", "ended"]
    reached = stages.index(stage)
    if reached >= 1:
        upstream = Upstream(name="e", engine="e", host="127.0.0.1", port=1, profile=PROFILE, own=True)
        made.model, made.chosen = "m", 100.1
        made.ranked = [Ranked(Placement("m", "e", "e", True, "ready", upstream), 0, only=True)]
    if reached >= 2:
        made.loaded, made.sent, made.upstream, made.engine, made.plan = 100.2, 100.3, "e", "e", "splice"
        made.tries = [Try("e", 100.3)]
        made.edits = ("model: a → m",)
    if reached >= 3:
        made.first = made.last = 100.5
        made.tries[0].status, made.tries[0].first_byte = 200, 100.5
    if reached >= 4:
        made.ended, made.outcome, made.status = 101.0, "ok", 200
        made.usage = Usage(input=7, cached=2, output=5, prefill_ms=50.0, decode_ms=100.0)
    return made


@pytest.mark.parametrize("stage", ["queued", "loading", "prefilling", "generating", "ended"])
@pytest.mark.parametrize("stream", [True, False])
def test_every_stage_can_be_explained(stage: str, stream: bool) -> None:
    made = record(stage, stream)
    shown = made.explanation()
    assert shown.stage == made.stage == stage
    for before, after in zip(shown.spans, shown.spans[1:], strict=False):
        assert after.start_ms == pytest.approx(before.start_ms + before.duration_ms, abs=0.02)


def test_a_finished_stream_spelled_out() -> None:
    shown = record("ended").explanation()
    assert [(s.name, s.start_ms, s.duration_ms) for s in shown.spans] == [
        ("queue", 0.0, 100.0),
        ("load", 100.0, 100.0),
        ("translation", 200.0, 100.0),
        ("prefill", 300.0, 200.0),
        ("decode", 500.0, 500.0),
    ]
    assert (shown.input_tokens, shown.cached_tokens, shown.output_tokens) == (7, 2, 5)
    assert shown.candidates[0].reason == shown.why == "the only engine with this model, ready"
    assert shown.attempts[0].status == 200
    assert shown.edits == ("model: a → m",)


def test_a_plain_answer_is_divided_by_the_engines_clock() -> None:
    spans = record("ended", stream=False).explanation().spans
    assert [(s.name, s.duration_ms) for s in spans[-2:]] == [("prefill", 50.0), ("decode", 650.0)]


def test_positions_are_for_ever() -> None:
    """A record kept by an earlier version has fewer positions, never other ones: append, and raise this number."""
    assert len(decision.FIELDS) == 37
    assert decision.FIELDS[:3] == ("id", "at", "user")
    assert decision.FIELDS[32:] == ("stage", "lost", "vendor", "cost_usd", "turn")


def test_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000
