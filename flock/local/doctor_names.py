"""Doctor's check of the names: which `flock` and `flockctl` a login shell, cron and this shell would run.

Refuses to run what it finds; only the login shell itself is started, to be asked for its PATH. Called by `doctor.py`.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping

from flock.contract.lifecycle import Check
from flock.local.card import path_line
from flock.local.operations import Here
from flock.local.scene import NOTE, OK, WARNING, Scene
from flock.names import CRON_PATH, NAMES, Resolution, own_script, preferred_command, resolve

# A profile that takes longer asks something or hangs; nobody else is waiting for it.
SHELL_SECONDS = 3.0
_MARK = "flock-path="


def commands(scene: Scene) -> Iterator[Check]:
    """Say what the names lead to: here, in the login shell, under cron."""
    line = path_line(Here(scene.home, scene.environ))
    yield from _in("this shell", scene.path, line)
    login = login_path(scene.environ)
    if login is None:
        yield Check("command", NOTE, "the login shell did not say what its PATH is", "")
    elif login != scene.path:
        yield from _in("the login shell", login, path_line(Here(scene.home, {**scene.environ, "PATH": login})))
    yield _in_cron()


def _in(where: str, path: str, line: str) -> Iterator[Check]:
    found = [resolve(name, path) for name in NAMES]
    words = "; ".join(_words(one) for one in found)
    if not any(one.kind == "ours" for one in found):
        yield Check("command", WARNING, f"neither name leads to this flock in {where}: {words}", line)
    else:
        yield Check("command", OK, f"in {where}: {words}")


def _words(found: Resolution) -> str:
    if found.kind == "missing":
        return f"{found.name} is not found"
    whose = {"ours": "this program", "util-linux": "util-linux's file lock", "other": "another program"}[found.kind]
    return f"{found.name} is {found.path} ({whose})"


def _in_cron() -> Check:
    found = [resolve(name, CRON_PATH) for name in NAMES]
    words = "; ".join(_words(one) for one in found)
    if any(one.kind == "ours" for one in found):
        return Check("command", OK, f"under cron's PATH ({CRON_PATH}): {words}")
    command = own_script() or preferred_command(os.devnull)
    return Check("command", NOTE, f"under cron's PATH ({CRON_PATH}): {words}; in a crontab write {command}")


def login_path(environ: Mapping[str, str], seconds: float = SHELL_SECONDS) -> str | None:
    """Return PATH as a fresh login shell of the user has it, None when the shell does not answer within `seconds`.

    The shell starts from what login(1) gives it, so that this shell's PATH does not hide what the profile lacks.
    """
    shell = environ.get("SHELL") or "/bin/sh"
    bare = {name: environ[name] for name in ("HOME", "USER", "LOGNAME", "LANG", "TERM") if name in environ}
    bare |= {"SHELL": shell, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    # fish joins its PATH list by colons only inside quotes, as every other shell has it anyway
    argv = [shell, "-l", "-c", f'echo "{_MARK}$PATH"']
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=bare,
            start_new_session=True,
        )
    except OSError:
        return None
    with child:
        try:
            said, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # the profile may have started something that holds the pipe open: the whole group goes
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            return None
    lines = said.decode("utf-8", "replace").splitlines()
    return next((line[len(_MARK) :] for line in reversed(lines) if line.startswith(_MARK)), None)
