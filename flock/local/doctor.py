"""`flock doctor`: look at everything that commonly goes wrong and name the one command that mends it.

Owns the list of checks and their isolation: a check that breaks is itself a finding, never a traceback. Refuses to
change anything. Called through `operations.run`; each subject's checks stand in its own `doctor_*.py`.
"""

from collections.abc import Callable, Iterable

from flock.client.blocking import Client
from flock.client.presence import look
from flock.contract.lifecycle import Check, Diagnosis, RunDoctor
from flock.contract.status import ShowStatus
from flock.errors import FlockError
from flock.local import (
    doctor_daemon,
    doctor_engines,
    doctor_models,
    doctor_names,
    doctor_network,
    doctor_places,
    doctor_secrets,
    doctor_usage,
)
from flock.local.operations import Here, handles
from flock.local.scene import SERIOUS, WARNING, Scene
from flock.names import preferred_command
from flock.paths import check_owner

Examine = Callable[[Scene], Iterable[Check]]

# In the order a reader wants them: what runs, where it lives, how it is called, what it answers with
CHECKS: tuple[tuple[str, Examine], ...] = (
    ("daemon", doctor_daemon.daemon),
    ("last start", doctor_daemon.failed_start),
    ("store", doctor_daemon.store),
    ("findings", doctor_daemon.findings),
    ("python", doctor_daemon.python),
    ("user", doctor_places.user),
    ("directories", doctor_places.directories),
    ("files", doctor_places.files),
    ("socket", doctor_places.socket_path),
    ("disk", doctor_places.disk),
    ("usage", doctor_usage.usage),
    ("secrets", doctor_secrets.secrets),
    ("configuration", doctor_network.configuration),
    ("port", doctor_network.port),
    ("reach", doctor_network.reach),
    ("command", doctor_names.commands),
    ("engine", doctor_engines.programs),
    ("engines", doctor_engines.engines),
    ("models", doctor_engines.models),
    ("hardware", doctor_models.hardware),
    ("downloads", doctor_models.downloads),
    ("waiting", doctor_models.waiting),
    ("unknown models", doctor_engines.unknown_models),
)

# What looks into the directories: in another user's place all of them would find one and the same thing wrong
_INSIDE = ("last start", "directories", "files", "disk", "configuration", "port", "reach")


@handles(RunDoctor)
def run_doctor(op: RunDoctor, here: Here) -> Diagnosis:
    """Examine this user's flock. Raises nothing but what stops Python itself."""
    try:
        check_owner(here.home)
        checks = CHECKS
    except FlockError:
        checks = tuple(check for check in CHECKS if check[0] not in _INSIDE)
    return diagnose(scene_of(here), checks)


def scene_of(here: Here) -> Scene:
    """Look at the daemon once, for all checks."""
    presence, status, trouble = look(here.home), None, None
    if presence.state in ("running", "other_version"):
        try:
            status, _ = Client(here.home.socket).call(ShowStatus(examine=True))
        except FlockError as error:
            trouble = error
    return Scene(here.home, here.environ, presence, status, trouble, preferred_command(here.path))


def diagnose(scene: Scene, checks: Iterable[tuple[str, Examine]]) -> Diagnosis:
    """Run each check by itself and count the serious findings."""
    found: list[Check] = []
    for name, examine in checks:
        try:
            found.extend(examine(scene))
        except FlockError as error:
            found.append(scene.from_error(name, error, WARNING))
        except Exception as error:  # a broken check must not hide what the others found
            found.append(Check(name, WARNING, f"this could not be examined: {type(error).__name__}: {error}"))
    return Diagnosis(tuple(found), sum(check.state == SERIOUS for check in found))
