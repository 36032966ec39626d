"""What the handlers of keys touch of a daemon: a real store, keys and limits, and a clock that is set by hand."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from flock.contract.op import Op, Scope
from flock.contract.tokens import CreateToken, TokenCreated
from flock.core import me, tokens
from flock.core.context import Actor
from flock.core.ids import IdLists
from flock.core.names import Names
from flock.core.operations import HANDLERS
from flock.core.reach import Reach
from flock.errors import FlockError
from flock.paths import Home
from flock.policy.keys import Keys
from flock.policy.limits import Limits
from flock.store.store import Store
from flock.upstream import Placement

Out = TypeVar("Out")
# importing them registers the handlers
HANDLED = (me, tokens)
# 2026-11-21T12:00:00Z
NOON = 1795262400.0
DAY = 86400.0


class HandClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


@dataclass
class Settled:
    """A request of a key, as the writer takes it."""

    key_id: str
    at: float
    tokens: int
    cost: str | None = None

    def usage_row(self) -> tuple[object, ...]:
        return (
            *("req_1", self.at, "ada", self.key_id, "m", "chat", "e"),
            *(self.tokens, 0, 1, 0, 1.0, None, 200, "ok", 0),
            *("groq" if self.cost else "", self.cost, 0, 0, 0.0),
        )

    def decision(self) -> tuple[str, float, bytes]:
        return "req_1", self.at, b"{}"


HERE = Placement("m", "llamacpp-1", "llamacpp", True, "ready", None)


def found(model: str) -> tuple[Placement, ...]:
    """Return where vendors have a model: both have theirs."""
    vendor, _, served = model.partition("/")
    return (Placement(model, vendor, "openai", False, "ready", None, vendor=vendor, served=served),)


@dataclass
class Bench:
    """What the handlers touch of a daemon."""

    home: Home
    clock: HandClock
    store: Store
    keys: Keys
    limits: Limits
    ids: IdLists
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        groq = SimpleNamespace(name="groq", prefixes=("groq/",), patterns=("kimi-*",))
        self.registry = SimpleNamespace(table={"qwen3-8b": (HERE,), "gemma3": (HERE,)})
        known = [SimpleNamespace(id="groq/kimi"), SimpleNamespace(id="other/a")]
        self.vendors = SimpleNamespace(rows=lambda off=False: [groq], known=lambda: known, find=found)
        reach = Reach(Names(), lambda: self.registry.table, self.clock, vendors=self.vendors)
        self.inference = SimpleNamespace(reach=reach)
        self.keys.on_revoked = self.ended.append
        self.before: dict[str, Any] = {}

    async def do(self, op: Op[Out], actor: Actor | None = None) -> Out:
        """Carry out an operation, and keep what undoing it needs."""
        actor = actor or Actor("ada", Scope.ADMIN)
        context: Any = self
        answer: Any = await HANDLERS[type(op)](context, op, actor)
        self.before = actor.before
        return answer

    async def create(self, name: str, **more: Any) -> TokenCreated:
        return await self.do(CreateToken(name=name, **more))

    async def refused(self, op: Op[Any], kind: type[FlockError]) -> FlockError:
        with pytest.raises(kind) as caught:
            await self.do(op)
        return caught.value
