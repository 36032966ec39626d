"""How Home's figures look: who this is, the cards, the traffic of the last hour, what today went to.

Owns their arrangement; how a number looks is look.py's. Pure: what is known in, text out. Called by `screens/home.py`.
"""

from collections.abc import Sequence

from textual.content import Content

from flock.contract.catalog import CatalogModel
from flock.contract.events import Top
from flock.contract.status import Status
from flock.contract.usage import Share, UsageSummary
from flock.errors import FlockError
from flock.tui import look
from flock.tui.screens.home_steps import Step
from flock.tui.state import Live, State

# Cells of each card at 80 columns, in their order; what a wider terminal has more is shared by them equally
_CARDS = (13, 12, 11, 20, 10, 12)
# `usage summary` cuts its time into this many parts (contract/usage.py)
_PARTS, _MINUTES = 24, 60
_STRIP = 6


def identity(status: Status | None, top: Top | None, width: int) -> Content:
    """Return who this is in one line: role and machine, where it answers, its version, since when it runs."""
    if status is None:
        return look.fit(look.dim("asking …"), width)
    machine = status.machine
    up = top.uptime_seconds if top is not None else status.uptime_seconds
    parts = [
        Content.assemble(("gateway ", "$text-muted"), look.styled(machine.hostname, "bold")),
        look.styled(status.api_url, "$text-accent"),
        look.plain(f"flock {status.version}"),
        look.plain(f"up {look.seconds(up)}"),
        look.dim("draining") if status.draining else look.dim(f"default {status.default_model or look.NONE}"),
        look.dim(f"{machine.os} {machine.arch}"),
        look.dim(f"{machine.cores} cores, {look.size(machine.memory_bytes)}"),
        *(look.dim(gpu) for gpu in machine.gpus),
    ]
    shown = parts[0]
    for part in parts[1:]:
        longer = Content.assemble(shown, ("  ·  ", "$text-muted"), part)
        if longer.cell_length > width:
            break
        shown = longer
    return look.fit(shown, width)


def nobody(trouble: FlockError | None) -> Content:
    """Return what is said where nobody is there to ask."""
    return (
        look.dim("–")
        if trouble is None
        else Content("\n").join([look.dim(trouble.sentence), look.command(trouble.hint)])
    )


Card = tuple[str, Content, Content]


def cards(
    top: Top | None,
    hour: UsageSummary | None,
    today: UsageSummary | None,
    state: State,
    last: Sequence[str],
    width: int,
) -> Content:
    """Return the figures in three lines: names, values, what stands behind them. `last` are outcomes, newest first."""
    shown = (_rate(top, today), _speed(top, today), _running(state), _latency(hour), _errors(hour, last), _spent(today))
    more, extra = divmod(max(0, width - sum(_CARDS)), len(_CARDS))
    wide = [cells + more + (1 if at < extra else 0) for at, cells in enumerate(_CARDS)]
    lines = [
        Content("").join(look.fit(line, cells) for line, cells in zip(part, wide, strict=True))
        for part in zip(*((look.dim(name), value, behind) for name, value, behind in shown), strict=True)
    ]
    return Content("\n").join(lines)


def _rate(top: Top | None, today: UsageSummary | None) -> Card:
    value = None if top is None else top.requests_per_minute
    behind = f"{look.number(None if today is None else today.requests)} today"
    return "REQUESTS/MIN", look.styled(look.number(value), "bold"), look.dim(behind)


def _speed(top: Top | None, today: UsageSummary | None) -> Card:
    value = None if top is None else top.tokens_per_second
    cached = today.cached_tokens / today.input_tokens if today is not None and today.input_tokens else None
    return "TOKENS/S", look.styled(look.number(value), "bold"), look.dim(f"{look.percent(cached)} cached")


def _running(state: State) -> Card:
    queued = sum(1 for live in state.requests.values() if live.stage == "queued")
    running = len(state.requests) - queued
    tone = "bold $text-success" if running else "bold"
    behind = look.styled(f"{queued} queued", "$text-warning" if queued else "$text-muted")
    return "RUNNING", look.styled(str(running), tone), behind


