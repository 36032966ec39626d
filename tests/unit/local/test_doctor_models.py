"""What `flock doctor` says of hardware, downloads and requests that wait, by a door that answers as a daemon would."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from flock.client.presence import Presence
from flock.contract.files import CachedFile, ListCache
from flock.contract.hardware import Hardware, ShowHardware
from flock.contract.lifecycle import Check
from flock.contract.models import Model, ModelConfig
from flock.contract.op import Op
from flock.contract.queue import Queue, ShowQueue, Waiter
from flock.local import doctor_models
from flock.local.operations import Here
from flock.local.scene import Scene
from tests.cli.door import Door
from tests.unit.local.stand_in import status

RUNS = Presence("running", 1, "1", "flock runs", "")
GIB = 2**30
BOX = Hardware(
    *("cpu", "x86_64", 2, 16 * GIB, 12 * GIB, 16, (), "memory", 14 * GIB, 2 * GIB, 0, "/m", 100 * GIB, 50 * GIB),
    notes=("there is an NVIDIA card, and no driver of it: models compute on the processor",),
)
BIG = Model("big", "stopped", "embedded", "file:/big.gguf", 65536, 9 * GIB, False, slots=2, config=ModelConfig())
FILES = [
    CachedFile("/m/hub/a.gguf", "hf:o/r:a.gguf", GIB, "whole", ("a",)),
    CachedFile("/m/hub/b.gguf.part", "hf:o/r:b c.gguf", GIB, "partial"),
    CachedFile("/m/quarantine/c.gguf", "https://example.org/c.gguf", GIB, "quarantined"),
    CachedFile("/m/quarantine/d.gguf", "", GIB, "quarantined"),
]
WAITS = Queue((Waiter("req_1", "ada", "big", 1, 45.0, None, "other is in memory"),), ("big",), 30.0)


def checks(
    here: Here, examine: Callable[[Scene], Iterable[Check]], answers: dict[type[Op[Any]], Any], *models: Model
) -> list[Check]:
    """Return what a check says before a daemon that gives these answers."""
    scene = Scene(here.home, here.environ, RUNS, replace(status("1"), models=models), None, "flock")
    here.home.socket.unlink(missing_ok=True)
    with Door(here.home.socket, lambda op: answers[type(op)]):
        return list(examine(scene))


def test_a_card_that_is_not_used_is_told(here: Here) -> None:
    warned, told = checks(here, doctor_models.hardware, {ShowHardware: BOX})
    assert (warned.state, warned.sentence, warned.fix) == ("warning", BOX.notes[0], "flock hardware")
    assert (told.state, told.sentence) == ("ok", "models may take 15.0 GB in memory")


@pytest.mark.parametrize(
    ("model", "fix"),
    [
        (replace(BIG, memory_bytes=20 * GIB), "flock model config big --context 4096"),
        (replace(BIG, memory_bytes=20 * GIB, size_bytes=19 * GIB), "flock model remove big"),
        (replace(BIG, memory_bytes=20 * GIB, context=4096), "flock model remove big"),
    ],
)
def test_a_model_that_needs_more_than_there_is(model: Model, fix: str, here: Here) -> None:
    found = checks(here, doctor_models.hardware, {ShowHardware: replace(BOX, notes=())}, model)
    assert [check.state for check in found] == ["ok", "warning"]
    assert found[1].fix == fix
    assert found[1].sentence.startswith("big needs 21.5 GB with 2 x ")


def test_a_model_that_fits_or_is_not_ours(here: Here) -> None:
    fits, adopted = replace(BIG, memory_bytes=10 * GIB), replace(BIG, memory_bytes=99 * GIB, config=None)
    found = checks(here, doctor_models.hardware, {ShowHardware: replace(BOX, notes=())}, fits, adopted)
    assert [check.state for check in found] == ["ok"]


def test_downloads_that_went_wrong(here: Here) -> None:
    part, wrong, nameless = checks(here, doctor_models.downloads, {ListCache: FILES})
    assert (part.state, part.fix) == ("note", "flock model add 'hf:o/r:b c.gguf'")
    assert (wrong.state, wrong.fix) == ("warning", "flock model add https://example.org/c.gguf")
    assert "/m/quarantine/c.gguf has a wrong checksum" in wrong.sentence
    assert (nameless.state, nameless.fix) == ("warning", "")


def test_requests_that_wait_too_long(here: Here) -> None:
    (check,) = checks(here, doctor_models.waiting, {ShowQueue: WAITS})
    assert (check.state, check.fix) == ("warning", "flock engine attach --help")
    assert check.sentence == "1 request waits, the longest for 45.0 s: another machine's engine would help"
    assert checks(here, doctor_models.waiting, {ShowQueue: replace(WAITS, bound_seconds=60.0)}) == []
    assert checks(here, doctor_models.waiting, {ShowQueue: Queue((), (), 30.0)}) == []


def test_without_a_daemon_nothing_is_said(here: Here) -> None:
    scene = Scene(here.home, here.environ, RUNS, None, None, "flock")
    for examine in (doctor_models.hardware, doctor_models.downloads, doctor_models.waiting):
        assert list(examine(scene)) == []
