"""A vendor that is a row: its profile, its channel, and what is known of its models by their names.

Owns how a row's data become answers. Refuses to read anything: keys are read by keys.py when a request needs one.
Made by registry.py; implements Vendor and Channel.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase, translate
from typing import Any

from flock.clock import Clock
from flock.profile import Profile
from flock.upstream import Credential, Price
from flock.vendors import azure, lists, paths
from flock.vendors.keys import KeyPool, Lent, missing
from flock.vendors.row import AUTHS, VendorRow
from flock.vendors.sources import Source
from flock.vendors.vendor import Found, KeyState


class RowChannel:
    """The way to one vendor. `is_ours` says of a word whether it is a key of flock's own, which is never passed on."""

    def __init__(self, row: VendorRow, sources: Sequence[Source], clock: Clock, is_ours: Callable[[str], bool]) -> None:
        self._row = row
        self._is_ours = is_ours
        self._pool = KeyPool(row.name, row.auth, sources, clock)
        self.headers: Mapping[str, str] = dict(row.headers)

    def url(self, path: str, model: str) -> str:
        """Return the URL of a dialect's path for a model of the vendor."""
        row = self._row
        path = paths.named(path, model)
        if row.layout == "azure":
            return azure.url(row.base, path, model, row.query, row.deployments)
        place = paths.place(path)
        return paths.join(row.bases.get(place, row.base), path, row.query, versioned=row.versioned)

    def small(self, path: str) -> str:
        """Return the URL of a path that the vendor answers to with GET ("/models"), where its first dialect is."""
        row = self._row
        if row.layout == "azure":
            return azure.url(row.base, path, "", row.query, row.deployments)
        spoken = row.profile.dialects
        whose = next((name for name in ("openai", "responses", "anthropic") if name in spoken), "gemini")
        version = "/v1beta" if whose == "gemini" else "/v1"
        base = row.bases.get(whose, row.base)
        return paths.join(base, version + path, row.query, versioned=row.versioned, whose=whose)

    async def credentials(self) -> Sequence[Credential]:
        """Return the team's keys, those that rest last. Raises VendorKeyMissing, SecretsLocked, StorageFailed."""
        if not self._pool.states():
            raise missing(self._row.name)
        return await self._pool.credentials()

    def lend(self, headers: Mapping[str, str]) -> Credential | None:
        """Return the caller's own credential of these headers (lower-case names) where the row permits that it passes
        through, None otherwise.
        """
        if not self._row.own_credentials:
            return None
        for header in dict.fromkeys((AUTHS[self._row.auth], "Authorization")):
            value = headers.get(header.lower(), "").strip()
            word = value.rpartition(" ")[2]
            if word and not self._is_ours(word):
                return Lent({header: value})
        return None

    def refuses(self, status: int, body: bytes) -> bool:
        """Return whether an answer says that the key is not good: 401, 403, at some vendors 400 with certain words."""
        if status == 400:
            return any(words.encode() in body for words in self._row.key_faults)
        return status in (401, 403)

    def states(self) -> tuple[KeyState, ...]:
        """Return the team's keys, also those that have not been read yet."""
        return self._pool.states()


class Listed:
    """A vendor as its row says."""

    def __init__(self, row: VendorRow, sources: Sequence[Source], clock: Clock, is_ours: Callable[[str], bool]) -> None:
        self.row = row
        self.name = row.name
        self.profile: Profile = row.profile
        self.base = row.base
        self.prefixes = row.prefixes
        self.models = row.models
        self.tags = row.tags
        self.own_credentials = row.own_credentials
        self.docs = row.docs
        self.channel = RowChannel(row, sources, clock, is_ours)

    def urls(self) -> tuple[str, ...]:
        """Return every base it is reached at, and the URLs of its list and of its check where they lie elsewhere."""
        others = (url for url in (self.list_url(), self.check_url()) if url)
        return tuple(dict.fromkeys(filter(None, (self.row.base, *self.row.bases.values(), *others))))

    def kind(self, model: str) -> str:
        """Return the kind of a model by its id, "" for one of which nothing is known."""
        return fitting(self.row.kinds, model, "")

    def price(self, model: str) -> Price | None:
        """Return what a model costs by the rates that are set, None when unknown."""
        rate = fitting(self.row.rates, model, None)
        return None if rate is None else Price(rate["input"], rate["output"])

    def list_url(self) -> str:
        """Return the URL of its list of models, "" where it has none."""
        return self._small(self.row.list)

    def check_url(self) -> str:
        """Return the URL that says whether a key is good, "" where none does without a generation."""
        if self.row.check:
            return self._small(self.row.check)
        return "" if self.row.list_open else self.list_url()

    def read_list(self, body: bytes) -> list[Found]:
        """Return the models of its list. Raises UpstreamError for what is no list."""
        return lists.read(body, self.name, self.row.list_prices)

    def _small(self, place: str) -> str:
        """Return the URL of a path of a row that is asked with GET; a URL stays as it is."""
        if not place or not self.base or place.startswith(("http://", "https://")):
            return place if self.base else ""
        return self.channel.small(place)


def fitting(table: Mapping[str, Any], model: str, otherwise: Any) -> Any:
    """Return the value of the first glob that a model's id fits."""
    return next((value for glob, value in table.items() if fnmatchcase(model, glob)), otherwise)


def matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """Return whether a model's id fits one of the globs and none of those with "!" in front."""
    wanted = [translate(glob) for glob in globs if not glob.startswith("!")]
    unwanted = [translate(glob[1:]) for glob in globs if glob.startswith("!")]
    if not wanted:
        return lambda _: False
    yes = re.compile("|".join(wanted))
    no = re.compile("|".join(unwanted)) if unwanted else None
    return lambda model: bool(yes.match(model)) and not (no and no.match(model))
