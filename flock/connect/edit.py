"""Edits of other tools' files: planned as text before and after, shown as a difference, then written at one stroke.

Raises nothing while planning: what stands in the way is `Planned.problem`, and the caller prints the fragment instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flock.connect.changes import Change, Json, Match, Part, Pointer, Trace

__all__ = ["Change", "Format", "Json", "Match", "Part", "Planned", "Pointer", "Trace", "apply", "plan_write"]

Format = Literal["json", "jsonc", "json5", "toml", "yaml", "dotenv"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One file before and after. Nothing is written yet.

    `problem` is "" or a sentence; then nothing may be applied and `text_after` is `text_before`. `diff` is unified,
    with the secret shortened. `existed`: a file stood there; `gone`: afterwards none does (undoing what we made).
    `kept` names, for an undo, what is no longer as we wrote it and stays. `traces` is for the manifest.
    """

    path: Path
    format: Format
    text_before: str
    text_after: str
    diff: str = ""
    problem: str = ""
    existed: bool = True
    gone: bool = False
    kept: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether there is nothing to write."""
        return not self.problem and self.text_after == self.text_before and not self.gone


def plan_write(
    path: Path, format: Format, changes: Sequence[Change], *, secret: str = "", ours: Sequence[Trace] = ()
) -> Planned:
    """Plan the changes of one file. Never raises: see Planned.problem.

    `ours` is what an earlier plan wrote into the same file (`Manifest.traces`): it is taken back first, so that
    connecting twice leaves nothing of the first time and keeps the values from before it. `secret` is shortened in
    the diff to its first 7 and last 4 characters.
    """


def apply(planned: Planned, backups: Path) -> Path | None:
    """Write what was planned and return where the file as it was lies, None where there was none.

    Atomic, on disk when it returns, mode and owner kept, 0600 for a new file, a link still points to it. Raises
    Conflict when the file is no longer what was planned from, StorageFailed when it cannot be written; it is then as
    it was. Call it through `Manifest.write` and `Manifest.take_back`, which keep record of it.
    """
