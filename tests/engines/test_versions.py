"""Programs that are asked for their version: one that says it, one that says nothing, hangs, forks, fails, is gone."""

import shutil
from pathlib import Path

import pytest

from flock.engines.drivers import learn
from flock.engines.llamacpp import LlamaCpp
from flock.engines.ollama_server import CASK, OllamaServer
from flock.engines.process import inherited_environment
from flock.engines.search import Search
from flock.engines.versions import Versions
from tests.running import LLAMA_PATH


def script(path: Path, words: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + words)
    path.chmod(0o755)
    return str(path)


@pytest.mark.engine("llama-server")
async def test_a_real_llama_server_says_its_build() -> None:
    engine = LlamaCpp(LLAMA_PATH)
    await learn([engine])
    found = engine.find()
    assert found is not None
    assert found.problem == ""
    assert found.version.startswith("b1")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("exit 0\n", "says nothing"),
        ("exec sleep 1000\n", "does not end within 0.5 s"),
        ("sleep 1000 &\nexit 0\n", "does not end within 0.5 s"),
        ("echo no such option >&2\nexit 3\n", "fails with exit code 3: no such option"),
        ("kill -9 $$\n", "is ended by signal 9"),
        ("echo hello\n", "names no build of llama.cpp"),
        ("echo 'version: 4000 (abc)'\n", "build 4000 of llama.cpp is too old"),
    ],
)
async def test_one_that_does_not_say_it_cannot_be_used(words: str, problem: str, tmp_path: Path) -> None:
    program = script(tmp_path / "llama-server", words)
    engine = LlamaCpp(search=Search({"llamacpp": program}, versions=Versions(0.5)))
    before = engine.find()
    assert before is not None
    assert before.problem == ""
    await learn([engine])
    found = engine.find()
    assert found is not None
    assert problem in found.problem
    assert found.hint


async def test_one_that_was_replaced_is_asked_again_and_one_that_is_gone_is_not_found(tmp_path: Path) -> None:
    search = Search(path=str(tmp_path))
    engine = LlamaCpp(search=search)
    program = script(tmp_path / "llama-server", "echo 'version: 7000 (abc)'\n")
    await learn([engine])
    assert engine.find().version == "b7000"  # type: ignore[union-attr]
    script(tmp_path / "new", "echo 'version: 7001 (abc)'\n")
    shutil.move(tmp_path / "new", program)
    assert engine.find().version == ""  # type: ignore[union-attr]
    await learn([engine])
    assert engine.find().version == "b7001"  # type: ignore[union-attr]
    Path(program).unlink()
    assert engine.find() is None
    await learn([engine])
    await search.versions.learn(program, inherited_environment())
    assert search.versions.of(program) is None


async def test_an_ollama_of_homebrew_without_its_runner(tmp_path: Path) -> None:
    program = script(tmp_path / "Cellar/ollama/0.30.5/bin/ollama", "echo 'ollama version is 0.30.5'\n")
    engine = OllamaServer(Search({"ollama": program}))
    await learn([engine])
    found = engine.find()
    assert found is not None
    assert (found.version, found.hint) == ("0.30.5", CASK)
    assert "without its llama-server" in found.problem
    script(tmp_path / "Cellar/ollama/0.30.5/lib/ollama/llama-server", "")
    found = engine.find()
    assert found is not None
    assert found.problem == ""
