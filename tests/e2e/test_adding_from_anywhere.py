"""`flock model add` from the hub, an Ollama, a URL and a file: added, killed at half, gone on with, served."""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.adding import (
    FILE,
    REPO,
    SIZE,
    SOURCE,
    answers,
    begun,
    end,
    halfway,
    killed,
    names,
    refused,
    standing,
    stocked_hub,
)
from tests.e2e.parts import ask, body
from tests.fakes.hub_process import FakeHub
from tests.fakes.ollama_process import fake_ollama
from tests.running import PATIENCE, Flock, wait_for


@pytest.fixture
def hub(tmp_path: Path, models: dict[str, Path]) -> Iterator[FakeHub]:
    with stocked_hub(tmp_path / "hub", models) as hub:
        yield hub


@pytest.fixture
def flock(hub: FakeHub) -> Iterator[Flock]:
    with standing(hub) as flock:
        yield flock


# -- the hub


def test_from_the_hub_killed_at_half_gone_on_with_and_served(hub: FakeHub, flock: Flock, models: Any) -> None:
    size = models["tiny-script"].stat().st_size
    hub.arm("hold", after=size * 6 // 10)
    with begun(flock, "add", SOURCE) as adding:
        job = halfway(flock, size)
        assert (job["kind"], job["target"], job["total_bytes"]) == ("model.add", "tiny-script", size)
        assert job["plan"]["engine"] == "embedded"
        killed(flock)
        adding.communicate(timeout=PATIENCE)
        assert adding.returncode in (3, 5), "the daemon went away, and with it the job"
    assert names(flock) == ["flock-smoke"]
    (part,) = flock.json("cache", "ls")
    assert (part["state"], part["models"]) == ("partial", [])
    hub.release()
    lines = flock.ok("model", "add", SOURCE, "--json").splitlines()
    steps = [json.loads(line) for line in lines]
    assert steps[-1]["state"] == "done"
    ranges = [row[0] for row in hub.contents()]
    assert ranges[-1].startswith("bytes="), "the second download went on where the first one ended"
    (model,) = flock.json("model", "ls")
    assert (model["id"], model["state"], model["quant"]) == ("tiny-script", "ready", "Q4_K_M")
    assert model["source"] == f"hf:{REPO}:{FILE}"
    assert answers(flock, "tiny-script")
    assert "rendering\tok\t" in flock.ok("model", "validate", "tiny-script")
    flock.ok("down")
    flock.ok("up")
    assert answers(flock, "tiny-script")
    removed = flock.ok("model", "remove", "tiny-script", "--yes")
    assert "1 file of it deleted" in removed
    assert flock.json("cache", "ls") == []


def test_two_additions_of_one_model_are_one_job_and_can_be_cancelled(hub: FakeHub, flock: Flock) -> None:
    hub.arm("hold", after=150_000, times=5)
    with begun(flock, "add", SOURCE, "--json") as first, begun(flock, "add", SOURCE, "--json") as second:
        joined(hub, flock, first, second)
    assert names(flock) == ["flock-smoke"]
    assert [row["state"] for row in flock.json("cache", "ls")] == ["partial"]
    hub.release()
    flock.ok("model", "add", SOURCE, "--name", "mine")
    assert answers(flock, "mine")


def joined(hub: FakeHub, flock: Flock, *additions: "subprocess.Popen[str]") -> None:
    """See that several additions are one job, that another one is refused with its id, and cancel it."""
    job = halfway(flock, SIZE)
    said = refused(flock, SOURCE, "--sha256", "ab" * 32, code=1)
    assert f"tiny-script is being added already, from another source or with other options (job {job['id']})" in said
    assert f"job show {job['id']}" in said
    running = [one for one in flock.json("job", "ls") if one["state"] == "running"]
    assert [one["id"] for one in running] == [job["id"]]
    assert flock.json("job", "cancel", job["id"])["state"] == "cancelled"
    for adding in additions:
        shown, told = adding.communicate(timeout=PATIENCE)
        assert adding.returncode == 130, told
        assert {json.loads(line)["id"] for line in shown.splitlines()} == {job["id"]}


def test_what_the_hub_has_that_cannot_be_added(hub: FakeHub, flock: Flock) -> None:
    assert "there is ada/Tiny-Script-GGUF" in refused(flock, "hf:ada/Tiny-Skript-GGUF", code=5)
    assert "it has Q4_K_M" in refused(flock, f"{SOURCE}:Q8_0", code=5)
    assert "is gated" in refused(flock, "hf:ada/Gated-GGUF", code=4)
    assert "is cut off or damaged" in refused(flock, "hf:ada/Cut-GGUF", code=2)
    assert "xxxxx" in refused(flock, "hf:ada/Odd-GGUF", code=1)
    assert "which is not installed" in refused(flock, "hf:ada/Odd-GGUF", "--engine", "llamacpp", code=1)
    assert "there is no engine 'vlm'" in refused(flock, SOURCE, "--engine", "vlm", code=2)
    assert "cannot be served here" in refused(flock, SOURCE, "--engine", "mlx", code=2)


def test_a_wrong_checksum_is_quarantined_and_the_next_try_is_right(hub: FakeHub, flock: Flock) -> None:
    hub.arm("wrong")
    said = refused(flock, SOURCE, code=1)
    assert "has another checksum than it should" in said
    assert [row["state"] for row in flock.json("cache", "ls")] == ["quarantined"]
    flock.ok("model", "add", SOURCE)
    assert answers(flock, "tiny-script")


def test_a_hub_that_is_gone(hub: FakeHub, flock: Flock) -> None:
    flock.ok("model", "add", SOURCE, "--no-load")
    assert flock.json("model", "ls")[0]["state"] == "stopped"
    end(hub)
    done = flock.run("model", "add", "hf:ada/Other-GGUF")
    assert done.returncode == 75
    assert "does not answer" in done.stderr
    planned = flock.json("model", "add", "qwen3-8b", "--dry-run")
    assert (planned["state"], planned["plan"]["id"], planned["id"]) == ("planned", "qwen3-8b", "")
    assert planned["plan"]["size_bytes"] > 4_000_000_000
    assert len(flock.json("job", "ls")) == 1
    done = flock.run("model", "add", "qwen3-8b")
    assert done.returncode == 75
    assert answers(flock, "tiny-script")


def test_what_does_not_fit_is_refused_with_the_sum_unless_it_is_forced(hub: FakeHub) -> None:
    with standing(hub, FLOCK_ENGINE_MEMORY="100MB") as flock:
        done = flock.run("model", "add", "qwen3-8b", "--json")
        error = json.loads(done.stderr)["error"]
        assert error["code"] == "not_enough_memory"
        assert "100.0 MB free" in error["message"]
        assert error["details"]["needs"] > error["details"]["budget"] == 100_000_000
        assert done.returncode != 0
        planned = flock.json("model", "add", "qwen3-8b", "--dry-run")["plan"]
        assert not planned["fits"]
        assert planned["verdict"] in error["message"]
        assert "needs 4 machines: not built yet" in flock.run("model", "add", "glm-5.1-sharded", "--force").stderr
        assert flock.json("job", "ls") == []


def test_an_entry_of_ones_own(hub: FakeHub, flock: Flock, models: dict[str, Path]) -> None:
    entry = flock.home.parent / "mine.yaml"
    entry.write_text(
        "id: mine\nname: Mine\ncapabilities: [chat]\nlicense: MIT\ncommercial: only with a friend\n"
        f"sources:\n  gguf:\n    - repo: {REPO}\n      file: {FILE}\n      quant: Q4_K_M\n      size_gb: 0.0002\n"
    )
    done = flock.run("model", "add", "mine", "--from", "mine.yaml")
    assert done.returncode == 0, done.stderr
    assert "note: licence MIT: only with a friend" in done.stderr
    assert answers(flock, "mine")
    assert flock.json("model", "ls")[0]["source"] == "catalog:mine"
    flock.ok("model", "remove", "mine", "--keep-files", "--yes")
    end(hub)
    done = flock.run("model", "add", "mine", "--from", "mine.yaml")
    assert done.returncode == 0, done.stderr
    assert "does not answer" in done.stderr
    assert "what is here already is used" in done.stderr
    assert answers(flock, "mine")


# -- a URL


def test_from_a_url_killed_at_half_gone_on_with_and_served(hub: FakeHub, flock: Flock, models: Any) -> None:
    url = f"{hub.url}/files/{REPO}/{FILE}?token=secret-of-the-url"
    digest = sha256(models["tiny-script"].read_bytes()).hexdigest()
    hub.arm("hold", after=150_000)
    with begun(flock, "add", url, "--name", "by-url", "--sha256", digest):
        halfway(flock, SIZE)
        killed(flock)
    assert names(flock) == ["flock-smoke"]
    hub.release()
    flock.ok("model", "add", url, "--name", "by-url", "--sha256", digest.upper())
    assert hub.contents()[-1][0].startswith("bytes=")
    assert answers(flock, "by-url")
    for shown in (flock.ok("model", "ls"), flock.ok("audit"), flock.ok("cache", "ls"), flock.ok("job", "ls", "--json")):
        assert "secret-of-the-url" not in shown
    assert "secret-of-the-url" not in (flock.home / "logs/flock.log").read_text()
    assert "404" in flock.run("model", "add", f"{hub.url}/files/{REPO}/none.gguf").stderr


# -- a file


def test_from_a_file_whose_daemon_is_killed(flock: Flock, models: dict[str, Path]) -> None:
    shutil.copy(models["tiny-script"], flock.home.parent / "plain.gguf")
    with begun(flock, "add", f"file:{flock.home.parent}/plain.gguf"):
        wait_for(lambda: flock.json("job", "ls"), "the job has begun")
        killed(flock)
    if "plain" not in names(flock):  # it was killed before the model was kept
        flock.ok("model", "add", f"file:{flock.home.parent}/plain.gguf")
    assert answers(flock, "plain")
    flock.ok("model", "remove", "plain", "--yes")
    assert (flock.home.parent / "plain.gguf").exists()


def test_a_file_of_another_checksum(flock: Flock, models: dict[str, Path]) -> None:
    said = refused(flock, f"file:{models['tiny-script']}", "--sha256", "ab" * 32, code=2)
    assert f"and {'ab' * 32} was wanted" in said


# -- an Ollama


@pytest.fixture
def ollama() -> Iterator[int]:
    with fake_ollama() as port:
        yield port


def seen(port: int, path: str = "/seen", data: bytes | None = None) -> Any:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}{path}", data, timeout=30) as answer:
        return json.load(answer)


