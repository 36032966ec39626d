"""How the prefix cache's drifts look: for each session what changed, what it cost, and what to do."""

from flock import text
from flock.contract.cache import CacheReport, Drift
from flock.contract.op import Op
from flock.show.view import Line, Pairs, Table, View, or_none, since


def human(op: Op[CacheReport], value: CacheReport, now: float) -> View:
    """Show each session that drifted as a title and its facts, and how many were watched."""
    blocks: list[Line | Pairs | Table] = []
    for drift in value.drifts:
        blocks += [Line()] if blocks else []
        blocks += [Line(_title(drift, now), "warn" if drift.seconds_in_all >= 1 else ""), Pairs(tuple(_facts(drift)))]
    if not value.drifts:
        blocks.append(Line("no prompt has changed in front of its end", "good" if value.turns else ""))
    watched = f"{text.count(value.turns, 'turn')} of {text.count(value.sessions, 'session')} compared"
    return View(tuple(blocks), (Line(f"{watched} since the daemon started; sessions are known by their client's id"),))


def ids(op: Op[CacheReport], value: CacheReport) -> list[str]:
    """Return the sessions that drifted."""
    return [drift.session for drift in value.drifts]


def _title(drift: Drift, now: float) -> str:
    return f"session {drift.session}: {or_none(drift.model)}, {since(drift.at, now)}"


def _facts(drift: Drift) -> list[tuple[str, str]]:
    cost = "unknown" if drift.seconds is None else text.duration(drift.seconds)
    again = "" if drift.again_tokens is None else f", {text.count(drift.again_tokens, 'token')} read again"
    after = f", after {_quoted(drift.same)}" if drift.same else ""
    rows = [
        ("client", or_none(drift.client)),
        ("first change", f"{drift.path}, byte {drift.offset}{after}"),
        ("was", _quoted(drift.was)),
        ("is", _quoted(drift.now)),
        ("kept", f"{drift.kept_share:.1%} of {text.size(drift.prompt_bytes)}"),
        ("cost", f"about {cost}{again}" if drift.seconds is not None else f"{cost}{again}"),
    ]
    if drift.drifts > 1:
        rows.append(("in all", f"{text.count(drift.drifts, 'change')}, about {text.duration(drift.seconds_in_all)}"))
    return [*rows, ("request", f"flock explain {drift.request_id}"), ("do", drift.advice)]


def _quoted(words: str) -> str:
    """Return words as a JSON string: line ends and controls spelled out."""
    import json

    return json.dumps(words, ensure_ascii=False)
