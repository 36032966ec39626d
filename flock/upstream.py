"""Upstream: an address that answers for a model, its profile and who owns it.

The word that routing, engines, vendors and the forward path share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flock.profile import Profile

# What a model that chats may be able to do beside that: words of an Ollama's capabilities
ABILITIES = frozenset({"audio", "thinking", "tools", "vision"})


class Credential(Protocol):
    """One key for a vendor. Its secret never leaves `headers`; `name` is what people may see ("GROQ_API_KEY_2")."""

    @property
    def name(self) -> str:
        """What people may see of it."""
        ...

    def headers(self) -> dict[str, str]:
        """Return the headers that show it."""
        ...

    def failed(self, status: int, retry_after: float | None) -> None:
        """Hear that the vendor refused it with this status (0: no answer at all): it rests for a while."""
        ...

    def served(self) -> None:
        """Hear that it was taken."""
        ...


class Channel(Protocol):
    """How a vendor is reached: where its paths are, and which keys open it. flock/vendors has the real ones."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent with every request beside a key, unless the client's dialect says otherwise."""
        ...

    def url(self, path: str, model: str) -> str:
        """Return the URL of a dialect's path ("/v1/chat/completions") for a model of the vendor."""
        ...

    async def credentials(self) -> Sequence[Credential]:
        """Return the team's keys, those that rest last. Raises VendorKeyMissing, never an empty list."""
        ...

    def refuses(self, status: int, body: bytes) -> bool:
        """Return whether an answer says that the key is not good; some vendors say that with status 400."""
        ...

    def lend(self, headers: dict[str, str]) -> Credential | None:
        """Return the caller's own credential of these headers (lower-case names) where the vendor's row permits that
        it passes through, None otherwise.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upstream:
    """One place a request can go. `prefix` is the path before `/v1`; `key` is sent as Bearer, empty for none; `version`
    is the engine's own, "" when it does not tell.

    `name` is unique ("embedded:flock-smoke", "vllm", "vendor:groq"); `engine` is the engine's name in
    `flock engine ls`, or the vendor's in `flock vendor ls`. `channel` is how a vendor is reached, None for an engine.
    """

    name: str
    engine: str
    host: str
    port: int
    profile: Profile
    own: bool
    prefix: str = ""
    tls: bool = False
    key: str = field(default="", repr=False)
    version: str = ""
    channel: Channel | None = None

    @property
    def url(self) -> str:
        """The base URL without `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in US dollars as decimal strings; None where nobody says, which is never 0.

    `cached` are tokens read from the vendor's cache, `written` those written to it, `kept` those written to it for an
    hour (Anthropic's longer of two), `reasoning` those of an answer that are thought: None costs what all others of the
    prompt, the written ones, or the answer do. `call` is what every request costs beside its tokens. `tiers` are
    (tokens, price), ascending: what counts for the whole request once its prompt has more tokens than that. `source`
    is set, vendor (its list or rate card), or the name and version of public tables.
    """

    input: str | None
    output: str | None
    cached: str | None = None
    written: str | None = None
    tiers: "tuple[tuple[int, Price], ...]" = ()
    source: str = "vendor"
    reasoning: str | None = None
    kept: str | None = None
    call: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A model on an engine or at a vendor, as the routing table holds it.

    `state` is ready, busy (it works on what nobody waits for), starting, queued, stopping, stopped, failed,
    crashloop (given up) or unreachable; `upstream` is None while an engine of ours is not ready; `context` is the
    window in tokens, None when unknown; `largest` the one it could be loaded with, None where it cannot be loaded
    anew per request. `served` is the model's name over there, "" where it is the same. `kind` is a word of
    `profile.KINDS`. `vendor` is the vendor's name, "" for an engine: what says that a call costs money. `price` is
    None when unknown, which is never 0. `abilities` is what a model that chats can do beside that (ABILITIES), None
    when unknown. `size_bytes` is of its weights, None when unknown. `on_demand`: an adopted engine answers for it
    whether or not it is in memory (Ollama), so that `context` is None while it is not. `lacks` is what its engine
    cannot do in any dialect (Profile.lacks).
    """

    model: str
    name: str
    engine: str
    own: bool
    state: str
    upstream: Upstream | None
    context: int | None = None
    largest: int | None = None
    served: str = ""
    kind: str = ""
    vendor: str = ""
    price: Price | None = None
    abilities: frozenset[str] | None = None
    size_bytes: int | None = None
    on_demand: bool = False
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a place can take: `slots` requests at once without one of them waiting inside. `own` is whether it is in the
    memory that flock gives out, `fits` whether its model is there, or could be beside what is. `queue`: how many may
    wait for it (the default of loading.queue_limit).
    """

    slots: int = 1
    own: bool = False
    fits: bool = True
    queue: int = 256


@dataclass(slots=True)
class Waiting:
    """A request on its way to an engine of ours: who asks, what it is told while it waits, and where it stands.

    `key` is what fairness goes by, `share` its weight; `progress` hears what the wait is for; `position` counts from 1
    among those who wait for the same model, 0 while it does not wait; `eta` is in seconds, None when unknown; `since`
    monotonic seconds. `first_position` and `first_eta` are those of its arrival; `load_at` is when the load began that
    it waited for (monotonic seconds), 0.0 for none.
    """

    request_id: str
    key: str
    progress: Callable[[str], None] | None = None
    position: int = 0
    eta: float | None = None
    since: float = 0.0
    why: str = ""
    first_position: int = 0
    first_eta: float | None = None
    load_at: float = 0.0
    share: int = 1
