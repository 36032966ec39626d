"""How far a model's name reaches: the vendors that are on, their prefixes and globs, their addresses.

Owns the one look-up of the request path. A snapshot: made anew whenever a vendor comes, goes or changes. Refuses every
other way to a vendor than a prefix and a glob of its row; a prefix of a vendor that is off leads nowhere, not to the
next one (tests/unit/vendors/test_ways.py counts the ways). Called by registry.py.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from flock.contract.vendors import VendorModel
from flock.upstream import Placement, Upstream
from flock.vendors.discovered import Discovered
from flock.vendors.listed import matcher
from flock.vendors.shown import model_view
from flock.vendors.vendor import Vendor
from flock.vendors.wanted import place_of

Places = frozenset[tuple[str, int]]


def is_on(vendor: Vendor) -> bool:
    """Return whether a vendor can answer: its URL is known, and a key for it or callers' leave to bring their own."""
    return bool(vendor.base) and (bool(vendor.channel.states()) or vendor.own_credentials)


class Reach:
    """What is reached through the vendors of `all_of`; `enabled: false` reaches nothing. Of two that claim one prefix
    the first has it.
    """

    def __init__(self, all_of: Iterable[Vendor], discovered: Discovered, *, enabled: bool) -> None:
        vendors = tuple(all_of)
        self._discovered = discovered
        self.on = {vendor.name: vendor for vendor in vendors if enabled and is_on(vendor)}
        # a prefix of a vendor that is off is known too: it is nobody else's
        self._by_prefix: dict[str, Vendor | None] = {}
        for vendor in vendors:
            for prefix in vendor.prefixes:
                self._by_prefix.setdefault(prefix, self.on.get(vendor.name))
        self._by_glob = [(matcher(vendor.models), vendor) for vendor in self.on.values() if vendor.models]
        self._upstreams = {name: _upstream(vendor) for name, vendor in self.on.items()}
        self.places: Places = frozenset(place_of(url) for vendor in self.on.values() for url in vendor.urls())
        # by vendor, where it is reached without TLS
        self.plain: dict[str, Places] = {
            name: frozenset(place_of(url) for url in vendor.urls() if url.startswith("http://"))
            for name, vendor in self.on.items()
        }

    def find(self, model: str) -> tuple[Placement, ...]:
        """Return where vendors have a model, () when none does: by a prefix, else by a glob."""
        head, slash, rest = model.partition("/")
        if slash and (prefix := head + slash) in self._by_prefix:
            vendor = self._by_prefix[prefix]
            return (self._placed(vendor, model, rest),) if vendor is not None and rest.strip("/") else ()
        return tuple(self._placed(vendor, model, model) for fits, vendor in self._by_glob if fits(model))

    def known(self) -> list[VendorModel]:
        """Return the models of the vendors that are on, as far as their lists have been asked for."""
        return [
            model_view(vendor, found) for vendor in self.on.values() for found in self._discovered.known(vendor.name)
        ]

    def _placed(self, vendor: Vendor, model: str, served: str) -> Placement:
        found = self._discovered.one(vendor.name, served)
        return Placement(
            model=model,
            name=f"vendor:{vendor.name}",
            engine=vendor.name,
            own=False,
            state="ready",
            upstream=self._upstreams[vendor.name],
            context=found.context if found else None,
            served="" if served == model else served,
            kind=vendor.kind(served),
            vendor=vendor.name,
            price=vendor.price(served) or (found.price if found else None),
        )


def _upstream(vendor: Vendor) -> Upstream:
    host, port = place_of(vendor.base)
    parts = urlsplit(vendor.base)
    return Upstream(
        name=f"vendor:{vendor.name}",
        engine=vendor.name,
        host=host,
        port=port,
        profile=vendor.profile,
        own=False,
        prefix=parts.path.rstrip("/"),
        tls=parts.scheme == "https",
        channel=vendor.channel,
    )