def _latency(hour: UsageSummary | None) -> Card:
    found = None if hour is None else hour.latency_ms
    middle, most, all_but_one = (found.p50, found.p95, found.p99) if found else (None, None, None)
    behind = look.dim(f"{look.ms(most)} · {look.ms(all_but_one)}")
    return "P50 · P95 · P99, 1H", look.styled(look.ms(middle), "bold"), behind


def _errors(hour: UsageSummary | None, last: Sequence[str]) -> Card:
    rate = hour.error_rate if hour is not None and hour.requests else None
    strip = Content("").join(look.outcome(word, short=True) for word in reversed(last[:_STRIP]))
    return (
        "ERRORS 1H",
        look.styled(look.percent(rate), f"bold {look.tier(rate)}"),
        strip if last else look.dim(look.NONE),
    )


def _spent(today: UsageSummary | None) -> Card:
    tokens = None if today is None else today.input_tokens + today.output_tokens
    cost = None if today is None else today.cost_usd
    return "TODAY", look.styled(look.usd(cost), "bold"), look.dim(f"{look.number(tokens)} tok")


def traffic(hour: UsageSummary | None, width: int, height: int) -> Content:
    """Return the requests per minute of the last hour as columns over an axis."""
    if hour is None:
        return look.dim("asking …")
    if not hour.requests:
        return Content("\n").join([look.dim("no request in the last hour"), look.command("flock run 'Hello'")])
    values = [count * _PARTS / _MINUTES for count in hour.sparkline]
    axis = look.apart(look.dim("60 min ago"), look.dim("now"), width)
    middle = look.dim("30")
    half = (width - middle.cell_length) // 2
    if half > 12:
        axis = Content.assemble(axis[:half], middle, axis[half + middle.cell_length :])
    return Content("\n").join([look.columns(values, height - 1, width), axis])


def peak(hour: UsageSummary | None) -> str:
    """Return the most requests per minute of the last hour, "" without any."""
    most = max(hour.sparkline, default=0) if hour is not None else 0
    return f"peak {look.number(most * _PARTS / _MINUTES)}/min" if most else ""


def shares(today: UsageSummary | None, width: int, height: int) -> Content:
    """Return which models and which users had the most tokens today."""
    if today is None:
        return look.dim("asking …")
    if not today.requests:
        return Content("\n").join([look.dim("nothing was asked today"), look.command("flock connect ls")])
    room = max(1, (height - (1 if height > 6 else 0)) // 2)
    users = today.top_users[: max(1, min(len(today.top_users), height - min(len(today.top_models), room)))]
    models = today.top_models[: max(1, height - len(users) - (1 if height > 6 else 0))]
    gap = [Content("")] if height > len(models) + len(users) else []
    return Content("\n").join(
        [*(_share(one, models, width) for one in models), *gap, *(_share(one, users, width) for one in users)]
    )


def _share(share: Share, of: Sequence[Share], width: int) -> Content:
    most = max(one.tokens for one in of) or 1
    wide = max(6, min(24, width // 6))
    cost = look.usd(share.cost_usd) if share.cost_usd is not None else ""
    figures = f" {look.number(share.tokens):>7}" + (f" {cost:>9}" if width >= 36 else "")
    right = Content.assemble(look.bar(share.tokens / most, wide), look.dim(figures))
    return look.apart(look.plain(share.name or "(nobody)"), right, width)


def strip(ended: Sequence[Live]) -> list[str]:
    """Return how the last requests ended, newest first."""
    return [live.outcome for live in ended[:_STRIP]]


def step(step: Step, line: str, at: int, count: int, width: int) -> Content:
    """Return the next step in one line: why, the command, the key; `at` of `count` where there are several."""
    keys = Content.styled("enter", "bold $text-accent")
    if count > 1:
        keys = Content.assemble(keys, (f"  {at + 1} of {count}, ", "$text-muted"), ("n", "bold $text-accent"))
    sign = ("✗ ", "$text-error") if step.serious else ("→ ", "$text-accent")
    left = Content.assemble(sign, look.styled(step.words, "bold"), "  ", look.command(line))
    return look.apart(left, keys, width)


def pick(model: CatalogModel) -> str:
    """Return one of the models that suit this machine, in one line to choose it by."""
    return f"{model.id}  {look.size(model.size_bytes)}  {model.purpose or model.verdict}".rstrip()
