"""`flock model add file:…` and `flock model remove` as users type them, on the embedded engine."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import as_user, give, temporary
from tests.e2e.parts import ask, body
from tests.models.make import SENTENCE
from tests.running import Flock, free_port, running_flock
from tests.screen import Screen

NOBODY = 65534


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with running_flock(FLOCK_ENGINE="embedded") as flock:
        yield flock


@pytest.fixture
def here(tmp_path: Path, models: dict[str, Path]) -> Path:
    """The user's current directory, with some models in it."""
    (tmp_path / "my models").mkdir()
    shutil.copy(models["tiny-script"], tmp_path / "my models" / "Tiny Script.Q4_K_M.gguf")
    shutil.copy(models["tiny-script"], tmp_path / "plain.gguf")
    return tmp_path


def add(flock: Flock, here: Path, *words: str) -> Any:
    """Run `model add` in the user's directory; return (exit code, stdout, stderr)."""
    done = flock.run("model", "add", *words, cwd=here)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def answers(flock: Flock, model: str) -> bool:
    told = ask(flock.port, flock.key, body(model))
    return told.status == 200 and told.json["choices"][0]["message"]["content"] == SENTENCE


def remove(flock: Flock, model: str) -> None:
    flock.ok("model", "remove", model, "--yes")


def test_a_relative_path_with_spaces_is_added_served_and_removed(flock: Flock, here: Path) -> None:
    code, shown, told = add(flock, here, "file:my models/Tiny Script.Q4_K_M.gguf")
    assert (code, told.count("Traceback")) == (0, 0)
    model = flock.json("model", "ls")[0]
    assert shown == f"{model['id']} is ready\n"
    assert (model["state"], model["default"]) == ("ready", True)
    assert model["source"] == f"file:{here}/my models/Tiny Script.Q4_K_M.gguf"
    assert answers(flock, model["id"])
    remove(flock, model["id"])
    assert (here / "my models" / "Tiny Script.Q4_K_M.gguf").exists()
    assert [m["id"] for m in flock.json("model", "ls")] == ["flock-smoke"]
    assert ask(flock.port, flock.key, body(model["id"])).status == 404


def test_a_name_of_ones_own_and_a_restart(flock: Flock, here: Path) -> None:
    code, shown, _ = add(flock, here, "file:./plain.gguf", "--name", "Mine-1.0", "--json")
    steps = [json.loads(line) for line in shown.splitlines()]
    assert code == 0
    assert {step["id"] for step in steps} == {steps[0]["id"]}
    assert [step["state"] for step in steps][-1] == "done"
    assert steps[-1]["target"] == "mine-1.0"
    assert flock.json("job", "show", steps[0]["id"]) == steps[-1] == flock.json("job", "ls")[0]
    assert add(flock, here, "file:plain.gguf", "--quiet")[1] == "plain\n"
    flock.ok("down")
    flock.ok("up")
    assert [m["id"] for m in flock.json("model", "ls")] == ["mine-1.0", "plain"]
    assert answers(flock, "mine-1.0")
    assert answers(flock, "plain")
    for model in ("mine-1.0", "plain"):
        remove(flock, model)


