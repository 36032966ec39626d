"""systemd: the manager of a user, or that of the machine (systemctl(1), loginctl(1), systemd.service(5)).

Owns the calls of its commands and the reading of what they say. Called by services.py.
"""

import grp
import os
import pwd
from pathlib import Path

from flock.contract.services import Service
from flock.errors import StartFailed
from flock.local import units
from flock.local.ground import Ground, call
from flock.paths import user_name

UNIT = "flock.service"
# the user who runs the machine's service, the group that may use it, and where its flock lives
SYSTEM_USER, SYSTEM_HOME = "flock", "/var/lib/flock"
# The groups that may use graphics cards on Debian, Fedora and Arch
_CARD_GROUPS = ("video", "render")


def ends_sessions(ground: Ground) -> bool:
    """Say whether logind kills what a session leaves behind: KillUserProcesses in logind.conf(5)."""
    if not ground.booted.is_dir():
        return False
    # without a session's id show-session tells of the manager itself
    said = call(ground.environ, ["loginctl", "show-session", "--property=KillUserProcesses"])
    return said.code == 0 and "KillUserProcesses=yes" in said.words.split()


class Systemd:
    """systemd's manager of a user, or that of the machine (systemctl(1), loginctl(1))."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        environ = dict(ground.environ)
        # a shell under sudo or cron lacks it, and without it a user's manager is not found
        runtime = f"/run/user/{ground.uid}"
        if not ground.machine and not environ.get("XDG_RUNTIME_DIR") and os.path.isdir(runtime):
            environ["XDG_RUNTIME_DIR"] = runtime
        self._environ = environ
        base = environ.get("XDG_CONFIG_HOME", "")
        own = Path(base) if os.path.isabs(base) else Path(environ.get("HOME") or Path.home()) / ".config"
        self.file = (ground.machine_units if ground.machine else own / "systemd" / "user") / UNIT

    def text(self, started: units.Started) -> str:
        """Return the unit."""
        if not self._ground.machine:
            return units.systemd_unit(started)
        there = {group.gr_name for group in grp.getgrall()}
        return units.systemd_unit(started, user=SYSTEM_USER, groups=[name for name in _CARD_GROUPS if name in there])

    def make_user(self) -> list[str]:
        """Make the system user flock with its group."""
        try:
            pwd.getpwnam(SYSTEM_USER)
            notes: list[str] = []
        except KeyError:
            shell = next((s for s in ("/usr/sbin/nologin", "/sbin/nologin") if os.path.exists(s)), "/bin/false")
            argv = ["useradd", "--system", "--user-group", "--home-dir", SYSTEM_HOME, "--shell", shell, SYSTEM_USER]
            self._must("user flock could not be made", argv)
            notes = ["user flock was made"]
        caller = self._environ.get("SUDO_USER") or "USER"
        return [*notes, f"who is to use it must be in group flock: sudo usermod --append --groups flock {caller}"]

    def reload(self) -> None:
        """Let the manager read its units anew."""
        self._must("systemd did not read its units", [*self._systemctl, "daemon-reload"])

    def enable(self) -> None:
        """Let the unit start at login or at boot."""
        self._must("systemd did not enable the service", [*self._systemctl, "enable", UNIT])

    def stay(self) -> list[str]:
        """Switch on lingering: a user's manager runs from boot on, and after logout (loginctl(1))."""
        if self._ground.machine or self.lingers():
            return []
        name = user_name(self._ground.uid)
        said = call(self._environ, ["loginctl", "enable-linger"])
        if said.code == 0 and self.lingers():
            return [f"lingering was switched on for {name}: flock starts at boot and goes on after logout"]
        return [f"flock ends with your last session; to let it start at boot: sudo loginctl enable-linger {name}"]

    def lingers(self) -> bool:
        """Say whether the user's manager outlives a logout."""
        said = call(self._environ, ["loginctl", "show-user", user_name(self._ground.uid), "--property=Linger"])
        return said.code == 0 and "Linger=yes" in said.words.split()

    def start(self, *, again: bool) -> None:
        """Start the unit; systemctl waits until the daemon has said that it is ready."""
        said = call(self._environ, [*self._systemctl, "restart" if again else "start", UNIT])
        if said.code:
            journal = "journalctl" if self._ground.machine else "journalctl --user"
            raise StartFailed(
                f"the service did not start: {said.words or f'systemctl ended with {said.code}'}",
                hint=f"{journal} --unit {UNIT} --lines 20 --no-pager",
            )

    def disable(self) -> None:
        """Stop the unit and take it out of what starts."""
        self._must("systemd did not stop the service", [*self._systemctl, "disable", "--now", UNIT])

    def left(self) -> list[str]:
        """Say that lingering stays on: other services of the user may need it."""
        name = user_name(self._ground.uid)
        if self._ground.machine:
            return [f"its data stay in {SYSTEM_HOME}, and user {SYSTEM_USER} stays too"]
        return [f"lingering stays on for {name}: loginctl disable-linger ends it"] if self.lingers() else []

    def starts_at(self) -> str:
        """Say whether it starts at boot or at login."""
        if self.lingers():
            return "systemd starts flock at boot"
        return "systemd starts flock when you log in"

    def ends_with_logout(self) -> str:
        """A user's manager ends with the last session unless it lingers (loginctl(1))."""
        if self._ground.machine or self.lingers():
            return ""
        name = user_name(self._ground.uid)
        return f"flock ends when you log out; to let it go on: loginctl enable-linger {name}"

    def running(self) -> bool:
        """Say whether the unit is active or about to be."""
        return self._shown().get("ActiveState") in ("active", "activating", "reloading")

    def state(self) -> Service:
        """Return what systemctl and loginctl say."""
        shown = self._shown()
        notes: list[str] = []
        if problem := shown.get("problem"):
            notes.append(f"systemd could not be asked: {problem}")
        if shown.get("ActiveState") == "failed":
            notes.append(f"it failed ({shown.get('Result', '')}): flock service install starts it again")
        there = self.file.exists()
        if there and not units.is_ours(self.file.read_text("utf-8", "replace")):
            notes.append("its file was edited by hand")
        machine = self._ground.machine
        return Service(
            kind="systemd-system" if machine else "systemd-user",
            unit=str(self.file),
            installed=there,
            enabled=shown.get("UnitFileState") == "enabled",
            running=shown.get("ActiveState") in ("active", "activating", "reloading"),
            lingers=None if machine else self.lingers(),
            notes=tuple(notes),
        )

    @property
    def _systemctl(self) -> list[str]:
        return ["systemctl"] if self._ground.machine else ["systemctl", "--user"]

    def _shown(self) -> dict[str, str]:
        wanted = "--property=ActiveState,UnitFileState,Result"
        said = call(self._environ, [*self._systemctl, "show", UNIT, wanted])
        if said.code:
            return {"problem": said.words}
        lines = (line.partition("=") for line in said.words.splitlines())
        return {name: value for name, _, value in lines}

    def _must(self, what: str, argv: list[str]) -> None:
        said = call(self._environ, argv)
        if said.code:
            hint = "loginctl enable-linger" if "connect to bus" in said.words else " ".join(argv)
            raise StartFailed(f"{what}: {said.words or f'{argv[0]} ended with {said.code}'}", hint=hint)
