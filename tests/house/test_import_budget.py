"""What a command loads: sets of modules, never times.

The import graph cannot see which imports are deferred, so real processes are asked: `-X importtime` lists every module
that was loaded, and by subtraction from a bare interpreter what the command itself loaded.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.unit.local.standing import STAND_IN

# Loaded by no command that talks to the daemon, not even by a failing one; each is 20 to 500 ms.
HEAVY = frozenset(
    {
        *("aiohttp", "aiosqlite", "alembic", "asyncio", "httptools", "keyring", "multiprocessing", "orjson"),
        *("prometheus_client", "psutil", "pydantic", "questionary", "rich", "ruamel", "sqlalchemy", "textual"),
    }
)
# What a command may load that is no part of Python: Typer and what Typer needs; `org` is looked for and not found
# by the standard library's platform module
LIGHT = frozenset({"annotated_doc", "flock", "org", "shellingham", "sitecustomize", "typer", "typing_extensions"})
DAEMON_PARTS = ("core", "store", "engines", "vendors", "routing", "policy", "dialects", "daemon", "outbound", "config")


def run(code: str, environ: dict[str, str], *arguments: str) -> tuple[set[str], "subprocess.CompletedProcess[str]"]:
    """Run Python code with arguments and return the modules it loaded beyond a bare interpreter."""
    argv = [sys.executable, "-X", "importtime", "-P", "-c", code, *arguments]
    done = subprocess.run(argv, cwd="/", env=environ, capture_output=True, text=True, timeout=60, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines[1:]}, done


FLOCK = "import sys; sys.argv[0] = 'flockctl'; from flock.__main__ import main; sys.exit(main())"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a flock home of the test's own."""
    return {**os.environ, "FLOCK_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def daemon(environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield the environment of a home where a daemon answers."""
    run_dir = Path(environ["FLOCK_HOME"]) / "run"
    run_dir.mkdir(mode=0o700, parents=True)
    reading, writing = os.pipe()
    ready = {**environ, "FLOCK_READY_FD": str(writing)}
    argv = [sys.executable, str(STAND_IN), "ready"]
    with subprocess.Popen(argv, env=ready, pass_fds=(writing,), stderr=subprocess.DEVNULL) as process:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert '"ready": true' in pipe.readline()
        yield environ
        process.kill()


def beyond(environ: dict[str, str], *arguments: str) -> set[str]:
    """Return what a command line loads beyond a bare interpreter."""
    bare, _ = run("", environ)
    loaded, done = run(FLOCK, environ, *arguments)
    assert "Traceback" not in done.stderr
    return loaded - bare


def tops(modules: set[str]) -> set[str]:
    """Return the top-level names of modules."""
    return {module.partition(".")[0] for module in modules}


def foreign(modules: set[str]) -> set[str]:
    """Return the top-level names that belong to no Python."""
    return {top for top in tops(modules) if top not in sys.stdlib_module_names and not top.startswith("_")}


def test_the_version_needs_nothing(environ: dict[str, str]) -> None:
    assert beyond(environ, "--version") == {"flock", "flock.__main__"}


def test_a_file_locks_arguments_need_next_to_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    code = FLOCK.replace("'flockctl'", "'flock'")
    bare, _ = run("", environ)
    loaded, _ = run(code, {**environ, "PATH": str(tmp_path)}, "-n", str(tmp_path / "lock"), "true")
    mine = loaded - bare
    assert {module for module in mine if tops({module}) == {"flock"}} == {"flock", "flock.__main__", "flock.handover"}
    assert foreign(mine) == {"flock"}
    assert (
        tops(mine) & {"argparse", "asyncio", "dataclasses", "inspect", "json", "logging", "re", "subprocess"} == set()
    )


LINES = (
    ("model", "ls", "--json"),
    ("status", "--json"),
    ("usage", "--json"),
    ("token", "ls", "--json"),
    ("engine", "ls"),
    ("vendor", "ls"),
    ("job", "ls"),
    ("--help",),
    ("model", "--help"),
    ("modle", "ls"),
)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_command_that_talks_to_the_daemon(line: tuple[str, ...], daemon: dict[str, str]) -> None:
    loaded = beyond(daemon, *line)
    assert tops(loaded) & HEAVY == set()
    assert foreign(loaded) <= LIGHT
    assert not [module for module in loaded if module.startswith(tuple(f"flock.{part}" for part in DAEMON_PARTS))]


@pytest.mark.parametrize("line", LINES[:2], ids=" ".join)
def test_a_command_without_a_daemon(line: tuple[str, ...], environ: dict[str, str]) -> None:
    loaded = beyond(environ, *line)
    assert tops(loaded) & HEAVY == set()
    assert foreign(loaded) <= LIGHT


def test_up_when_it_runs_loads_no_part_of_the_daemon(daemon: dict[str, str]) -> None:
    loaded = beyond(daemon, "up", "--json")
    assert tops(loaded) & HEAVY == set()
    assert not [module for module in loaded if module.startswith(tuple(f"flock.{part}" for part in DAEMON_PARTS))]


def test_logs_and_version_load_no_library(environ: dict[str, str]) -> None:
    for line in (("logs",), ("version", "--json"), ("completion", "bash")):
        assert tops(beyond(environ, *line)) & HEAVY == set()


def test_the_daemon_loads_no_terminal_and_no_migrations(environ: dict[str, str]) -> None:
    bare, _ = run("", environ)
    loaded, done = run("import flock.daemon.serve", environ)
    assert done.returncode == 0, done.stderr[-2000:]
    unwanted = {"genai_prices", "httpx2", "huggingface_hub"}  # those of children: 40 and 65 MB
    unwanted |= {"alembic", "keyring", "multiprocessing", "questionary", "rich", "textual", "typer", "xllamacpp"}
    assert tops(loaded - bare) & unwanted == set()
    assert not [module for module in loaded if module.startswith(("flock.cli", "flock.tui"))]


def test_the_full_screen_paints_before_it_loads_what_its_pages_need(environ: dict[str, str]) -> None:
    bare, _ = run("", environ)
    loaded, done = run("import flock.tui.app", environ)
    assert done.returncode == 0, done.stderr[-2000:]
    mine = {module for module in loaded - bare if tops({module}) == {"flock"}}
    assert {module for module in mine if not module.startswith("flock.tui")} == {"flock", "flock.errors", "flock.text"}
    assert not {"http.client", "json", "sqlite3"} & (loaded - bare)
