"""What flock wrote into other tools' files, so that it can be taken back: `connect.json`, 0600."""

from pathlib import Path

from flock.connect.edit import Planned, Trace


class Manifest:
    """The record of one flock: by client, by file."""

    def __init__(self, path: Path, backups: Path) -> None:
        """Read the record at `path` (`home.connections`); files as they were go to `backups` (`home.connect_backups`)."""
        self.warning = ""  # a sentence where a damaged record was put aside

    def clients(self) -> tuple[str, ...]:
        """Return the ids of the tools that are connected, sorted."""

    def files(self, client: str) -> tuple[Path, ...]:
        """Return the files flock wrote into for a tool, in the order of writing."""

    def traces(self, client: str, path: Path) -> tuple[Trace, ...]:
        """Return what flock wrote into one file for a tool, () for nothing: what `plan_write` wants as `ours`."""

    def write(self, client: str, planned: Planned) -> Path | None:
        """Record and apply what `plan_write` planned; return the backup. Raises as `edit.apply` does."""

    def undo(self, client: str, *, secret: str = "") -> list[Planned]:
        """Plan taking back everything that is still ours, file by file; [] for a tool that is not recorded."""

    def take_back(self, client: str, planned: Planned) -> Path | None:
        """Apply one plan of `undo` and strike out its file; return the backup. Raises as `edit.apply` does."""
