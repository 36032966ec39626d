"""What must not end the screen, and how it ends when it must: keys that come together, and faults of its own."""

from typing import Any

import pytest
from textual.containers import Container

from flock.contract.jobs import Job
from flock.contract.models import LoadModel
from flock.tui.page import Page
from flock.tui.screens.models import ModelsPage
from flock.tui.widgets.help import Help
from flock.tui.widgets.jobs import Jobs
from tests.tui.canned import Canned, text_of, until


async def test_a_box_that_is_closed_twice_closes_nothing_below_it() -> None:
    app = Canned().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app), "live")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help), "the help")
        box = app.screen
        assert isinstance(box, Help)
        box.action_close()
        box.action_close()  # both keys were in its queue when the first one closed it
        await until(pilot, lambda: not isinstance(app.screen, Help), "the page")
        assert len(app.screen_stack) == 1


async def test_of_pages_opened_by_keys_that_come_together_one_is_seen() -> None:
    app = Canned().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app), "live")
        for name in ("monitor", "tokens", "tokens", "usage", "settings"):
            app.open(name)
        await until(pilot, lambda: type(app.page).__name__ == "SettingsPage", "the last one")
        pages = [page for page in app.query_one("#pages", Container).children if isinstance(page, Page)]
        assert [type(page).__name__ for page in pages if page.display] == ["SettingsPage"]
        assert len({type(page) for page in pages}) == len(pages), "none is made twice"


async def test_a_fault_is_told_by_the_caller_and_shows_no_local_value() -> None:
    app = Canned().app()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("key sk-secret")

    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - it comes out where the screen is left
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "● live" in text_of(app), "live")
            app.call_later(broken)
            await until(pilot, lambda: app.fault is not None, "the fault")
    assert isinstance(app.fault, ZeroDivisionError)
    assert app._exit_renderables == []  # pyright: ignore[reportPrivateUsage]


async def test_a_job_that_begins_while_another_page_is_open_is_remembered() -> None:
    job = Job("job_1", "model.load", "qwen3-8b", "running", "", None, 1, "2026-11-21T12:00:00Z")
    canned = Canned(model__load=job)
    app = canned.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app), "live")
        page = app.page
        assert isinstance(page, ModelsPage)
        await pilot.press("1")
        await until(pilot, lambda: app.page is not page, "another page")
        await page.part.begin(LoadModel(id="qwen3-8b"))
        assert page.query_one(Jobs)._begun == {"job_1": LoadModel(id="qwen3-8b")}  # pyright: ignore[reportPrivateUsage]
