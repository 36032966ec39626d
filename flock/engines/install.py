"""Installing engines that are Python packages, each into a place of flock's own: `flock engine install`.

Owns which ones, at which versions, and that an engine is there whole or not at all: everything happens in a directory
that nobody looks into, and at the end a link is set to it (search.CURRENT). Refuses to touch flock's own environment,
an engine the machine cannot run, and a disk that is too small. Called by core/engine_install.py; the work is
install_child.py's.
"""

import asyncio
import contextlib
import os
import platform
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flock import errands
from flock.contract.engines import INSTALLED
from flock.engines.process import inherited_environment
from flock.engines.search import CURRENT
from flock.errors import EngineFailed, InvalidRequest, SourceUnreachable, StorageFailed
from flock.paths import Home, private_dir, short
from flock.text import closest, did_you_mean, size

CHILD = Path(__file__).with_name("install_child.py")
# Bounds an index that accepts connections and says nothing more: 8 GB of vLLM at 5 MB/s are 27 minutes.
INSTALL_SECONDS = 2 * 3600.0

Report = Callable[[float | None, str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is installed for an engine: `wanted` as pip takes it, `module` to be imported as proof, `room` the bytes it
    takes with what pip needs meanwhile.
    """

    title: str
    wanted: tuple[str, ...]
    module: str
    room: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What decides which engines a machine can have. `system` is platform.system(), `machine` platform.machine()."""

    system: str
    machine: str
    nvidia: bool = False
    brew: bool = False


# Versions are those every test ran with (tests/engines/install/), the first pyproject.toml's. Rooms: what was installed
# then (102, 357 and 250 MB), doubled for pip's own copy; vLLM's is 9 GB with CUDA's libraries.
EMBEDDED = Recipe("llama.cpp (embedded)", ("xllamacpp==2026.10.11549",), "xllamacpp", 300 * 2**20)
_MLX = "0.32.4"
_PIPER = Recipe("piper", ("piper-tts[http]==1.8.0",), "piper.http_server", 600 * 2**20)
_VLLM = Recipe("vLLM", ("vllm==0.32.0",), "vllm", 18 * 2**30)
# what is no Python package: the command or the sentence that says how to have it
_ELSEWHERE = {
    "llamacpp": ("llama-server", "brew install llama.cpp", "flock engine install embedded"),
    "whisper": (
        "whisper-server",
        "brew install whisper-cpp",
        "build the target whisper-server of whisper.cpp with cmake, then: "
        "flock config set engine.whisper_path DIRECTORY/build/bin/whisper-server",
    ),
    "ollama": (
        "Ollama",
        "brew install --cask ollama",
        "install Ollama as its own page says; flock adopts one that runs, else starts it when a model of it is needed",
    ),
    "sglang": (
        "SGLang",
        "flock engine install mlx",
        "python3 -m venv ~/sglang && ~/sglang/bin/pip install 'sglang[all]', with ~/sglang/bin in PATH",
    ),
}


def look() -> Ground:
    """Return what this machine is."""
    driver = os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None
    return Ground(platform.system(), platform.machine(), driver, shutil.which("brew") is not None)


def recipe(kind: str, ground: Ground) -> Recipe:
    """Return how an engine is installed here. Raises InvalidRequest that says what to run instead."""
    if kind in _ELSEWHERE:
        title, brew, otherwise = _ELSEWHERE[kind]
        raise InvalidRequest(
            f"flock does not install {title}: it is no Python package that would run everywhere",
            hint=brew if ground.brew else otherwise,
        )
    if kind == "embedded":
        return EMBEDDED
    if kind == "piper":
        return _PIPER
    if kind == "mlx":
        return _mlx(ground)
    if kind == "vllm":
        if ground.system == "Linux" and ground.nvidia:
            return _VLLM
        raise InvalidRequest(
            "vLLM wants an NVIDIA card, and no driver for one is here (neither nvidia-smi nor /proc/driver/nvidia); "
            "a build of vLLM without a GPU can be named: flock config set engine.vllm_path DIRECTORY/bin/vllm",
            hint="flock engine install embedded",
        )
    raise InvalidRequest(
        f"flock knows no engine {kind!r} to install; there are {', '.join(INSTALLED)}{did_you_mean(kind, INSTALLED)}",
        hint=f"flock engine install {closest(kind, INSTALLED) or 'embedded'}",
    )


def _mlx(ground: Ground) -> Recipe:
    if ground.system == "Darwin" and ground.machine != "arm64":
        raise InvalidRequest("MLX runs on Apple's own chips and on Linux", hint="flock engine install embedded")
    # on a Mac the package brings Metal, elsewhere the back end is a package of its own
    backend = f"mlx=={_MLX}" if ground.system == "Darwin" else f"mlx[cpu]=={_MLX}"
    return Recipe("MLX-LM", (backend, "mlx-lm==0.32.2"), "mlx_lm.server", 900 * 2**20)


def check_room(home: Home, wanted: Recipe) -> None:
    """Raise StorageFailed when the disk has no room for an engine. Blocking."""
    place = next(folder for folder in (home.engines, *home.engines.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < wanted.room:
        raise StorageFailed(
            f"{wanted.title} needs about {size(wanted.room)}, and {size(free)} are free in {short(place)}",
            hint="flock cache prune",
        )


async def install(kind: str, wanted: Recipe, home: Home, report: Report, *, seconds: float = INSTALL_SECONDS) -> Path:
    """Install an engine and return the directory it is in. On failure or cancellation nothing is left of it.

    Raises SourceUnreachable (no network), StorageFailed, EngineFailed with the installer's last lines.
    """
    await asyncio.to_thread(check_room, home, wanted)
    folder = home.engines / kind
    target = folder / f"{wanted.wanted[-1].rpartition('=')[2]}-{secrets.token_hex(3)}"
    log = home.engine_logs / f"install-{kind}.log"
    await asyncio.to_thread(_prepare, home, folder)
    try:
        ended = await _run(wanted, target, log, report, seconds)
        if ended.code != 0:
            raise _failure(wanted, ended, log)
        report(0.98, "it works; taking it into use")
        await asyncio.to_thread(_take_into_use, folder, target)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, target, ignore_errors=True))
        raise
    return target


async def _run(wanted: Recipe, target: Path, log: Path, report: Report, seconds: float) -> errands.Ended:
    task = {
        "target": str(target),
        "wanted": list(wanted.wanted),
        "module": wanted.module,
        "uv": shutil.which("uv") or "",
        "lock": str(target.parent / ".lock"),
    }
    share = 0.0
    try:
        output = log.open("w", encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"cannot write {short(log)}: {error.strerror}", hint=f"ls -ld {log.parent}") from None
    with output:

        def step(message: dict[str, Any]) -> None:
            nonlocal share
            share = float(message["share"])
            report(share, str(message["step"]))

        def line(words: str) -> None:
            with contextlib.suppress(OSError):  # a full disk is told by what fails of it
                output.write(words + "\n")
            report(share, words.strip()[:120])

        # the password of a package index stays; PIP_USER of a user's configuration would install past the environment
        environment = inherited_environment(("PIP_", "UV_")) | {"PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
        argv = [sys.executable, "-P", str(CHILD)]
        return await errands.run(argv, step, environment=environment, task=task, seconds=seconds, on_line=line)


def _prepare(home: Home, folder: Path) -> None:
    """Make the directories, and remove what an installation that was killed has left. Blocking."""
    for directory in (home.engines, folder, home.engine_logs):
        private_dir(directory)
    _clean(folder)


def _take_into_use(folder: Path, target: Path) -> None:
    """Let `current` lead to what was installed, from one moment to the next. Blocking."""
    link = folder / f".{target.name}"
    os.symlink(target.name, link)
    os.replace(link, folder / CURRENT)
    _clean(folder)


def _clean(folder: Path) -> None:
    """Remove environments that are not the current one and that nothing runs from."""
    current = folder / CURRENT
    kept = os.readlink(current) if current.is_symlink() else ""
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink() and left.name not in (kept, "hub") and not _runs_from(left):
            shutil.rmtree(left, ignore_errors=True)


def _runs_from(directory: Path) -> bool:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(word.startswith(f"{directory}/") for word in process.cmdline()[:2]):
                return True
    return False


# What pip and uv say, in lower case, when …
_UNREACHABLE = (
    *("newconnectionerror", "name resolution", "network is unreachable", "connection refused", "no route to host"),
    *("dns error", "error sending request", "connect timeout", "read timed out", "proxyerror", "failed to fetch"),
    "connection broken",
)
_FULL = ("no space left on device", "disk quota exceeded")
_NO_BUILD = ("no matching distribution found", "no solution found", "requires-python", "has no wheels")


def _failure(wanted: Recipe, ended: errands.Ended, log: Path) -> Exception:
    said = "\n".join(ended.tail).lower()
    hint = f"tail -n 50 '{short(log)}'" if " " in str(log) else f"tail -n 50 {short(log)}"
    last = next((line.strip() for line in reversed(ended.tail) if line.strip()), "")
    if any(words in said for words in _FULL):
        return StorageFailed(f"the disk is full before {wanted.title} is there whole", hint="flock cache prune")
    if any(words in said for words in _UNREACHABLE):
        return SourceUnreachable(
            f"{wanted.title} cannot be fetched: the index of Python packages is not reached", hint=hint
        )
    if any(words in said for words in _NO_BUILD):
        python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        names = " and ".join(wanted.wanted)
        return EngineFailed(f"the index of Python packages has no {names} for {python}", hint=hint)
    if ended.timed_out:
        return EngineFailed(f"{wanted.title} was not installed in time: {last}", hint=hint)
    if ended.code < 0:
        return EngineFailed(f"installing {wanted.title} was ended by signal {-ended.code}: {last}", hint=hint)
    return EngineFailed(f"{wanted.title} could not be installed: {last}", hint=hint)
