"""Where flock's time goes: the daemon under a profiler for the load of plain requests.

Owns the choice of profiler and the list of functions. Called by run.py for `--profile`. py-spy (on PyPI) watches from
outside and disturbs little; cProfile comes with Python, doubles the cost of calls and sees the main thread only, so
its shares lead and its times do not.
"""

import pstats
import shutil
import subprocess
from collections import Counter
from io import StringIO
from pathlib import Path

from gateways import Flock
from measure import Loads
from processes import BenchFailed, Children

PROFILERS = ("auto", "py-spy", "cprofile")
TOP = 30
CONNECTIONS = 64


def profile(flock: Flock, loads: Loads, children: Children, mock_port: int, profiler: str) -> str:
    """Run flock under the profiler and return its costliest functions as text. Starts and stops flock."""
    if profiler == "auto":
        profiler = "py-spy" if shutil.which("py-spy") else "cprofile"
    if profiler == "py-spy" and not shutil.which("py-spy"):
        raise BenchFailed("py-spy is not installed: pip install py-spy, or choose --profile cprofile")
    return _py_spy(flock, loads, children, mock_port) if profiler == "py-spy" else _cprofile(flock, loads, mock_port)


def _cprofile(flock: Flock, loads: Loads, mock_port: int) -> str:
    flock.start()  # the first start and the attachment are no part of the profile
    flock.prepare(mock_port)
    flock.stop()
    out = flock.directory / "profile"
    python, *rest = flock.argv()
    started = flock.start([python, "-m", "cProfile", "-o", str(out), *rest])
    sample = loads.requests(flock, CONNECTIONS)
    flock.stop()
    if not out.exists():
        raise BenchFailed(f"flock did not end in order, so cProfile wrote nothing: {flock.last_words()}")
    text = StringIO()
    pstats.Stats(str(out), stream=text).strip_dirs().sort_stats("tottime").print_stats(TOP)
    return f"cProfile, {sample.count:,} requests, start {started:.2f} s\n{text.getvalue().strip()}"


def _py_spy(flock: Flock, loads: Loads, children: Children, mock_port: int) -> str:
    flock.start()
    flock.prepare(mock_port)
    out = flock.directory / "stacks"
    # it watches without stopping the process, from the load's core, and needs a moment to read the symbols
    argv = ["py-spy", "record", "--nonblocking", "--pid", str(flock.pid), "--duration", str(round(loads.seconds))]
    argv += ["--rate", "200", "--format", "raw", "--output", str(out)]
    watcher = children.spawn(argv, loads.core, flock.env(), flock.directory / "py-spy.log")
    sample = loads.requests(flock, CONNECTIONS)
    try:
        watcher.wait(60)
    except subprocess.TimeoutExpired:
        raise BenchFailed("py-spy did not end within 60 s") from None
    flock.stop()
    if not out.exists():
        raise BenchFailed(f"py-spy wrote nothing: {(flock.directory / 'py-spy.log').read_text().strip()[-500:]}")
    return f"py-spy, {sample.count:,} requests\n{top_functions(out)}"


def top_functions(stacks: Path) -> str:
    """Return the functions of a py-spy raw file ("a;b;c 12" a line) by their own samples, with their whole share."""
    own, whole = Counter[str](), Counter[str]()
    for line in stacks.read_text().splitlines():
        frames, _, samples = line.rpartition(" ")
        # "name (file:line)" becomes "name (file)": the lines of a function are added up
        names = [f"{head})" if (head := frame.rpartition(":")[0]) else frame for frame in frames.split(";")]
        own[names[-1]] += int(samples)
        for name in set(names):
            whole[name] += int(samples)
    total = max(1, own.total())
    rows = [f"{100 * n / total:5.1f} %  {100 * whole[name] / total:5.1f} %  {name}" for name, n in own.most_common(TOP)]
    return "\n".join(["  self    whole  function", *rows])
