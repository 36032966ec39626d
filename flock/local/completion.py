"""`flock completion SHELL`: the generated completion script of a shell.

Owns where the scripts lie: `flock/data/completions` in an installed flock, `completions/` in a checkout. Refuses to
generate them. Called through `operations.run`.
"""

from pathlib import Path

import flock
from flock.contract.lifecycle import SHELLS, Script, ShowCompletion
from flock.errors import InternalError, UsageError
from flock.local.operations import Here, handles
from flock.text import closest, did_you_mean


@handles(ShowCompletion)
def show_completion(op: ShowCompletion, here: Here) -> Script:
    """Return the script of one shell. Raises UsageError for a shell flock has none for."""
    return script(op.shell, places())


def places() -> tuple[Path, ...]:
    """Return where completion scripts may lie, the installed ones first."""
    package = Path(flock.__file__).parent
    return package / "data" / "completions", package.parent / "completions"


def script(shell: str, directories: tuple[Path, ...]) -> Script:
    """Return the first file for `shell` in `directories`. Raises UsageError; InternalError where none is installed."""
    if shell not in SHELLS:
        known = ", ".join(SHELLS)
        raise UsageError(
            f"there is no completion for {shell!r}, only for {known}{did_you_mean(shell, SHELLS)}",
            hint=f"flock completion {closest(shell, SHELLS) or SHELLS[0]}",
        )
    for directory in directories:
        for file in sorted(directory.glob(f"*.{shell}")):
            return Script(file.read_text("utf-8"))
    raise InternalError(f"this installation has no completion script for {shell}", hint="install flock again")
