"""Installing an engine with the real pip, from wheels that lie here: whole or not at all."""

import asyncio
import os
import platform
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from flock.engines import install
from flock.engines.install import EMBEDDED, Ground, Recipe, recipe
from flock.engines.search import CURRENT, Search, package_version
from flock.errors import EngineFailed, FlockError, InvalidRequest, SourceUnreachable, StorageFailed
from flock.paths import Home
from tests.engines.parts import until

ROOT = Path(__file__).resolve().parents[2]
# making an environment takes 10 s of a busy machine, most of them pip's own installation
SLOW = pytest.mark.slow


def wheel(folder: Path, name: str, version: str, body: str = "") -> None:
    """Write a wheel of one module (packaging.python.org, binary distribution format)."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        made.writestr(f"{name}.py", body)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let pip know nothing but a directory of wheels."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no uv, which takes its wheels elsewhere
    return tmp_path / "wheels"


TINY = Recipe("tiny", ("flock_tiny==1.0",), "flock_tiny", 2**20)


async def done(home: Home, wanted: Recipe = TINY, said: list[str] | None = None) -> Path:
    told = said if said is not None else []
    return await install.install("tiny", wanted, home, lambda _share, words: told.append(words))


def left(home: Home) -> list[str]:
    folder = home.engines / "tiny"
    return sorted(entry.name for entry in folder.iterdir() if entry.name != ".lock") if folder.exists() else []


@SLOW
async def test_it_is_there_whole_and_found_at_once_and_a_newer_one_takes_its_place(home: Home, wheels: Path) -> None:
    wheel(wheels, "flock_tiny", "1.0")
    wheel(wheels, "flock_tiny", "1.1")
    said: list[str] = []
    first = await done(home, said=said)
    assert any("Successfully installed" in words for words in said)
    place = Search(installed=home.engines, path="").program("tiny", "python")
    assert place is not None
    assert package_version(place.where, "flock_tiny") == "1.0"
    second = await done(home, replace(TINY, wanted=("flock_tiny==1.1",)))
    assert left(home) == sorted([second.name, CURRENT])
    assert not first.exists()
    assert (home.engine_logs / "install-tiny.log").read_text().count("Successfully installed") == 1


@SLOW
@pytest.mark.parametrize(
    ("wanted", "body", "kind", "says"),
    [
        ("flock_none==1.0", "", EngineFailed, f"has no flock_none==1.0 for Python {platform.python_version()}"),
        ("flock_tiny==1.0", "raise ImportError('no such chip')", EngineFailed, "ImportError: no such chip"),
    ],
)
async def test_what_fails_is_told_and_nothing_is_left(
    wanted: str, body: str, kind: type[FlockError], says: str, home: Home, wheels: Path
) -> None:
    wheel(wheels, "flock_tiny", "1.0", body)
    with pytest.raises(kind) as caught:
        await done(home, replace(TINY, wanted=(wanted,)))
    assert says in caught.value.sentence
    assert caught.value.hint.startswith("tail -n 50 ")
    assert left(home) == []


@SLOW
async def test_without_a_network_it_says_so(home: Home, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with pytest.raises(SourceUnreachable) as caught:
        await done(home)
    assert caught.value.sentence == "tiny cannot be fetched: the index of Python packages is not reached"
    assert left(home) == []


async def test_when_it_is_cancelled_everything_it_started_ends(home: Home, wheels: Path) -> None:
    wheel(wheels, "flock_tiny", "1.0")
    said: list[str] = []
    work = asyncio.create_task(done(home, said=said))
    await until(lambda: "making an environment of Python" in said, "it has begun")
    await until(lambda: (home.engines / "tiny").exists() and len(left(home)) == 1, "there is half an environment")
    assert Search(installed=home.engines, path="").program("tiny", "python") is None
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert left(home) == []
    assert [p for p in psutil.process_iter(["cmdline"]) if str(home.engines) in " ".join(p.info["cmdline"] or ())] == []


async def test_a_disk_that_is_too_small_is_told_before_anything_begins(home: Home) -> None:
    with pytest.raises(StorageFailed) as caught:
        await done(home, replace(TINY, room=2**60))
    assert caught.value.sentence.startswith("tiny needs about ")
    assert left(home) == []


LINUX, MAC, OLD_MAC = Ground("Linux", "x86_64"), Ground("Darwin", "arm64"), Ground("Darwin", "x86_64")


def test_what_is_installed_follows_from_the_machine() -> None:
    assert recipe("mlx", LINUX).wanted[0].startswith("mlx[cpu]==")
    assert recipe("mlx", MAC).wanted[0].startswith("mlx==")
    assert recipe("vllm", replace(LINUX, nvidia=True)).wanted == ("vllm==0.32.0",)
    pinned = next(line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("embedded ="))
    assert EMBEDDED.wanted[0] in pinned


@pytest.mark.parametrize(
    ("kind", "ground", "hint"),
    [
        ("vllm", LINUX, "flock engine install embedded"),
        ("vllm", replace(MAC, nvidia=True), "flock engine install embedded"),
        ("mlx", OLD_MAC, "flock engine install embedded"),
        ("llamacpp", replace(MAC, brew=True), "brew install llama.cpp"),
        ("llamacpp", LINUX, "flock engine install embedded"),
        ("whisper", replace(MAC, brew=True), "brew install whisper-cpp"),
        ("whisper", LINUX, "build the target whisper-server"),
        ("ollama", replace(MAC, brew=True), "brew install --cask ollama"),
        ("ollama", LINUX, "install Ollama as its own page says"),
        ("sglang", LINUX, "python3 -m venv ~/sglang"),
        ("nonsense", LINUX, "flock engine install embedded"),
    ],
)
def test_what_cannot_be_installed_here_says_what_to_run(kind: str, ground: Ground, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        recipe(kind, ground)
    assert caught.value.hint.startswith(hint)
    assert "http" not in caught.value.sentence + caught.value.hint
