"""How vendors look."""

from typing import Any, cast

from flock import text
from flock.contract.op import Op
from flock.contract.vendors import AddVendor, KeyCheck, RemoveVendor, Vendor, VendorKey, VendorModel, VendorUse
from flock.show.dollars import usd
from flock.show.view import NONE, Line, Pairs, View, listed, or_none, table

_WINDOWS = {"day": "used today", "week": "used this week", "month": "used this month"}


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show vendors, one vendor, its models, or what it said of its keys."""
    if isinstance(value, Vendor):
        if isinstance(op, AddVendor):
            return _added(value)
        return _removed(value) if isinstance(op, RemoveVendor) else _one(value)
    found = cast("list[Any]", value)
    if op.spec.name == "vendor.models":
        return _models(found)
    return _checks(found) if op.spec.name == "vendor.test" else _vendors(found)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return vendors' names, models' ids, or the keys that were asked about."""
    if isinstance(value, Vendor):
        return [value.name]
    found = cast("list[Vendor | VendorModel | KeyCheck]", value)
    return [
        thing.id if isinstance(thing, VendorModel) else thing.key if isinstance(thing, KeyCheck) else thing.name
        for thing in found
    ]


def _vendors(found: list[Vendor]) -> View:
    rows: list[tuple[str, ...]] = [
        (
            v.name,
            v.state,
            listed([_key(key) for key in v.keys]),
            ", ".join(v.dialects),
            or_none(v.models),
            v.url or NONE,
            or_none(", ".join(v.tags)),
        )
        for v in found
    ]
    empty = "no vendor is on; `flock vendor ls --all` lists those that are known, `flock vendor add NAME` adds one"
    return table("name state keys_from dialects models url tags", rows, empty, "tags url models dialects")


def _one(v: Vendor) -> View:
    own = "callers may bring their own" if v.own_credentials else "the team's only"
    rows = [
        ("name", v.name),
        ("title", v.title),
        ("state", f"{v.state}, {v.note}" if v.note else v.state),
        ("url", v.url or NONE),
        ("speaks", ", ".join(v.dialects)),
        ("keys", ", ".join(_key(key) for key in v.keys) or NONE),
        ("credentials", own),
        ("models", ", ".join([f"{prefix}…" for prefix in v.prefixes] + list(v.patterns)) or NONE),
        ("its list", "not asked yet" if v.models is None else text.count(v.models, "model")),
        ("tags", ", ".join(v.tags) or NONE),
        ("known from", v.source),
        ("described at", v.docs or NONE),
        *((_WINDOWS.get(use.window, "used"), _use(use)) for use in v.used),
    ]
    return View((Pairs(tuple(rows)),))


def _use(use: VendorUse) -> str:
    words = f"{text.count(use.requests, 'request')}, {use.tokens:,} tokens"
    if use.cost_usd is not None:
        words += f", {usd(use.cost_usd)}"
    return words + (f", {use.unpriced} without a known price" if use.unpriced else "")


def _added(v: Vendor) -> View:
    if v.state != "on":
        return View((Line(f"{v.name} is kept, and off: {v.note}"),))
    keys = text.count(len(v.keys), "key")
    first = v.prefixes[0] if v.prefixes else ""
    own = f" or, as they are, {listed(v.patterns)}" if v.patterns else ""
    return View(
        (Line(f"{v.name} is on, with {keys}; its models are asked for as {first}MODEL{own}"),),
        (
            Line("requests that go there cost money; an admin's key may use it, others need leave"),
            Line(f"see what it has: flock vendor models {v.name}"),
        ),
    )


def _removed(v: Vendor) -> View:
    done = f"{v.name} is forgotten and its stored keys are deleted"
    if v.state != "on":
        return View((Line(done),))
    rest = ", ".join(key.name for key in v.keys)
    return View((Line(done),), (Line(f"it stays on: the daemon's environment has {rest}", "warn"),))


def _models(found: list[VendorModel]) -> View:
    rows: list[tuple[str, ...]] = [
        (
            m.id,
            or_none(m.kind),
            or_none(None if m.context is None else f"{m.context:,}"),
            or_none(None if m.input_price is None else f"${m.input_price}"),
            or_none(None if m.output_price is None else f"${m.output_price}"),
        )
        for m in found
    ]
    return table("id kind context in_per_million out_per_million", rows, "its list has no model", "kind context")


def _checks(found: list[KeyCheck]) -> View:
    rows: list[tuple[str, ...]] = [
        (
            c.key,
            c.outcome,
            or_none(c.status),
            or_none(None if c.models is None else text.count(c.models, "model")),
            c.url or NONE,
            c.message or NONE,
        )
        for c in found
    ]
    return table("key outcome status list url message", rows, "no key", "list")


def _key(key: VendorKey) -> str:
    return f"{key.name} (rests {text.duration(key.resting_seconds)})" if key.state == "resting" else key.name
