"""Each driver on its real engine: found, started, ready, generating, ended; and what goes wrong at a start."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from flock.clock import SystemClock
from flock.engines.children import Children
from flock.engines.embedded import Embedded
from flock.engines.engine import Engine, LaunchSpec
from flock.engines.llamacpp import LlamaCpp
from flock.engines.mlx import Mlx
from flock.engines.piper import Piper
from flock.engines.process import Child, Snapshot
from flock.engines.pulse import ask
from flock.engines.search import Search
from flock.engines.starting import Launch, Limits
from flock.engines.vllm import Vllm
from flock.engines.whisper import Whisper
from flock.paths import Home
from tests.engines.real import MLX_PYTHON, PIPER_PYTHON, SLOW_START, START_SECONDS, VLLM, WHISPER
from tests.models import hf, voice, whisper
from tests.running import LLAMA_PATH, command_line, free_port

KEY = "the-key-of-this-test"
VENVS = {"mlx": MLX_PYTHON.with_name("mlx_lm.server"), "vllm": VLLM, "piper": PIPER_PYTHON, "whisper": WHISPER}
SEARCH = Search({kind: str(path) for kind, path in VENVS.items()})
ENGINES: Mapping[str, Engine] = {
    "embedded": Embedded(),
    "llamacpp": LlamaCpp(LLAMA_PATH),
    "mlx": Mlx(SEARCH),
    "vllm": Vllm(SEARCH),
    "whisper": Whisper(SEARCH),
    "piper": Piper(SEARCH),
}
MARKS: dict[str, Any] = {
    "llamacpp": pytest.mark.engine("llama-server"),
    "mlx": pytest.mark.engine("mlx-lm"),
    "vllm": [pytest.mark.engine("vllm"), pytest.mark.slow, SLOW_START],
    "whisper": pytest.mark.engine("whisper"),
    "piper": pytest.mark.engine("piper"),
}
EACH = pytest.mark.parametrize("kind", [pytest.param(kind, marks=MARKS.get(kind, ())) for kind in ENGINES])
# vLLM says so too, a minute later; two whisper-servers can listen on one port, so it never does
SAYS_TAKEN = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=MARKS.get(kind, ())) for kind in ENGINES if kind not in ("vllm", "whisper")]
)

Run = Callable[[Engine, LaunchSpec], Awaitable[tuple[Child, Snapshot]]]


@pytest.fixture(scope="session")
def files(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a model for each kind of engine."""
    folder = tmp_path_factory.getbasetemp() / "models"
    directory = hf.ensure(folder)
    return {
        "embedded": models["tiny-script"],
        "llamacpp": models["tiny-script"],
        "mlx": directory,
        "vllm": directory,
        "whisper": whisper.ensure(folder),
        "piper": voice.ensure(folder / "voices"),
    }


@pytest.fixture
async def run(home: Home, session: aiohttp.ClientSession) -> AsyncIterator[Run]:
    """Return what starts an engine as the daemon does, without another try; all are ended after the test."""
    children, begun = Children(home), list[Child]()

    async def start(engine: Engine, spec: LaunchSpec) -> tuple[Child, Snapshot]:
        launch = Launch(
            engine.kind,
            tuple(engine.argv(spec)),
            engine.environment(spec),
            spec.port,
            engine.ready_path,
            spec.key,
            holds_stdin=engine.holds_stdin,
            loaded=engine.loaded,
        )
        child = Child(
            launch,
            home=home,
            children=children,
            session=session,
            clock=SystemClock(),
            on_change=lambda _snapshot: None,
            limits=Limits(ready=START_SECONDS, stuck=START_SECONDS),
        )
        begun.append(child)
        return child, await child.ready()

    yield start
    await asyncio.gather(*(child.stop() for child in begun))


def spec(file: Path, **more: Any) -> LaunchSpec:
    return replace(LaunchSpec("tiny", file, 2048, 2, free_port(), KEY, threads=1), **more)


def url(of: LaunchSpec) -> str:
    return f"http://127.0.0.1:{of.port}"


