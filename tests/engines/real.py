"""Real engines that are no part of flock, one of each per test run, all with tiny models.

MLX-LM, vLLM and llama-server ("mlx", "vllm", "llamacpp") with tiny-script; llama-server once more for embeddings and
for rerank ("embed", "rerank"); whisper-server and piper ("whisper", "piper").

Owns their command lines and the sharing between pytest's workers: the first who asks starts the engine, the others
join, keeper.py ends it when the last has left. Refuses to install anything: tests that use it are marked
`engine("vllm")` and so on. Called by fixtures of any folder:

    @pytest.fixture(scope="module")
    def vllm(tmp_path_factory):
        with real.running("vllm", real.room(tmp_path_factory)) as engine:
            yield engine  # flock.ok("engine", "attach", engine.url, "--name", engine.kind) serves engine.model
"""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.models import bert, hf, make, voice, whisper
from tests.running import ROOT, free_port, llama_server, wait_for

ENGINES = ROOT / ".engines"
MLX_PYTHON = ENGINES / "mlx/bin/python"
VLLM = ENGINES / "vllm/bin/vllm"
WHISPER = ENGINES / "whisper/bin/whisper-server"
PIPER_PYTHON = ENGINES / "piper/bin/python"
# what answers 200 once it serves, where that is not the list of models
READY = {"whisper": "/health", "piper": "/voices"}
CONTEXT = 8192
# vLLM took 25 s on a quiet machine of 2 cores and 65 s on a busy one; a test that may be the one that starts it needs
# more than pytest's 120 s
START_SECONDS = 240.0
SLOW_START = pytest.mark.timeout(300)


# the locks that keep engines running for this process, by place; the kernel takes them away when it ends
_USED: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class Real:
    """A running engine: its kind (a word of this module), the id of its model, where it is, its process."""

    kind: str
    model: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its base URL, without /v1."""
        return f"http://127.0.0.1:{self.port}"


def room(factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all workers of this test run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextlib.contextmanager
def running(kind: str, shared: Path) -> Iterator[Real]:
    """Yield the run's engine of a kind, started when it does not run yet.

    It is this process's until the process ends: the next file's tests want it too, and starting vLLM takes a minute.
    """
    place = shared / f"engine-{kind}"
    place.mkdir(exist_ok=True)
    with (place / "door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # one starts it, the others wait until it serves
        if place not in _USED:
            users = os.open(place / "users", os.O_RDWR | os.O_CREAT)
            fcntl.flock(users, fcntl.LOCK_SH)
            _USED[place] = users
        engine = _joined(kind, place) or _started(kind, place)
    yield engine


def _joined(kind: str, place: Path) -> Real | None:
    with contextlib.suppress(FileNotFoundError):
        said = json.loads((place / "engine.json").read_text())
        if psutil.pid_exists(said["pid"]):
            return Real(kind, _command(kind, place, 0)[1], said["port"], said["pid"])
    return None


def _started(kind: str, place: Path) -> Real:
    port = free_port()
    command, model = _command(kind, place, port)
    (place / "engine.json").unlink(missing_ok=True)
    with (place / "keeper.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "tests.engines.keeper", str(place), str(port), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=_environment(place),
            start_new_session=True,
            check=True,
        )
    said = wait_for(lambda: _said(place), f"the keeper of {kind} has started it: {place}/keeper.log")
    process, path = psutil.Process(said["pid"]), READY.get(kind, "/v1/models")

    def serves() -> bool:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            words = (place / "engine.log").read_text(errors="replace")[-3000:]
            raise AssertionError(f"{kind} did not start:\n{words}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    wait_for(serves, f"{kind} serves", START_SECONDS)
    return Real(kind, model, port, said["pid"])


def _said(place: Path) -> dict[str, int] | None:
    with contextlib.suppress(FileNotFoundError):
        return json.loads((place / "engine.json").read_text())
    return None


def _command(kind: str, place: Path, port: int) -> tuple[list[str], str]:
    """Return the command line that serves a kind's tiny model, and the id it will have."""
    where = ["--host", "127.0.0.1", "--port", str(port)]
    if kind in ("llamacpp", "embed", "rerank"):
        model, options = _LLAMA[kind]
        path = make.ensure(place / "models")[model]
        return [str(llama_server()), "-m", str(path), "--alias", model, "-t", "1", *options, *where], model
    if kind == "whisper":
        model = whisper.ensure(place / "models")
        return [str(WHISPER), "-m", str(model), "-t", "1", *where], "whisper"
    if kind == "piper":
        model = voice.ensure(place / "voices")
        serve = [str(PIPER_PYTHON), "-m", "piper.http_server", "-m", str(model), "--data-dir", str(model.parent)]
        return [*serve, *where], voice.NAME
    directory = hf.ensure(place / "models")
    if kind == "mlx":
        return [str(MLX_PYTHON), "-m", "mlx_lm.server", "--model", str(directory), *where], str(directory)
    assert kind == "vllm", kind
    serve = [str(VLLM), "serve", str(directory), "--served-model-name", "tiny-script", *where]
    sizes = ["--max-model-len", str(CONTEXT), "--max-num-seqs", "4", "--enforce-eager"]
    return [*serve, *sizes, "--enable-auto-tool-choice", "--tool-call-parser", "hermes"], "tiny-script"


# kind → the model and the options with which llama-server serves it
_LLAMA = {
    "llamacpp": ("tiny-script", ["-c", str(2 * CONTEXT), "-np", "2"]),
    "embed": ("tiny-embed", ["--embedding", "-c", str(2 * bert.CONTEXT), "-np", "2"]),
    "rerank": ("tiny-rerank", ["--reranking", "-c", str(2 * bert.CONTEXT), "-np", "2"]),
}


def _environment(place: Path) -> dict[str, str]:
    """Return an environment in which an engine writes into its place alone and asks nobody on the network."""
    hub = place / "home/hub"  # MLX-LM answers nothing to /v1/models when it is missing
    hub.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(place / "home"),
        "HF_HOME": str(place / "home"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
        "VLLM_HOST_IP": "127.0.0.1",  # between its own processes too
        "GLOO_SOCKET_IFNAME": "lo",
    }
