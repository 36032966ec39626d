"""How models are planned before they are loaded, and what they are seen to take."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flock.contract.models import ModelConfig
from flock.engines.engine import Engine, Found
from flock.engines.loading import plan, rough_need
from flock.engines.own_model import OwnModel
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings, Ties
from flock.engines.weighed import Weighed
from flock.errors import EngineFailed, FlockError, InvalidRequest, NotFound
from tests.engines.parts import StandIn, until

Make = Callable[..., Supervised]
GIB = 2**30
SAFETENSORS = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "max_position_embeddings": 4096,
}


class Directories(StandIn):
    """An engine of models that are directories."""

    formats = frozenset({"safetensors"})


class Llama(StandIn):
    """An engine that knows all that can be set."""

    kind = "llamacpp"


def nobody(_id: str) -> Path | None:
    return None


def directory(top: Path, facts: object = SAFETENSORS) -> Path:
    path = top / "model"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(facts))
    (path / "model.safetensors").write_bytes(b"0" * 5000)
    return path


def test_a_directory_is_planned_by_its_config(tmp_path: Path) -> None:
    model = OwnModel("m", directory(tmp_path), "file:x")
    loading = plan(model, Directories("good"), 8 * GIB, nobody)
    assert (loading.spec.context, loading.spec.slots, loading.spec.kind) == (4096, 2, "chat")
    assert loading.size_bytes == 5000
    # 4 layers, 2 heads of 8 numbers, keys and values, 2 bytes each
    assert loading.need_bytes - rough_need(model, Directories("good")) >= 4 * 2 * 8 * 2 * 2 * 4096 * 2
    assert loading.spec.memory_bytes == loading.need_bytes


def test_what_was_set_counts_and_makes_another_mark(models: dict[str, Path]) -> None:
    engine = Llama("good")
    model = OwnModel("m", models["tiny-script"], "file:x")
    config = ModelConfig(
        context=1024,
        slots=2,
        kv_type="q8_0",
        flash_attention="on",
        gpu_layers=0,
        threads=3,
        template="/t.jinja",
        draft="small",
        draft_tokens=5,
    )
    chosen = plan(model, engine, 8 * GIB, nobody)
    found = plan(dataclasses.replace(model, config=config), engine, 8 * GIB, {"small": models["tiny-chat"]}.get)
    spec = found.spec
    assert (spec.context, spec.slots, spec.kv_type, spec.flash, spec.gpu_layers) == (1024, 2, "q8_0", "on", 0)
    assert (spec.threads, spec.template, spec.draft, spec.draft_tokens) == (
        3,
        Path("/t.jinja"),
        models["tiny-chat"],
        5,
    )
    assert found.mark != chosen.mark
    assert (spec.port, spec.key) == (0, "")


def test_a_draft_model_that_is_not_there_is_named(models: dict[str, Path]) -> None:
    model = OwnModel("m", models["tiny-script"], "file:x", config=ModelConfig(draft="nowhere"))
    with pytest.raises(NotFound) as caught:
        plan(model, StandIn("good"), 8 * GIB, nobody)
    assert '"nowhere"' in caught.value.sentence
    assert caught.value.hint == "flock model config m --draft none"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: (path / "config.json").unlink(), "no readable config.json"),
        (lambda path: (path / "config.json").write_text("{"), "is no JSON"),
        (lambda path: (path / "config.json").write_text("[]"), "is no JSON object"),
        (lambda path: (path / "model.safetensors").unlink(), "holds no weights"),
    ],
)
def test_directories_that_are_no_model_say_so(tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    path = directory(tmp_path)
    spoil(path)
    with pytest.raises((NotFound, InvalidRequest)) as caught:
        plan(OwnModel("m", path, "file:x"), Directories("good"), 8 * GIB, nobody)
    assert words in caught.value.sentence


async def test_what_an_engine_takes_is_measured_kept_and_replaces_the_estimate(engine: Engine, supervise: Make) -> None:
    own = supervise(engine)
    await own.plan()
    estimate = own.need_bytes
    assert not own.measured
    await own.ensure()
    await until(lambda: own.measured, "it was measured")
    assert own.need_bytes == own.model.peak_bytes
    assert own.memory_bytes is not None
    assert abs(own.need_bytes - estimate) < estimate
    assert own.load_seconds is not None
    assert (own.context, own.slots) == (8192, 2)
    own.model = dataclasses.replace(own.model, config=ModelConfig(context=1024, slots=1))
    await own.plan()
    assert not own.measured


async def test_what_an_engine_with_a_growing_cache_takes_replaces_the_estimate_only_beyond_it(tmp_path: Path) -> None:
    class Growing(Directories):
        kind = "mlx"

    weighed = Weighed(OwnModel("m", directory(tmp_path), "file:x"), Growing("good"), nobody)
    loading = await weighed.plan()
    weighed.weigh(loading.need_bytes - 1, loading.spec)
    assert (weighed.measured, weighed.need_bytes) == (False, loading.need_bytes)
    weighed.weigh(loading.need_bytes + 1, loading.spec)
    assert (weighed.measured, weighed.need_bytes) == (True, loading.need_bytes + 1)


async def test_on_cards_of_their_own_nothing_is_measured(supervise: Make, around: Surroundings) -> None:
    own = supervise(StandIn("good"), within=dataclasses.replace(around, ties=Ties(in_memory=lambda: False)))
    await own.ensure()
    await until(lambda: own.memory_bytes, "it was looked at")
    assert own.model.peak_bytes is None


class TooOld(StandIn):
    """An engine that is there and cannot be used."""

    def find(self) -> Found | None:
        return Found("/opt/stand-in", "0.1", "version 0.1 is too old, 2.0 is needed", "upgrade-stand-in")


async def test_an_engine_that_is_too_old_is_known_before_any_start(supervise: Make) -> None:
    own = supervise(TooOld("good"))
    assert own.state == "failed"
    with pytest.raises(EngineFailed) as caught:
        await own.ensure()
    assert "stand-in at /opt/stand-in cannot be used: version 0.1 is too old, 2.0 is needed" in caught.value.sentence
    assert caught.value.hint == "upgrade-stand-in"


class Vanishes(StandIn):
    """An engine whose program goes away after it was found."""

    def argv(self, spec: object) -> list[str]:
        self.ports.append(0)
        return ["/nonexistent/stand-in"]


async def test_a_program_that_vanishes_is_named_and_others_serve(supervise: Make) -> None:
    gone, other = supervise(Vanishes("good")), supervise(StandIn("good"))
    with pytest.raises(FlockError, match="/nonexistent/stand-in cannot be started: No such file or directory"):
        await gone.ensure()
    assert gone.state == "failed"
    assert (await other.ensure()).port
