"""An errand: a child process that does one thing, tells of it line by line, and ends.

Owns the spawning of such children: what fetches models, installs engines, reads chat templates. They hold in their own
process what the daemon's should not hold (40 MB of a library, a template that never ends) and can be ended any time.
Refuses to outlive the daemon: a child's standard input is a pipe that ends with it, and every child reads it. Called by
models/ and engines/; a process that serves is engines/process.py's.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flock.plain import is_object

# One message of a child; pip's longest lines are some hundred bytes, a list of a repository's files up to a megabyte.
LINE_MAX = 8 * 2**20
# How many of its last lines that are no messages are kept, for errors.
TAIL = 40
# A child that does not listen to SIGTERM; huggingface_hub's threads do not.
TERM_SECONDS = 2.0
# Flock's own variables, and secrets by a part of their names: OPENAI_API_KEY, AWS_SECRET_ACCESS_KEY, GH_TOKEN_FILE,
# PGPASSWORD. Not TOKENIZERS_PARALLELISM or MAX_TOKENS, which engines mind.
_SECRET = re.compile(
    r"FLOCK_.*|(.*_)?[A-Z]*(KEYS?|TOKEN|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)(_.*)?", re.IGNORECASE
)


def without_secrets(environment: Mapping[str, str], but: tuple[str, ...] = ()) -> dict[str, str]:
    """Return an environment for a child that has no business with keys of vendors and other things; `but` are
    beginnings of the names of those that it needs. Proxies, paths and certificates stay.
    """
    return {n: value for n, value in environment.items() if n.startswith(but) or not _SECRET.fullmatch(n)}


@dataclass(frozen=True, slots=True)
class Ended:
    """How an errand ended: `code` is negative for a signal; `tail` its last lines that were no messages; `timed_out`:
    it was ended because its time was over.
    """

    code: int
    tail: tuple[str, ...]
    timed_out: bool = False


async def run(
    argv: Sequence[str],
    on_message: Callable[[dict[str, Any]], None],
    *,
    environment: Mapping[str, str] | None = None,
    task: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Ended:
    """Run a child to its end.

    `task` is written to its standard input as one line of JSON, which no process list shows; the pipe then stays open
    until the child has ended, and its end is the child's sign to end at once. Each line of its standard output that is
    a JSON object goes to `on_message`, every other one (and standard error) to `on_line`. `environment` is the whole
    environment of the child, the daemon's own when None. `seconds` bounds it, None for no bound. When this is
    cancelled, or on_message raises, the child's whole process group is ended first. Raises OSError when it cannot be
    started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment) if environment is not None else None,
        cwd="/",
        start_new_session=True,
        limit=LINE_MAX,
    )
    tail: deque[str] = deque(maxlen=TAIL)
    try:
        async with asyncio.timeout(seconds):
            await _tell(process, task or {})
            await _listen(process, on_message, on_line, tail)
            code = await process.wait()
    except TimeoutError:
        return Ended(await _end(process), tuple(tail), timed_out=True)
    except BaseException:
        await asyncio.shield(_end(process))
        raise
    return Ended(code, tuple(tail))


async def _tell(process: Process, task: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # a child that dies at once says why on its standard output
        process.stdin.write(json.dumps(dict(task)).encode() + b"\n")
        await process.stdin.drain()


async def _listen(
    process: Process,
    on_message: Callable[[dict[str, Any]], None],
    on_line: Callable[[str], None] | None,
    tail: deque[str],
) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        words = line.decode("utf-8", "replace").rstrip()
        message = _message(words)
        if message is not None:
            on_message(message)
        elif words:
            tail.append(words)
            if on_line is not None:
                on_line(words)


def _message(words: str) -> dict[str, Any] | None:
    if not words.startswith("{"):
        return None
    try:
        found: Any = json.loads(words)
    except ValueError:
        return None
    return found if is_object(found) else None


async def _end(process: Process) -> int:
    """End the group of a child: SIGTERM, then SIGKILL; return its exit code."""
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            return await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            continue
    return process.returncode if process.returncode is not None else -signal.SIGKILL
