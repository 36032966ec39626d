"""The figures of settled requests: which labels they have, and that these have a bound."""

from flock.core.metrics import PAID_MODELS, Metrics
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.upstream import Price


def settled(model: str, *, vendor: str = "", dialect: str = "openai") -> Record:
    record = Record("chat", 0.0, 1.0)
    record.model, record.vendor, record.dialect, record.outcome = model, vendor, dialect, "ok"
    record.ended, record.usage = 2.0, Usage(7, output=3)
    return record


def lines(metrics: Metrics, name: str) -> list[str]:
    return [line for line in metrics.exposition(0, {}).decode().splitlines() if line.startswith(name + "{")]


def test_the_protocol_is_the_clients_dialect() -> None:
    metrics = Metrics()
    for dialect in ("anthropic", "gemini", "gemini"):
        metrics.settled(settled("m", dialect=dialect))
    assert lines(metrics, "flock_requests_total") == [
        'flock_requests_total{model="m",outcome="ok",protocol="anthropic"} 1.0',
        'flock_requests_total{model="m",outcome="ok",protocol="gemini"} 2.0',
    ]


def test_names_that_clients_make_up_add_no_series_for_ever() -> None:
    metrics = Metrics()
    for n in range(PAID_MODELS + 50):
        metrics.settled(settled(f"openrouter/{n}", vendor="openrouter"))
    found = lines(metrics, "flock_requests_total")
    assert len(found) == PAID_MODELS + 1
    assert 'flock_requests_total{model="openrouter/other",outcome="ok",protocol="openai"} 50.0' in found
    metrics.settled(settled("openrouter/0", vendor="openrouter"))
    assert len(lines(metrics, "flock_requests_total")) == PAID_MODELS + 1


def test_refusals_count_by_the_limit_and_costs_by_the_vendor() -> None:
    metrics = Metrics()
    for limit in ("rpm", "rpm", "budget/day"):
        metrics.refused(limit)
    paid = settled("openai/gpt-4o", vendor="openai")
    paid.price = Price("10", "30")
    metrics.settled(paid)
    metrics.settled(settled("unpriced", vendor="openai"))
    assert lines(metrics, "flock_refused_total") == [
        'flock_refused_total{limit="rpm"} 2.0',
        'flock_refused_total{limit="budget/day"} 1.0',
    ]
    assert lines(metrics, "flock_cost_dollars_total") == [
        'flock_cost_dollars_total{model="openai/gpt-4o",vendor="openai"} 0.00016'
    ]
    assert lines(metrics, "flock_unpriced_requests_total") == ['flock_unpriced_requests_total{vendor="openai"} 1.0']


def test_a_vendor_that_its_caller_pays_is_no_request_without_a_price() -> None:
    metrics, lent = Metrics(), settled("openai/gpt-4o", vendor="openai")
    lent.lent = True
    metrics.settled(lent)
    assert lines(metrics, "flock_unpriced_requests_total") == []


def test_errors_count_by_why() -> None:
    metrics = Metrics()
    for outcome, code in (("error", "rate_limited"), ("partial", "upstream_error"), ("cancelled", ""), ("error", "")):
        record = settled("m")
        record.outcome, record.error = outcome, code
        metrics.settled(record)
    assert lines(metrics, "flock_request_errors_total") == [
        'flock_request_errors_total{code="rate_limited"} 1.0',
        'flock_request_errors_total{code="upstream_error"} 1.0',
        'flock_request_errors_total{code="upstream"} 1.0',
    ]
