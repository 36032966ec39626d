"""systemctl, loginctl, launchctl, useradd and crontab of a machine that is not there.

Run as `python system_commands.py NAME ARGUMENTS…` by the scripts that `lay_out` puts into a directory for PATH. The
machine's state is files in FAKE_SYSTEM: `active`, `enabled`, `lingers`, `kills`, `loaded`, `ended`; `refuse-WORD` makes
every command with that word in it fail with the file's text. Each call is a line of `calls`.
"""

import os
import sys
from pathlib import Path

COMMANDS = ("systemctl", "loginctl", "launchctl", "useradd", "crontab")


def lay_out(directory: Path) -> Path:
    """Put the commands into a directory and return the one of their state, which is beside it."""
    state = directory.with_name("machine")
    for made in (directory, state):
        made.mkdir(parents=True)
    for name in COMMANDS:
        script = directory / name
        script.write_text(f"#!/bin/sh\nFAKE_SYSTEM='{state}' exec '{sys.executable}' -S '{__file__}' {name} \"$@\"\n")
        script.chmod(0o755)
    return state


def main(name: str, arguments: list[str]) -> int:
    """Do what the command would, and say what it would say."""
    state = Path(os.environ["FAKE_SYSTEM"])
    with (state / "calls").open("a") as calls:
        calls.write(" ".join([name, *arguments]) + "\n")
    for refusal in state.glob("refuse-*"):
        if refusal.name.removeprefix("refuse-") in arguments:
            print(refusal.read_text(), file=sys.stderr)
            return 1
    words = [word for word in arguments if not word.startswith("-")]
    return {"systemctl": systemctl, "loginctl": loginctl, "launchctl": launchctl}.get(name, nothing)(
        state, words, arguments
    )


def nothing(state: Path, words: list[str], arguments: list[str]) -> int:
    """Say nothing and succeed."""
    return 0


def set_to(file: Path, there: bool) -> None:
    """Make a state true or false."""
    file.touch() if there else file.unlink(missing_ok=True)


def systemctl(state: Path, words: list[str], arguments: list[str]) -> int:
    """Keep whether the unit is enabled and active."""
    verb = words[0]
    if verb in ("start", "restart"):
        set_to(state / "active", True)
    if verb == "enable":
        set_to(state / "enabled", True)
    if verb == "disable":
        set_to(state / "enabled", False)
        set_to(state / "active", "--now" not in arguments)
    if verb == "show":
        active = "active" if (state / "active").exists() else "inactive"
        print(f"Result=success\nActiveState={'failed' if (state / 'failed').exists() else active}")
        print(f"UnitFileState={'enabled' if (state / 'enabled').exists() else ''}")
    return 0


def loginctl(state: Path, words: list[str], arguments: list[str]) -> int:
    """Keep whether the user lingers."""
    if words[0] == "enable-linger":
        set_to(state / "lingers", True)
    if words[0] == "show-user":
        print(f"Linger={'yes' if (state / 'lingers').exists() else 'no'}")
    if words[0] == "show-session":
        print(f"KillUserProcesses={'yes' if (state / 'kills').exists() else 'no'}")
    return 0


def launchctl(state: Path, words: list[str], arguments: list[str]) -> int:
    """Keep whether the agent is loaded."""
    if words[0] == "bootstrap":
        set_to(state / "loaded", True)
    if words[0] in ("bootstrap", "kickstart"):
        set_to(state / "ended", False)
    if words[0] == "bootout":
        set_to(state / "loaded", False)
    if words[0] == "print":
        if not (state / "loaded").exists():
            print("Could not find service", file=sys.stderr)
            return 113
        running = "not running" if (state / "ended").exists() else "running"
        print(f"gui/501/flock = {{\n\tactive count = 1\n\tstate = {running}\n}}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
