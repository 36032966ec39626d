"""Every vendor of one daemon: which there are, which are on, what the user added.

Owns the vendors by name and what follows from every change to them. A vendor is on as soon as a key for it is known; no
secret is read to know it. `find` is the request path's: it looks into memory and waits for nothing (reach.py). Refuses
to keep a key that the vendor refuses, and to remove what the environment gives. Called by core; made by the daemon.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from flock.clock import Clock
from flock.contract.vendors import KeyCheck, VendorModel
from flock.contract.vendors import Vendor as View
from flock.errors import ConfigInvalid, Conflict, EngineUnreachable, FlockError, InvalidRequest, NotFound, UpstreamError
from flock.outbound.addresses import is_near
from flock.store.entries import VendorEntry
from flock.upstream import Credential, Placement, Price
from flock.vendors import asking, priced, sources, wanted
from flock.vendors.added import Added
from flock.vendors.discovered import Discovered
from flock.vendors.keys import Key
from flock.vendors.listed import Listed
from flock.vendors.plugins import Plugged
from flock.vendors.reach import Places, Reach
from flock.vendors.row import VendorRow, renamed
from flock.vendors.shown import model_view, vendor_view
from flock.vendors.tables import Wanted
from flock.vendors.vendor import Fetch, Secrets, StoredVendors, Vendor

log = logging.getLogger(__name__)


def never_lent(_word: str) -> bool:
    """Take every word for a key of flock's own, so that none is passed on: the default of `is_ours`."""
    return True


def nothing() -> None:
    """Do nothing: the default of `on_change`."""


