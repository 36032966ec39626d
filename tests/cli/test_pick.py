"""The picker and the wizard, on real terminals; and that nobody is asked who cannot answer."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flock.cli import ask, pick, tree, wizard
from flock.cli.call import Answer
from flock.cli.grammar import Missing
from flock.cli.tree import Given
from flock.contract import codec
from flock.contract.catalog import CatalogModel, ListPicks, SearchCatalog
from flock.contract.engines import ListEngines, RestartEngine
from flock.contract.lifecycle import Up
from flock.contract.models import AddModel, ListModels, LoadModel, RemoveModel
from flock.contract.op import Op, ensure_declared
from flock.contract.presets import SavePreset
from flock.errors import StorageFailed
from flock.paths import find_home
from tests.cli.conftest import Opener
from tests.cli.running import by_name, flock
from tests.cli.values import CASES, DONE, QWEN, RUNNING, SMOKE
from tests.screen import Screen

ROOT = Path(__file__).resolve().parents[2]
DOWN, ENTER, CTRL_C = "\x1b[B", "\r", "\x03"


def model(name: str, **more: Any) -> CatalogModel:
    values: dict[str, Any] = {
        "id": name,
        "name": name.title(),
        "family": "f",
        "released": "2026-01",
        "license": "apache-2.0",
        "commercial": "yes",
        "capabilities": ("chat",),
        "params_billions": 8.0,
        "active_billions": 8.0,
        "context": 32768,
        "size_bytes": 5_000_000_000,
        "min_memory_bytes": 8_000_000_000,
        "needs_bytes": 6_000_000_000,
        "fits": True,
        "engine": "embedded",
    }
    return CatalogModel(**(values | more))


SHELF = [model(name) for name in ("alpha-3b", "qwen3-8b", "qwen3-14b", "gemma4-12b")]


def screen(*words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", *words, **environment)


def answered(op: Op[Any]) -> Any:
    """Answer as a daemon with two models would."""
    if isinstance(op, ListModels):
        return [replace(QWEN, id="qwen3-8b"), SMOKE]
    if isinstance(op, SearchCatalog):
        return SHELF
    if isinstance(op, AddModel):
        return DONE
    return by_name(op)


# the picker


def test_a_missing_id_is_chosen_from_the_list_its_help_names(opened: Opener) -> None:
    door = opened(answered)
    shown = screen("model", "load", "--pin")
    shown.until("Which one? (the model's id)")
    shown.until("flock-smoke")
    shown.type(DOWN + ENTER)
    assert shown.end() == 0, shown.shown
    assert door.heard[0] == ListModels()
    assert door.heard[1] == LoadModel(id="flock-smoke", pin=True)
    assert "model load --pin flock-smoke" in shown.shown


def test_typing_finds_by_letters_in_their_order(opened: Opener) -> None:
    door = opened(answered)
    shown = screen("model", "add", "--no-load")
    shown.until("gemma4-12b")
    shown.type("q14b")
    shown.until("q14b")
    shown.type(ENTER)
    assert shown.end() == 0, shown.shown
    assert door.heard[:2] == [SearchCatalog(), AddModel(source="qwen3-14b", load=False)]


def test_a_missing_option_is_chosen_too(opened: Opener) -> None:
    door = opened(answered)
    shown = screen("model", "preset", "save", "tools")
    shown.until("Which one?")
    shown.type(ENTER)
    assert shown.end() == 0, shown.shown
    assert door.heard[-1] == SavePreset(name="tools", model="qwen3-8b")


def test_removing_what_was_picked_still_asks(opened: Opener) -> None:
    door = opened(answered)
    shown = screen("model", "remove")
    shown.until("Which one?")
    shown.type(ENTER)
    shown.until("Remove model qwen3-8b?")
    shown.type("n")
    assert shown.end() == 130
    assert not any(isinstance(op, RemoveModel) for op in door.heard)


def test_ctrl_c_in_the_picker_changes_nothing(opened: Opener) -> None:
    door = opened(answered)
    shown = screen("engine", "restart")
    shown.until("Which one?")
    shown.type(CTRL_C)
    assert shown.end() == 130
    assert door.heard == [ListEngines()]
    assert "Traceback" not in shown.shown
    assert not any(isinstance(op, RestartEngine) for op in door.heard)


def test_nothing_to_choose_from_is_a_wrong_command_line(opened: Opener) -> None:
    opened(lambda op: [])
    shown = screen("model", "load")
    assert shown.end() == 2, shown.shown
    assert "needs ID" in shown.shown


@pytest.mark.parametrize("words", [("model", "load"), ("engine", "restart"), ("job", "show"), ("model", "add")])
def test_nobody_is_asked_who_cannot_answer(words: tuple[str, ...], opened: Opener) -> None:
    door = opened(answered)
    done = flock(*words)
    assert done.returncode == 2
    assert "needs" in done.stderr
    assert "hint: " in done.stderr
    piped = subprocess.run(
        [sys.executable, "-m", "flock", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert piped.returncode == 2
    # a program that reads JSON from a terminal is no person
    assert screen(*words, "--json").end() == 2
    assert door.heard == []


def test_without_a_daemon_that_is_said_and_not_the_missing_id() -> None:
    shown = screen("model", "load")
    assert shown.end() == 3
    assert "flock is not running" in shown.shown


def lacking(op: type[Op[Any]]) -> Missing | None:
    try:
        tree.parse(list(op.spec.verb))
    except Missing as missing:
        return missing
    return None


def test_every_id_that_can_be_missing_has_its_list() -> None:
    found = {op.spec.name: missing for op in ensure_declared().values() if (missing := lacking(op)) is not None}
    ids = {name for name, missing in found.items() if missing.sentence.split(":")[0].endswith(("ID", "NAME"))}
    # a name of the user's own
    made_up = {"preset.save", "token.create", "vendor.add", "secret.add", "invite.create", "context.add"}
    assert {name for name in ids - made_up if not found[name].lister} == set()
    for name in ids - made_up:
        line = tree.parse(list(found[name].lister))
        assert line is not None
        rows = pick.choices(line.op, lambda op, yes: answer_of(op))
        assert all(shown for _, shown in rows)


def answer_of(op: Op[Any]) -> Answer:
    value = CASES[op.spec.name][1] if op.spec.name in CASES else SHELF
    return Answer(value, codec.dumps(value))


def test_a_row_is_cut_where_the_terminal_ends_and_cannot_steer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    evil = [replace(QWEN, id="a\x1b[2J", source="s" * 200), QWEN]
    rows = pick.choices(ListModels(), lambda op, yes: Answer(evil, b""))
    assert [value for value, _ in rows] == ["a\x1b[2J", QWEN.id]
    assert all(len(shown) <= 60 and "\x1b" not in shown for _, shown in rows)


def test_letters_in_their_order() -> None:
    title = ask._Title("Qwen3-8B  ready")
    assert "q38" in title.lower()
    assert "8q" not in title.lower()
    assert "\n" not in title


# the wizard: the daemon's place is taken by a script's `perform`, everything else is the command line's own

UP = """
import sys
from tests.cli.test_pick import up
sys.exit(up(sys.argv[1], sys.argv[2:]))
"""


def up(kind: str, words: list[str]) -> int:
    """Run `flock up` with a daemon that has picks, none, or fails."""
    from flock.cli import app
    from flock.contract.jobs import ShowJob

    ready = CASES["daemon.up"][1]
    models = (SMOKE, QWEN) if kind == "added" else (SMOKE,)
    ready = replace(ready, status=replace(ready.status, models=models))
    heard: list[Op[Any]] = []

    def perform(op: Op[Any], yes: bool) -> Answer:
        heard.append(op)
        values: dict[type[Op[Any]], Any] = {
            Up: ready,
            ListPicks: [] if kind == "none" else SHELF[:3],
            SearchCatalog: SHELF,
            AddModel: RUNNING,
            ShowJob: DONE,
        }
        if isinstance(op, ListPicks) and kind == "fails":
            raise StorageFailed("the catalog cannot be read", hint="flock doctor")
        value = values[type(op)]
        return Answer(value, codec.dumps(value))

    find_home().run.mkdir(parents=True, exist_ok=True)
    code = app.main(["up", *words], perform)
    print("HEARD", [getattr(op, "source", type(op).__name__) for op in heard])
    return code


def first_up(kind: str, *words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-c", UP, kind, *words, **{"CI": "", **environment})


def test_the_wizard_adds_what_is_chosen_and_prints_the_command() -> None:
    shown = first_up("picks")
    shown.until("Which model to begin with?")
    shown.until("not now")
    shown.type(DOWN + ENTER)
    assert shown.end() == 0, shown.shown
    assert "model add qwen3-8b" in shown.shown
    assert "HEARD ['Up', 'ListPicks', 'qwen3-8b', 'ShowJob']" in shown.shown
    assert "qwen3-8b is ready" in shown.shown
    # who was asked once is not asked again
    again = first_up("picks")
    assert again.end() == 0
    assert "HEARD ['Up']" in again.shown


def test_the_wizard_offers_another_one_of_the_catalog() -> None:
    shown = first_up("picks")
    shown.until("not now")
    shown.type(DOWN * 3 + ENTER)
    shown.until("Which one?")
    shown.until("gemma4-12b")
    shown.type("g412" + ENTER)
    assert shown.end() == 0, shown.shown
    assert "HEARD ['Up', 'ListPicks', 'SearchCatalog', 'gemma4-12b', 'ShowJob']" in shown.shown


@pytest.mark.parametrize("keys", [DOWN * 4 + ENTER, CTRL_C])
def test_not_now_is_no_failure(keys: str) -> None:
    shown = first_up("picks")
    shown.until("not now")
    shown.type(keys)
    assert shown.end() == 0, shown.shown
    assert "HEARD ['Up', 'ListPicks']" in shown.shown
    assert "model search --fits" in shown.shown


def test_nothing_that_fits_is_said() -> None:
    shown = first_up("none")
    assert shown.end() == 0
    assert "no model of the catalog fits" in shown.shown
    assert "HEARD ['Up', 'ListPicks']" in shown.shown


def test_a_daemon_that_is_up_stays_a_success() -> None:
    shown = first_up("fails")
    assert shown.end() == 0
    assert "the catalog cannot be read" in shown.shown


@pytest.mark.parametrize(
    ("kind", "words", "environment"),
    [
        ("picks", ("--no-wizard",), {}),
        ("picks", ("--json",), {}),
        ("picks", ("--quiet",), {}),
        ("picks", (), {"CI": "true"}),
        ("picks", (), {"TERM": "dumb"}),
        ("added", (), {}),
    ],
)
def test_when_the_wizard_stays_away(kind: str, words: tuple[str, ...], environment: dict[str, str]) -> None:
    shown = first_up(kind, *words, **environment)
    assert shown.end() == 0, shown.shown
    assert "HEARD ['Up']" in shown.shown


def test_the_wizard_never_comes_in_pipes_or_cron(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UP, "picks"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "HEARD ['Up']" in done.stdout
    ready = CASES["daemon.up"][1]
    assert not wizard.is_due(Up(), Given(), ready, find_home(), {})
