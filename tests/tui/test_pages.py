"""What holds of every page: it opens, its keys are its own, nothing with the keyboard is cut off, and where there is
nothing it says so and names a command.
"""

import dataclasses
import re
import types
import typing
from enum import Enum
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot

from flock.contract.op import Op, ensure_declared, hints
from flock.tui.app import FlockApp
from flock.tui.page import Page
from flock.tui.table import PAGES
from tests.tui.canned import Canned, quiet_top, text_of, until

OPERATIONS = ensure_declared()
VERBS = {verb for kind in OPERATIONS.values() for verb in (kind.spec.verb, *kind.spec.aliases)}
EACH_PAGE = pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.name)
AT = "2026-11-21T12:00:00.000Z"
_TIME = re.compile(r"(^|_)(at|since|until)$")
# What a tab at 80 × 24 may lead to, at most, before it is back where it began
_MOST_PARTS = 40


def nothing(kind: Any) -> Any:
    """Return the emptiest value of a type: what a flock says that has just been installed."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is type(None) or (origin in (types.UnionType, typing.Union) and type(None) in inside):
        return None
    if dataclasses.is_dataclass(kind):
        known = hints(typing.cast("type", kind))
        fields = {f.name: nothing(known[f.name]) for f in dataclasses.fields(kind)}
        times = {name: AT for name, value in fields.items() if value == "" and _TIME.search(name)}
        return kind(**{**fields, **times})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    empty: dict[Any, Any] = {list: [], tuple: (), dict: {}, str: "", int: 0, float: 0.0, bool: False}
    return empty[origin or kind]


class Empty(Canned):
    """A flock in which there is nothing yet."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = {name: nothing(kind.out()) for name, kind in OPERATIONS.items()}
        self.answers["top.show"] = quiet_top(
            memory=nothing(hints(type(quiet_top()))["memory"]), queue=nothing(hints(type(quiet_top()))["queue"])
        )


async def _opened(pilot: Pilot[Any], app: FlockApp, name: str) -> Page:
    await until(pilot, lambda: app.page is not None and type(app.page).__name__ == f"{name.capitalize()}Page", name)
    page = app.page
    assert page is not None

    def known() -> bool:
        ops: list[Op[Any]] = [poll.op for poll in app.polls._wanted]  # pyright: ignore[reportPrivateUsage]
        answers = app.state._answers  # pyright: ignore[reportPrivateUsage]
        told = all(op in answers or app.state.failure(op) is not None for op in ops)
        return told and app.state.connection == "live"

    await until(pilot, known, "answers to all that it asks")
    for _ in range(3):
        await pilot.pause(0.11)  # one tick, in which what is known is drawn
    return page


def commands_in(words: str) -> list[str]:
    """Return the commands of flock that are named in some lines."""
    found: list[str] = []
    for said in re.findall(r"\bflock ((?:[a-z][a-z-]*\s?)+)", re.sub(r"\s+", " ", words)):
        parts = said.split()
        if any(tuple(parts[:length]) in VERBS for length in (1, 2, 3)):
            found.append(f"flock {said.strip()}")
    return found


@EACH_PAGE
async def test_where_there_is_nothing_it_says_so_and_names_a_command(entry: Any) -> None:
    app = Empty().app(entry.name)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await _opened(pilot, app, entry.name)
        region = page.region
        lines = text_of(app).splitlines()[region.y : region.bottom]
        assert commands_in(re.sub(r"[─-╿]", " ", "\n".join(lines))), (
            f"{entry.name} is empty and names no command:\n" + "\n".join(lines)
        )


@EACH_PAGE
async def test_nothing_with_the_keyboard_is_cut_off_at_80_columns(entry: Any) -> None:
    app = Canned().app(entry.name)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, app, entry.name)
        seen: list[Any] = []
        for _ in range(_MOST_PARTS):
            focused = app.focused
            assert focused is not None, f"nothing on {entry.name} has the keyboard"
            if focused in seen:
                break
            seen.append(focused)
            place = app.screen.find_widget(focused)
            region, clip = place.region, place.clip
            assert region.width > 0, f"{focused} has no width"
            assert clip.x <= region.x, f"{focused} is cut off at the left"
            assert region.right <= clip.right <= 80, f"{focused} is cut off at the right"
            await pilot.press("tab")
            await pilot.pause()
        else:
            raise AssertionError(f"tab on {entry.name} comes back to nothing in {_MOST_PARTS} steps")


@EACH_PAGE
async def test_its_letters_are_not_the_frames(entry: Any) -> None:
    taken = {key for binding in FlockApp.BINDINGS if isinstance(binding, Binding) for key in binding.key.split(",")}
    page = entry.make()
    own = [one for one in page.BINDINGS if isinstance(one, Binding)]
    assert not {key for one in own for key in one.key.split(",")} & (taken - {"tab"})
    assert all(one.description for one in own if one.show), "each key below says what it does"
    frame = [one for one in FlockApp.BINDINGS if isinstance(one, Binding) and one.show]
    shown = {one.description: one.key_display or one.key for one in (*own, *frame) if one.show}
    wide = sum(len(f"{key.partition(',')[0]} {words}") + 2 for words, key in shown.items()) - 2
    assert wide <= 78, f"what the keys below say takes {wide} cells of 78: {shown}"
