"""The shelf: every entry of the catalog of models, flock's own and the user's over them.

Owns when the files are read: never at the daemon's start, but in a thread when somebody first asks, and again when one
of them has changed. Keeps what it parsed in one file of its own, since YAML takes most of the time (a fifth of a second
for all of them, against 10 ms from there); a copy that is old, damaged or somebody else's is ignored. One wrong file is
named and left out, the others count. Called by core/.
"""

import asyncio
import contextlib
import difflib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flock import __version__
from flock.catalog import Row, read_yaml
from flock.errors import ConfigInvalid, NotFound
from flock.models.entry import Entry, checked_row, made, overlaid, what_is_odd
from flock.paths import short

log = logging.getLogger(__name__)

# (mtime in nanoseconds, size): what tells a file from the one that was read
Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shelved:
    """What was on the shelf when it was last looked at: the entries by id, and a sentence for each wrong file."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType(dict[str, Entry]()))
    problems: tuple[str, ...] = ()


class Shelf:
    """The catalog of models. Of several directories the first wins, field by field; each may hold `models/*.yaml`.

    `copy` is the file in which parsed entries are kept for the next start, None for none.
    """

    def __init__(self, directories: Iterable[Path], copy: Path | None = None) -> None:
        self._directories = tuple(directories)
        self._copy = copy
        self._marks: dict[Path, Mark] = {}
        self._documents: dict[Path, Any] = {}
        self._shelved = Shelved()
        self._told: set[str] = set()
        self._reading = asyncio.Lock()

    async def look(self) -> Shelved:
        """Return what is on the shelf now. The first time it reads all files, later only those that have changed."""
        async with self._reading:  # two who ask at once read once
            return await asyncio.to_thread(self.read)

    async def find(self, model_id: str) -> Entry:
        """Return one entry. Raises NotFound with the nearest ids."""
        entries = (await self.look()).entries
        if model_id in entries:
            return entries[model_id]
        near = nearest(model_id, list(entries))
        raise NotFound(
            f"no model {model_id!r} in the catalog" + (f"; there is {', '.join(near)}" if near else ""),
            hint=f"flock model info {near[0]}" if near else "flock model search",
            details={"nearest": near},
        )

    def read(self) -> Shelved:
        """Return what is on the shelf; blocking, milliseconds unless files have to be parsed."""
        files = self._files()
        marks = {path: mark for paths in files for path, mark in paths.items()}
        if marks == self._marks and self._marks:
            return self._shelved
        known = self._known() if not self._marks else {p: (m, self._documents[p]) for p, m in self._marks.items()}
        problems: list[str] = []
        documents, parsed = _documents(marks, known, problems)
        rows: dict[str, tuple[Row, str]] = {}
        for paths in reversed(files):  # the strongest directory comes last, over the others
            _lay(rows, {path: documents[path] for path in paths if path in documents}, problems)
        self._documents = documents
        self._marks = marks if len(documents) == len(marks) else {}
        self._shelved = _whole(rows, problems)
        for problem in set(problems) - self._told:
            log.warning("%s", problem)
        self._told = set(problems)
        if parsed and self._copy is not None:
            _write_copy(self._copy, marks, documents)
        return self._shelved

    def _files(self) -> list[dict[Path, Mark]]:
        """Return the files of each directory, the strongest first, and what marks them."""
        found: list[dict[Path, Mark]] = []
        for directory in self._directories:
            paths: dict[Path, Mark] = {}
            with contextlib.suppress(OSError), os.scandir(directory / "models") as entries:
                for entry in entries:
                    if entry.name.endswith((".yaml", ".yml")) and not entry.name.startswith("."):
                        with contextlib.suppress(OSError):
                            state = entry.stat()
                            paths[Path(entry.path)] = (state.st_mtime_ns, state.st_size)
            found.append(dict(sorted(paths.items())))
        return found

    def _known(self) -> dict[Path, tuple[Mark, Any]]:
        """Return what an earlier daemon parsed, {} when there is nothing that can be trusted."""
        if self._copy is None:
            return {}
        try:
            if self._copy.stat().st_uid != os.getuid():
                return {}
            kept = json.loads(self._copy.read_bytes())
            if kept["version"] != __version__:
                return {}
            return {
                Path(path): ((int(row["mark"][0]), int(row["mark"][1])), row["value"])
                for path, row in kept["files"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return {}


def _documents(
    marks: Mapping[Path, Mark], known: Mapping[Path, tuple[Mark, Any]], problems: list[str]
) -> tuple[dict[Path, Any], bool]:
    """Return each file's value, parsed or as it is known, and whether any was parsed; adds a sentence for each that
    cannot be read.
    """
    found: dict[Path, Any] = {}
    parsed = False
    for path, mark in marks.items():
        if path in known and known[path][0] == mark:
            found[path] = known[path][1]
            continue
        try:
            found[path] = read_yaml(path)
            parsed = True
        except ConfigInvalid as error:
            problems.append(f"{error.sentence}; the file is left out")
    return found, parsed


def _lay(rows: dict[str, tuple[Row, str]], documents: Mapping[Path, Any], problems: list[str]) -> None:
    """Lay the entries of one directory over those below it; adds a sentence for each that is wrong."""
    for path, document in documents.items():
        try:
            row = checked_row(path, document)
        except ConfigInvalid as error:
            problems.append(f"{error.sentence}; the file is left out")
            continue
        model_id = row.setdefault("id", path.stem)
        if model_id != path.stem:
            problems.append(f"{short(path)} is called {path.stem} and says id: {model_id}; the file is left out")
            continue
        below = rows.get(model_id)
        rows[model_id] = (overlaid(below[0], row) if below else row, short(path))


def _whole(rows: Mapping[str, tuple[Row, str]], problems: list[str]) -> Shelved:
    entries: dict[str, Entry] = {}
    for model_id, (row, file) in sorted(rows.items()):
        if odd := what_is_odd(row):
            problems.append(f"{file} {odd}; the entry is left out")
        else:
            entries[model_id] = made(row, file)
    return Shelved(MappingProxyType(entries), tuple(problems))


def _write_copy(copy: Path, marks: Mapping[Path, Mark], documents: Mapping[Path, Any]) -> None:
    """Keep what was parsed, 0600 and in one step; a disk that takes nothing costs the next start its time only."""
    files = {str(path): {"mark": marks[path], "value": value} for path, value in documents.items()}
    with contextlib.suppress(OSError, TypeError, ValueError, RecursionError):  # a wrong file may hold odd keys
        # a date that YAML made of a word becomes the word again
        body = json.dumps({"version": __version__, "files": files}, default=str)
        handle, name = tempfile.mkstemp(prefix=f".{copy.name}.", dir=copy.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(body)
            os.replace(name, copy)
        except OSError:
            os.unlink(name)


def nearest(words: str, ids: Sequence[str], limit: int = 3) -> list[str]:
    """Return the ids that somebody may have meant: those that hold the words, then those spelled almost so."""
    low = words.lower()
    holding = [model_id for model_id in ids if low and low in model_id]
    close = difflib.get_close_matches(low, ids, limit, 0.6)
    return list(dict.fromkeys([*holding, *close]))[:limit]
