"""The page of settings: what it shows, and that its keys are the commands."""

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Checkbox, Input

from flock.contract.audit import Act, ListHistory, UndoAct
from flock.contract.lifecycle import Down, Up
from flock.contract.settings import SetConfig, SettingChanged, ShowConfig, ShowPlaces, UnsetConfig
from flock.errors import ConfigInvalid, StorageFailed
from flock.tui.app import FlockApp
from flock.tui.screens.settings_edit import EditSetting
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.confirm import Confirm
from tests.tui.canned import SIZES, THEMES, absent, compare, text_of, until
from tests.tui.settings_values import FILE, SETTINGS, filled

AT = "2026-11-21T12:00:00.000Z"


async def _open(pilot: Pilot[Any], app: FlockApp, key: str = "") -> None:
    await until(pilot, lambda: "14 settings" in text_of(app) and "● live" in text_of(app), "the settings")
    for _ in range(20):
        if not key or f"config set {key} " in app.acts.line:
            return
        line = app.acts.line
        await pilot.press("down")
        await until(pilot, lambda line=line: app.acts.line != line)
    raise AssertionError(f"no row {key}")


def told(app: FlockApp) -> str:
    """Return what the toasts say, which wrap it at the screen's edge."""
    return "\n".join(note.message for note in app._notifications)  # pyright: ignore[reportPrivateUsage]


async def _edit(pilot: Pilot[Any], app: FlockApp) -> EditSetting:
    await until(pilot, lambda: isinstance(app.screen, EditSetting) and bool(app.screen.query("#send")), "the edit")
    screen = app.screen
    assert isinstance(screen, EditSetting)
    return screen


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    app = filled().app("settings", theme)
    async with app.run_test(size=(width, height)) as pilot:
        await _open(pilot, app, "max_body_bytes")
        await until(pilot, lambda: "$412.87 today" in text_of(app))
        compare(app, f"settings-{width}x{height}-{theme}")


async def test_each_setting_says_where_it_is_from_and_what_waits() -> None:
    app = filled().app("settings")
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        words = text_of(app)
        assert "● 2 file  ▲ 1 environ  ■ 1 flag" in words
        assert "◐ 2 wait  $ flock down && flock up" in words
        assert "true ◐ false" in words
        for section in ("general", "auth", "router", "engine", "loading", "gateway"):
            assert f"\n   {section}" in words
        await _open(pilot, app, "log_level")
        await until(pilot, lambda: "FLOCK_LOG_LEVEL is set in the environment" in text_of(app))


async def test_enter_edits_and_a_refused_value_is_said_in_place() -> None:
    wrong = ConfigInvalid("loading.idle_seconds: 'soon' is no number of seconds", hint="flock config get loading")
    canned = filled(config__set=lambda op: wrong if op.value == "soon" else SettingChanged(op.key, 600.0, FILE, True))
    app = canned.app("settings")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _open(pilot, app, "loading.idle_seconds")
        await pilot.press("enter")
        edit = await _edit(pilot, app)
        field = edit.query_one(Input)
        assert field.value == "300.0"
        field.value = "soon"
        await pilot.press("enter")
        await until(pilot, lambda: "is no number of seconds" in text_of(app) and "→ flock config get" in text_of(app))
        assert app.screen is edit
        assert field.has_class("-invalid")
        field.value = "600"
        await until(pilot, lambda: "$ flock config set loading.idle_seconds 600" in text_of(app))
        assert "is no number of seconds" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not edit and f"is '600.0' in {FILE}" in told(app))
        assert "flock down && flock up" in told(app)
        assert canned.done[-1] == SetConfig(key="loading.idle_seconds", value="600")


async def test_a_switch_is_switched_and_escape_changes_nothing() -> None:
    canned = filled()
    app = canned.app("settings")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, "auth.require_keys")
        await pilot.press("e")
        edit = await _edit(pilot, app)
        assert edit.query_one(Checkbox).value is True
        await pilot.press("space")
        await until(pilot, lambda: edit.op == SetConfig(key="auth.require_keys", value="false"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not edit)
        assert not canned.done
        await pilot.press("enter")
        await _edit(pilot, app)
        await pilot.press("space", "ctrl+s")
        await until(pilot, lambda: canned.done == [SetConfig(key="auth.require_keys", value="false")])


async def test_what_the_environment_hides_is_said_before_and_after() -> None:
    hidden = SettingChanged("log_level", "debug", FILE, True, hidden_by="FLOCK_LOG_LEVEL")
    app = filled(config__set=hidden).app("settings")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _open(pilot, app, "log_level")
        await pilot.press("enter")
        edit = await _edit(pilot, app)
        await until(pilot, lambda: "is set in the environment of flock" in text_of(app))
        assert "debug, info, warning or error" in text_of(app)
        edit.query_one(Input).value = "debug"
        await pilot.press("enter")
        await until(pilot, lambda: "FLOCK_LOG_LEVEL is set in the environment and wins over it" in told(app))


async def test_unset_asks_nothing_and_is_taken_back_by_history() -> None:
    act = Act(41, AT, "ada", "config.unset", "router.default_model", {}, "set it to qwen3-8b again", None)
    unset = SettingChanged("router.default_model", "", FILE, False)
    canned = filled(config__unset=unset, history__ls=[replace(act, id=42, target="listen"), act], history__undo=act)
    app = canned.app("settings")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _open(pilot, app, "router.default_model")
        await pilot.press("x")
        await until(pilot, lambda: canned.done == [UnsetConfig(key="router.default_model")])
        await until(pilot, lambda: f"is no longer set in {FILE}" in told(app))
        await pilot.press("z")
        await until(pilot, lambda: UndoAct(id=41) in canned.done)
        assert ListHistory(limit=200, undoable=True) in canned.asked
        canned.answers["history.ls"] = []
        await pilot.press("z")
        await until(pilot, lambda: "no change of router.default_model can be taken back" in told(app))


async def test_typing_narrows_down_and_c_shows_what_is_set() -> None:
    app = filled().app("settings")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("slash", *"gate")
        await until(pilot, lambda: "first_token_seconds" in text_of(app) and "default_model" not in text_of(app))
        await pilot.press("enter")
        assert "first_token_seconds" in text_of(app)
        await pilot.press("slash", *"xyz")
        await until(pilot, lambda: "no setting fits" in text_of(app))
        await pilot.press("escape", "c")
        await until(pilot, lambda: "default_model" in text_of(app) and "require_keys" not in text_of(app))
        assert "max_body_bytes" in text_of(app), "what waits is set too"


async def test_what_waits_comes_into_force_by_a_restart_that_is_asked_about() -> None:
    canned = filled()
    app = canned.app("settings")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and "starts again with what waits" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert not canned.done
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: canned.done == [Down(), Up(wizard=False)])


async def test_places_and_the_editor() -> None:
    canned = filled()
    app = canned.app("settings")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, Answer) and "flock.db" in text_of(app))
        assert ShowPlaces(all=True) in canned.asked
        await pilot.press("escape", "f")
        await until(pilot, lambda: app.clipboard == "flock config edit")


async def test_an_answer_that_failed_is_shown_in_its_place_and_one_without_a_daemon_too() -> None:
    canned = filled(config__show=StorageFailed("the file cannot be read", hint="flock config path"))
    app = canned.app("settings")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "the file cannot be read  → flock config path" in text_of(app))
        canned.answers["config.show"] = SETTINGS
        await pilot.press("r")
        await until(pilot, lambda: "14 settings" in text_of(app))
    canned = filled(top__show=absent())
    app = canned.app("settings")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "14 settings" in text_of(app) and "○ absent" in text_of(app))
        assert ShowConfig() in canned.asked
