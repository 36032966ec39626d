"""Settings: every value, which layer it is from, what waits for the next start; and edits of the file.

Owns what the keys do. Refuses to judge a value and to know how a setting looks (`settings_look.py`). Called by
`table.py`.
"""

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from flock.contract.audit import Act, ListHistory, UndoAct
from flock.contract.lifecycle import Down, Up
from flock.contract.op import Op
from flock.contract.settings import EditConfig, SetConfig, Setting, SettingChanged, ShowConfig, ShowPlaces, UnsetConfig
from flock.tui import look
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import settings_look as looks
from flock.tui.widgets.listing import Column, Listing, Row
from flock.tui.widgets.narrow import Narrow
from flock.tui.widgets.panel import put

SETTINGS = ShowConfig()
COLUMNS = (
    Column("setting"),
    Column("value", most=26),
    Column("from"),
    Column("what for", grow=True, spare=1, least=18),
)
# From this width on all that is known of a setting stands beside the list, below it otherwise
_WIDE = 110


class SettingsPage(Page):
    """The configuration: one list in sections, and one setting whole."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit"),
        Binding("x", "unset", "Unset"),
        Binding("slash", "narrow", "Filter", key_display="/"),
        Binding("c", "changed", "Only what is set", show=False),
        Binding("z", "undo", "Take the last change of it back", show=False),
        Binding("f", "file", "Edit the file in $EDITOR", show=False),
        Binding("p", "places", "Where the file lies", show=False),
        Binding("a", "apply", "Restart flock with what waits", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "edit the value; it is checked before it is written"),
        ("· ● ▲ ■", "from flock's defaults, the file, the environment, an option"),
        ("◐", "what the next start will take up"),
    )

    DEFAULT_CSS = """
    SettingsPage #head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    SettingsPage #body { height: 1fr; }
    SettingsPage #side { width: 46; padding: 1 0 0 2; display: none; }
    SettingsPage.-wide #side { display: block; }
    SettingsPage #side Static, SettingsPage #below Static { height: auto; }
    SettingsPage #below { height: 6; padding: 0 2; border-top: solid $panel-lighten-2; scrollbar-size-vertical: 1; }
    SettingsPage.-wide #below { display: none; }
    SettingsPage.-wider #side { width: 64; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._head = Static(id="head")
        self._narrow = Narrow("a setting, its value, or what it is for")
        self._list = Listing(COLUMNS, looks.EMPTY)
        self._beside, self._below = Static(), Static()
        self._shown: Setting | None = None
        self._only_set = False

    def compose(self) -> ComposeResult:
        """Put the list over one of it."""
        yield self._head
        yield self._narrow
        with Horizontal(id="body"):
            yield self._list
            with VerticalScroll(id="side", can_focus=False):
                yield self._beside
        with VerticalScroll(id="below", can_focus=False):
            yield self._below

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the settings; without a daemon they are those of the next start."""
        return (Poll(SETTINGS, 10, anyway=True),)

    def opened(self) -> None:
        """Begin in the list."""
        self._list.focus()
        self._spell()

    def draw(self) -> None:
        """Draw what is known."""
        wide = self.size.width
        self.set_class(wide >= _WIDE, "-wide")
        self.set_class(wide >= _WIDE + 50, "-wider")
        settings: list[Setting] | None = self.state.answer(SETTINGS)
        failure = self.state.failure(SETTINGS)
        put(self._head, look.failure(failure) if failure else looks.head(settings, max(1, wide - 2)))
        self._list.show(self._rows(settings or []), self._empty(settings))
        self._draw_one()

    def _empty(self, settings: list[Setting] | None) -> str:
        failure = self.state.failure(SETTINGS)
        if not settings and failure is not None:
            return look.failure(failure).plain
        if not settings:
            return looks.EMPTY
        return looks.NONE_FITS if self._narrow.value else looks.NONE_CHANGED

    def _rows(self, settings: list[Setting]) -> list[Row]:
        found: dict[str, list[Row]] = {}
        for one in settings:
            is_set = one.layer != "default" or looks.waits(one)
            fits = self._narrow.fits(one.key, looks.words(one.value), one.layer, one.summary)
            if fits and (is_set or not self._only_set):
                found.setdefault(looks.section(one)[0], []).append((one.key, looks.cells(one)))
        return [row for name, rows in found.items() for row in (("", (name,)), *rows)]

    def _draw_one(self) -> None:
        setting = self._current()
        if setting is not None and setting != self._shown:
            self._shown = setting
            self._beside.update(looks.detail(setting))
            self._below.update(looks.brief(setting))

    def _current(self) -> Setting | None:
        key = self._list.current
        return next((one for one in self.state.answer(SETTINGS) or () if one.key == key), None)

    # -- keys

    @on(Listing.Moved)
    def _moved(self) -> None:
        self._spell()
        self._draw_one()

    def _spell(self) -> None:
        if (setting := self._current()) is not None:
            self.shows(SetConfig(key=setting.key, value=looks.words(setting.value)))

    @on(Listing.Chosen)
    def _chosen(self) -> None:
        self.action_edit()

    @on(Input.Changed)
    def _typed(self) -> None:
        self.draw()

    @on(Narrow.Back)
    def _back(self) -> None:
        self._list.focus()

    def action_narrow(self) -> None:
        """Narrow the list down."""
        self._narrow.open()

    def action_changed(self) -> None:
        """Show what is set only, or all."""
        self._only_set = not self._only_set
        self.draw()

    @work
    async def action_edit(self) -> None:
        """Edit the value of the setting under the cursor."""
        from flock.tui.screens.settings_edit import EditSetting

        if (setting := self._current()) is None:
            return
        self._spell()
        if done := await self.flock.push_screen_wait(EditSetting(setting)):
            self._tell(*done)

    @work
    async def action_unset(self) -> None:
        """Take the setting out of the file."""
        setting = self._current()
        if setting is None:
            return
        op = UnsetConfig(key=setting.key)
        if (changed := await self.do(op)) is not None:
            self._tell(op, changed)

    def _tell(self, op: Op[SettingChanged], changed: SettingChanged) -> None:
        """Say what a change came to, and what hides it."""
        severity = "warning" if changed.hidden_by else "information"
        self.flock.notify(looks.said(op, changed), severity=severity, timeout=8, markup=False)

    @work
    async def action_undo(self) -> None:
        """Take back the last change of the setting under the cursor."""
        setting = self._current()
        if setting is None:
            return
        acts: list[Act] | None = await self.do(ListHistory(limit=200, undoable=True))
        if acts is None:
            return
        act = next((one for one in acts if one.target == setting.key and one.undone_by is None), None)
        if act is None:
            self.flock.notify(looks.nothing_to_undo(setting), severity="warning", timeout=6, markup=False)
        else:
            await self.do(UndoAct(id=act.id), done=act.undo)

    def action_file(self) -> None:
        """Edit the file; the screen steps aside."""
        self.ask(EditConfig)

    @work
    async def action_places(self) -> None:
        """Show where everything lies."""
        await self.flock.acts.show(ShowPlaces(all=True))

    @work
    async def action_apply(self) -> None:
        """Stop flock and start it again, so that what waits comes into force."""
        if self.state.connection == "live" and await self.do(Down(), about=looks.ABOUT_RESTART) is None:
            return
        await self.do(Up(wizard=False), done=looks.RESTARTED)
        self.flock.feed.hurry()
