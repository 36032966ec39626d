"""`flock service install`, `remove` and `status`: flock as a service of the system.

Owns what is done for each: where the file lies, which commands of the system are called, what a user must know. Refuses
to overwrite a file that somebody else wrote or edited. The files' text is in units.py, the systems themselves are in
systemd.py and launchd.py. Called through `operations.run`; `start.py` and `card.py` ask whether there is a service.
"""

import os
import shlex
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flock
from flock.client.presence import look
from flock.contract.services import InstallService, RemoveService, Service, ShowService
from flock.errors import Conflict, NotAllowed, NotFound, StorageFailed
from flock.local import units
from flock.local.ground import Ground
from flock.local.operations import Here, handles
from flock.local.systemd import SYSTEM_HOME, SYSTEM_USER
from flock.local.systems import System, ground_of, system_of
from flock.names import own_script
from flock.paths import SYSTEM_SOCKET, short, user_name

# Where a flock lives, and where its programs are found; nothing else of the caller's environment is written down
_PLACES = ("FLOCK_HOME", "FLOCK_DATA_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


@handles(InstallService)
def install_service(op: InstallService, here: Here) -> Service:
    """Write the service's file, let the system start it now and in future. Raises what `install` raises."""
    return install(ground_of(here, op.system))


@handles(RemoveService)
def remove_service(op: RemoveService, here: Here) -> Service:
    """Stop the service and take its file away. Raises what `remove` raises."""
    return remove(ground_of(here, op.system))


@handles(ShowService)
def show_service(op: ShowService, here: Here) -> Service:
    """Return what the system says of the service; kind "" where no system starts services."""
    ground = ground_of(here, op.system)
    system = system_of(ground)
    if system is None:
        words = f"nothing here starts services: {ground.lacking}; cron can: {crontab_command(ground)}"
        return Service(kind="", unit="", installed=False, enabled=False, running=False, notes=(words,))
    return system.state()


def install(ground: Ground) -> Service:
    """Install the service.

    Raises Conflict where no system starts services, and for a file that is not as flock wrote it; NotAllowed without
    the rights; StorageFailed; StartFailed with the system's own words.
    """
    system = _system(ground)
    notes: list[str] = []
    if ground.machine:
        _needs_root(ground, "install")
        _check_installation()
        notes += system.make_user()
    text = system.text(_started(ground))
    _check_file(system)
    changed = _write(system.file, text)
    system.reload()
    system.enable()
    notes += system.stay()
    notes += _start(ground, system, changed)
    notes += _unseen(ground)
    seen = system.state()
    return replace(seen, notes=(*notes, *seen.notes))


def remove(ground: Ground) -> Service:
    """Remove the service. Raises NotFound when there is none, and what `install` raises."""
    system = _system(ground)
    if not system.file.exists():
        raise NotFound(
            f"flock is no service here: there is no {short(system.file)}", hint=f"flock service install{_flag(ground)}"
        )
    if ground.machine:
        _needs_root(ground, "remove")
    notes: list[str] = []
    edited = not units.is_ours(_content(system.file))
    system.disable()
    try:
        if edited:
            kept = system.file.with_name(system.file.name + ".edited")
            system.file.replace(kept)
            notes.append(f"the file had been edited and is kept as {short(kept)}")
        else:
            system.file.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"cannot remove {short(system.file)}: {error.strerror}", hint=f"ls -l {shlex.quote(str(system.file))}"
        ) from None
    system.reload()
    notes += system.left()
    return replace(system.state(), notes=tuple(notes))


def installed(ground: Ground) -> System | None:
    """Return the system that has a service for this very flock, None where none has.

    A unit for another place (FLOCK_HOME) is another flock's.
    """
    system = system_of(ground)
    if system is None or not system.file.exists():
        return None
    return system if units.places(_content(system.file), _PLACES) == _places(ground) else None


def crontab_command(ground: Ground) -> str:
    """Return the command that lets cron start flock after a reboot."""
    from flock.local.card import reboot_line

    script = own_script() or f"{sys.executable} -m flock"
    line = reboot_line(ground.environ, shlex.quote(script) if own_script() else script)
    return f"(crontab -l 2>/dev/null; echo {shlex.quote(line)}) | crontab -"


