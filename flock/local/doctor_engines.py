"""Doctor's checks of what answers: engine programs, engines, models, and ids that clients ask for in vain.

Called by `doctor.py`.
"""

import difflib
import importlib.metadata
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import flock
from flock.client.blocking import Client
from flock.contract.engines import Engine
from flock.contract.lifecycle import Check
from flock.contract.usage import RecentUsage
from flock.engines.embedded import Embedded
from flock.engines.llamacpp import LlamaCpp
from flock.local.scene import NOTE, OK, SERIOUS, WARNING, Scene
from flock.text import count, one_line

# Loading 40 MB of native code from a cold disk takes seconds; printing a version does not.
_IMPORT_SECONDS, _VERSION_SECONDS = 30.0, 5.0
# How far back unknown model ids are looked for, and how many are named.
_ROWS, _NAMED = 500, 3
_BUILT_IN = "built-in"
_TROUBLE = ("failed", "crashloop", "unreachable")


def programs(scene: Scene) -> Iterator[Check]:
    """Say which engine programs are usable here, and how to get one when none is."""
    own, embedded = LlamaCpp(scene.path).find(), Embedded().find()
    if own is None and embedded is None:
        sentence = "there is no engine: neither llama-server on PATH nor the embedded llama.cpp"
        yield Check("engine", SERIOUS, sentence, install_command())
    if own is not None:
        trouble, version = _try([own.where, "--version"], _VERSION_SECONDS)
        if not trouble:
            yield Check("engine", OK, f"llama-server at {own.where}, {version or 'version unknown'}")
        elif embedded is not None:
            fix = scene.fix("flock config set engine.preferred embedded")
            yield Check("engine", WARNING, f"{own.where} does not run: {trouble}", fix)
        else:
            yield Check("engine", SERIOUS, f"{own.where} does not run: {trouble}", install_command())
    if embedded is not None:
        # in a process of its own: native code built for another CPU ends the process that loads it
        trouble, _ = _try([sys.executable, "-P", "-c", "import xllamacpp"], _IMPORT_SECONDS)
        if trouble:
            state = SERIOUS if own is None else WARNING
            yield Check("engine", state, f"the embedded llama.cpp cannot be loaded: {trouble}", install_command())
        else:
            yield Check("engine", OK, f"embedded llama.cpp, xllamacpp {embedded.version}")


def install_command() -> str:
    """Return the command that installs the embedded engine beside this flock."""
    if (Path(flock.__file__).parent.parent / "Makefile").exists():
        return "make up"
    try:
        wanted = importlib.metadata.requires("flockllm") or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    pinned = next((line.partition(";")[0].strip() for line in wanted if line.startswith("xllamacpp")), "xllamacpp")
    return f"{shlex.quote(sys.executable)} -m pip install --force-reinstall {shlex.quote(pinned)}"


def _try(argv: list[str], seconds: float) -> tuple[str, str]:
    """Run a program and return what is wrong with it, "" when nothing is, and the line that names its version."""
    try:
        ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except OSError as error:
        return str(error.strerror), ""
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s", ""
    lines = (ran.stdout + ran.stderr).decode("utf-8", "replace").strip().splitlines()
    if ran.returncode != 0:
        return one_line(lines[-1] if lines else f"exit code {ran.returncode}", 160), ""
    return "", next((line for line in lines if line.startswith("version")), "")


def engines(scene: Scene) -> Iterator[Check]:
    """Say which engines of the running daemon do not answer, and what starts them."""
    if scene.status is None:
        return
    bad = [engine for engine in scene.status.engines if engine.state in _TROUBLE or engine.error]
    for engine in bad:
        said = one_line(engine.error) or f"it is {engine.state}"
        where = f" at {engine.endpoint}" if engine.endpoint else ""
        yield Check("engines", WARNING, f"{engine.name}{where}: {said}", _start_command(scene, engine))
    if not bad:
        yield Check("engines", OK, f"{count(len(scene.status.engines), 'engine')}, none in trouble")


def _start_command(scene: Scene, engine: Engine) -> str:
    if engine.ownership == "own":
        return scene.fix(f"flock engine logs {shlex.quote(engine.name)}")
    from flock.catalog import load_profiles
    from flock.config import load

    profiles, _ = load_profiles(load(scene.home, scene.environ).catalog_dirs(scene.home))
    profile = profiles.get(engine.kind)
    return (profile.start_hint if profile else "") or scene.fix(f"flock engine detach {engine.name}")


def models(scene: Scene) -> Iterator[Check]:
    """Say whether a model answers, whether it is more than the built-in one, and whether it fits into memory."""
    if scene.status is None:
        return
    known = scene.status.models
    failed = [model for model in known if model.state in ("failed", "crashloop")]
    for model in failed:
        state = SERIOUS if len(failed) == len(known) else WARNING
        yield Check("models", state, f"{model.id}: {one_line(model.error) or 'failed'}", scene.fix("flock logs"))
    add = scene.fix("flock model picks")
    if not known:
        yield Check("models", SERIOUS, "no model answers", add)
    elif all(model.source == _BUILT_IN for model in known):
        yield Check("models", NOTE, "only the built-in smoke model answers, and it knows nothing", add)
    elif not failed:
        yield Check("models", OK, count(len(known), "model"))


def unknown_models(scene: Scene) -> Iterator[Check]:
    """Say which model ids clients asked for in vain, and the nearest ones that answer."""
    if scene.status is None:
        return
    rows, _ = Client(scene.home.socket).call(RecentUsage(limit=_ROWS))
    known = [model.id for model in scene.status.models]
    # what a vendor answered for one key is refused to another that may not spend money: no unknown model
    reached = {*known, *(row.model for row in rows if row.vendor)}
    asked = Counter(row.model for row in rows if row.status == 404 and row.model and row.model not in reached)
    for wanted, times in asked.most_common(_NAMED):
        nearest = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
        close = f"; the nearest: {', '.join(nearest)}" if nearest else ""
        sentence = f"clients asked {count(times, 'time')} for {wanted!r}, which no engine serves{close}"
        yield Check("unknown models", WARNING, sentence, scene.fix("flock model ls"))
