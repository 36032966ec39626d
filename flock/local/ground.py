"""Where a service is wanted, and the calls of the system's commands.

Owns the ground of services: for whom, on which kind of machine. Refuses to know any of the systems. Called by
services.py, systemd.py and launchd.py.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flock.local import units
from flock.paths import Home

# A start is waited for until the daemon says that it is ready: units.START_SECONDS and the manager's own work. A stop
# takes units.STOP_SECONDS at most. Beyond them the manager itself hangs.
CALL_SECONDS = units.START_SECONDS + units.STOP_SECONDS + 30.0


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a service is wanted: for whom (`machine`: for all of this machine), and what is there to start it.

    `booted` is the directory that stands for "systemd runs this machine" (sd_booted(3)).
    """

    home: Home
    environ: Mapping[str, str]
    machine: bool = False
    platform: str = sys.platform
    uid: int = field(default_factory=os.getuid)
    booted: Path = Path("/run/systemd/system")
    machine_units: Path = Path("/etc/systemd/system")

    @property
    def lacking(self) -> str:
        """Say what is missing where no system starts services."""
        if self.platform == "darwin":
            return "on macOS flock is an agent of a user who is logged in, and --system is for Linux"
        return "systemd does not run this machine"


@dataclass(frozen=True, slots=True)
class Said:
    """What a command of the system said; code 127 when it is not there."""

    code: int
    words: str


def call(environ: Mapping[str, str], argv: Sequence[str]) -> Said:
    """Run a command of the system, found by the caller's PATH, and return what it said. Raises nothing."""
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            timeout=CALL_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Said(127, f"{argv[0]} is not there")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Said(1, str(error))
    return Said(done.returncode, done.stdout.decode("utf-8", "replace").strip())