class Vendors:
    """The vendors of one daemon.

    `environment` holds keys and URLs; `urls` are bases by vendor that the configuration sets; `enabled: false` turns
    every vendor off; `is_ours` says of a word whether it is a key of flock's own, which is passed on to nobody.
    `on_change` is called after every change of which vendors are on and of what is known of their models.
    """

    def __init__(
        self,
        rows: Mapping[str, VendorRow],
        stored: StoredVendors,
        secrets: Secrets,
        fetch: Fetch,
        clock: Clock,
        *,
        environment: Mapping[str, str],
        urls: Mapping[str, str] | None = None,
        enabled: bool = True,
        plugged: Plugged | None = None,
        is_ours: Callable[[str], bool] = never_lent,
    ) -> None:
        self.on_change: Callable[[], None] = nothing
        self.enabled = enabled
        given = plugged or Plugged()
        self._rows = {**given.rows, **rows}
        self._plugged = {vendor.name: vendor for vendor in given.vendors if vendor.name not in self._rows}
        self._of_plugins = (given.rows.keys() - rows.keys()) | self._plugged.keys()
        self._added = Added(stored, secrets)
        self._secrets = secrets
        self._fetch = fetch
        self._clock = clock
        self._environment = environment
        self._urls = urls or {}
        self._is_ours = is_ours
        self._arriving: Places = frozenset()
        self._changing = asyncio.Lock()
        self._discovered = Discovered(fetch, clock)
        known = {name: self._safely(name) for name, row in self._rows.items() if not row.template}
        self._vendors: dict[str, Vendor] = {name: vendor for name, vendor in known.items() if vendor is not None}
        self._vendors |= self._plugged
        self._reach = self._reached()

    async def start(self) -> None:
        """Take up the vendors that the user added; no key is read. Raises StorageFailed."""
        await self._added.load()
        for name in self._added.entries:
            if (vendor := self._safely(name)) is not None:
                self._vendors[name] = vendor
        self._reach = self._reached()

    # -- the request path: memory only

    def find(self, model: str) -> tuple[Placement, ...]:
        """Return where vendors have a model, () when no vendor that is on does."""
        return self._reach.find(model)

    def places(self) -> Places:
        """Return every (host, port) that may be contacted for a vendor now."""
        return self._reach.places | self._arriving

    def plain(self) -> Places:
        """Return those of them that a row of the catalog names with http://; a URL that came with `add` is no row."""
        set_here = {name for name, entry in self._added.entries.items() if "base" in entry.settings}
        kept = (places for name, places in self._reach.plain.items() if name not in set_here)
        return frozenset(place for places in kept for place in places)

    def names(self) -> tuple[str, ...]:
        """Return the vendors that are on."""
        return tuple(self._reach.on)

    def known(self) -> list[VendorModel]:
        """Return the models of the vendors that are on, as far as their lists have been asked for."""
        return self._reach.known()

    # -- prices: memory only

    def bare(self, name: str, model: str) -> str:
        """Return a model's name at a vendor, without the vendor's own word before it."""
        vendor = self._vendors.get(name)
        return model if vendor is None else priced.bare(vendor, model)

    def own_price(self, name: str, served: str) -> Price | None:
        """Return what a vendor says itself that a model costs, by its name there; None where it does not say."""
        vendor = self._vendors.get(name)
        return None if vendor is None else priced.own_price(vendor, served, self._discovered)

    def priced_as(self, name: str, served: str) -> Wanted | None:
        """Return what public tables of prices are to be asked for, None for a vendor that nobody knows."""
        vendor = self._vendors.get(name)
        return None if vendor is None else priced.wanted(vendor, served)

    def listed(self) -> list[tuple[str, str]]:
        """Return (vendor, model there) of the vendors that are on, as far as their lists have been asked for."""
        return [(name, found.id) for name in self._reach.on for found in self._discovered.known(name)]

    # -- operations

    def rows(self, *, off: bool = False) -> list[View]:
        """Return the vendors that are on, with `off` also the others, those that are on first."""
        shown = [self.row(name) for name in self._vendors]
        return sorted((view for view in shown if off or view.state == "on"), key=lambda view: view.state != "on")

    def row(self, name: str) -> View:
        """Return one vendor. Raises NotFound with the nearest names."""
        vendor = self._vendors.get(name)
        if vendor is None:
            raise wanted.unknown(name, self._vendors)
        source = "added" if name in self._added.entries else "plug-in" if name in self._of_plugins else "catalog"
        count = self._discovered.count(name)
        return vendor_view(vendor, on=name in self._reach.on, enabled=self.enabled, source=source, models=count)

    async def test(self, name: str) -> list[KeyCheck]:
        """Ask a vendor about each of the team's keys: one GET for each, never a generation.

        Raises NotFound, VendorKeyMissing, SecretsLocked, StorageFailed.
        """
        vendor = self._known(name)
        keys = sorted(await vendor.channel.credentials(), key=_in_order(vendor))
        return await self._asked(vendor, keys)

    async def models(self, name: str, *, fresh: bool = False) -> list[VendorModel]:
        """Return a vendor's own list of models, asked for at most once in a while unless `fresh`.

        Raises NotFound; Conflict for a vendor without a list; VendorKeyMissing, also for a key that is refused;
        EngineUnreachable, UpstreamError, SecretsLocked, StorageFailed.
        """
        vendor = self._known(name)
        if not vendor.list_url():
            raise Conflict(f"{name} shows no list of its models", hint=f"flock vendor show {name}")
        before = self._discovered.known(name)
        found = await self._discovered.ask(vendor, fresh=fresh)
        if found != before:
            self.on_change()
        return [model_view(vendor, model) for model in found]

    async def add(
        self,
        name: str,
        *,
        key: str = "",
        url: str = "",
        dialect: str = "",
        api_version: str = "",
        deployments: Sequence[str] = (),
        tags: Sequence[str] = (),
        own_credentials: bool = False,
        test: bool = True,
    ) -> View:
        """Keep a vendor with its keys (one a line in `key`), or one more key; its models answer when this returns.

        With `test`, each new key is shown to the vendor first and nothing is kept when it is refused. Raises NotFound
        for an unknown name without a URL, InvalidRequest, Conflict, EngineUnreachable, UpstreamError, SecretsLocked,
        StorageFailed.
        """
        wanted.refuse_name(name)
        if test and not self.enabled:
            raise Conflict(
                f"{name} is not asked about the key: router.fallback.enabled is false, so no vendor is contacted",
                hint=f"flock vendor add {name} --no-test < key.txt",
            )
        async with self._changing:
            self._refuse_taken(name)
            before = self._added.entries.get(name, VendorEntry(name, {}, 0, self._clock.now()))
            asked = wanted.settings_of(
                self._rows.get(name),
                url=url,
                dialect=dialect,
                api_version=api_version,
                deployments=deployments,
                tags=tags,
                own_credentials=own_credentials,
            )
            settings = {**before.settings, **asked}
            row = self._row(name, settings)
            new = await self._added.new_keys(before, key)
            if not new and (name in self._added.entries and settings == before.settings):
                raise Conflict(f"{name} is there already, with this key", hint=f"flock vendor show {name}")
            vendor = self._listed(row, before.keys)
            _refuse_useless(vendor, new)
            if test:
                keys = [Key("the key", row.auth, word, self._clock) for word in new]
                known = await vendor.channel.credentials() if vendor.channel.states() and not keys else ()
                await self._check(vendor, keys or known)
            await self._added.keep(replace(before, settings=settings, keys=before.keys + len(new)), new)
            self._changed(name)
        return self.row(name)

    async def remove(self, name: str) -> View:
        """Forget a vendor that was added and delete its keys. Raises NotFound, Conflict, StorageFailed."""
        async with self._changing:
            entry = self._added.entries.get(name)
            if entry is None:
                view = self.row(name)
                keys = ", ".join(key.name for key in view.keys)
                if not keys:
                    raise NotFound(f"{name} was not added", hint="flock vendor ls")
                raise Conflict(
                    f"{name} is on because of {keys}: what the environment or a plug-in gives is not flock's to remove",
                    hint=f"take {keys} out of the daemon's environment, then: flock up",
                )
            gone = self.row(name)
            await self._added.remove(entry)
            self._changed(name)
        return self.row(name) if name in self._vendors else replace(gone, state="off", keys=(), note="removed")

    # -- one vendor

    def _refuse_taken(self, name: str) -> None:
        """Raise Conflict for a name that is a plug-in's, or stands before another vendor's models."""
        if name in self._plugged:
            raise Conflict(f"{name} comes from a plug-in, which has its keys itself", hint=f"flock vendor show {name}")
        for vendor in self._vendors.values():
            if f"{name}/" in vendor.prefixes and vendor.name != name:
                raise Conflict(f'"{name}/" stands before the models of {vendor.name}', hint="flock vendor ls --all")

    def _known(self, name: str) -> Vendor:
        """Return a vendor that may be asked. Raises NotFound; Conflict while vendors are off altogether."""
        view = self.row(name)
        if not self.enabled or not view.url:
            raise Conflict(f"{name} is off: {view.note}", hint=f"flock vendor show {name}")
        return self._vendors[name]

    def _row(self, name: str, settings: Mapping[str, object]) -> VendorRow:
        """Return a vendor's row with what the user, the configuration and the environment set. Raises NotFound,
        InvalidRequest.
        """
        try:
            row = wanted.row_of(name, self._rows, settings)
            if "base" in settings:
                return row
            named = (self._environment.get(variable, "").strip() for variable in row.url_variables)
            return wanted.moved(row, self._urls.get(name, "") or next(filter(None, named), ""))
        except ConfigInvalid as error:
            raise wanted.as_request(error) from None

    def _listed(self, row: VendorRow, stored: int) -> Listed:
        found = sources.from_environment(row.variables, self._environment)
        return Listed(row, [*found, *sources.from_store(row.name, stored, self._secrets)], self._clock, self._is_ours)

    def _safely(self, name: str) -> Vendor | None:
        """Return a vendor of the catalog or the store; one that is wrong is named in the log and stays off."""
        entry = self._added.entries.get(name)
        try:
            return self._listed(self._row(name, entry.settings if entry else {}), entry.keys if entry else 0)
        except FlockError as error:
            log.warning("the vendor %s stays off: %s", name, error.sentence)
        # not at its usual address either: whoever set another one would not want the key to go there
        row = self._rows.get(name) or next((row for row in self._rows.values() if row.template), None)
        return None if row is None else self._listed(replace(renamed(row, name), base="", bases={}, variables=()), 0)

    def _reached(self) -> Reach:
        return Reach(self._vendors.values(), self._discovered, enabled=self.enabled)

    def _changed(self, name: str) -> None:
        """Make a vendor anew and let everybody know."""
        self._discovered.forget(name)
        if name in self._added.entries or (name in self._rows and not self._rows[name].template):
            vendor = self._safely(name)
            if vendor is not None:
                self._vendors[name] = vendor
        else:
            self._vendors.pop(name, None)
        self._reach = self._reached()
        self.on_change()

    # -- asking

    async def _check(self, vendor: Vendor, keys: Sequence[Credential]) -> None:
        """Show a vendor each new key. Raises InvalidRequest for one it refuses, EngineUnreachable, UpstreamError."""
        for told in await self._asked(vendor, keys):
            said = f": {told.message}" if told.message else ""
            unasked = f"flock vendor add {vendor.name} --no-test < key.txt"
            if told.outcome == "refused":
                raise InvalidRequest(
                    f"{vendor.name} refuses the key ({told.status} from {told.url}){said}", hint=unasked
                )
            if told.outcome == "unreachable":
                raise EngineUnreachable(f"{vendor.name} cannot be reached at {told.url}{said}", hint=unasked)
            if told.outcome == "failed":
                raise UpstreamError(f"{vendor.name} answers {told.status} at {told.url}{said}", hint=unasked)

    async def _asked(self, vendor: Vendor, keys: Sequence[Credential]) -> list[KeyCheck]:
        """Ask about keys one after the other; meanwhile the vendor's addresses may be contacted."""
        places = frozenset(map(wanted.place_of, vendor.urls()))
        self._arriving |= places
        try:
            return [await asking.check(self._fetch, vendor, key) for key in keys]
        finally:
            self._arriving -= places


def _refuse_useless(vendor: Listed, new: Sequence[str]) -> None:
    """Raise InvalidRequest for a vendor that could not answer: it has no URL, or nobody's key."""
    name = vendor.name
    if not vendor.base:
        hint = f"flock vendor add {name} --url https://llm.example.com/v1 < key.txt"
        raise InvalidRequest(f"{name} needs a URL: there is no usual one", hint=hint)
    if vendor.base.startswith("http://") and not is_near(wanted.place_of(vendor.base)[0]):
        raise InvalidRequest(
            f"{vendor.base} would have the key cross the internet in the clear; flock speaks https there",
            hint=f"flock vendor add {name} --url https{vendor.base.removeprefix('http')} < key.txt",
        )
    if not new and not vendor.channel.states() and not vendor.own_credentials:
        raise InvalidRequest(
            f"no key for {name} came: it is read from standard input or FLOCK_VENDOR_KEY",
            hint=f"flock vendor add {name} < key.txt",
        )


def _in_order(vendor: Vendor) -> Callable[[Credential], int]:
    names = [key.name for key in vendor.channel.states()]
    return lambda key: names.index(key.name) if key.name in names else len(names)
