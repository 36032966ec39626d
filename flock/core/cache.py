"""What the drift detector found, a row for each session, and what to do about it.

Owns the advice. Called by core/daemon.py, which handles the operation.
"""

import re

from flock.clock import rfc3339
from flock.contract.cache import CacheReport
from flock.contract.cache import Drift as Row
from flock.core.drift import Drift, Drifts

# what was read again is not worth a change
NEARLY_ALL = 0.99

_ATTRIBUTION = re.compile(r"x-anthropic-billing-header|cc_version=|cc_entrypoint=|cch=")
_TIME = re.compile(r"\d{1,2}:\d{2}|\d{4}-\d{2}-\d{2}|\d{10,}")
_COUNTER = re.compile(r"tokens? (left|usage)|remaining|total_tokens|budget", re.IGNORECASE)

_SWITCH = "flock config set translation.prefix_normaliser true"


def report(drifts: Drifts) -> CacheReport:
    """Return the sessions that drifted, the newest drift first."""
    rows: dict[tuple[str, str], list[Drift]] = {}
    for drift in reversed(drifts.found):
        rows.setdefault((drift.session, drift.model), []).append(drift)
    return CacheReport(drifts.sessions, drifts.turns, tuple(_row(found) for found in rows.values()))


def _row(found: list[Drift]) -> Row:
    last = found[0]
    return Row(
        session=last.session,
        client=last.client,
        model=last.model,
        at=rfc3339(last.at),
        request_id=last.request,
        path=last.path,
        offset=last.offset,
        same=last.same,
        was=last.was,
        now=last.now,
        kept_bytes=last.kept,
        prompt_bytes=last.size,
        kept_share=round(last.kept / max(1, last.size), 4),
        again_tokens=last.again_tokens,
        engine_cached_tokens=last.cached_tokens,
        seconds=None if last.seconds is None else round(last.seconds, 3),
        drifts=len(found),
        seconds_in_all=round(sum(drift.seconds or 0.0 for drift in found), 3),
        advice=advice(last),
    )


def advice(drift: Drift) -> str:
    """Return what to do about a drift, in one sentence."""
    around = drift.same + drift.was + drift.now
    if drift.kept >= NEARLY_ALL * drift.size:
        return "nothing: the engine keeps nearly all of the prompt"
    if _ATTRIBUTION.search(around):
        return f"the client's attribution line changes with every request; have flock leave it out: {_SWITCH}"
    if drift.path.startswith("tools"):
        return "the list of tools changes between turns: look for a tool server that comes and goes"
    if _COUNTER.search(around):
        return f"a counter stands in front of the conversation; have flock leave it out: {_SWITCH}"
    if _is_in_a_time(drift.same, drift.was) and _is_in_a_time(drift.same, drift.now):
        return "a time or a date changes there: have the client put it at the end of the prompt, or leave it out"
    return "the client rewrites this part of the prompt between turns: it should only append"


def _is_in_a_time(before: str, after: str) -> bool:
    """Return whether the place between two texts is in a time or at its beginning: "10:4" and "1 o'clock"."""
    return any(m.start() <= len(before) < m.end() for m in _TIME.finditer(before + after))
