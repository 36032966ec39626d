"""Requests: what runs now and why each went where it went."""

from dataclasses import dataclass, field

from flock.contract.op import Op, Risk, arg, flag, operation


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request in brief. `stage` is queued, loading, prefilling, generating, sending or ended; durations in
    milliseconds, null when unknown. `position` and `eta_seconds` say where a queued one stands.
    """

    id: str
    at: str
    user: str
    model: str
    endpoint: str
    engine: str
    stage: str
    outcome: str
    output_tokens: int
    elapsed_ms: float
    input_tokens: int = 0
    ttft_ms: float | None = None
    tokens_per_second: float | None = None
    position: int | None = None
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upstream that was considered: its rank (0 is best), and why it stands there or was rejected."""

    upstream: str
    engine: str
    rank: int
    reason: str
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an upstream; times in milliseconds from the request's arrival; `error` is empty when it served."""

    upstream: str
    started_ms: float
    first_byte_ms: float | None
    ended_ms: float | None
    status: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the waterfall (queue, load, prefill, decode …) in milliseconds from the request's arrival."""

    name: str
    start_ms: float
    duration_ms: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision record of one request. `plan` is relay, splice or translate; `edits` name what was changed.

    `vendor` is the paid vendor that was asked, "" for none; `cost_usd` dollars as a decimal string, null when unknown.
    """

    id: str
    at: str
    user: str
    key_id: str
    endpoint: str
    requested_model: str
    model: str
    stream: bool
    stage: str
    outcome: str
    status: int
    error: str
    plan: str
    edits: tuple[str, ...]
    upstream: str
    engine: str
    why: str
    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    spans: tuple[Span, ...] = ()
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    bytes_in: int = 0
    bytes_out: int = 0
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    vendor: str = ""
    cost_usd: str | None = None


@operation("request.ls", "request ls", "GET /admin/v1/requests", examples=("request ls", "request ls --running"))
class ListRequests(Op[list[RequestRow]]):
    """List requests, running ones first."""

    limit: int = flag("how many rows", default=20)
    running: bool = flag("only those still running", default=False)


@operation(
    "request.show", "request show", "GET /admin/v1/requests/{id}", examples=("request show req_0f3a9c1d2e4b5a68",)
)
class ShowRequest(Op[RequestRow]):
    """Show one request in brief."""

    id: str = arg("the request's id, from X-Flock-Request-Id or `flock request ls`")


@operation(
    "request.explain",
    "explain",
    "GET /admin/v1/requests/{id}/explanation",
    aliases=("request explain",),
    examples=("explain req_0f3a9c1d2e4b5a68", "explain last"),
)
class ExplainRequest(Op[Explanation]):
    """Explain one request: where it went, why, and where its time went."""

    id: str = arg("the request's id, or `last`", default="last")


@operation(
    "request.cancel",
    "request cancel",
    "POST /admin/v1/requests/{id}/cancel",
    risk=Risk.CHANGE,
    examples=("request cancel req_0f3a9c1d2e4b5a68",),
)
class CancelRequest(Op[RequestRow]):
    """End a running or waiting request; its client gets an error that says so."""

    id: str = arg("the request's id, from `flock request ls --running`")
