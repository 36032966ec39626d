"""Models as the store keeps them come back as they were; what does not fit is left out."""

from pathlib import Path

import pytest

from flock.contract.models import ModelConfig
from flock.engines.own_model import OwnModel
from flock.engines.stored_models import config_of, kept, restored, settings_of
from flock.store.entries import ModelEntry

FILE = Path("/srv/models/hub/a--b/m.gguf")
FULL = OwnModel(
    id="m",
    path=FILE,
    source="hf:a/b:m.gguf",
    created_at=1.5,
    kind="chat",
    note="mind the gap",
    engine="vllm",
    config=ModelConfig(context=4096, kv_type="q8_0", trust_remote_code=True, idle_seconds=0.0),
    family="qwen3",
    quant="Q4_K_M",
    license="apache-2.0",
    projector=Path("/srv/models/hub/a--b/mmproj.gguf"),
    files=(FILE,),
    sha256={str(FILE): "ab" * 32},
    pinned=True,
    priority=3,
    peak_bytes=10**9,
    peak_of="mark",
    last_used_at=2.5,
)


@pytest.mark.parametrize(
    "model",
    [
        FULL,
        OwnModel("plain", Path("/a/plain.gguf"), "file:/a/plain.gguf"),
        OwnModel("lent", Path(), "ollama:x:1b", engine="ollama", pulled=True),
    ],
    ids=lambda model: model.id,
)
def test_there_and_back(model: OwnModel) -> None:
    entry = kept(model, loaded=True)
    assert entry.loaded
    assert restored(entry) == model


def test_what_an_old_flock_kept() -> None:
    model = restored(ModelEntry("old", "/a/old.gguf", 1.0), kind="embedding")
    assert model == OwnModel("old", Path("/a/old.gguf"), "file:/a/old.gguf", 1.0, kind="embedding")
    assert kept(model, loaded=False).source == "", "a file of the user's own is known by its path"


def test_what_the_file_says_now_counts_more() -> None:
    assert restored(kept(FULL, loaded=False), kind="embedding").kind == "embedding"


def test_settings_that_do_not_fit_are_left_to_flock() -> None:
    settings = {"context": "many", "slots": 2, "kv_type": 7, "of_a_later_flock": 1, "trust_remote_code": "yes"}
    assert config_of(settings) == ModelConfig(slots=2)
    assert settings_of(ModelConfig(slots=2)) == {"slots": 2}
    assert settings_of(ModelConfig()) == {}


def test_facts_that_do_not_fit_are_left_out() -> None:
    entry = ModelEntry("m", "/a/m.gguf", 1.0, facts={"sha256": "none", "quant": None, "later": [1]})
    assert restored(entry).sha256 == {}
