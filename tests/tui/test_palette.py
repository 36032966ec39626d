"""The palette reaches every operation and every page, by typing its noun."""

from textual.command import CommandPalette
from textual.pilot import Pilot

from flock.contract.op import ensure_declared
from flock.tui.palette import ON_PAGES, Operations
from flock.tui.table import BY_NAME, PAGES
from flock.tui.widgets.form import Form
from tests.tui.canned import Canned, text_of, until

OPERATIONS = ensure_declared()


async def test_every_operation_is_found_by_its_noun_and_by_its_whole_name() -> None:
    app = Canned().app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        provider = Operations(app.screen)
        offered = [hit.text async for hit in provider.discover()]
        nouns = {kind.spec.verb[0] for kind in OPERATIONS.values()}
        found = {noun: [hit async for hit in provider.search(noun)] for noun in nouns}
        for kind in OPERATIONS.values():
            name = " ".join(kind.spec.verb)
            assert name in offered
            assert name in [hit.text for hit in found[kind.spec.verb[0]]]
            assert next(hit.help for hit in found[kind.spec.verb[0]] if hit.text == name), "each says what it is for"
        for entry in PAGES:
            assert entry.title in offered
        # a command's own name is the first that is offered for it
        for name in ("token create", "model add", "doctor", "config set"):
            hits = [hit async for hit in provider.search(name)]
            assert max(hits, key=lambda hit: hit.score).text.lower() == name


def test_what_leads_to_a_page_leads_to_one_that_is_there() -> None:
    assert set(ON_PAGES) <= set(OPERATIONS)
    assert set(ON_PAGES.values()) <= set(BY_NAME)


async def _type(pilot: Pilot[int], app: object, words: str) -> None:
    await pilot.press(":")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
    await pilot.press(*("space" if letter == " " else letter for letter in words))
    await until(pilot, lambda: words in text_of(pilot.app))  # type: ignore[arg-type]


async def test_typing_and_enter_opens_the_form_of_what_was_typed() -> None:
    canned = Canned()
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        await _type(pilot, app, "vendor remove")
        await until(
            pilot, lambda: "Take" in text_of(app) or "Remove" in text_of(app) or "vendor remove" in text_of(app)
        )
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Form), "the form")
        assert "vendor remove" in text_of(app)


async def test_it_opens_pages_and_shows_what_needs_no_filling_in() -> None:
    app = Canned().app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        await _type(pilot, app, "Settings")
        await pilot.press("enter")
        await until(pilot, lambda: app.page is not None and type(app.page).__name__ == "SettingsPage")
        await _type(pilot, app, "vendor ls")
        await pilot.press("enter")
        await until(pilot, lambda: "$ flock vendor ls" in text_of(app) and not isinstance(app.screen, CommandPalette))
        await pilot.press("escape")
