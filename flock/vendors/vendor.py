"""What a vendor is to flock: the protocol that rows and plug-ins fulfil, and what the domain needs of others.

Types only. Owns the words between the files of this folder. Implemented by listed.py and by plug-ins; the needs are
fulfilled by store/vendors.py, secrets/vault.py and outbound/vendors.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flock.profile import Profile
from flock.store.entries import VendorEntry
from flock.upstream import Channel, Price


@dataclass(frozen=True, slots=True)
class Found:
    """A model of a vendor's list: its id there, its window in tokens and its price, None for what the list does not
    tell.
    """

    id: str
    context: int | None = None
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key as people see it: where it is from, "ready", "resting" or "unread", and for how many seconds it rests."""

    name: str
    state: str
    seconds: float = 0.0


class Team(Channel, Protocol):
    """A channel that says more than a request needs: which keys it has, and what else is sent."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent with every request beside a key, unless the client's dialect says otherwise."""
        ...

    def refuses(self, status: int, body: bytes) -> bool:
        """Return whether an answer says that the key is not good, which is nothing of the caller's."""
        ...

    def states(self) -> tuple[KeyState, ...]:
        """Return the team's keys, also those that have not been read yet; () turns the vendor off."""
        ...


class Vendor(Protocol):
    """A place that answers for money. Everything here is at hand: nothing waits, nothing is read."""

    @property
    def name(self) -> str:
        """The word before its models ("groq"), and its name in `flock vendor ls`."""
        ...

    @property
    def profile(self) -> Profile:
        """What it speaks."""
        ...

    @property
    def channel(self) -> Team:
        """How it is reached."""
        ...

    @property
    def base(self) -> str:
        """Its URL, "" while it is not known."""
        ...

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What stands before its models' ids, each a word and a slash."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """Globs of model ids that are its own without a prefix; "!" in front takes some out again."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to pick vendors by."""
        ...

    @property
    def own_credentials(self) -> bool:
        """Whether callers may bring a credential of their own."""
        ...

    @property
    def docs(self) -> str:
        """Where its interface is described."""
        ...

    def urls(self) -> tuple[str, ...]:
        """Return every base it is reached at."""
        ...

    def kind(self, model: str) -> str:
        """Return the kind of a model by its id, "" for one of which nothing is known."""
        ...

    def price(self, model: str) -> Price | None:
        """Return what a model costs by the rates that are set, None when unknown."""
        ...

    def list_url(self) -> str:
        """Return the URL of its list of models, "" where it has none."""
        ...

    def check_url(self) -> str:
        """Return the URL that says whether a key is good, "" where none does without a generation."""
        ...

    def read_list(self, body: bytes) -> list[Found]:
        """Return the models of its list. Raises UpstreamError for what is no list."""
        ...


class Fetch(Protocol):
    """Asks vendors small things; outbound.vendors.VendorClient is the real one."""

    async def get(self, url: str, headers: Mapping[str, str], /) -> tuple[int, Mapping[str, str], bytes]:
        """Return (status, headers, body). Raises OSError with a sentence for people."""
        ...


class Secrets(Protocol):
    """Where keys are kept; secrets.vault.Vault is the real one."""

    async def get(self, name: str, /) -> str:
        """Return a secret, "" when there is none. Raises SecretsLocked, StorageFailed."""
        ...

    async def put(self, name: str, value: str, /) -> None:
        """Store a secret. Raises SecretsLocked, StorageFailed."""
        ...

    async def delete(self, name: str, /) -> None:
        """Forget a secret. Raises StorageFailed."""
        ...


class StoredVendors(Protocol):
    """The vendors that the user added (store.vendors)."""

    async def all(self) -> Sequence[VendorEntry]:
        """Return all of them."""
        ...

    async def put(self, entry: VendorEntry, /) -> None:
        """Write one."""
        ...

    async def delete(self, name: str, /) -> None:
        """Delete one."""
        ...
