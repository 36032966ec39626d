"""Upstream: an address that answers for a model, its profile and who owns it. The word routing, engines and the
forward path share.
"""

from dataclasses import dataclass, field

from flock.profile import Profile


@dataclass(frozen=True, slots=True)
class Upstream:
    """One place a request can go. `prefix` is the path before `/v1`; `key` is sent as Bearer, empty for none; `version`
    is the engine's own, "" when it does not tell.

    `name` is unique ("embedded:flock-smoke", "vllm"); `engine` is the engine's name in `flock engine ls`.
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

    @property
    def url(self) -> str:
        """The base URL without `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Placement:
    """A model on an engine, as the routing table holds it.

    `state` is ready, starting, stopping, stopped, failed or unreachable; `upstream` is None while an engine of ours is
    not ready; `context` is the window in tokens, None when unknown.
    """

    model: str
    name: str
    engine: str
    own: bool
    state: str
    upstream: Upstream | None
    context: int | None = None
