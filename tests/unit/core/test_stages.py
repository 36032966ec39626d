"""What is told of a request's stages; the record's own times are the truth."""

from typing import Any

from flock.core import stages
from flock.core.rates import KEPT, Recent
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.policy.keys import ANYONE
from flock.upstream import Waiting

Told = list[tuple[str, str, dict[str, Any]]]


def heard() -> tuple[Record, Told]:
    told: Told = []
    record = Record("chat", 1_800_000_000.0, 100.0)
    record.model, record.engine, record.stream = "qwen", "llamacpp:qwen", True
    record.on_stage = lambda kind, subject, data: told.append((kind, subject, data))
    return record, told


def test_a_whole_life() -> None:
    record, told = heard()
    stages.tell(record, "queued")
    record.sent = 100.1
    stages.tell(record, "prefilling")
    record.first = 100.5
    stages.begins(record)
    record.said = 102.4
    stages.tell(record, "sending")
    record.usage, record.outcome, record.status, record.ended = Usage(input=12, output=39), "ok", 200, 102.5
    stages.done(record)
    facts = {"model": "qwen", "user": ANYONE.name, "engine": "llamacpp:qwen", "endpoint": "chat"}
    assert {(kind, subject) for kind, subject, _ in told} == {("request.stage", record.id)}
    assert [data for _, _, data in told] == [
        {"stage": "queued", **facts},
        {"stage": "prefilling", **facts},
        {"stage": "generating", **facts, "ttft_ms": 500.0},
        {"stage": "sending", **facts},
        {
            "stage": "done",
            **facts,
            "outcome": "ok",
            "status": 200,
            "error": "",
            "input_tokens": 12,
            "output_tokens": 39,
            "ttft_ms": 500.0,
            "tokens_per_second": 19.0,
            "elapsed_ms": 2500.0,
        },
    ]


def test_stages_of_the_record_itself() -> None:
    record, _ = heard()
    seen = [record.stage]
    for name in ("chosen", "sent", "first", "said", "ended"):
        setattr(record, name, 101.0)
        seen.append(record.stage)
    assert seen == ["queued", "loading", "prefilling", "generating", "sending", "ended"]


def test_where_somebody_stands_who_waits() -> None:
    record, told = heard()
    record.hear("nobody waits yet")
    assert told == []
    record.waiting = Waiting(record.id, "k_1", record.hear, position=3, eta=12.5)
    record.hear("waiting for qwen: 3rd, about 12 s")
    assert told[0][2]["stage"] == "queued"
    assert told[0][2]["position"] == 3
    assert told[0][2]["eta_seconds"] == 12.5
    assert told[0][2]["why"] == "waiting for qwen: 3rd, about 12 s"
    row = record.row(101.0)
    assert (row.stage, row.position, row.eta_seconds) == ("queued", 3, 12.5)


def test_nobody_hears_of_it() -> None:
    record = Record("chat", 0.0, 0.0)
    for tell in (stages.begins, stages.done, stages.waits):
        tell(record)
    stages.tell(record, "queued")


def test_tokens_are_counted_while_they_come() -> None:
    record, _ = heard()
    assert record.output_tokens == 0
    record.first = 100.5
    record.counted = lambda: Usage(output=21)
    row = record.row(102.5)
    assert (row.output_tokens, row.tokens_per_second, row.ttft_ms) == (21, 10.0, 500.0)
    record.usage = Usage(output=40)
    assert record.output_tokens == 40


def settled(ended: float, took: float, outcome: str = "ok", tokens: int = 10) -> Record:
    record = Record("chat", 0.0, ended - took)
    record.ended, record.outcome, record.usage = ended, outcome, Usage(output=tokens)
    return record


def test_rates_of_the_last_minute() -> None:
    recent = Recent()
    recent.settled(settled(10.0, 9.0, "ok"))  # too long ago
    for number in range(1, 101):
        recent.settled(settled(90.0, number / 10))
    for outcome in ("error", "cancelled", "partial"):
        recent.settled(settled(95.0, 50.0, outcome, 0))
    rates = recent.rates(100.0, 3600.0)
    assert (rates.p50_ms, rates.p95_ms, rates.p99_ms) == (5000.0, 9500.0, 9900.0)
    assert rates.requests_per_minute == 103
    assert rates.tokens_per_second == round(1000 / 60, 1)
    assert rates.error_rate == round(2 / 102, 4)


def test_rates_of_nothing_and_of_a_young_daemon() -> None:
    recent = Recent()
    nothing = recent.rates(5.0, 5.0)
    assert (nothing.p50_ms, nothing.error_rate, nothing.requests_per_minute) == (None, None, 0)
    recent.settled(settled(4.0, 0.5))
    assert recent.rates(5.0, 6.0).requests_per_minute == 10


def test_rates_of_a_gateway_at_its_limit() -> None:
    recent = Recent()
    for number in range(KEPT + 5):
        recent.settled(settled(70.0 + number / 1000, 0.1))
    rates = recent.rates(70.0 + KEPT / 1000, 3600.0)
    assert rates.requests_per_minute > 59_000
