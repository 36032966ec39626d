"""launchd: the agents of a user who is logged in (launchctl(1), launchd.plist(5)).

Owns the calls of its command and the reading of what it says. Called by services.py.
"""

import re
from pathlib import Path

from flock.contract.services import Service
from flock.errors import StartFailed
from flock.local import units
from flock.local.ground import Ground, Said, call
from flock.paths import short

LABEL = "flock"


class Launchd:
    """launchd's agents of a user who is logged in (launchctl(1), launchd.plist(5))."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._environ = ground.environ
        self._domain = f"gui/{ground.uid}"
        self.file = Path(ground.environ.get("HOME") or Path.home()) / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def text(self, started: units.Started) -> str:
        """Return the agent's property list."""
        return units.launchd_agent(LABEL, started, str(self._ground.home.log_file))

    def make_user(self) -> list[str]:
        """Agents belong to users who are there."""
        return []

    def reload(self) -> None:
        """Do nothing: launchd reads the file when it is handed over."""

    def enable(self) -> None:
        """Let the agent start at login; a user may have disabled it."""
        self._must("launchd did not enable the agent", ["launchctl", "enable", f"{self._domain}/{LABEL}"])

    def stay(self) -> list[str]:
        """Say that an agent lives as long as its user is logged in."""
        return ["launchd starts flock when you log in at the screen, and ends it when you log out there"]

    def start(self, *, again: bool) -> None:
        """Hand the agent to launchd, which starts it, or kick one that it has and that ended (`flock down`)."""
        service = f"{self._domain}/{LABEL}"
        had = self._printed().code == 0
        if had and again:
            call(self._environ, ["launchctl", "bootout", service])
        start = ["kickstart", service] if had and not again else ["bootstrap", self._domain, str(self.file)]
        self._must("the agent did not start", ["launchctl", *start])

    def disable(self) -> None:
        """Take the agent from launchd, which ends it."""
        if self._printed().code == 0:
            self._must("launchd did not end the agent", ["launchctl", "bootout", f"{self._domain}/{LABEL}"])

    def left(self) -> list[str]:
        """Nothing is left."""
        return []

    def starts_at(self) -> str:
        """Say when launchd starts it."""
        return "launchd starts flock when you log in"

    def ends_with_logout(self) -> str:
        """Agents belong to the login at the screen; a shell over ssh is none."""
        return ""

    def running(self) -> bool:
        """Say whether launchd knows the agent and runs it."""
        said = self._printed()
        return said.code == 0 and re.search(r"^\s*state = running$", said.words, re.MULTILINE) is not None

    def state(self) -> Service:
        """Return what launchctl says."""
        there = self.file.exists()
        edited = there and not units.is_ours(self.file.read_text("utf-8", "replace"))
        return Service(
            kind="launchd",
            unit=str(self.file),
            installed=there,
            enabled=there,
            running=self.running(),
            lingers=None,
            notes=("its file was edited by hand",) if edited else (),
        )

    def _printed(self) -> Said:
        return call(self._environ, ["launchctl", "print", f"{self._domain}/{LABEL}"])

    def _must(self, what: str, argv: list[str]) -> None:
        said = call(self._environ, argv)
        if said.code:
            raise StartFailed(
                f"{what}: {said.words or f'{argv[0]} ended with {said.code}'} ({short(self.file)})", hint=" ".join(argv)
            )
