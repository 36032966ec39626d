"""Starting a tool that uses flock for this one run: `flock connect TOOL --run -- …`.

Owns the tool's environment, the files it needs for the run, and its end. No file of the user's is touched, and the key
is in no process's arguments. Called by connect.py.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from flock.connect import render
from flock.connect.render import Values
from flock.connect.tool import Tool
from flock.errors import NotFound, StorageFailed, Unsupported, UsageError
from flock.local.operations import Here
from flock.local.tools import program_of
from flock.paths import private_dir, short


def run(tool: Tool, values: Values, words: tuple[str, ...], here: Here) -> int:
    """Start a tool with `words` and return its exit code, 128 and the signal's number where one ended it.

    A tool that needs no file takes this process's place, so that there is nothing between it and the terminal; then
    this does not return. Raises Unsupported, UsageError, NotFound, StorageFailed.
    """
    if tool.run is None:
        raise Unsupported(f"{tool.name} cannot be started with flock's settings alone", hint=f"flock connect {tool.id}")
    program, arguments = _program(tool, words, here)
    if not tool.run.files:
        _become(program, [*_arguments(tool, values, ""), *arguments], _environment(tool, values, here, ""))
    try:
        directory = Path(tempfile.mkdtemp(prefix="connect-", dir=private_dir(here.home.run)))
    except OSError as error:
        raise StorageFailed(f"cannot write to {short(here.home.run)}: {error.strerror}", hint="flock doctor") from None
    try:
        for name, text in render.run_files(tool.run, values).items():
            with os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        place = str(directory)
        environment = _environment(tool, values, here, place)
        return _wait([program, *_arguments(tool, values, place), *arguments], environment)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _program(tool: Tool, words: tuple[str, ...], here: Here) -> tuple[str, tuple[str, ...]]:
    """Return the program's path and the user's arguments."""
    assert tool.run is not None
    if not tool.run.given:
        if found := program_of(tool, here.path):
            return found, words
        raise NotFound(
            f"{tool.name} is not installed: there is no {' or '.join(tool.programs)} on this PATH",
            hint=f"flock connect {tool.id}",
        )
    if not words:
        raise UsageError("--run needs the program behind --", hint=f"flock connect {tool.id} --run -- python app.py")
    found = shutil.which(words[0], path=here.path)
    if found is None:
        raise NotFound(f"there is no program {words[0]!r} on this PATH", hint=f"command -v {words[0]}")
    return found, words[1:]


def _arguments(tool: Tool, values: Values, directory: str) -> list[str]:
    assert tool.run is not None
    return [str(render.filled(word, values, {"dir": directory})) for word in tool.run.args]


def _environment(tool: Tool, values: Values, here: Here, directory: str) -> dict[str, str]:
    """Return the caller's environment without what leads the tool elsewhere, and with flock's settings."""
    assert tool.run is not None
    caller = {name: value for name, value in here.environ.items() if name not in tool.unset}
    return caller | render.variables({**tool.environment, **tool.run.environment}, tool, values, directory)


def _become(program: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Let a program take this process's place. Raises NotFound when it cannot be started."""
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores it, and what is ignored stays so for the program that comes
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execve(program, [program, *arguments], dict(environment))
    except OSError as error:
        raise NotFound(f"cannot start {program}: {error.strerror}", hint=f"ls -l {program}") from None


def _wait(argv: list[str], environment: Mapping[str, str]) -> int:
    """Start a program, hand on the signals that reach this process alone, and return its exit code."""
    child: list[subprocess.Popen[bytes]] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if child:
            child[0].send_signal(number)

    # The terminal sends these two to the program as well: it decides. A handler, unlike SIG_IGN, is not inherited.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda _number, _frame: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    try:
        child.append(subprocess.Popen(argv, env=dict(environment)))
    except OSError as error:
        raise NotFound(f"cannot start {argv[0]}: {error.strerror}", hint=f"ls -l {argv[0]}") from None
    code = child[0].wait()
    return code if code >= 0 else 128 - code
