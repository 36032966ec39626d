"""Real whisper-server and piper: recognised, listed, watched."""

import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from flock.engines.adopted import Probe, parse_url
from flock.engines.engine import EngineSettings
from flock.engines.probe import probe
from flock.engines.registry import Registry
from flock.errors import EngineUnreachable, InvalidRequest
from flock.smoke import facts
from tests.engines import real
from tests.engines.parts import until
from tests.models import voice, whisper
from tests.running import free_port

Open = Callable[..., Awaitable[Registry]]
WHISPER, PIPER = pytest.mark.engine("whisper"), pytest.mark.engine("piper")


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Real]:
    with real.running("whisper", real.room(tmp_path_factory)) as engine:
        yield engine


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Real]:
    with real.running("piper", real.room(tmp_path_factory)) as engine:
        yield engine


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Return a starter of whisper-servers with options of their own, which returns the port."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> int:
        port = free_port()
        model = whisper.ensure(tmp_path)
        command = [str(real.WHISPER), "-m", str(model), "-t", "1", "--host", "127.0.0.1", "--port", str(port)]
        running.append(subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return port

    yield start
    for process in running:
        process.terminate()
        process.wait()


@WHISPER
async def test_whisper_server_is_attached_and_its_model_called_as_the_engine(opened: Open, listener: real.Real) -> None:
    first = await opened()
    row = await first.attach(listener.url, "ears")
    assert (row.kind, row.state, row.models) == ("whisper", "ready", ("ears",))
    (placement,) = first.table["ears"]
    assert (placement.kind, placement.context, placement.largest) == ("transcription", None, None)
    assert placement.upstream is not None
    assert placement.upstream.profile.kind == "whisper"
    await first.stop()
    second = await opened()
    assert second.table["ears"][0].kind == "transcription"
    await second.detach("ears")
    assert "ears" not in second.table


@WHISPER
async def test_model_of_a_whisper_server_without_a_name_is_called_whisper(opened: Open, listener: real.Real) -> None:
    registry = await opened()
    row = await registry.attach(f"{listener.url}/v1/")
    assert (row.name, row.models) == (f"127.0.0.1:{listener.port}", ("whisper",))


@PIPER
async def test_piper_is_attached_with_a_model_for_each_voice(opened: Open, speaker: real.Real) -> None:
    registry = await opened()
    row = await registry.attach(speaker.url, "mouth")
    assert (row.kind, row.models) == ("piper", (voice.NAME,))
    assert registry.table[voice.NAME][0].kind == "speech"
    watched = registry.table[voice.NAME][0].upstream
    assert watched is not None
    assert watched.profile.kind == "piper"


@WHISPER
@PIPER
async def test_settings_name_running_servers(opened: Open, listener: real.Real, speaker: real.Real) -> None:
    settings = EngineSettings(
        endpoints={"whisper": listener.url, "piper": speaker.url}, sources={"whisper": "FLOCK_WHISPER_ENDPOINT"}
    )
    registry = await opened(settings)
    assert {row.id: (row.kind, row.engine) for row in registry.models() if row.source != "built-in"} == {
        "whisper": ("transcription", "whisper"),
        voice.NAME: ("speech", "piper"),
    }
    assert {row.name: row.source for row in registry.engines() if row.ownership == "adopted"} == {
        "whisper": "FLOCK_WHISPER_ENDPOINT",
        "piper": "engine.piper_endpoint",
    }


@WHISPER
async def test_whisper_server_of_a_setting_that_is_down_is_found_when_it_comes(
    opened: Open, started: Callable[..., int]
) -> None:
    port = started()
    nobody = free_port()
    settings = EngineSettings(endpoints={"whisper": f"http://127.0.0.1:{port}", "piper": f"http://127.0.0.1:{nobody}"})
    registry = await opened(settings)
    await until(lambda: registry.table.get("whisper"), "the whisper-server answers")
    assert next(iter(registry.table)) == facts.NAME, "who names no model wants one that chats"
    (silent,) = [row for row in registry.engines() if row.name == "piper"]
    assert (silent.state, silent.kind, silent.models) == ("unreachable", "piper", ())
    assert str(nobody) in silent.error


@WHISPER
async def test_inference_path_of_a_whisper_server_is_heeded(
    started: Callable[..., int], session: aiohttp.ClientSession
) -> None:
    openai = started("--inference-path", "/v1/audio/transcriptions")
    below = started("--request-path", "/ears")
    odd = started("--inference-path", "/listen")
    seen = await asked(session, f"127.0.0.1:{openai}/v1")
    assert (seen.kind, [m.kind for m in seen.models]) == ("whisper-openai", ["transcription"])
    assert (await asked(session, f"127.0.0.1:{below}/ears")).kind == "whisper"
    with pytest.raises(InvalidRequest, match="takes sound at /listen, and flock asks it at /inference"):
        await asked(session, f"127.0.0.1:{odd}")


async def asked(session: aiohttp.ClientSession, url: str) -> Probe:
    """Return what a server says once it listens."""
    while True:
        try:
            return await probe(session, parse_url(url))
        except EngineUnreachable:
            continue