def test_an_id_that_is_taken_is_refused_with_one_that_is_not(flock: Flock, here: Path) -> None:
    assert add(flock, here, "file:plain.gguf")[0] == 0
    code, shown, told = add(flock, here, "file:my models/Tiny Script.Q4_K_M.gguf", "--name", "plain")
    assert (code, shown) == (1, "")
    assert 'the id "plain" is taken by an added model' in told
    assert f"model add 'file:{here}/my models/Tiny Script.Q4_K_M.gguf' --name plain-2" in told
    assert (
        'the id "flock-smoke" is taken by the built-in model'
        in add(flock, here, "file:plain.gguf", "--name", "flock-smoke")[2]
    )
    assert len(flock.json("model", "ls")) == 1
    remove(flock, "plain")


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("file:nothing.gguf", 5, "there is no file {here}/nothing.gguf"),
        ("file:my models", 2, "{here}/my models is a directory"),
        ("file:text.gguf", 2, "{here}/text.gguf is not a GGUF file"),
        ("file:empty.gguf", 2, "{here}/empty.gguf is empty"),
        ("file:cut.gguf", 2, "is cut off or damaged"),
        ("file:pipe.gguf", 2, "{here}/pipe.gguf is not a regular file"),
        ("file:/dev/zero", 2, "/dev/zero is not a regular file"),
        ("file:", 2, "'file:' names no file"),
        ("hf:name", 2, "'hf:name' names no repository"),
        ("org/name", 2, "model add hf:org/name"),
        ("llama3.2:1b", 2, "model add ollama:llama3.2:1b"),
        ("ollama:gpt-oss:120b-cloud", 2, "is answered by ollama.com"),
        ("https://me:word@example.org/a.gguf", 2, "with a name or password in it"),
        ("qwen3-9b", 5, "there is qwen3-8b"),
        ("file:plain.gguf --sha256=abc", 2, "64 hexadecimal digits"),
        ("file:plain.gguf --engine=llamafile", 2, "there is no engine 'llamafile'"),
        ("file:plain.gguf --from=plain.gguf", 2, "--from names a catalog entry"),
        ("my models/Tiny Script.Q4_K_M.gguf", 2, "model add 'file:my models/Tiny Script.Q4_K_M.gguf'"),
        ("file:plain.gguf --name=no/slashes", 2, '"no/slashes" cannot be a model\'s id'),
    ],
)
def test_what_cannot_be_added(flock: Flock, here: Path, source: str, code: int, words: str) -> None:
    (here / "text.gguf").write_text("hello\n")
    (here / "empty.gguf").touch()
    (here / "cut.gguf").write_bytes((here / "plain.gguf").read_bytes()[:1000])
    os.mkfifo(here / "pipe.gguf")
    before = flock.json("job", "ls")
    arguments = source.split(" --", 1)
    got, shown, told = add(flock, here, arguments[0], *(f"--{more}" for more in arguments[1:]))
    assert (got, shown) == (code, "")
    assert words.format(here=here) in told
    assert "\nhint: " in told
    assert flock.json("job", "ls") == before, "validation comes before the job"
    assert [m["id"] for m in flock.json("model", "ls")] == ["flock-smoke"]


def test_a_model_the_engine_cannot_load_leaves_nothing(flock: Flock, here: Path) -> None:
    # in order up to its tensors, of an architecture that does not exist
    data = (here / "plain.gguf").read_bytes()
    (here / "broken.gguf").write_bytes(data.replace(b"llama", b"xxxxx"))
    code, shown, told = add(flock, here, "file:broken.gguf")
    assert (code, shown) == (1, "")
    assert "xxxxx" in told
    job = flock.json("job", "ls")[0]
    assert (job["state"], job["target"]) == ("failed", "broken")
    assert "xxxxx" in job["error"]
    assert [m["id"] for m in flock.json("model", "ls")] == ["flock-smoke"]
    assert [e["name"] for e in flock.json("engine", "ls")] == ["embedded:flock-smoke"]


def test_a_file_the_daemon_may_not_read(models: dict[str, Path]) -> None:
    with temporary() as top:
        flock = Flock(top / "home", free_port(), FLOCK_ENGINE="embedded")
        give(top, NOBODY)  # root, who may run these tests, reads everything
        shutil.copy(models["tiny-script"], top / "secret.gguf")
        (top / "secret.gguf").chmod(0o000)
        try:
            assert as_user(NOBODY, flock, "up").returncode == 0
            done = as_user(NOBODY, flock, "model", "add", f"file:{top}/secret.gguf")
            assert (done.returncode, done.stdout) == (2, "")
            assert f"{top}/secret.gguf cannot be read: Permission denied" in done.stderr
            assert f"hint: ls -l '{top}/secret.gguf'" in done.stderr
        finally:
            as_user(NOBODY, flock, "down", "--grace", "0")
            flock.kill_all()


def test_removing_asks_first(flock: Flock, here: Path) -> None:
    assert add(flock, here, "file:plain.gguf")[0] == 0
    done = flock.run("model", "remove", "plain")
    assert (done.returncode, done.stdout) == (6, "")
    assert "model remove --yes plain" in done.stderr
    assert (
        json.loads(flock.run("model", "remove", "plain", "--json").stderr)["error"]["code"] == "confirmation_required"
    )
    for answer, code, left in (("n", 130, ["plain"]), ("y", 0, ["flock-smoke"])):
        screen = Screen(sys.executable, "-P", "-m", "flock", "model", "remove", "plain", **flock.environment)
        screen.until("Remove model plain?")
        screen.type(answer + "\r")
        assert screen.end() == code, screen.shown
        assert [m["id"] for m in flock.json("model", "ls")] == left


def test_what_cannot_be_removed(flock: Flock, here: Path) -> None:
    assert add(flock, here, "file:plain.gguf")[0] == 0
    for model, code, words in (
        ("plaim", 5, "nearest: plain"),
        ("flock-smoke", 1, "flock-smoke is built in"),
    ):
        done = flock.run("model", "remove", model, "--yes")
        assert (done.returncode, done.stdout) == (code, "")
        assert words in done.stderr
    remove(flock, "plain")
