"""Keys of adopted engines: fetched by their watches, and never waited for at the start."""

from collections.abc import Awaitable, Callable

from flock.engines.engine import EngineSettings
from flock.engines.registry import Registry
from flock.errors import SecretsLocked
from flock.store.store import Store
from tests.engines.parts import Rack, until
from tests.engines.servers import VLLM, Server

Open = Callable[..., Awaitable[Registry]]


async def test_start_asks_for_no_key_that_is_not_to_be_had(opened: Open, store: Store) -> None:
    rack = Rack()
    async with Server(VLLM, key="a key") as server:
        first = await opened(secrets=rack)
        await first.attach(server.url, "box", "a key")
        assert rack.keys == {"box": "a key"}
        assert [entry.has_key for entry in await store.engines.all()] == [True]
        await first.stop()
        assert rack.asked == []

        rack.shut()
        second = await opened(secrets=rack)  # which has started while the key is still waited for
        assert rack.asked == ["box"]
        (waiting,) = [row for row in second.engines() if row.name == "box"]
        assert (waiting.state, waiting.models) == ("unreachable", ())
        rack.opened.set()
        (placement,) = await until(lambda: second.table.get("org/model-a"), "the key is there and the engine asked")
        assert placement.upstream is not None
        assert placement.upstream.key == "a key"
        assert rack.asked == ["box"]


async def test_key_that_is_locked_is_told_and_asked_for_again(opened: Open) -> None:
    class Locked(Rack):
        async def get(self, name: str) -> str:
            if not await super().get(name):
                raise SecretsLocked("the secrets are locked", hint="flock secret unlock")
            return self.keys[name]

    rack = Locked()
    async with Server(VLLM, key="a key") as server:
        registry = await opened(EngineSettings(endpoints={"vllm": server.url}), secrets=rack)
        (row,) = [row for row in registry.engines() if row.name == "vllm"]
        assert (row.state, row.error) == ("failed", "the secrets are locked")
        rack.keys["vllm"] = "a key"
        await until(lambda: registry.table.get("org/model-a"), "the engine answers")
