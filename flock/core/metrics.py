"""Prometheus figures: requests, errors, durations, tokens, dollars, time to the first token, running requests, models.

Owns the metric names (prefix `flock_`, base units, no label without bound: never a user, never a path). Fed at
settlement; read by `/metrics`.
"""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from flock import __version__

if TYPE_CHECKING:
    from flock.core.record import Record

# seconds; the predecessor's buckets, from a warm small model to a cold large one
DURATIONS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
# how many models of vendors have series of their own: a vendor takes whatever name a client makes up
PAID_MODELS = 200
FIRST_TOKEN = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)


class _Series:
    """The label children one (model, protocol, outcome) needs, looked up once: labels() costs a lock and a tuple."""

    __slots__ = ("duration", "first", "input", "output", "requests")

    def __init__(self, metrics: "Metrics", model: str, protocol: str, outcome: str) -> None:
        self.requests = metrics.requests.labels(model, protocol, outcome)
        self.duration = metrics.duration.labels(model, protocol)
        self.first = metrics.first_token.labels(model)
        self.input = metrics.tokens.labels(model, "input")
        self.output = metrics.tokens.labels(model, "output")


class Metrics:
    """The registry and its series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "flock_requests", "Requests by outcome", ["model", "protocol", "outcome"], registry=self.registry
        )
        self.duration = Histogram(
            "flock_request_duration_seconds",
            "Time from arrival to the last byte",
            ["model", "protocol"],
            buckets=DURATIONS,
            registry=self.registry,
        )
        self.first_token = Histogram(
            "flock_time_to_first_token_seconds",
            "Time from arrival to the first event of a stream",
            ["model"],
            buckets=FIRST_TOKEN,
            registry=self.registry,
        )
        self.tokens = Counter("flock_request_tokens", "Tokens", ["model", "direction"], registry=self.registry)
        self.cost = Counter(
            "flock_cost_dollars", "What vendors cost, where it is known", ["vendor", "model"], registry=self.registry
        )
        self.unpriced = Counter(
            "flock_unpriced_requests", "Requests to vendors at a price nobody knows", ["vendor"], registry=self.registry
        )
        self.errors = Counter("flock_request_errors", "Requests that failed, by why", ["code"], registry=self.registry)
        self.refusals = Counter(
            "flock_refused", "Requests that a key's limit refused, by the limit", ["limit"], registry=self.registry
        )
        self.running = Gauge("flock_requests_running", "Requests in flight", registry=self.registry)
        self.loaded = Gauge("flock_model_loaded", "1 while the model answers", ["model"], registry=self.registry)
        Gauge("flock_build_info", "The version", ["version"], registry=self.registry).labels(__version__).set(1)
        # memory, CPU, files and start of this process, by the names every dashboard knows; Linux only
        ProcessCollector(registry=self.registry)
        self._paid: set[str] = set()
        self._series: dict[tuple[str, str, str], _Series] = {}

    def settled(self, record: "Record") -> None:
        """Count one settled request. A model nobody serves is counted as "unknown", so that typos add no series.

        `protocol` is the client's dialect.
        """
        where = (
            self._paid_name(record) if record.vendor else record.model or "unknown",
            record.dialect,
            record.outcome,
        )
        series = self._series.get(where)
        if series is None:
            series = self._series[where] = _Series(self, *where)
        series.requests.inc()
        series.duration.observe(record.ended - record.arrived)
        if record.first and record.stream:
            series.first.observe(record.first - record.arrived)
        if record.usage is not None:
            series.input.inc(record.usage.input)
            series.output.inc(record.usage.output)
        if record.outcome in ("error", "partial"):
            self.errors.labels(record.error or "upstream").inc()
        if record.vendor:
            self._paid_for(record, where[0])

    def _paid_for(self, record: "Record", model: str) -> None:
        cost = record.cost_nano
        if cost is not None:
            self.cost.labels(record.vendor, model).inc(cost / 1e9)
        elif record.usage is not None and not record.lent:
            self.unpriced.labels(record.vendor).inc()

    def refused(self, limit: str) -> None:
        """Count a refusal: rpm, tpm, quota, budget/day, budget/week, budget/month, request (larger than a limit by
        itself) or model (not on the key's list). Keys are no labels: there may be any number of them.
        """
        self.refusals.labels(limit).inc()

    def _paid_name(self, record: "Record") -> str:
        """Return what a vendor's model is counted as."""
        if record.model not in self._paid:
            if len(self._paid) >= PAID_MODELS:
                return f"{record.vendor}/other"
            self._paid.add(record.model)
        return record.model

    def exposition(self, running: int, ready: dict[str, bool]) -> bytes:
        """Return the text exposition with the gauges brought up to date."""
        self.running.set(running)
        self.loaded.clear()
        for model, is_ready in ready.items():
            self.loaded.labels(model).set(1 if is_ready else 0)
        return generate_latest(self.registry)
