"""Models that were added and are changed later: settings, presets, the default, removal in use, what a scan says."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.adding import SOURCE, answers, begun, names, standing, stocked_hub
from tests.e2e.parts import Client, ask, body
from tests.fakes.hub_process import FakeHub
from tests.running import PATIENCE, Flock, wait_for


@pytest.fixture
def hub(tmp_path: Path, models: dict[str, Path]) -> Iterator[FakeHub]:
    with stocked_hub(tmp_path / "hub", models) as hub:
        yield hub


@pytest.fixture
def flock(hub: FakeHub) -> Iterator[Flock]:
    with standing(hub) as flock:
        yield flock


def test_settings_the_default_and_presets(hub: FakeHub, flock: Flock) -> None:
    (flock.home / "config.yaml").write_text("# mine\n" + (flock.home / "config.yaml").read_text())
    flock.ok("model", "add", SOURCE)
    flock.ok("model", "add", SOURCE, "--name", "other", "--no-load")
    changed = flock.json("model", "config", "tiny-script", "--context", "2k", "--slots", "1")
    assert changed["config"]["context"] == 2048
    assert changed["note"] == "it is loaded anew once it is idle"
    assert answers(flock, "tiny-script")
    wait_for(lambda: flock.json("model", "ls")[0]["context"] == 2048, "it was loaded with the new window")
    flock.ok("model", "preset", "save", "Small", "--model", "tiny-script")
    flock.ok("model", "config", "other", "--preset", "small")
    assert flock.json("model", "config", "other")["config"]["context"] == 2048
    assert flock.run("model", "config", "other", "--preset", "smal").returncode == 5
    too_much = flock.run("model", "config", "other", "--context", "16000000", "--slots", "256")
    assert "would need" in too_much.stderr
    assert flock.json("model", "config", "other")["config"]["context"] == 2048
    flock.ok("model", "default", "other")
    assert flock.json("model", "ls")[0]["id"] == "other"
    assert ask(flock.port, flock.key, body("")).json["model"] == "other"
    text = (flock.home / "config.yaml").read_text()
    assert text.startswith("# mine\n")
    assert "default_model: other" in text
    flock.ok("down")
    flock.ok("up")
    assert flock.json("model", "ls")[0]["id"] == "other"
    assert flock.json("model", "config", "tiny-script")["config"] == changed["config"]
    assert [preset["name"] for preset in flock.json("model", "preset", "ls") if not preset["builtin"]] == ["small"]
    removed = flock.ok("model", "remove", "other", "--yes")
    assert "its files stay, another model needs them" in removed
    assert "it was the default model" in removed
    assert "default_model: other" not in (flock.home / "config.yaml").read_text()
    assert answers(flock, "tiny-script")


def test_a_model_in_use_ends_its_answer_before_it_is_removed(flock: Flock, models: dict[str, Path]) -> None:
    flock.ok("model", "add", f"file:{models['tiny-chat']}")
    with contextlib.closing(Client(flock.port, flock.key)) as client:
        client.send(body("tiny-chat", stream=True, max_tokens=2000))
        told = client.head()
        told.body = client.until(b"data:")
        with begun(flock, "remove", "tiny-chat", "--yes") as removing:
            client.rest(told)
            assert told.done, told.body[-500:]
            assert not told.error
            shown, _ = removing.communicate(timeout=PATIENCE)
    assert (removing.returncode, shown) == (0, "removed tiny-chat; its file stays where it is\n")
    assert names(flock) == ["flock-smoke"]


def test_a_scan_says_what_is_added(flock: Flock, tmp_path: Path, models: dict[str, Path]) -> None:
    (tmp_path / "found").mkdir()
    shutil.copy(models["tiny-script"], tmp_path / "found/Some-Model.Q4_K_M.gguf")
    done = flock.run("model", "scan", "found", cwd=tmp_path)
    assert "\tnew\n" in done.stdout
    command = done.stderr.partition("add one: ")[2].split()[-1]
    flock.ok("model", "add", command)
    (row,) = json.loads(flock.run("model", "scan", "found", "--json", cwd=tmp_path).stdout)
    assert (row["id"], row["added"]) == ("some-model.q4_k_m", True)
