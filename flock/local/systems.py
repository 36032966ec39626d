"""What starts services here: systemd, launchd, or nothing.

Owns the words that both share and the choice between them. Refuses to decide what is installed; services.py does. The
commands are found by PATH, which is how tests put others in their place.
"""

from pathlib import Path
from typing import Protocol

from flock.contract.services import Service
from flock.local import units
from flock.local.ground import Ground
from flock.local.launchd import Launchd
from flock.local.operations import Here
from flock.local.systemd import Systemd


class System(Protocol):
    """What starts services; `file` is where the service's file lies."""

    file: Path

    def text(self, started: units.Started) -> str:
        """Return the text of the service's file."""
        ...

    def make_user(self) -> list[str]:
        """Make the user who runs the machine's service; return what is to be known."""
        ...

    def reload(self) -> None:
        """Let the system read its files anew."""
        ...

    def enable(self) -> None:
        """Let the service start in future. Raises StartFailed."""
        ...

    def stay(self) -> list[str]:
        """See to it that the service outlives a logout; return what was done."""
        ...

    def start(self, *, again: bool) -> None:
        """Start it, or start it anew, and wait until it is ready. Raises StartFailed with the system's words."""
        ...

    def disable(self) -> None:
        """Stop it, now and in future. Raises StartFailed."""
        ...

    def left(self) -> list[str]:
        """Return what a removal leaves behind."""
        ...

    def starts_at(self) -> str:
        """Say when it starts by itself, in a sentence."""
        ...

    def ends_with_logout(self) -> str:
        """Say in a sentence that a logout ends the service, "" where it does not."""
        ...

    def running(self) -> bool:
        """Say whether it runs."""
        ...

    def state(self) -> Service:
        """Return what the system says of it."""
        ...


def ground_of(here: Here, machine: bool) -> Ground:
    """Return the ground of a caller's flock."""
    return Ground(here.home, here.environ, machine)


def system_of(ground: Ground) -> System | None:
    """Return the system that starts services there, None where none does."""
    if ground.platform == "darwin":
        return None if ground.machine else Launchd(ground)
    return Systemd(ground) if ground.booted.is_dir() else None
