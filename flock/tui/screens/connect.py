"""Connect: the tools of this machine, what each needs to use this flock, writing it, taking it back, trying it.

Owns the keys of the page, and which tool is looked at. Refuses to edit files: the operations `connect` and `disconnect`
do, in this process and on this machine, also where the screen shows another machine's flock.
"""

import asyncio
import dataclasses
import os
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Static

from flock.contract.connect import ClientRow, ConnectClient, Connection, DisconnectClient, Invite, ListClients
from flock.contract.requests import ExplainRequest
from flock.errors import FlockError, Unsupported
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import connect_look as looks
from flock.tui.screens import connect_trial as trials
from flock.tui.screens.connect_write import ChooseWay, Way, WriteIt
from flock.tui.screens.playground_look import choices
from flock.tui.standing import MODELS
from flock.tui.state import Topic
from flock.tui.widgets.listing import Listing
from flock.tui.widgets.narrow import Narrow
from flock.tui.widgets.panel import put
from flock.tui.widgets.pick import Pick

TOOLS = ListClients()
# Each listing asks installed programs for their version
_LIST_SECONDS = 60
# A cursor that runs down the list asks nothing about what it only passes
_REST_SECONDS = 0.12
# Columns from which the list shows more than names
_WIDE = 110


class ConnectPage(Page):
    """Tools, and what the one under the cursor needs."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "link")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "Write"),
        Binding("t", "trial", "Test"),
        Binding("c", "copy", "Copy"),
        Binding("s", "secrets", "Show keys"),
        Binding("x", "disconnect", "Disconnect", show=False),
        Binding("m", "model", "Model", show=False),
        Binding("o", "way", "URL and key", show=False),
        Binding("l", "launch", "Launch it with flock, no file touched", show=False),
        Binding("e", "explain", "Explain the tested request", show=False),
        Binding("v", "invite", "Invite somebody: a key, and a card with what this tool needs", show=False),
        Binding("slash", "narrow", "Find", key_display="/", show=False),
        Binding("escape", "back", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "read what it needs; the arrows scroll, esc goes back"),
        ("w, x", "show the difference, ask, then write"),
        ("s", "show or hide the keys"),
    )

    DEFAULT_CSS = """
    ConnectPage > #head { height: 1; }
    ConnectPage #tools { width: 33; }
    ConnectPage.-wide #tools { width: 50%; }
    ConnectPage #tool { width: 1fr; scrollbar-size-vertical: 1; padding: 0 0 0 1; border-left: solid $panel; }
    ConnectPage #tool:focus { border-left: solid $primary; }
    ConnectPage #trial { height: auto; padding: 0 0 1 0; display: none; }
    ConnectPage #trial.-shown { display: block; }
    """

    def __init__(self, dial: trials.Dial = trials.dial) -> None:
        super().__init__()
        self.dial = dial
        self.shown = False
        self._model = "auto"
        self._way = Way()
        self._known: dict[str, Connection | FlockError] = {}
        self._trials: dict[str, trials.Trial | FlockError | str] = {}
        self._head, self._trial, self._detail = Static(id="head"), Static(id="trial"), Static(id="detail")
        self._tools = Listing(looks.COLUMNS, "", id="tools")
        self._narrow = Narrow("find a tool")

    def compose(self) -> ComposeResult:
        """Put the tools beside what one needs."""
        yield self._head
        yield self._narrow
        with Horizontal():
            yield self._tools
            with VerticalScroll(id="tool"), Vertical(id="inside"):
                yield self._trial
                yield self._detail

    def on_mount(self) -> None:
        """Let what is inside be as high as it is."""
        self.query_one("#inside").styles.height = "auto"

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the tools."""
        return (Poll(TOOLS, _LIST_SECONDS),)

    def opened(self) -> None:
        """Take the keyboard; tools are known without a daemon too, which the polls wait for."""
        self._tools.focus()
        if self.state.connection != "live" and self.state.answer(TOOLS) is None:
            self.run_worker(self._list(), group="list", exclusive=True)

    async def _list(self) -> None:
        try:
            self.state.take(TOOLS, await self.flock.link.call(TOOLS), self.state.mark)
        except FlockError as error:
            self.state.fail(TOOLS, error)

    # -- what is known

    @property
    def client(self) -> ClientRow | None:
        """The tool under the cursor."""
        listed: list[ClientRow] = self.state.answer(TOOLS) or []
        return next((one for one in listed if one.id == self._tools.current), None)

    def op(self, client: ClientRow) -> ConnectClient:
        """Return the operation that connects a tool, by what was chosen here."""
        way = self._way
        return ConnectClient(client=client.id, model=self._model, base_url=way.base_url, token=way.token)

    def draw(self) -> None:
        """Draw the list and what the tool needs."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        listed: list[ClientRow] | None = self.state.answer(TOOLS)
        put(self._head, looks.head(listed, self.flock.link.name))
        shown = [
            one for one in listed or [] if self._narrow.fits(one.id, one.name, one.protocol, one.state, one.support)
        ]
        self._tools.show([looks.row(one) for one in shown], "no tool" if listed is not None else "")
        self._draw_tool()

    def _draw_tool(self) -> None:
        client = self.client
        if client is None:
            put(self._detail, looks.nothing(self.state.answer(TOOLS), self.state.failure(TOOLS)), grows=True)
            self._trial.remove_class("-shown")
            return
        known = self._known.get(client.id)
        if isinstance(known, FlockError):
            put(self._detail, looks.failed(client, known), grows=True)
        else:
            put(self._detail, looks.detail(client, known, self._hide(known)), grows=True)
        trial = self._trials.get(client.id)
        self._trial.set_class(trial is not None, "-shown")
        if trial is not None:
            put(self._trial, looks.trial(trial), grows=True)

    def _hide(self, known: Connection | None) -> looks.Hide:
        if self.shown:
            return str
        return looks.hider(known, (self._token,))

    @property
    def _token(self) -> str:
        """The key that tools are given where it is not the admin's: what `flock connect` goes by too."""
        return self._way.token or os.environ.get("FLOCK_TOKEN", "").strip()

    def _look(self, client: ClientRow) -> None:
        self.run_worker(self._ask(client), group="look", exclusive=True)

    async def _ask(self, client: ClientRow) -> None:
        """Learn what a tool needs, once the cursor rests on it."""
        await asyncio.sleep(_REST_SECONDS)
        try:
            self._known[client.id] = await self.flock.link.call(self.op(client))
        except FlockError as error:
            self._known[client.id] = error
        self._draw_tool()

    def _anew(self) -> None:
        """Forget what was known under other choices, or of a file that was another."""
        self._known.clear()
        if (client := self.client) is not None:
            self.shows(self.op(client))
            self._look(client)

    # -- the list

    @on(Listing.Moved)
    def _moved(self) -> None:
        if (client := self.client) is not None:
            self.shows(self.op(client))
            self.query_one("#tool", VerticalScroll).scroll_home(animate=False)
            self._draw_tool()
            self._look(client)

    @on(Listing.Chosen)
    def _chosen(self) -> None:
        self.query_one("#tool").focus()

    @on(Input.Changed)
    def _typed(self) -> None:
        self.draw()

    @on(Narrow.Back)
    def _back(self) -> None:
        self._tools.focus()
        self.draw()

    def action_narrow(self) -> None:
        """Find a tool by letters of its name."""
        self._narrow.open()

    def action_back(self) -> None:
        """Go back to the list."""
        self._tools.focus()

    # -- keys

    def action_secrets(self) -> None:
        """Show the keys, or hide them again."""
        self.shown = not self.shown
        self._draw_tool()

    def action_copy(self) -> None:
        """Copy what belongs into the tool's first place, with the key."""
        client = self.client
        known = self._known.get(client.id) if client else None
        if not isinstance(known, Connection) or not (found := looks.parts(known)):
            self.notify("there is nothing to copy", timeout=3)
            return
        title, words = found[0]
        self.flock.copy_to_clipboard(words)
        self.notify(f"copied, with the key: {title}", timeout=4, markup=False)

    def action_model(self) -> None:
        """Choose the model that tools ask for."""
        models = [one for one in self.state.models(MODELS) or [] if one.kind in ("", "chat")]
        self.flock.push_screen(Pick("the model that tools ask for", choices(models)), self._picked)

    def _picked(self, choice: str | None) -> None:
        if choice:
            self._model = choice.split()[0]
            self._trials.clear()
            self._anew()

    def action_way(self) -> None:
        """Choose the URL and the key that tools are given."""
        self.flock.push_screen(ChooseWay(self._way), self._went)

    def _went(self, way: Way | None) -> None:
        if way is not None:
            self._way = way
            self._trials.clear()
            self._anew()

    def action_write(self) -> None:
        """Write what the tool needs into its file, after a look at the difference."""
        client = self.client
        if client is not None and client.support != "write":
            self.notify(f"flock has no file of {client.name} to write; c copies what it needs", timeout=4, markup=False)
        elif client is not None:
            self.run_worker(self._change(self.op(client), "Write this into the file?"), group="write")

    def action_disconnect(self) -> None:
        """Take out what was written, after a look at the difference."""
        client = self.client
        if client is not None and client.state != "connected":
            self.notify(f"flock wrote nothing into files of {client.name}", timeout=4, markup=False)
        elif client is not None:
            self.run_worker(
                self._change(DisconnectClient(client=client.id), "Take this out of the file?"), group="write"
            )

    async def _change(self, op: Any, words: str) -> None:
        """Show the difference, ask, and write."""
        writing = dataclasses.replace(op, write=True)
        self.shows(writing)
        try:
            before: Connection = await self.flock.link.call(op)
        except FlockError as error:
            self.flock.acts.tell(error)
            return
        if any(edit.diff for edit in before.edits) and not await self.flock.push_screen_wait(
            WriteIt(words, writing, before)
        ):
            self.shows(writing, "not done")
            return
        done: Connection | None = await self.flock.acts.do(writing, sure=True)
        if done is not None:
            said, well = looks.outcome(done)
            self.notify(said or "nothing to change", severity="information" if well else "warning", markup=False)
            self._anew()

    def action_launch(self) -> None:
        """Start the tool on this terminal, with flock in its environment."""
        if (client := self.client) is not None:
            op = dataclasses.replace(self.op(client), run=True, token="")
            self.run_worker(self.flock.acts.show(op))

    def action_invite(self) -> None:
        """Make a card for somebody who uses the tool under the cursor."""
        if (client := self.client) is not None:
            self.ask(Invite, clients=client.id, model=self._model)

    # -- the trial

    def action_trial(self) -> None:
        """Ask one short question as the tool would."""
        client = self.client
        if client is not None and not isinstance(self._trials.get(client.id), str):
            self._trials[client.id] = "asking …"
            self._draw_tool()
            self.query_one("#tool", VerticalScroll).scroll_home(animate=False)
            self.run_worker(self._try(client), group="trial")

    async def _try(self, client: ClientRow) -> None:
        try:
            self._trials[client.id] = await self._tried(client)
        except FlockError as error:
            self._trials[client.id] = error
        self._draw_tool()

    async def _tried(self, client: ClientRow) -> trials.Trial:
        known: Connection = await self.flock.link.call(self.op(client))
        self._known[client.id] = known
        asked = trials.question(client.protocol, known.model)
        if asked is None or not known.base_url:
            raise Unsupported(
                f"{client.name} speaks {client.protocol or 'nothing known'}; flock has nothing to ask it",
                hint="flock connect ls",
            )
        reach = self.dial(known.base_url, looks.key_of(known, self._token))
        try:
            return await self.flock.link.work(lambda: trials.tried(reach, asked, self.flock.now))
        finally:
            reach.close()

    def action_explain(self) -> None:
        """Say what was decided about the question of the trial."""
        client = self.client
        trial = self._trials.get(client.id) if client else None
        if isinstance(trial, trials.Trial) and trial.request_id:
            self.run_worker(self.flock.acts.show(ExplainRequest(id=trial.request_id)))
