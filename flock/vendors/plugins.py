"""Vendors of other packages: the entry points of the group "flock.vendors".

Owns what a plug-in may give: a mapping of names to rows (the fields of catalog/vendors.yaml), vendors of its own making
(vendor.Vendor), several of them, or a function that returns any of these. Refuses to fail with one: it is named in a
warning and left out. Called by the daemon at its start, in a thread, since it imports code.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from flock.vendors.row import VendorRow, made
from flock.vendors.vendor import Vendor

log = logging.getLogger(__name__)

GROUP = "flock.vendors"

# what is looked at of a vendor that is no row, before it is believed to be one
_PARTS = ("name", "profile", "channel", "base", "prefixes", "models", "urls", "kind", "price", "read_list")


@dataclass(frozen=True, slots=True)
class Plugged:
    """What the plug-ins gave: rows, which the user's settings and keys apply to, and vendors that are whole."""

    rows: Mapping[str, VendorRow] = field(default_factory=dict[str, VendorRow])
    vendors: tuple[Vendor, ...] = ()


def plugged(points: Iterable[EntryPoint] | None = None) -> Plugged:
    """Load every plug-in that is installed (or the given entry points) and return what they gave. Blocking."""
    rows: dict[str, VendorRow] = {}
    vendors: dict[str, Vendor] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=lambda point: point.name):
        try:
            for name, thing in _things(point.load()):
                if name in rows or name in vendors:
                    raise ValueError(f"the vendor {name!r} is given twice")
                if isinstance(thing, VendorRow):
                    rows[name] = thing
                else:
                    vendors[name] = thing
        except (Exception, SystemExit) as error:  # whatever code of others raises, flock starts
            log.warning("the vendor plug-in %s (%s) is left out: %s", point.name, point.value, error)
    return Plugged(rows, tuple(vendors.values()))


def _things(given: Any) -> list[tuple[str, VendorRow | Vendor]]:
    """Return what a plug-in gave by names. Raises ConfigInvalid and TypeError for what is no vendor."""
    if callable(given) and not _is_vendor(given):
        given = given()
    if isinstance(given, Mapping):
        rows = cast("Mapping[object, object]", given)
        return [(str(name), made(str(name), row)) for name, row in rows.items()]
    several: list[Any] = list(cast("list[Any]", given)) if isinstance(given, list | tuple) else [given]
    return [_named(thing) for thing in several]


def _named(thing: Any) -> tuple[str, VendorRow | Vendor]:
    if not isinstance(thing, VendorRow) and not _is_vendor(thing):
        raise TypeError(f"{type(thing).__name__} is no row of a vendor, and no vendor")
    return str(thing.name), thing


def _is_vendor(thing: Any) -> bool:
    return not isinstance(thing, type) and all(hasattr(thing, part) for part in _PARTS)
