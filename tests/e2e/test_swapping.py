"""Models that take turns in memory, on real llama.cpp: more models than there is room for, and everybody served.

The numbers are printed; asserted is what is promised: how many loads there are, and the bound on waiting.
"""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.parts import Told, ask, body, call, children, environment, explained
from tests.models.make import SENTENCE
from tests.running import Flock, flock_home, wait_for

BOTH = pytest.mark.parametrize(
    "flock", ["embedded", pytest.param("llamacpp", marks=pytest.mark.engine("llama-server"))], indirect=True
)
NAMES = ("one", "two", "three")
BOUND = 30  # the default


@pytest.fixture
def flock(request: pytest.FixtureRequest, models: dict[str, Path], tmp_path: Path) -> Iterator[Flock]:
    """A flock with three models that were never loaded, and that is not up."""
    with flock_home(**environment(), FLOCK_ENGINE=getattr(request, "param", "embedded")) as flock:
        flock.ok("up")
        for name in NAMES:
            shutil.copy(models["tiny-script"], tmp_path / f"{name}.gguf")
            flock.ok("model", "add", f"file:{tmp_path}/{name}.gguf", "--no-load")
        flock.ok("down")
        yield flock
        assert "Traceback" not in log(flock)


def log(flock: Flock) -> str:
    return (flock.home / "logs/flock.log").read_text()


def starts(flock: Flock) -> list[str]:
    """Return the models whose engines were started since the log was emptied, in order."""
    return re.findall(r"\w+:(\S+): ready on port", log(flock))


def loads(flock: Flock) -> list[float]:
    """Return the seconds that loads took, from the order to the engine's readiness, by the log's times."""
    at: dict[str, float] = {}
    took: list[float] = []
    for line in log(flock).splitlines():
        found = re.match(r"\S+[T ](\d+):(\d+):(\d+(?:\.\d+)?)\S* .*?(\w+:\S+): (to be loaded|ready on port)", line)
        if found is None:
            continue
        hours, minutes, seconds, name, what = found.groups()
        now = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        if what == "to be loaded":
            at[name] = now
        elif name in at:
            took.append(now - at.pop(name))
    return took


def up(flock: Flock, room: float = 0, **settings: Any) -> None:
    """Start it with room for so many of the models, 0 for what the machine has, and an empty log."""
    flock.ok("up")
    if room:
        flock.ok("model", "load", "one")
        needs = [row["memory_bytes"] for row in flock.json("model", "ps")["models"] if row["id"] == "one"]
        flock.ok("model", "unload", "one")
        flock.ok("config", "set", "engine.memory", str(int(needs[0] * room)))
    for name, value in settings.items():
        flock.ok("config", "set", f"loading.{name}", str(value).lower())
    flock.ok("down")
    (flock.home / "logs/flock.log").write_text("")
    flock.ok("up")


def states(flock: Flock) -> dict[str, str]:
    return {row["id"]: row["state"] for row in call(flock.port, "GET", "/admin/v1/models", flock.key).json}


