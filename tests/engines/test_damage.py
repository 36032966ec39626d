"""Files that were damaged after they were fetched: found when they cannot be loaded, named, kept from being loaded."""

import asyncio
import dataclasses
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flock.engines.damage import Checkup, damaged, fingerprint
from flock.engines.embedded import Embedded
from flock.engines.own_model import OwnModel
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.errors import EngineFailed
from tests.engines.parts import StandIn, until

Make = Callable[..., Supervised]


def fetched(path: Path, good: Path) -> OwnModel:
    """Return a model as it was fetched, and damage its file as a bad disk would."""
    data = good.read_bytes()
    path.write_bytes(data.replace(b"llama", b"lhama"))
    checksum = hashlib.sha256(data).hexdigest()
    return OwnModel("tiny", path, "hf:owner/repo/tiny.gguf", files=(path,), sha256={str(path): checksum})


async def failure(own: Supervised) -> EngineFailed:
    with pytest.raises(EngineFailed) as caught:
        await own.ensure()
    return caught.value


async def test_damage_is_named_with_the_command_that_mends_it_and_nothing_is_loaded_until_it_is(
    supervise: Make, models: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    own = supervise(Embedded(), path)
    own.model = fetched(path, models["tiny-script"])
    error = await failure(own)
    assert error.sentence.startswith(f"{path} is damaged: its SHA-256 is ")
    assert error.hint == "flock model remove tiny --yes && flock model add hf:owner/repo:tiny.gguf --name tiny"
    assert own.state == "failed"
    assert (await failure(own)).sentence == error.sentence
    path.write_bytes(models["tiny-script"].read_bytes())
    assert (await own.ensure()).port
    assert own.failure is None


async def test_sound_files_are_not_accused(supervise: Make, models: dict[str, Path], tmp_path: Path) -> None:
    own = supervise(StandIn("dies"), models["tiny-script"])
    path = models["tiny-script"]
    checksum = hashlib.sha256(path.read_bytes()).hexdigest().upper()
    own.model = dataclasses.replace(own.model, sha256={str(path): checksum, str(tmp_path / "gone"): "00"})
    assert "cheese" in (await failure(own)).sentence


async def test_other_models_go_on(
    supervise: Make, models: dict[str, Path], tmp_path: Path, around: Surroundings
) -> None:
    path = tmp_path / "tiny.gguf"
    own, other = supervise(Embedded(), path), supervise(StandIn("good"))
    own.model = fetched(path, models["tiny-script"])
    found = await asyncio.gather(own.ensure(), other.ensure(), return_exceptions=True)
    assert isinstance(found[0], EngineFailed)
    assert other.state == "ready"


async def test_a_check_that_takes_long_tells_later_and_once(models: dict[str, Path], tmp_path: Path) -> None:
    told: list[EngineFailed] = []
    checkup = Checkup(told.append)
    model = fetched(tmp_path / "m.gguf", models["tiny-script"])
    state = fingerprint(model)
    assert await checkup.look(model, state, 0.0) is None
    await until(lambda: told, "the damage is told")
    assert await checkup.look(model, state, 10.0) is None
    await checkup.stop()


def test_a_check_that_is_stopped_accuses_nobody(models: dict[str, Path], tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert damaged(fetched(tmp_path / "m.gguf", models["tiny-script"]), stop) is None


def test_a_state_of_the_files_is_their_size_time_and_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"a")
    model = OwnModel("m", path, "file:x")
    before = fingerprint(model)
    assert fingerprint(model) == before
    other = dataclasses.replace(model, config=dataclasses.replace(model.config, context=4096))
    assert fingerprint(other) != before
    path.write_bytes(b"ab")
    assert fingerprint(model) != before
    path.unlink()
    assert fingerprint(model) != before