def test_from_an_ollama_killed_at_half_gone_on_with_and_served(hub: FakeHub, ollama: int) -> None:
    with standing(hub, FLOCK_OLLAMA_ENDPOINT=f"http://127.0.0.1:{ollama}") as flock:
        before = set(names(flock))
        with begun(flock, "add", "ollama:held:1b"):
            job = halfway(flock)
            assert job["plan"]["engine"] == "ollama"
            killed(flock)
        assert set(names(flock)) == before
        seen(ollama, "/release", b"")
        flock.ok("model", "add", "ollama:held:1b")
        pulls = seen(ollama)["pulls"]
        assert pulls[-1]["from"] > 0
        assert pulls[-1]["ended"] == "success"
        assert set(names(flock)) == before | {"held-1b"}
        told = ask(flock.port, flock.key, body("held-1b"))
        assert told.status == 200
        assert told.json["model"] == "held-1b"
        flock.ok("down")
        flock.ok("up")
        wait_for(lambda: ask(flock.port, flock.key, body("held-1b")).status == 200, "it answers again")
        assert "Ollama has deleted held:1b" in flock.ok("model", "remove", "held-1b", "--yes")
        assert seen(ollama)["deleted"] == ["held:1b"]


def test_an_ollama_keeps_what_it_had_already(hub: FakeHub, ollama: int) -> None:
    with standing(hub, FLOCK_OLLAMA_ENDPOINT=f"http://127.0.0.1:{ollama}") as flock:
        tag = next(model["id"] for model in flock.json("model", "ls") if model["engine"] == "ollama")
        pulls = seen(ollama)["pulls"]
        flock.ok("model", "add", f"ollama:{tag}", "--name", "kept")
        assert seen(ollama)["pulls"] == pulls
        assert "kept" in names(flock)
        assert f"Ollama keeps {tag}" in flock.ok("model", "remove", "kept", "--yes")
        assert seen(ollama)["deleted"] == []
        assert tag in names(flock)
        for source, code in (("ollama:stub", 2), ("ollama:full:1b", 1), ("ollama:nothing:7b", 5)):
            done = flock.run("model", "add", source)
            assert (done.returncode, done.stdout) == (code, ""), done.stderr


def test_no_ollama(flock: Flock) -> None:
    said = refused(flock, "ollama:small:1b", code=1)
    assert "ollama, which is not installed" in said
    assert "flock engine install ollama" in said


# -- a terminal's Ctrl-C


def test_ctrl_c_leaves_it_alone_and_says_how_to_go_on(hub: FakeHub, flock: Flock) -> None:
    hub.arm("hold", after=150_000)
    with begun(flock, "add", SOURCE) as adding:
        job = halfway(flock, SIZE)
        os.kill(adding.pid, signal.SIGINT)
        _, told = adding.communicate(timeout=PATIENCE)
    assert adding.returncode == 130
    assert f"job cancel {job['id']}" in told
    hub.release()
    wait_for(lambda: names(flock) == ["tiny-script"], "it went on without anybody")
    assert answers(flock, "tiny-script")