def family(pid: int) -> list[psutil.Process]:
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def lives(process: psutil.Process) -> bool:
    """Return whether a process runs; one that nobody has asked for its end yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def post(session: aiohttp.ClientSession, of: LaunchSpec, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {KEY}"}
    patience = aiohttp.ClientTimeout(total=60)
    async with session.post(url(of) + path, json=body, headers=headers, timeout=patience) as answer:
        words = await answer.text()
        assert answer.status == 200, words
        return json.loads(words)


@EACH
async def test_it_is_found_started_generates_and_leaves_nothing(
    kind: str, run: Run, files: dict[str, Path], session: aiohttp.ClientSession
) -> None:
    engine, wanted = ENGINES[kind], spec(files[kind])
    found = engine.find()
    assert found is not None
    assert found.problem == ""
    assert found.version or kind in ("llamacpp", "whisper")
    child, snapshot = await run(engine, wanted)
    assert snapshot.state == "ready", snapshot.lines
    assert snapshot.pid is not None
    heard = await ask(session, url(wanted), KEY, engine.canary(wanted), 60.0)
    assert heard.state == "ok", heard
    everyone = family(snapshot.pid)
    assert not [process for process in everyone if KEY in " ".join(command_line(process))]
    if KEY in engine.environment(wanted).values():
        async with session.get(url(wanted) + engine.ready_path) as answer:
            assert answer.status == 401
    ended = await child.stop()
    assert (ended.state, ended.asked, ended.error) == ("stopped", True, "")
    assert [process for process in everyone if lives(process)] == []


def broken(kind: str, file: Path, folder: Path) -> Path:
    """Write a model of the right name and the wrong bytes."""
    if file.is_dir():
        target = folder / "broken"
        shutil.copytree(file, target)
        next(target.glob("*.safetensors")).write_bytes(b"\x00" * 100)
        return target
    target = folder / file.name
    target.write_bytes(b"GGUF" + b"\x07" * 3000)
    if kind == "piper":
        shutil.copy(f"{file}.json", f"{target}.json")
    return target


@EACH
async def test_a_broken_model_is_told_in_the_engines_own_words(
    kind: str, run: Run, files: dict[str, Path], tmp_path: Path
) -> None:
    _, snapshot = await run(ENGINES[kind], spec(broken(kind, files[kind], tmp_path)))
    assert snapshot.state == "failed"
    assert snapshot.error.startswith(("it ended with exit code", "it was ended by SIG"))
    said = "\n".join(snapshot.lines)
    assert {
        "embedded": "fail",
        "llamacpp": "failed to load model",
        "mlx": "generation thread died",
        "vllm": "Error",
        "whisper": "failed to initialize whisper context",
        "piper": "Protobuf parsing failed",
    }[kind] in said


@SAYS_TAKEN
async def test_a_port_that_is_taken_is_known_by_its_words(kind: str, run: Run, files: dict[str, Path]) -> None:
    engine, wanted = ENGINES[kind], spec(files[kind])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", wanted.port))
        taken.listen()
        _, snapshot = await run(engine, wanted)
    assert snapshot.state == "failed"
    said = "\n".join(snapshot.lines).lower()
    assert any(words in said for words in engine.bind_failures), said


@pytest.mark.parametrize("kind", ["embedded", pytest.param("llamacpp", marks=MARKS["llamacpp"])])
async def test_llamacpp_takes_a_draft_model_a_template_and_a_small_cache(
    kind: str, run: Run, models: dict[str, Path], session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    chat = models["tiny-chat"]  # tiny-script's heads are too small for a cache in blocks of 32
    template = tmp_path / "template.jinja"
    template.write_text("{% for m in messages %}ASKED {{ m.content }}{% endfor %}")
    wanted = spec(chat, draft=chat, draft_tokens=4, template=template, kv_type="q8_0")
    _, snapshot = await run(ENGINES[kind], wanted)
    assert snapshot.state == "ready", snapshot.lines
    hello = [{"role": "user", "content": "Hello"}]
    applied = await post(session, wanted, "/apply-template", {"messages": hello})
    assert applied["prompt"].startswith("ASKED Hello")
    answer = await post(session, wanted, "/v1/completions", {"prompt": "Hello", "max_tokens": 20})
    assert answer["timings"]["draft_n"] > 0


@pytest.mark.engine("mlx-lm")
async def test_mlx_takes_a_draft_model_and_a_template(
    run: Run, files: dict[str, Path], session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{% for m in messages %}<|user|>{{ m.content }}{% endfor %}")
    wanted = spec(files["mlx"], draft=files["mlx"], draft_tokens=2, template=template)
    child, snapshot = await run(ENGINES["mlx"], wanted)
    assert snapshot.state == "ready", snapshot.lines
    body = {
        "model": ENGINES["mlx"].served(wanted),
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 4,
    }
    answer = await post(session, wanted, "/v1/chat/completions", body)
    assert answer["usage"]["prompt_tokens"] > 0
    async with session.get(url(wanted) + "/v1/models") as listed:
        assert [model["id"] for model in (await listed.json())["data"]] == [str(files["mlx"])]
    await child.stop()


@pytest.mark.engine("mlx-lm")
async def test_mlx_ends_when_it_cannot_generate_any_more(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    directory = tmp_path / "no-tokenizer"
    shutil.copytree(files["mlx"], directory)
    (directory / "tokenizer.json").write_text("{}")
    _, snapshot = await run(ENGINES["mlx"], spec(directory))
    assert snapshot.state == "failed"
    assert snapshot.error == "it ended with exit code 1"
