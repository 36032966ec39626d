"""Keys that come faster than what they open: each goes to what the one before has opened."""

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.keys import _character_to_key  # pyright: ignore[reportPrivateUsage]
from textual.widgets import Input

from flock.contract.op import Op
from flock.tui.widgets.confirm import Confirm
from flock.tui.widgets.form import Form
from flock.tui.widgets.help import Help
from tests.tui.canned import Canned, text_of, until

NAMED = ("tab", "enter", "escape", "ctrl+s", "delete", "colon", "down")


def rush(app: App[int], *keys: str) -> None:
    """Press keys as if they came in one packet; a word that names no key is its letters."""
    for key in keys:
        for one in [key] if key in NAMED else key:
            letter = None if one in NAMED and one != "colon" else {"colon": ":"}.get(one, one)
            app.post_message(events.Key(one if one in NAMED else _character_to_key(one), letter))


def done(canned: Canned, kind: str) -> list[Op[object]]:
    return [op for op in canned.done if op.spec.name == kind]


async def test_what_is_typed_behind_the_key_of_a_form_is_written_into_it() -> None:
    canned = Canned()
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and "NAME" in text_of(app))
        rush(app, "n", "inight", "tab", "tab", "globs", "ctrl+s")
        await until(pilot, lambda: bool(done(canned, "token.create")))
        (op,) = done(canned, "token.create")
        assert (op.name, op.vendors) == ("inight", "globs")  # type: ignore[attr-defined]


async def test_a_page_its_key_and_the_answer_to_its_question() -> None:
    canned = Canned()
    app = canned.app("home")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        rush(app, "5")
        await until(pilot, lambda: "$ flock token show" in text_of(app))
        rush(app, "1", "5", "delete", "y")
        await until(pilot, lambda: bool(done(canned, "token.revoke")))
        assert not isinstance(app.screen, Confirm)


async def test_the_palette_gets_what_is_typed_behind_its_key_and_enter_takes_what_was_typed() -> None:
    canned = Canned()
    app = canned.app("home")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        rush(app, "colon", "token revoke", "enter")
        await until(pilot, lambda: isinstance(app.screen, Form))
        assert "token revoke" in text_of(app)
        rush(app, "k_1", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        rush(app, "n", "colon", "settings", "enter")
        await until(pilot, lambda: type(app.page).__name__ == "SettingsPage")
        assert not done(canned, "token.revoke")


async def test_a_long_text_goes_into_a_field_whole() -> None:
    canned = Canned()
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and "NAME" in text_of(app))
        rush(app, "n", "x" * 200)
        app.post_message(events.Paste("end"))
        await until(pilot, lambda: isinstance(app.screen, Form))
        field = app.screen.query(Input).first()
        await until(pilot, lambda: field.value.endswith("end"))
        assert field.value == "x" * 200 + "end"


async def test_escape_and_the_key_behind_it_are_two_also_where_they_came_as_one() -> None:
    app = Canned().app("tokens")
    parser = XTermParser()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and "$ flock token show" in text_of(app))
        rush(app, "delete")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        for event in parser.feed("\x1b4"):
            app.post_message(event)
        await until(pilot, lambda: type(app.page).__name__ == "EnginesPage")
        rush(app, "?")
        await until(pilot, lambda: isinstance(app.screen, Help))
        for event in parser.feed("\x1b<"):
            app.post_message(event)
        await until(pilot, lambda: type(app.page).__name__ == "ModelsPage" and not isinstance(app.screen, Help))
