"""The roster of tools: catalog/clients/ of flock, and the user's over it.

Owns when the files are read: one alone where one tool is meant, all of them for a list. One wrong file is named and
left out, the others count. Refuses to know whether a tool is installed. Called by local/ and core/.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from flock.catalog import Row, checked, read_yaml
from flock.connect.sheet import FIELDS
from flock.connect.tool import Tool, made, what_is_odd
from flock.errors import ConfigInvalid, NotFound
from flock.paths import short

_CHECKS = {key: declared.check for key, declared in FIELDS.items()}


@dataclass(frozen=True, slots=True)
class Listed:
    """All tools there are, sorted by id, and a sentence for each wrong file with the id it stands for."""

    tools: tuple[Tool, ...]
    problems: tuple[tuple[str, str], ...]


class Roster:
    """The tools of some directories, each of which may hold `clients/*.yaml`; the first wins, field by field."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._directories = tuple(directories)

    def ids(self) -> list[str]:
        """Return the ids there are, sorted, without opening a file."""
        return sorted({path.stem for directory in self._directories for path in _files(directory)})

    def find(self, client: str) -> tuple[Tool, tuple[str, ...]]:
        """Return one tool, and a sentence for each file about it that is wrong and was left out.

        Raises NotFound with the nearest ids; ConfigInvalid where there is a file and none that is whole.
        """
        if client not in self.ids():
            near = self._nearest(client)
            raise NotFound(
                f"there is no tool {client!r}" + (f"; there is {', '.join(near)}" if near else ""),
                hint=f"flock connect {near[0]}" if near else "flock connect ls",
                details={"nearest": near},
            )
        problems: list[str] = []
        tool = self._tool(client, problems)
        if tool is None:
            raise ConfigInvalid(problems[-1], hint="flock connect ls")
        return tool, tuple(problems)

    def all(self) -> Listed:
        """Return every tool; parsing takes a fifth of a second."""
        tools: list[Tool] = []
        wrong: list[tuple[str, str]] = []
        for client in self.ids():
            problems: list[str] = []
            if (tool := self._tool(client, problems)) is not None:
                tools.append(tool)
            wrong += [(client, problem) for problem in problems]
        return Listed(tuple(tools), tuple(wrong))

    def _tool(self, client: str, problems: list[str]) -> Tool | None:
        """Return one tool, the strongest directory's fields over the others'; adds a sentence for each wrong file."""
        row: Row = {}
        last = ""
        for directory in reversed(self._directories):
            for path in (p for p in _files(directory) if p.stem == client):
                try:
                    found = _row(path)
                except ConfigInvalid as error:
                    problems.append(f"{error.sentence}; the file is left out")
                    continue
                if odd := what_is_odd(row | found):
                    problems.append(f"{short(path)} {odd}; the file is left out")
                    continue
                row, last = row | found, short(path)
        return made(row) if last else None

    def _nearest(self, client: str) -> list[str]:
        ids, low = self.ids(), client.lower()
        holding = [one for one in ids if low and (low in one or one in low)]
        return (holding or get_close_matches(low, ids, 3, 0.6))[:3]


def _files(directory: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(directory / "clients"))
    except OSError:
        return []
    return [directory / "clients" / n for n in names if n.endswith((".yaml", ".yml")) and not n.startswith(".")]


def _row(path: Path) -> Row:
    """Return a file's fields, checked one by one. Raises ConfigInvalid naming the file and the field."""
    row = checked(_CHECKS, f"{short(path)}", read_yaml(path))
    if row.setdefault("id", path.stem) != path.stem:
        raise ConfigInvalid(f"{short(path)} is called {path.stem} and says id: {row['id']}")
    return row
