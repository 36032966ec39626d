"""What programs say of their version, asked once for each file.

Owns the asking, by an errand that is bounded, and what is remembered of it: a program that is replaced is asked again.
Refuses to be waited for where an engine is looked for: `of` says what is known by then. Called by search.py's users;
`learn` by drivers.py.
"""

import os
from dataclasses import dataclass

from flock import errands
from flock.paths import short

# A program that hangs when it is asked; a cold disk and 500 MB of CUDA libraries take some seconds.
ASK_SECONDS = 15.0
# Lines that are kept of what it says; one that never stops talking is ended by the time above.
_LINES = 60


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said to `--version`: its lines, or what was wrong with it."""

    lines: tuple[str, ...] = ()
    problem: str = ""


class Versions:
    """What is known of programs, by path and the state of their file."""

    def __init__(self, seconds: float = ASK_SECONDS) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[tuple[int, ...], Said]] = {}

    def of(self, program: str) -> Said | None:
        """Return what a program said, None when it was not asked since it was last changed."""
        stamp, said = self._known.get(program, ((), None))
        return said if said is not None and stamp == _stamp(program) else None

    async def learn(self, program: str, environment: dict[str, str]) -> None:
        """Ask a program with `--version`, unless it was asked already; never raises."""
        stamp = _stamp(program)
        if not stamp or self.of(program) is not None:
            return
        self._known[program] = (stamp, await self._ask(program, environment))

    async def _ask(self, program: str, environment: dict[str, str]) -> Said:
        lines: list[str] = []

        def heard(line: str) -> None:
            if len(lines) < _LINES:
                lines.append(line)

        try:
            ended = await errands.run(
                [program, "--version"],
                lambda _message: None,
                environment=environment,
                seconds=self._seconds,
                on_line=heard,
            )
        except OSError as error:
            return Said(problem=f"{short(program)} cannot be run: {error.strerror}")
        asked = f"{short(program)} --version"
        if ended.timed_out:
            return Said(problem=f"{asked} does not end within {self._seconds:g} s")
        if ended.code < 0:
            return Said(problem=f"{asked} is ended by signal {-ended.code}")
        if ended.code > 0:
            last = f": {lines[-1][:160]}" if lines else ""
            return Said(problem=f"{asked} fails with exit code {ended.code}{last}")
        return Said(tuple(lines)) if lines else Said(problem=f"{asked} says nothing")


def _stamp(program: str) -> tuple[int, ...]:
    try:
        seen = os.stat(program)
    except OSError:
        return ()
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns
