"""The page of the audit: acts, filters, the chain, what acts come to, and taking one back."""

from typing import Any

import pytest
from textual.widgets import Input

from flock.contract.audit import ListHistory, RecentAudit, UndoAct, VerifyAudit
from flock.errors import Conflict, StorageFailed
from tests.cli.audit_values import EDITED, TAKEN_OUT
from tests.tui.canned import SIZES, THEMES, Canned, compare, text_of, until
from tests.tui.filled_keys import CI, filled

UNDOES = f"set {CI.id} back: tpm none"


async def _open(pilot: Any, app: Any) -> None:
    await until(pilot, lambda: UNDOES in text_of(app), "the acts and what undoes the first")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    app = filled().app("audit", theme)
    async with app.run_test(size=(width, height)) as pilot:
        await _open(pilot, app)
        await pilot.press("down", "v")
        await until(pilot, lambda: "the chain is whole" in text_of(app) and "take log_level out" in text_of(app))
        await until(pilot, lambda: "$7.32 today" in text_of(app) and "● live" in text_of(app))
        compare(app, f"audit-{width}x{height}-{theme}")


@pytest.mark.parametrize("view", ["history", "summary"])
async def test_the_other_views_look_as_they_did(view: str) -> None:
    app = filled().app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press(view[0])
        words = {"history": "UNDOING IT WOULD", "summary": "17 refused"}[view]
        await until(pilot, lambda: words in text_of(app) and "$7.32 today" in text_of(app))
        await until(pilot, lambda: view == "summary" or UNDOES in text_of(app))
        compare(app, f"audit-{view}-80x24-dark")


async def test_an_act_is_taken_back_after_saying_what_that_would_do() -> None:
    canned = filled(history__undo=EDITED)
    app = canned.app("audit")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("h")
        await until(pilot, lambda: app.acts.line == "flock undo 120")
        assert ListHistory(undoable=True) in canned.asked
        await pilot.press("z")
        await until(pilot, lambda: "Undo 120?" in text_of(app))
        assert "Undoing it would set" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: "Undo 120?" not in text_of(app))
        assert canned.done == []
        await pilot.press("z")
        await until(pilot, lambda: "Undo 120?" in text_of(app))
        await pilot.press("y")
        await until(pilot, lambda: canned.done == [UndoAct(id=120)])
        await until(pilot, lambda: "act 120 is undone" in text_of(app))


async def test_an_act_is_taken_back_from_the_list_of_all() -> None:
    canned = filled(history__undo=EDITED)
    app = canned.app("audit")
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("z")
        await until(pilot, lambda: "Undo 120?" in text_of(app))
        await pilot.press("y")
        await until(pilot, lambda: canned.done == [UndoAct(id=120)])


async def test_what_cannot_be_taken_back_says_why() -> None:
    canned = filled()
    app = canned.app("audit")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("t")
        await until(pilot, lambda: "undone by 114" in text_of(app))
        await pilot.press("down", "down", "down", "z")
        await until(pilot, lambda: "▌ the secret before was handed out" in text_of(app))
        assert canned.done == []
        assert app.acts.line == "flock history --limit=200"


async def test_an_undo_that_is_refused_says_why() -> None:
    canned = filled(history__undo=Conflict("it was changed since", hint="flock history"))
    app = canned.app("audit")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("z")
        await until(pilot, lambda: "Undo 120?" in text_of(app))
        await pilot.press("y")
        await until(pilot, lambda: "it was changed since" in text_of(app) and "→ flock history" in text_of(app))


async def test_the_chain_is_verified() -> None:
    canned = filled(audit__verify=TAKEN_OUT)
    app = canned.app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("v")
        await until(pilot, lambda: "✗ the chain is broken: row 17 was taken out" in text_of(app))
        assert VerifyAudit() in canned.asked
        assert app.acts.line == "flock audit verify"


async def test_the_form_asks_for_an_actor() -> None:
    canned = filled()
    app = canned.app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("f")
        await until(pilot, lambda: type(app.screen).__name__ == "Form")
        app.screen.query_one("#field-actor", Input).value = "root"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "actor root" in text_of(app) and "engine.restart" in text_of(app))
        assert RecentAudit(limit=200, actor="root") in canned.asked
        assert app.acts.line == "flock audit --limit=200 --actor=root"
        assert "token.edit" not in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "actor root" not in text_of(app) and "token.edit" in text_of(app))


async def test_typing_narrows_the_list_down() -> None:
    app = filled().app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("slash", *"not_al")
        await until(pilot, lambda: "config.set" not in text_of(app) and "token.create" in text_of(app))
        await pilot.press("enter", "down")
        await until(pilot, lambda: "mallory" in text_of(app))
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: "flock audit" in text_of(app) and "token.create" not in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "config.set" in text_of(app))


async def test_enter_shows_all_of_an_act() -> None:
    app = filled().app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen).__name__ == "Reading" and UNDOES in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "OUTCOME" in text_of(app))


async def test_without_acts_it_names_a_command() -> None:
    app = Canned(audit__recent=[], history__ls=[]).app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no act is on record like that; show all of them: flock audit" in text_of(app))
        await pilot.press("h")
        await until(pilot, lambda: "flock history" in text_of(app))


async def test_what_failed_says_why_and_what_helps() -> None:
    app = Canned(audit__recent=StorageFailed("the disk is full", hint="df -h")).app("audit")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "the disk is full" in text_of(app) and "df -h" in text_of(app))
