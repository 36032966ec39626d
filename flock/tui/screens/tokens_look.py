"""How keys look on their page: a row of the list, all there is to know of one, and how full its limits are.

Owns these formats. Refuses to know a widget. Called by `tokens.py`.
"""

from textual.content import Content

from flock.contract.op import Scope
from flock.contract.tokens import Meter, Token
from flock.show.dollars import usd as exact
from flock.show.meters import left, limits, until
from flock.tui import look
from flock.tui.widgets.listing import Cell, Column, Row

COLUMNS = (
    Column("name", most=24),
    Column("state"),
    Column("scope", spare=6),
    Column("owner", spare=8, most=14),
    Column("models", spare=9, most=24),
    Column("limits", grow=True),
    Column("req", right=True, spare=4),
    Column("tokens", right=True),
    Column("spent", right=True, spare=2),
    Column("expires", spare=5),
    Column("last use", spare=3),
    Column("key", spare=7),
)
# From this part of a limit on it is worth a look, and from the whole on requests are refused
_NEAR = 0.8
_UNITS = {"rpm": "req/min", "tpm": "tok/min", "quota": "tok/day"}
# The narrowest bar that says anything
_LEAST_BAR = 4


def row(token: Token, now: float) -> Row:
    """Return a row of the list; what today's use is not known of is a dash, and so is money nobody spent."""
    scope = look.styled("admin", "$text-accent") if token.scope is Scope.ADMIN else look.dim(token.scope.value)
    cells: tuple[Cell, ...] = (
        token.name,
        look.dot(token.state),
        scope,
        token.owner or look.dim(look.NONE),
        ", ".join(token.models) or look.dim("all"),
        limits(token) if _is_limited(token) else look.dim("none"),
        look.number(token.requests_today),
        look.number(token.tokens_today),
        look.usd(token.cost_today_usd),
        left(token.expires_at, now) if token.expires_at and token.state == "active" else look.dim(look.NONE),
        look.ago(token.last_used_at, now) if token.last_used_at else look.dim("never"),
        look.dim(hint(token)),
    )
    return token.id, cells


def detail(token: Token, meters: tuple[Meter, ...] | None, now: float, width: int) -> Content:
    """Return all there is to know of a key for a pane of `width` cells; without meters while they are not known yet."""
    head = Content("  ").join([look.styled(token.name, "bold"), look.dot(token.state), look.dim(hint(token))])
    title = Content.assemble(
        look.styled("LIMITS", "bold $text-muted"), look.dim("  ▒ held by what runs  ↻ empty again in")
    )
    facts = look.pairs(_facts(token, now), 9)
    return Content("\n").join([head, Content(""), facts, Content(""), title, full(meters, now, width)])


def brief(token: Token, meters: tuple[Meter, ...] | None, now: float, width: int) -> Content:
    """Return the same in few lines: who it is, what it may ask for, and how full its limits are."""
    head = [look.styled(token.name, "bold"), look.dot(token.state), look.dim(f"{token.id} {hint(token)}")]
    if token.expires_at and token.state == "active":
        head.append(look.dim(f"expires {until(token.expires_at, now)}"))
    known = {"models", "vendors", "owner", "tags", "note"}
    facts = [f"{name} {words}" for name, words in _facts(token, now) if name in known]
    lines = [Content("  ").join(head), look.dim(" · ".join(facts)), full(meters, now, width)]
    return Content("\n").join(lines)


def full(meters: tuple[Meter, ...] | None, now: float, width: int) -> Content:
    """Return a bar for each limit: used, held by what runs now, and when it is empty again."""
    if meters is None:
        return look.dim("asking how full its limits are …")
    if not meters:
        return look.dim("it has no limits; e sets some")
    amounts = [_amounts(meter) for meter in meters]
    wide = max(len(words) for words in amounts)
    names = [_name(meter.name) for meter in meters]
    label = max(len(name) for name in names)
    resets = [f"↻ {left(meter.resets_at, now).removesuffix(' left')}" if meter.resets_at else "" for meter in meters]
    rest = width - label - wide - 4
    beside = max(len(words) for words in resets) + 2
    room = rest - beside if rest - beside >= _LEAST_BAR else rest
    lines: list[Content] = []
    for meter, name, words, reset in zip(meters, names, amounts, resets, strict=True):
        parts = [
            look.dim(f"{name:<{label}}"),
            meter_bar(meter, min(30, max(_LEAST_BAR, room))),
            look.plain(words.rjust(wide)),
        ]
        lines.append(Content("  ").join([*parts, look.dim(reset)] if room != rest and reset else parts))
    return Content("\n").join(lines)


def meter_bar(meter: Meter, width: int) -> Content:
    """Return a bar of what is used (█) and what running requests hold (▒) of a limit."""
    limit = _number(meter.limit)
    used, held = _number(meter.used), _number(meter.reserved)
    part = (used + held) / limit if limit else 0.0
    tone = "$text-error" if part >= 1 else "$text-warning" if part >= _NEAR else "$primary"
    both = min(width, round(part * width)) if used + held <= 0 else min(width, max(1, round(part * width)))
    mine = min(both, round(used / limit * width)) if limit else 0
    drawn = [("█" * mine, tone), ("▒" * (both - mine), tone), ("░" * (width - both), "$panel-lighten-2")]
    return Content.assemble(*drawn)


def hint(token: Token) -> str:
    """Return what of a key may be shown: its last four characters."""
    return f"••••{token.hint}"


def _facts(token: Token, now: float) -> list[tuple[str, Content | str]]:
    rows = [
        ("id", token.id),
        ("scope", token.scope.value),
        ("owner", token.owner),
        ("note", token.note),
        ("models", ", ".join(token.models) or "all"),
        ("vendors", ", ".join(token.vendors) or "none"),
        ("budgets", ", ".join(f"${b.usd}/{b.window}" for b in token.budgets)),
        ("tags", ", ".join(token.tags)),
        ("share", str(token.share) if token.share != 1 else ""),
        ("created", look.ago(token.created_at, now)),
        ("last use", look.ago(token.last_used_at, now) if token.last_used_at else "never"),
        ("expires", until(token.expires_at, now) if token.expires_at else "never"),
        ("old key", f"works on, ends {until(token.old_until, now)}" if token.old_until else ""),
        ("revoked", look.ago(token.revoked_at, now) if token.revoked_at else ""),
        ("today", _today(token)),
    ]
    return [(name, words) for name, words in rows if words]


def _today(token: Token) -> str:
    if not token.requests_today:
        return "nothing"
    spent = f", {look.usd(token.cost_today_usd)}" if token.cost_today_usd is not None else ""
    return f"{look.number(token.requests_today)} requests, {look.number(token.tokens_today)} tokens{spent}"


def _is_limited(token: Token) -> bool:
    return bool(token.rpm or token.tpm or token.quota or token.budgets)


def _name(name: str) -> str:
    kind, _, window = name.partition("/")
    return f"$/{window}" if kind == "budget" else _UNITS.get(name, name)


def _amounts(meter: Meter) -> str:
    shown = exact if meter.name.startswith("budget/") else _count
    held = f" + {shown(meter.reserved)}" if _number(meter.reserved) else ""
    return f"{shown(meter.used)}{held} of {shown(meter.limit)}"


def _count(words: str) -> str:
    return look.number(_number(words))


def _number(words: str) -> float:
    try:
        return float(words)
    except ValueError:
        return 0.0  # a daemon of another release may say it in another way: no bar is better than no page
