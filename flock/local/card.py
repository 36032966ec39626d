"""What the ready card says: the key once, the curl line, the reboot, PATH and the next steps.

Owns the words and the commands in them; every command runs as it stands in any POSIX shell. Refuses to draw (the CLI
does) and to start anything. Called by `start.py`.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping

from flock.contract.lifecycle import Ready
from flock.contract.status import Status
from flock.local import services
from flock.local.ground import Ground
from flock.local.operations import Here
from flock.local.systemd import ends_sessions
from flock.local.systems import ground_of, system_of
from flock.names import NAMES, own_script, preferred_command, resolve
from flock.paths import Home, home_directory

# `crontab -l` reads one small file
_CRONTAB_SECONDS = 2.0


def ready_card(here: Here, status: Status, action: str, first_key: bool) -> Ready:
    """Return the card for a daemon that runs; `action` is started, running or restarted."""
    home = here.home
    return Ready(
        action=action,
        status=status,
        admin_key=_admin_key(home) if first_key else None,
        admin_key_file=str(home.admin_key),
        curl=curl_line(home, status),
        at_reboot=at_reboot(here),
        path_line=path_line(here),
        next_steps=next_steps(here, status),
        notes=tuple(filter(None, (at_logout(here),))),
    )


def _admin_key(home: Home) -> str | None:
    try:
        return home.admin_key.read_text("utf-8").strip() or None
    except OSError:
        return None


def curl_line(home: Home, status: Status) -> str:
    """Return one pipeline that asks a model something: one that chats, and never one that only embeds or reranks.

    The key goes from its file through a pipe into curl's header list, so it stands neither in the shell's history
    nor in any process's arguments; sed and curl (7.55 or later, for `-H @-`) are all it needs.
    """
    model = status.default_model or next((m.id for m in status.models if m.kind in ("", "chat")), "flock-smoke")
    question = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "Hello"}]}, separators=(",", ":"), ensure_ascii=False
    )
    url = shlex.quote(status.api_url.removesuffix("/v1") + "/v1/chat/completions")
    return (
        f"sed 's/^/Authorization: Bearer /' {shlex.quote(str(home.admin_key))}"
        f" | curl -sS -H @- -H 'Content-Type: application/json' {url} -d {shlex.quote(question)}"
    )


def at_reboot(here: Here, ground: Ground | None = None) -> str:
    """Say whether something starts flock after a reboot, and if nothing does, the command or crontab line that would.

    `ground` is what there is to start services; this machine's unless given.
    """
    ground = ground or ground_of(here, machine=False)
    if (system := services.installed(ground)) is not None:
        return f"{system.starts_at()} (flock service status)"
    if _in_crontab():
        return "cron starts flock after a reboot (crontab -l shows the line)"
    if system_of(ground) is not None:
        return f"flock does not start by itself after a reboot yet: {preferred_command(here.path)} service install"
    # cron's PATH has neither ~/.local/bin nor a virtual environment: only an absolute path is found there
    script = own_script()
    line = reboot_line(here.environ, shlex.quote(script) if script else preferred_command(os.devnull))
    return f"flock does not start by itself after a reboot yet; to let cron start it, add with `crontab -e`: {line}"


def at_logout(here: Here, ground: Ground | None = None) -> str:
    """Say that a logout would end the flock that was started over ssh, and what keeps it; "" where it would not."""
    if not here.environ.get("SSH_CONNECTION"):
        return ""
    ground = ground or ground_of(here, machine=False)
    system = services.installed(ground)
    if system is not None and system.running():
        return system.ends_with_logout()
    if not ends_sessions(ground):
        return ""
    return (
        f"flock ends when you log out of this ssh session; to keep it: {preferred_command(here.path)} service install"
    )


def reboot_line(environ: Mapping[str, str], command: str) -> str:
    """Return the line for crontab(5) that starts the flock of this environment."""
    # cron knows none of the variables that say where this flock lives, and reads % as a line's end (crontab(5))
    places = (f"{name}={shlex.quote(environ[name])} " for name in ("FLOCK_HOME", "FLOCK_DATA_DIR") if environ.get(name))
    return f"@reboot {''.join(places)}{command} up".replace("%", "\\%")


def _in_crontab() -> bool:
    try:
        shown = subprocess.run(
            ["crontab", "-l"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_CRONTAB_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    lines = shown.stdout.decode("utf-8", "replace").splitlines()
    return any(line.split()[:1] == ["@reboot"] and "flock" in line and line.rstrip().endswith(" up") for line in lines)


def path_line(here: Here) -> str:
    """Return the line for the shell's profile that makes flock's command found; empty when it is found already."""
    if any(resolve(name, here.path).kind == "ours" for name in NAMES):
        return ""
    place = os.path.join(str(home_directory()), ".local", "bin")
    if not any(resolve(name, place).kind == "ours" for name in NAMES):
        place = os.path.dirname(own_script())
    if not place:
        return ""
    if os.path.basename(here.environ.get("SHELL", "")) == "fish":
        return f"fish_add_path {shlex.quote(place)}"
    return f'export PATH={shlex.quote(place)}:"$PATH"'


def next_steps(here: Here, status: Status) -> tuple[str, ...]:
    """Return the commands that come next, as they run in the caller's shell."""
    command = preferred_command(here.path)
    steps: list[str] = []
    if status.require_keys and not here.home.admin_key.exists():
        file = shlex.quote(str(here.home.admin_key))
        steps.append(f"(umask 077; {command} token create admin --admin > {file})")
    if all(model.source == "built-in" for model in status.models):
        steps.append(f"{command} model search --fits")
    steps.append(f"{command} token create {shlex.quote(here.environ.get('USER') or 'default')}")
    steps.append(f"{command} explain last" if status.requests_total else f"{command} status")
    return tuple(steps)
