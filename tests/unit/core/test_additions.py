"""Plans of additions: every entry of the catalog on machines of many sizes, and what speaks against an addition."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flock.contract.hub import HubFile
from flock.contract.models import AddModel
from flock.contract.plans import AddPlan
from flock.core import additions, origins
from flock.core.additions import Addition, Disk
from flock.core.fitting import Here
from flock.errors import EngineFailed, FlockError, NotEnoughMemory, NotFound, StorageFailed, Unsupported
from flock.hardware.seen import Seen, simulated
from flock.models.choose import EngineHere
from flock.models.entry import Entry
from flock.models.repository import Repository
from flock.models.shelf import Shelf

ROOT = Path("/srv/models")
CATALOG = Path(__file__).parents[3] / "catalog"
ENTRIES = dict(Shelf([CATALOG]).read().entries)
GIB = 2**30
CHATS = frozenset({"chat", "embedding", "rerank"})
ENGINES = (
    EngineHere("llamacpp", True, "", frozenset({"gguf"}), CHATS),
    EngineHere("embedded", True, "", frozenset({"gguf"}), CHATS),
    EngineHere("mlx", False, "flock engine install mlx", frozenset({"mlx", "safetensors"}), frozenset({"chat"})),
    EngineHere("vllm", False, "flock engine install vllm", frozenset({"safetensors"}), CHATS),
    EngineHere("whisper", True, "", frozenset({"whisper"}), frozenset({"transcription"})),
    EngineHere("piper", True, "", frozenset({"piper"}), frozenset({"speech"})),
    EngineHere("ollama", True, "", frozenset({"ollama"}), frozenset({"", "chat", "embedding"})),
)
EMPTY = Disk(0, 2**50)


def machine(gigabytes: int = 64, gpu: str = "", engines: tuple[EngineHere, ...] = ENGINES) -> Here:
    seen: Seen = simulated(gigabytes, gpu)
    return Here(seen, max(0, seen.pool_total_bytes - 2 * GIB), engines)


def dry(entry: Entry, here: Here, **more: Any) -> Addition:
    """Plan without a look at the hub, as `--dry-run` does."""
    op = AddModel(source=entry.id, **more)
    return planned(origins.of_entry(op, entry), here, op)


def planned(origin: origins.Origin, here: Here, op: AddModel, disk: Disk = EMPTY) -> Addition:
    choice = additions.choice_of(origin, here, op)
    files = additions.wanted(origin, choice, ROOT, op.sha256)
    return additions.made(origin.candidate.id, origin, choice, here, files, disk)


def refusal(addition: Addition, **more: Any) -> FlockError | None:
    try:
        additions.check(addition, AddModel(source=addition.plan.id, **more))
    except FlockError as error:
        return error
    return None


@pytest.mark.parametrize("gigabytes", [8, 24, 64, 512])
@pytest.mark.parametrize("gpu", ["", "nvidia", "apple"])
@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_has_a_plan_on_every_machine(entry: Entry, gpu: str, gigabytes: int) -> None:
    here = machine(gigabytes, gpu)
    plan = dry(entry, here).plan
    assert (plan.id, plan.budget_bytes, plan.license) == (entry.id, here.budget_bytes, entry.license)
    assert plan.verdict
    assert plan.source.startswith(("hf:", "ollama:", "catalog:"))
    if entry.shards > 1:
        assert not plan.fits
        assert plan.verdict == f"needs {entry.shards} machines: not built yet"
        return
    assert plan.engine, "some engine could serve it"
    assert plan.engine_ready or plan.engine_hint
    assert plan.size_bytes
    assert plan.size_bytes > 1_000_000
    assert plan.needs_bytes
    assert plan.eta_seconds == pytest.approx(plan.size_bytes / 50e6, abs=0.1)
    if plan.fits:
        assert plan.needs_bytes <= here.budget_bytes


def test_a_larger_machine_never_fits_less() -> None:
    for entry in ENTRIES.values():
        fits = [dry(entry, machine(gigabytes)).plan.fits for gigabytes in (8, 24, 64, 512)]
        assert fits == sorted(fits), entry.id


def test_small_machines_take_small_models_and_large_ones_large() -> None:
    def fitting(gigabytes: int) -> set[str]:
        return {entry.id for entry in ENTRIES.values() if dry(entry, machine(gigabytes)).plan.fits}

    assert "llama-3.2-1b" in fitting(8)
    assert "qwen3-30b" not in fitting(8)
    assert "qwen3-30b" in fitting(64)
    assert "gpt-oss-120b" in fitting(512) - fitting(64) - fitting(24)


def test_what_a_user_should_know_is_said() -> None:
    unsure = next(entry for entry in ENTRIES.values() if entry.unsure)
    plan: AddPlan = dry(unsure, machine()).plan
    assert sum(warning.startswith("not confirmed: ") for warning in plan.warnings) == len(unsure.unsure)
    conditional = replace(unsure, commercial="below 700 million users", license="X", superseded_by="newer")
    warnings = dry(conditional, machine()).plan.warnings
    assert "there is a newer one of its kind: newer" in warnings
    assert any(warning.startswith("licence X: below 700 million users") for warning in warnings)
    assert "its licence does not allow commercial use" in str(dry(replace(unsure, commercial="no"), machine()).plan)


# -- what speaks against it


ENTRY = ENTRIES["qwen3-8b"]


def test_what_fits_is_not_refused() -> None:
    assert refusal(dry(ENTRY, machine(64))) is None


def test_several_machines_are_not_built_yet_forced_or_not() -> None:
    sharded = dry(ENTRIES["glm-5.1-sharded"], machine(512))
    for force in (False, True):
        error = refusal(sharded, force=force)
        assert isinstance(error, Unsupported)
        assert error.sentence == f"glm-5.1-sharded needs {ENTRIES['glm-5.1-sharded'].shards} machines: not built yet"


def test_what_does_not_fit_says_the_sum_and_may_be_forced() -> None:
    addition = dry(ENTRIES["gpt-oss-120b"], machine(24))
    error = refusal(addition)
    assert isinstance(error, NotEnoughMemory)
    assert addition.plan.verdict in error.sentence
    assert error.hint == "flock model search --fits"
    assert refusal(addition, force=True) is None


def test_an_engine_that_is_not_installed_is_named_with_its_command() -> None:
    error = refusal(dry(ENTRY, machine(64, "nvidia"), engine="vllm"))
    assert isinstance(error, EngineFailed)
    assert (error.sentence, error.hint) == (
        "qwen3-8b would be served by vllm, which is not installed",
        "flock engine install vllm",
    )


def test_an_engine_that_cannot_serve_it_is_named() -> None:
    error = refusal(dry(ENTRY, machine(64), engine="piper"))
    assert isinstance(error, Unsupported)
    assert "piper cannot serve it" in error.sentence


def test_a_disk_too_small_says_what_is_missing() -> None:
    op = AddModel(source="qwen3-8b")
    origin = additions.exact(
        origins.of_entry(op, ENTRY), additions.choice_of(origins.of_entry(op, ENTRY), machine(), op), hub(ENTRY)
    )
    full = planned(origin, machine(), op, Disk(0, 10**9))
    error = refusal(full, force=True)
    assert isinstance(error, StorageFailed)
    assert "1.0 GB free" in error.sentence
    assert error.hint == "flock cache prune"
    # nearly all of it is there already
    assert refusal(planned(origin, machine(), op, Disk((full.plan.size_bytes or 0) - 10, 10**9))) is None


# -- what the hub says counts


def hub(entry: Entry, *others: str, size: int = 5_000_000_000) -> Repository:
    way = next(way for way in entry.ways if way.format == "gguf" and way.files)
    files = tuple(HubFile(name, size, "ab" * 32) for name in (*way.files, *others))
    return Repository(way.repo, "c0ffee", "apache-2.0", gated=False, files=files)


def test_sizes_checksums_and_places_are_the_hubs() -> None:
    op = AddModel(source="qwen3-8b", sha256="cd" * 32)
    origin = origins.of_entry(op, ENTRY)
    origin = additions.exact(origin, additions.choice_of(origin, machine(), op), hub(ENTRY, "README.md"))
    addition = planned(origin, machine(), op)
    (file,) = addition.files
    assert (file.size, file.sha256, file.revision) == (5_000_000_000, "cd" * 32, "c0ffee")
    assert file.target.is_relative_to(ROOT / "hub")
    assert addition.plan.size_bytes == 5_000_000_000
    assert [planned.sha256 for planned in addition.plan.files] == ["cd" * 32]


def test_a_file_that_is_gone_is_not_found() -> None:
    op = AddModel(source="qwen3-8b")
    origin = origins.of_entry(op, ENTRY)
    empty = replace(hub(ENTRY), files=(HubFile("README.md", 1),))
    with pytest.raises(NotFound, match="has no"):
        additions.exact(origin, additions.choice_of(origin, machine(), op), empty)
