"""What every test run has in common: which real engines are there, and what a run left out and how long it took.

`@pytest.mark.engine("llama-server")` skips a test whose engine is not installed and names the cause; where all engines
were asked for (`make test ENGINES=all`) it fails instead, so that nothing is left out unseen. `@pytest.mark.alone` is
for the few tests in which a time is the promise: the other workers keep still while one of them runs.
"""

import fcntl
import os
from collections import Counter
from collections.abc import Generator, Iterable
from functools import partial

import pytest

from tests.clients.roster import PROGRAMS, installed, installer
from tests.clients.tools import MORE, is_there
from tests.running import ROOT, llama_server

# engine → (is it there, how to get it)
ENGINES = {
    "llama-server": (lambda: llama_server() is not None, "tests/engines/install/llama_server.sh"),
    "mlx-lm": (lambda: (ROOT / ".engines/mlx/.made").exists(), "tests/engines/install/mlx_lm.sh"),
    "vllm": (lambda: (ROOT / ".engines/vllm/.made").exists(), "tests/engines/install/vllm.sh"),
    "whisper": (lambda: (ROOT / ".engines/whisper/.made").exists(), "tests/engines/install/whisper.sh"),
    "piper": (lambda: (ROOT / ".engines/piper/.made").exists(), "tests/engines/install/piper.sh"),
    **{name: (partial(installed, client), installer(client)) for name, client in PROGRAMS.items()},
    **{name: (partial(is_there, name), script) for name, (_, script) in MORE.items()},
}
# What a user set for a flock of their own must not reach the one that is tested
KEPT = ("FLOCK_TEST_ENGINES", "FLOCK_WRITE_GOLDENS")


def pytest_configure() -> None:
    """Start from an environment that says nothing about flock."""
    for name in [n for n in os.environ if n.startswith("FLOCK_") and n not in KEPT]:
        del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail where all engines were asked for, before any fixture of a test whose engine is missing."""
    for mark in item.iter_markers("engine"):
        (engine,) = mark.args
        found, how = ENGINES[engine]
        if found():
            continue
        cause = f"{engine} is not installed: {how}, or make test ENGINES=all"
        if os.environ.get("FLOCK_TEST_ENGINES") == "all":
            pytest.fail(cause, pytrace=False)
        pytest.skip(cause)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let nothing else run, on any worker, while a test runs that is marked `alone`."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    gate, room = (os.open(place, os.O_RDONLY) for place in (ROOT, ROOT / "tests"))
    try:
        # who wants to be alone holds the gate until the room is empty, so that nobody else enters meanwhile
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)
    finally:
        os.close(room)
        os.close(gate)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out and why, and what each group of tests took (over all workers)."""
    stats = terminalreporter.stats
    reports = [r for kind in stats.values() for r in kind if isinstance(r, pytest.TestReport)]
    if not reports:
        return
    terminalreporter.section("left out, and minutes")
    terminalreporter.write_line(f"{len(stats.get('skipped', []))} tests were left out")
    for cause, count in left_out(stats.get("skipped", [])):
        terminalreporter.write_line(f"  {count:4}  {cause}")
    for group, (count, minutes) in sorted(per_group(reports).items()):
        terminalreporter.write_line(f"{group:8} {count:5} tests {minutes:6.2f} min")


def left_out(skipped: Iterable[pytest.TestReport]) -> list[tuple[str, int]]:
    """Return (cause, how many tests), the most frequent first."""
    causes = (report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in skipped)
    return Counter(cause.removeprefix("Skipped: ") for cause in causes).most_common()


def per_group(reports: Iterable[pytest.TestReport]) -> dict[str, tuple[int, float]]:
    """Return the number of tests and the minutes of every folder below tests/."""
    tests: dict[str, set[str]] = {}
    seconds: Counter[str] = Counter()
    for report in reports:
        group = report.nodeid.split("/")[1]
        tests.setdefault(group, set()).add(report.nodeid)
        seconds[group] += report.duration
    return {group: (len(ids), seconds[group] / 60) for group, ids in tests.items()}
