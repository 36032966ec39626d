"""The frame around the pages: keys, palette, forms, questions, toasts, the connection."""

import pytest

from flock.contract.op import ensure_declared
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


@pytest.mark.parametrize("kind", ensure_declared().values(), ids=lambda kind: kind.spec.name)
async def test_every_operation_is_found_by_its_noun(kind) -> None:  # type: ignore[no-untyped-def]
    from textual.fuzzy import Matcher

    from flock.tui import palette

    app = Canned().app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        provider = palette.Operations(app.screen)
        hits = [hit.text async for hit in provider.search(kind.spec.verb[0])]
        assert " ".join(kind.spec.verb) in hits
        assert Matcher(kind.spec.verb[0]).match(" ".join(kind.spec.verb)) > 0


async def test_a_daemon_that_is_not_there_is_offered_to_be_started() -> None:
    canned = Canned(top__show=absent())
    app = canned.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock is not running" in text_of(app))
        await pilot.press("u")
        await until(pilot, lambda: any(op.spec.name == "daemon.up" for op in canned.asked))
