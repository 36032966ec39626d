"""Looking at single engines: their rows, their logs, what they answer, starting them again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from flock.engines.registry import Registry
from flock.errors import Conflict, EngineFailed, InvalidRequest, NotFound
from tests.engines.parts import Absent, StandIn, until
from tests.engines.servers import Ollama, Server

Open = Callable[..., Awaitable[Registry]]
SMOKE = "openai:flock-smoke"


def chats(server: Server, status: int = 200) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"choices": []}, status=status)

    server.server.app.router.add_post("/v1/chat/completions", answer)


async def test_an_engine_of_ours_is_shown_asked_and_started_again(opened: Open) -> None:
    registry = await opened(available=[StandIn("good")])
    look = registry.inspection
    assert look.show(SMOKE).state == "stopped"
    assert [(c.state, c.sentence) for c in await look.check(SMOKE)] == [("stopped", "it is stopped")]
    assert await look.check() == []
    row = await look.restart(SMOKE)
    assert (row.state, row.restarts) == ("ready", 0)
    assert "stand_in.py" in row.command
    (checked,) = await look.check()
    assert (checked.name, checked.state, checked.sentence) == (SMOKE, "ok", "it generates")
    assert checked.seconds is not None
    assert (await look.restart(SMOKE)).pid != row.pid


async def test_a_restart_that_fails_says_why_and_the_check_repeats_it(opened: Open) -> None:
    registry = await opened(available=[StandIn("dies")])
    with pytest.raises(EngineFailed, match="cheese"):
        await registry.inspection.restart(SMOKE)
    (checked,) = await registry.inspection.check()
    assert checked.state == "failed"
    assert "cheese" in checked.sentence
    lines = (await registry.inspection.log(SMOKE, 10, "", -1, 0.0)).lines
    assert lines[-1] == "stand-in: the weights are made of cheese"


async def test_an_engine_that_is_not_here_cannot_be_restarted(opened: Open) -> None:
    registry = await opened(available=[Absent()])
    with pytest.raises(EngineFailed, match="stand-in is not installed here"):
        await registry.inspection.restart(SMOKE)


async def test_a_log_is_waited_for(opened: Open) -> None:
    registry = await opened(available=[StandIn("good")])
    look = registry.inspection
    await look.restart(SMOKE)
    log = await look.log(SMOKE, 0, "", -1, 0.0)
    assert log.lines == ()
    waiting = asyncio.create_task(look.log(SMOKE, 2000, "POST", log.next, 30.0))
    await look.check(SMOKE)
    found = await waiting
    assert any("POST /v1/chat/completions" in line for line in found.lines)
    assert found.next > log.next
    with pytest.raises(InvalidRequest):
        await look.log(SMOKE, -1, "", -1, 0.0)


async def test_an_adopted_engine_is_asked_and_never_touched(opened: Open) -> None:
    server = Server([{"id": "m"}])
    chats(server)
    async with server:
        registry = await opened(available=[StandIn("good")])
        await registry.attach(server.url, "other")
        look = registry.inspection
        (checked,) = await look.check("other")
        assert (checked.state, checked.sentence) == ("ok", "it generates")
        registry.in_flight = lambda name: 2
        (checked,) = await look.check("other")
        assert (checked.state, checked.sentence) == ("busy", "2 requests in flight, so it was not asked")
        for refused in (look.restart("other"), look.log("other", 1, "", -1, 0.0)):
            with pytest.raises(Conflict, match="other was adopted"):
                await refused
        assert look.show("other").ownership == "adopted"
        with pytest.raises(NotFound) as caught:
            look.show("othr")
        assert caught.value.details["nearest"] == ["other"]


async def test_an_adopted_engine_that_fails_or_is_away_says_so(opened: Open) -> None:
    server = Server([{"id": "m"}])
    chats(server, 500)
    async with server:
        registry = await opened(available=[StandIn("good")])
        await registry.attach(server.url, "other")
        (checked,) = await registry.inspection.check("other")
        assert checked.state == "failed"
        assert checked.sentence.startswith("it answers HTTP 500")
    await until(lambda: registry.inspection.show("other").state == "unreachable", "it is away")
    (checked,) = await registry.inspection.check("other")
    assert checked.state == "failed"


async def test_an_ollama_is_not_made_to_load_a_model(opened: Open) -> None:
    async with Ollama({"m:latest": {"capabilities": ["completion"]}}) as server:
        registry = await opened(available=[StandIn("good")])
        await registry.attach(server.url, "ollama")
        (checked,) = await registry.inspection.check("ollama")
        assert checked.sentence == "it answers; it has no model in memory that chats, so none was asked"
