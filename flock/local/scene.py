"""What every check of `doctor` looks at: where flock lives, what was found there, how its commands are spelled.

Owns nothing that changes. Made by `doctor.py`, read by every `doctor_*.py`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from flock.client.presence import Presence
from flock.contract.lifecycle import Check
from flock.contract.status import Status
from flock.errors import FlockError
from flock.names import spelled
from flock.paths import Home

OK, NOTE, WARNING, SERIOUS = "ok", "note", "warning", "serious"


@dataclass(frozen=True, slots=True)
class Scene:
    """The place under examination.

    `status` is the running daemon's, None when none runs or it would not say (`trouble` is why); `command` is how flock
    is called in the caller's shell.
    """

    home: Home
    environ: Mapping[str, str]
    presence: Presence
    status: Status | None
    trouble: FlockError | None
    command: str

    @property
    def path(self) -> str:
        """Return PATH as the caller's shell sees it."""
        return self.environ.get("PATH", os.defpath)

    def fix(self, command: str) -> str:
        """Return a line with flock called in it as it must be called here."""
        return spelled(command, self.command)

    def from_error(self, name: str, error: FlockError, state: str = SERIOUS) -> Check:
        """Return the check that a FlockError failed."""
        return Check(name, state, " ".join(error.sentence.split()), self.fix(error.hint))
