"""The frame around the pages: keys, palette, forms, questions, toasts, the connection."""

import pytest

from flock.tui.table import PAGES
from tests.tui.canned import Canned, absent, text_of, until


async def test_it_opens_and_says_that_it_is_live() -> None:
    app = Canned().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.name)
async def test_every_page_opens_by_its_key(entry) -> None:  # type: ignore[no-untyped-def]
    app = Canned().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(entry.key)
        await until(pilot, lambda: type(app.page).__name__ == f"{entry.name.capitalize()}Page")


async def test_a_daemon_that_is_not_there_is_offered_to_be_started() -> None:
    canned = Canned(top__show=absent())
    app = canned.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock is not running" in text_of(app))
        await pilot.press("u")
        await until(pilot, lambda: any(op.spec.name == "daemon.up" for op in canned.asked))
