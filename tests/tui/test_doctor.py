"""The page of the doctor: when it examines, what it shows, and what enter does with a fix."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from flock.contract.exposing import Expose
from flock.contract.lifecycle import Check, Diagnosis, RunDoctor, Up
from flock.contract.settings import SetConfig
from flock.errors import Unsupported
from flock.tui.app import FlockApp
from flock.tui.screens import doctor_look
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.form import Form
from tests.tui.canned import SIZES, THEMES, absent, compare, text_of, until
from tests.tui.settings_values import FOUND, filled


async def _open(pilot: Pilot[Any], app: FlockApp) -> None:
    await until(pilot, lambda: "port 8080 is taken" in text_of(app) and "● live" in text_of(app), "the findings")


def examined(app: FlockApp) -> int:
    reach: Any = app.link.reach
    return reach.asked.count(RunDoctor())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    app = filled().app("doctor", theme)
    async with app.run_test(size=(width, height)) as pilot:
        await _open(pilot, app)
        await until(pilot, lambda: "$412.87 today" in text_of(app) and not app.state.asking)
        await until(pilot, lambda: "examining" not in text_of(app))
        compare(app, f"doctor-{width}x{height}-{theme}")


async def test_the_worst_comes_first_whole_and_the_page_says_how_much_is_wrong() -> None:
    app = filled().app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        words = text_of(app)
        places = [words.index(one) for one in ("✗ port", "✗ directories", "◐ disk", "◐ command", "○ reach")]
        assert places == sorted(places)
        whole = " ".join(" ".join(words.split()).split())
        assert "flock is /usr/bin/flock (util-linux's file lock); flockctl is not found" in whole
        assert "2 serious faults   2 warnings   1 note   6 in order" in words
        await until(pilot, lambda: "Doctor 4" in text_of(app))
        await pilot.press("o")
        await until(pilot, lambda: "● python" not in text_of(app))


async def test_it_examines_when_it_is_opened_on_r_and_says_that_it_does() -> None:
    let_go = threading.Event()

    def slow(_op: object) -> Diagnosis:
        let_go.wait(20)  # an examination that hangs must not hang the test for ever
        return FOUND

    app = filled(daemon__doctor=slow).app("settings")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and "14 settings" in text_of(app))
        assert examined(app) == 0
        await pilot.press("d")
        await until(pilot, lambda: "examining this machine …" in text_of(app))
        let_go.set()
        await _open(pilot, app)
        await until(pilot, lambda: "examining" not in text_of(app))
        once = examined(app)
        await pilot.press("r")
        await until(pilot, lambda: examined(app) == once + 1)
        await until(pilot, lambda: not app.state.asking)
        await pilot.press("0")
        await until(pilot, lambda: "14 settings" in text_of(app))
        await pilot.press("d")
        await until(pilot, lambda: examined(app) == once + 2)


async def test_enter_carries_an_operation_out_and_examines_again() -> None:
    canned = filled()
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await until(pilot, lambda: app.acts.line == "flock config set listen 127.0.0.1:8090")
        before = examined(app)
        await pilot.press("enter")
        await until(pilot, lambda: canned.done == [SetConfig(key="listen", value="127.0.0.1:8090")])
        await until(pilot, lambda: isinstance(app.screen, Answer))
        await until(pilot, lambda: examined(app) > before)


async def test_a_fix_for_a_shell_is_copied() -> None:
    canned = filled()
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("down")
        await until(pilot, lambda: app.acts.line == "flock doctor")
        await pilot.press("enter")
        await until(pilot, lambda: app.clipboard == "chmod u+rwx /srv/flock")
        await until(pilot, lambda: "to be run in a shell: chmod u+rwx /srv/flock" in text_of(app))
        assert not canned.done


async def test_a_fix_that_wants_more_is_filled_in_and_starting_asks_no_questions() -> None:
    checks = (
        Check("models", "serious", "no model answers", "flock config set router.default_model"),
        Check("daemon", "warning", "flock is not running", "/opt/flock/bin/flock up"),
        Check("reach", "note", "only this machine reaches flock", "flock expose"),
        Check("names", "ok", "all in order"),
    )
    canned = filled(daemon__doctor=Diagnosis(checks, 1))
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "no model answers" in text_of(app))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Form) and "router.default_model" in text_of(app))
        await pilot.press("escape", "down", "m")
        await until(pilot, lambda: Up(wizard=False) in canned.done)
        await until(pilot, lambda: isinstance(app.screen, Answer))
        await pilot.press("escape", "down", "m")
        await until(pilot, lambda: any(isinstance(op, Expose) for op in canned.asked))
        await until(pilot, lambda: isinstance(app.screen, Answer))
        await pilot.press("escape", "down", "m")
        await until(pilot, lambda: "names: nothing to mend" in text_of(app))


async def test_one_without_a_daemon_is_examined_all_the_same() -> None:
    app = filled(top__show=absent()).app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "port 8080 is taken" in text_of(app) and "○ absent" in text_of(app))


async def test_where_it_cannot_be_examined_it_says_why_and_what_to_do() -> None:
    refused = Unsupported("`flock doctor` is about the box itself", hint="flock --host ssh://studio.lan doctor")
    app = filled(daemon__doctor=refused).app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✗ `flock doctor` is about the box itself" in text_of(app))
        assert "→ flock --host ssh://studio.lan doctor" in text_of(app)


async def test_nothing_wrong_says_so() -> None:
    fine = Diagnosis(tuple(replace(one, state="ok", fix="") for one in FOUND.checks), 0)
    app = filled(daemon__doctor=fine).app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "nothing is wrong   11 in order" in text_of(app))
        assert doctor_look.badge(fine) == ""
