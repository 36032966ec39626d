"""What the screen costs while nothing happens: nothing is drawn twice, and nothing that was closed stays in memory."""

import gc
from typing import Any

import pytest
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from flock.contract.connect import ConnectClient
from flock.contract.models import AddModel, RemoveModel
from flock.contract.tokens import CreateToken
from flock.tui import look
from flock.tui.app import FlockApp
from flock.tui.keys import parts
from flock.tui.screens.connect_write import ChooseWay, Way, WriteIt
from flock.tui.screens.monitor_request import RequestBox
from flock.tui.screens.playground_settings import ChatSettings
from flock.tui.screens.playground_talk import Settings
from flock.tui.screens.settings_edit import EditSetting
from flock.tui.table import PAGES
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.confirm import Confirm
from flock.tui.widgets.form import Form
from flock.tui.widgets.help import Help
from flock.tui.widgets.install import Install
from flock.tui.widgets.once import Once
from flock.tui.widgets.pick import Pick
from flock.tui.widgets.reading import Reading
from tests.cli.values import CASES
from tests.tui.canned import Canned, text_of, until

# Once more would show a leak as well; each round opens fourteen boxes
ROUNDS = 3


async def _settled(pilot: Any, app: FlockApp, name: str) -> None:
    app.open(name)
    await until(pilot, lambda: type(app.page).__name__ == f"{name.capitalize()}Page", name)

    def known() -> bool:
        ops = [poll.op for poll in app.polls._wanted]  # pyright: ignore[reportPrivateUsage]
        return all(app.state.answer(op) is not None or app.state.failure(op) is not None for op in ops)

    await until(pilot, known, "answers to all that it asks")
    await pilot.pause(0.21)  # two ticks, in which what is known is drawn and laid out


async def test_what_has_not_changed_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    update, refresh = Static.update, Widget.refresh

    def updating(self: Static, *args: Any, **more: Any) -> Any:
        drawn.append(f"update of {self!r}")
        return update(self, *args, **more)

    def refreshing(self: Widget, *args: Any, **more: Any) -> Any:
        drawn.append(f"refresh of {self!r}")
        return refresh(self, *args, **more)

    app = Canned().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app), "live")
        for entry in PAGES:
            await _settled(pilot, app, entry.name)
            assert app.state.top is not None
            with monkeypatch.context() as patch:
                patch.setattr(Static, "update", updating)
                patch.setattr(Widget, "refresh", refreshing)
                for _ in range(10):
                    app.state.take_top(app.state.top)  # what an idle daemon says again and again
                    app._tick()  # pyright: ignore[reportPrivateUsage]
                    app._beat()  # pyright: ignore[reportPrivateUsage]
            assert not drawn, f"{entry.name} draws what stands there already"


def _value(name: str) -> tuple[Any, Any]:
    return next((op, value) for op, value in CASES.values() if op.spec.name == name)


def _boxes(app: FlockApp) -> list[Screen[Any]]:
    connection, setting = _value("connect.client")[1], _value("config.show")[1][0]
    return [
        Help(parts(app)),
        Answer(*_value("model.ls")),
        Confirm(RemoveModel(id="a")),
        Form(CreateToken, {}),
        Install(AddModel(source="qwen3:8b")),
        Once(*_value("token.create")),
        Pick("which", ["a", "b"]),
        Reading(look.plain("words")),
        RequestBox("req_1", app.state, lambda _: None),
        EditSetting(setting),
        WriteIt("Write?", ConnectClient(client="codex-cli"), connection),
        ChooseWay(Way()),
        ChatSettings(Settings(), "auto"),
    ]


def _nodes() -> int:
    gc.collect()
    return sum(isinstance(one, DOMNode) for one in gc.get_objects())


async def test_what_is_closed_is_forgotten() -> None:
    app = Canned().app()
    counts: list[int] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app), "live")
        for entry in PAGES:
            await _settled(pilot, app, entry.name)
        for _ in range(ROUNDS):
            for box in _boxes(app):
                app.push_screen(box)
                await until(pilot, lambda box=box: app.screen is box and box.is_mounted, repr(box))
                box.dismiss(None)
                await until(pilot, lambda: len(app.screen_stack) == 1, "the page")
            del box
            for entry in PAGES:
                app.open(entry.name)
                await until(pilot, lambda e=entry: type(app.page).__name__ == f"{e.name.capitalize()}Page")
            await pilot.pause()
            counts.append(_nodes())
    assert counts[-1] <= counts[0], f"nodes after each round: {counts}"