def _system(ground: Ground) -> System:
    system = system_of(ground)
    if system is None:
        hint = crontab_command(ground) if not ground.machine else "flock service install"
        raise Conflict(f"nothing here starts services: {ground.lacking}", hint=hint)
    return system


def _flag(ground: Ground) -> str:
    return " --system" if ground.machine else ""


def _needs_root(ground: Ground, verb: str) -> None:
    if ground.uid != 0:
        raise NotAllowed(
            f"a service of the whole machine takes root to {verb}, and this is {user_name()}",
            hint=f"sudo {shlex.quote(own_script() or 'flock')} service {verb} --system",
        )


def _check_installation() -> None:
    """Refuse an installation that user flock could not read, such as one below a user's home. Raises NotAllowed."""
    shut = next(_closed_to_others(), None)
    if shut is not None:
        raise NotAllowed(
            f"user {SYSTEM_USER} could not run this flock: {shut} is closed to others",
            hint="sudo pipx install --global flockllm",
        )


def is_open_to_all() -> bool:
    """Say whether every user can run this installation of flock."""
    return next(_closed_to_others(), None) is None


def _closed_to_others() -> Iterator[Path]:
    for path in (Path(sys.executable), Path(flock.__file__)):
        for place in (path, *path.parents):
            if not place.stat().st_mode & (stat.S_IXOTH if place.is_dir() else stat.S_IROTH):
                yield place


def _started(ground: Ground) -> units.Started:
    argv = (sys.executable, "-P", "-m", "flock", "up", "--foreground")
    environ = ground.environ
    path = os.pathsep.join(part for part in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part))
    if ground.machine:
        door = {"FLOCK_SYSTEM_SOCKET": str(SYSTEM_SOCKET)}
        return units.Started(argv, {"FLOCK_HOME": SYSTEM_HOME, "HOME": SYSTEM_HOME, **door})
    places = _places(ground)
    # the manager's own PATH has neither ~/.local/bin nor what the shell's profile added: engines are found by it
    return units.Started(argv, {**places, **({"PATH": path} if path else {})})


def _places(ground: Ground) -> dict[str, str]:
    environ = ground.environ
    return {name: os.path.abspath(os.path.expanduser(environ[name])) for name in _PLACES if environ.get(name)}


def _check_file(system: System) -> None:
    if system.file.exists() and not units.is_ours(_content(system.file)):
        quoted = shlex.quote(str(system.file))
        raise Conflict(
            f"{short(system.file)} is not as flock wrote it, so somebody edited it or made it; nothing was changed",
            hint=f"mv {quoted} {quoted}.edited",
        )


def _content(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        raise StorageFailed(
            f"cannot read {short(file)}: {error.strerror}", hint=f"ls -l {shlex.quote(str(file))}"
        ) from None


def _write(file: Path, text: str) -> bool:
    """Write the service's file by replacement and return whether it is another than before."""
    if file.exists() and _content(file) == text:
        return False
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, "utf-8")
        new.chmod(0o644)
        new.replace(file)
    except OSError as error:
        raise StorageFailed(
            f"cannot write {short(file)}: {error.strerror}", hint=f"ls -ld {shlex.quote(str(file.parent))}"
        ) from None
    return True


def _start(ground: Ground, system: System, changed: bool) -> list[str]:
    """Start the service unless a flock runs outside of it, which holds the same place; return what is to be known."""
    running = system.running()
    if not running and not ground.machine and look(ground.home).state in ("running", "other_version"):
        return ["flock runs already, and not as the service yet: flock down && flock up"]
    if running and not changed:
        return []
    system.start(again=running)
    return []


def _unseen(ground: Ground) -> list[str]:
    """Return what the service will not have that this shell has."""
    ours = {name for name in ground.environ if name.startswith("FLOCK_")}
    odd = sorted(ours - {*_PLACES, "FLOCK_TOKEN"})  # that one is for who calls, never for the daemon
    if not odd or ground.machine:
        return []
    return [f"the service does not see {', '.join(odd)} of this shell: flock config set, flock vendor add keep them"]
