"""Doctor's checks of the daemon: is it there, is it this version, did its last start fail, does it record.

Called by `doctor.py`.
"""

import platform
import shlex
import sys
import time
from collections.abc import Iterator

from flock.contract.lifecycle import Check
from flock.local import last_start
from flock.local.scene import NOTE, OK, SERIOUS, WARNING, Scene
from flock.text import ago

# pyproject.toml's requires-python
OLDEST_PYTHON = (3, 11)

_STATES = {"running": OK, "absent": NOTE, "stale": WARNING, "other_version": WARNING, "foreign": SERIOUS}


def daemon(scene: Scene) -> Iterator[Check]:
    """Say whether a daemon answers at this home's socket, and whether it is this version."""
    found = scene.presence
    state = _STATES[found.state]
    if found.state == "absent" and found.pid is not None:
        state = WARNING
    fix = "" if state == OK else scene.fix(found.hint)
    yield Check("daemon", state, found.sentence, fix)
    if scene.trouble is not None:
        yield scene.from_error("daemon", scene.trouble)


def failed_start(scene: Scene) -> Iterator[Check]:
    """Say why the last `flock up` failed, if it did and nothing runs since."""
    failed = last_start.recall(scene.home)
    if failed is None or scene.status is not None:
        return
    first = failed.error.sentence.splitlines()[0] if failed.error.sentence else failed.error.code
    when = ago(max(0.0, time.time() - failed.at))
    last = failed.error.details.get("log")
    words = f": {last[-1]}" if isinstance(last, list) and last else ""
    yield Check("last start", SERIOUS, f"the last start, {when}, failed: {first}{words}", scene.fix(failed.error.hint))


def store(scene: Scene) -> Iterator[Check]:
    """Say whether the daemon can record usage and decisions."""
    if scene.status is None:
        return
    if scene.status.warning:
        place = shlex.quote(str(scene.home.data))
        yield Check("store", SERIOUS, f"usage is not being recorded: {scene.status.warning}", f"df -h {place}")
    else:
        yield Check("store", OK, "usage is being recorded")


def findings(scene: Scene) -> Iterator[Check]:
    """Say what the daemon found when it compared what it counts with what is on the disk."""
    for found in scene.status.findings if scene.status is not None else ():
        yield Check(found.name, found.state, found.sentence, scene.fix(found.fix) if found.fix else "")


def python(scene: Scene) -> Iterator[Check]:
    """Say which Python runs flock, and whether it is recent enough."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        yield Check("python", SERIOUS, f"flock needs Python {wanted}, and this is {platform.python_version()}")
    else:
        yield Check("python", OK, f"Python {platform.python_version()} at {sys.executable}")
