"""Doctor's checks of what models need: graphics that are not used, downloads that went wrong, memory, a machine that is
too busy.

Each looks at what the running daemon says. Called by `doctor.py`.
"""

import shlex
from collections.abc import Iterator

from flock.client.blocking import Client
from flock.contract.files import CachedFile, ListCache
from flock.contract.hardware import Hardware, ShowHardware
from flock.contract.lifecycle import Check
from flock.contract.models import Model
from flock.contract.queue import Queue, ShowQueue
from flock.local.scene import NOTE, OK, WARNING, Scene
from flock.text import count, duration, size


def hardware(scene: Scene) -> Iterator[Check]:
    """Say what models may take in memory, and why a graphics card that is there is not used."""
    if scene.status is None:
        return
    found: Hardware = Client(scene.home.socket).call(ShowHardware())[0]
    for note in found.notes:
        yield Check("hardware", WARNING, note, scene.fix("flock hardware"))
    where = {"gpu": "on the graphics card", "unified": "in unified memory"}.get(found.pool, "in memory")
    yield Check("hardware", OK, f"models may take {size(found.budget_bytes)} {where}")
    yield from (_too_large(scene, model, found) for model in scene.status.models if _exceeds(model, found))


def _exceeds(model: Model, machine: Hardware) -> bool:
    return model.config is not None and _needs(model) > machine.budget_bytes > 0


def _needs(model: Model) -> int:
    # what it takes is known some seconds after a start; its weights are the least of it
    return max(model.memory_bytes or 0, model.size_bytes or 0)


def _too_large(scene: Scene, model: Model, machine: Hardware) -> Check:
    needs, budget = size(_needs(model)), size(machine.budget_bytes)
    shape = f" with {model.slots} x {model.context:,} tokens" if model.slots and model.context else ""
    sentence = f"{model.id} needs {needs}{shape}, and models may take {budget}"
    # a smaller window helps where the weights alone would fit
    helps = (model.size_bytes or 0) < machine.budget_bytes and (model.context or 0) > 4096
    mend = f"flock model config {model.id} --context 4096" if helps else f"flock model remove {model.id}"
    return Check("hardware", WARNING, sentence, scene.fix(mend))


def downloads(scene: Scene) -> Iterator[Check]:
    """Say which downloads were wrong or broke off, and the command that fetches them again."""
    if scene.status is None:
        return
    files: list[CachedFile] = Client(scene.home.socket).call(ListCache())[0]
    for file in files:
        again = scene.fix(f"flock model add {shlex.quote(file.source)}") if file.source else ""
        if file.state == "quarantined":
            yield Check("downloads", WARNING, f"{file.path} has a wrong checksum and is used by nobody", again)
        elif file.state == "partial":
            got = size(file.size_bytes)
            yield Check("downloads", NOTE, f"a download broke off after {got}: {file.source or file.path}", again)


def waiting(scene: Scene) -> Iterator[Check]:
    """Say when requests wait longer than models keep each other waiting: the machine has too much to do."""
    if scene.status is None:
        return
    queue: Queue = Client(scene.home.socket).call(ShowQueue())[0]
    longest = max((waiter.waited_seconds for waiter in queue.waiting), default=0.0)
    if longest > queue.bound_seconds > 0:
        many = "1 request waits" if len(queue.waiting) == 1 else f"{count(len(queue.waiting), 'request')} wait"
        sentence = f"{many}, the longest for {duration(longest)}: another machine's engine would help"
        yield Check("waiting", WARNING, sentence, scene.fix("flock engine attach --help"))