def at_once(*calls: Callable[[], Told]) -> list[Told]:
    """Make calls at the same time and return what they were told."""
    told: list[Told] = []
    threads = [threading.Thread(target=lambda one=one: told.append(one())) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def waited(told: Told) -> float:
    return float(told.headers.get("x-flock-queue-seconds", 0))


@pytest.mark.alone  # a bound on waiting is the promise
@BOTH
def test_twelve_clients_with_three_models_in_turn_and_room_for_one(flock: Flock) -> None:
    up(flock, 1.5, bound_seconds=BOUND)
    wait_for(lambda: states(flock)["one"] == "ready", "the default is loaded")
    before = len(starts(flock))
    answers: list[Told] = []

    def client(number: int) -> Told:
        for step in range(5):
            told = ask(flock.port, flock.key, body(NAMES[(number + step) % 3]))
            answers.append(told)
        return told

    at_once(*(lambda number=number: client(number) for number in range(12)))
    began, waits, took = starts(flock)[before:], [waited(told) for told in answers], loads(flock)
    print(
        f"\nanswers: {len(answers)}; child starts: {len(began)} ({' '.join(began)}); loads of {min(took):.2f} to "
        f"{max(took):.2f} s; waits: largest {max(waits):.2f} s, mean {sum(waits) / 60:.2f} s"
    )
    assert [told.status for told in answers] == [200] * 60
    assert {told.json["choices"][0]["message"]["content"] for told in answers} == {SENTENCE}
    assert len(began) <= 9
    assert max(waits) <= BOUND + max(took)
    # and those who waited were told so, then and afterwards
    one = max(answers, key=waited)
    assert int(one.headers["x-flock-queue-position"]) >= 1
    assert float(one.headers["x-flock-queue-eta"]) >= 0
    why = explained(flock, one.id)
    assert any(note.startswith("waited ") for note in why["notes"])
    spans = {span["name"]: span for span in why["spans"]}
    assert "waited for its turn" in spans["queue"]["detail"]
    assert (spans["queue"]["duration_ms"] + spans["load"]["duration_ms"]) / 1000 >= waited(one) * 0.9


@BOTH
def test_fifty_first_requests_start_a_model_once(flock: Flock) -> None:
    up(flock)
    answers = at_once(*([lambda: ask(flock.port, flock.key, body("two"))] * 50))
    assert [told.status for told in answers] == [200] * 50
    assert starts(flock).count("two") == 1
    positions = sorted(int(told.headers["x-flock-queue-position"]) for told in answers if waited(told))
    assert positions == list(range(1, len(positions) + 1))


def test_a_load_that_fails_fails_all_who_wait_with_the_engines_words(flock: Flock, tmp_path: Path) -> None:
    up(flock)
    wait_for(lambda: states(flock)["one"] == "ready", "the default is loaded")
    whole = (tmp_path / "two.gguf").read_bytes()
    (tmp_path / "two.gguf").write_bytes(whole[: len(whole) // 2])
    answers = at_once(*([lambda: ask(flock.port, flock.key, body("two"))] * 20))
    assert {told.status for told in answers} == {503}
    assert len({told.error["message"] for told in answers}) <= 2  # those who came later hear of the back-off's reason
    assert ask(flock.port, flock.key, body("one")).status == 200


def test_models_leave_when_idle_and_pinned_ones_stay(flock: Flock) -> None:
    up(flock, idle_seconds=1)
    flock.ok("model", "load", "two", "--pin")
    assert ask(flock.port, flock.key, body("three")).status == 200
    wait_for(lambda: states(flock) == {"one": "stopped", "two": "ready", "three": "stopped"}, "the idle ones leave")
    shown = flock.json("model", "ps")
    assert [(row["id"], row["pinned"]) for row in shown["models"]] == [("two", True)]
    assert shown["used_bytes"] == shown["models"][0]["memory_bytes"] > 0
    assert len(children(flock)) == 1
    # and come back when they are asked for
    assert ask(flock.port, flock.key, body("three")).status == 200
    flock.ok("model", "unload", "two")
    assert states(flock)["two"] == "stopped"
    assert not any(row["pinned"] for row in flock.json("model", "ls"))


def test_what_was_in_memory_is_loaded_again_after_a_restart(flock: Flock) -> None:
    up(flock)
    flock.ok("model", "load", "three", "--pin")
    flock.ok("down")
    (flock.home / "logs/flock.log").write_text("")
    flock.ok("up")
    wait_for(lambda: states(flock) == {"one": "ready", "two": "stopped", "three": "ready"}, "they are loaded again")
    assert sorted(starts(flock)) == ["one", "three"]
    assert next(row for row in flock.json("model", "ls") if row["id"] == "three")["pinned"]


def test_loads_on_purpose_say_the_sum_and_swap_when_told(flock: Flock) -> None:
    up(flock, 1.5)
    wait_for(lambda: states(flock)["one"] == "ready", "the default is loaded")
    refused = flock.run("model", "load", "two")
    assert refused.returncode == 1
    assert re.search(r"two needs .* [kMG]B, .* [kMG]B free; one \(.* [kMG]B\), idle .*, could go", refused.stderr)
    assert re.search(r"hint: \S*flock model load two --swap", refused.stderr)
    assert "two is in memory" in flock.ok("model", "load", "two", "--swap", "--pin")
    assert states(flock) == {"one": "stopped", "two": "ready", "three": "stopped"}
    told = ask(flock.port, flock.key, body("three"))
    assert (told.status, told.error["code"]) == (503, "not_enough_memory")
    assert re.search(r"three needs .* free; two \(.*\) is pinned", told.error["message"])
    assert ask(flock.port, flock.key, body("two")).status == 200


def test_without_just_in_time_loading_requests_load_nothing(flock: Flock) -> None:
    up(flock, jit=False, idle_seconds=1)
    told = ask(flock.port, flock.key, body("two"))
    assert (told.status, told.error["code"]) == (409, "model_not_loaded")
    assert told.error["message"].startswith("two is not loaded, and loading.jit is off")
    flock.ok("model", "load", "two")
    assert ask(flock.port, flock.key, body("two")).status == 200
    # what was in memory before is there again, and nothing else
    assert sorted(starts(flock)) == ["one", "two"]


def test_one_model_at_a_time_where_it_is_to_be_so(flock: Flock) -> None:
    up(flock, exclusive=True)
    for name in NAMES:
        assert ask(flock.port, flock.key, body(name)).status == 200
        assert [model for model, state in states(flock).items() if state == "ready"] == [name]
        assert len(children(flock)) == 1
