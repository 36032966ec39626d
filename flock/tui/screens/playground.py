"""Chat: a conversation with a model, its answers as they come.

Owns the keys of the page and when an answer begins and ends. Refuses to keep a conversation once the screen is closed.
The turns are `playground_talk.py`'s, their looks `playground_turn.py`'s, the request `playground_answer.py`'s.
"""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Static, TextArea

from flock.contract.models import LoadModel, Model
from flock.contract.requests import CancelRequest, ExplainRequest
from flock.errors import FlockError
from flock.tui.page import Page
from flock.tui.screens import playground_look as looks
from flock.tui.screens.playground_answer import Answering
from flock.tui.screens.playground_settings import ChatSettings
from flock.tui.screens.playground_talk import Settings, Talk, Turn, command
from flock.tui.screens.playground_turn import blocks
from flock.tui.standing import MODELS
from flock.tui.state import Live, Topic
from flock.tui.widgets.marked import Block
from flock.tui.widgets.panel import put
from flock.tui.widgets.pick import Pick
from flock.tui.widgets.transcript import Transcript
from flock.tui.widgets.writing import Writing

AUTO = "auto"
# How often what has come of an answer is shown: as fast as is read, and no more repaints than the frame's tick makes
_SHOW_SECONDS, _SLOW_SHOW_SECONDS = 0.1, 0.25
# Columns from which the facts stand beside the conversation
_WIDE = 110


class PlaygroundPage(Page):
    """A conversation."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "models", "requests")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o,m", "model", "Model", key_display="^o"),
        Binding("ctrl+s,s", "settings", "Settings", key_display="^s"),
        Binding("escape", "stop", "Stop"),
        Binding("i", "write", "Write", show=False),
        Binding("ctrl+g,g", "again", "Answer again", show=False),
        Binding("e", "edit", "Edit the last message", show=False),
        Binding("c", "copy", "Copy the answer", show=False),
        Binding("ctrl+t,t", "fold", "Thinking, tool calls", show=False),
        Binding("enter", "explain", "Explain the request", show=False),
        Binding("l", "load", "Load the model now", show=False),
        Binding("ctrl+l,x", "clear", "Clear", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter, ^j", "in the message: send it, begin a new line (alt+enter too)"),
        ("esc", "also: leave the message, so that letters are keys"),
        ("up", "in an empty message: edit the last one"),
        ("up down home end", "in the conversation: from answer to answer"),
    )

    DEFAULT_CSS = """
    PlaygroundPage { padding: 0; }
    PlaygroundPage > #head { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    PlaygroundPage > #middle { height: 1fr; }
    PlaygroundPage #talk { width: 1fr; }
    PlaygroundPage Transcript { padding: 0 1; }
    PlaygroundPage #empty { padding: 1 3; height: auto; color: $text-muted; }
    PlaygroundPage #side { width: 36; height: 1fr; padding: 0 2; border-left: solid $panel; display: none; }
    PlaygroundPage.-wide #side { display: block; }
    PlaygroundPage > Writing { margin: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk()
        self.settings = Settings()
        self.chosen = ""
        self._answer: Answering | None = None
        self._timer: Timer | None = None
        self._editing = False
        self._known: set[str] = set()
        self._drawn: dict[int, tuple[object, list[Block]]] = {}
        self._head, self._side, self._empty = Static(id="head"), Static(id="side"), Static(id="empty")
        self._transcript, self._writing = Transcript(id="transcript"), Writing(id="writing")

    def compose(self) -> ComposeResult:
        """Put the conversation over what is written."""
        yield self._head
        with Horizontal(id="middle"):
            with Vertical(id="talk"):
                yield self._empty
                yield self._transcript
            yield self._side
        yield self._writing

    def opened(self) -> None:
        """Be ready to write."""
        self._writing.focus()

    # -- what is known

    @property
    def models(self) -> list[Model]:
        """The models that one can talk to, the default first."""
        return [model for model in self.state.models(MODELS) or [] if model.kind in ("", "chat")]

    @property
    def model(self) -> str:
        """The model that is asked: the one that was chosen, else the default."""
        default = next((model.id for model in self.models if model.default), AUTO)
        return self.chosen or default

    def draw(self) -> None:
        """Draw the head, the conversation and the facts beside it."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        known = next((model for model in self.models if model.id == self.model), None)
        head = looks.head(self.model, known, self.settings, self.talk, editing=self._editing)
        put(self._head, head)
        if self.has_class("-wide"):
            put(self._side, looks.side(self.model, known, self.settings, self.talk))
        nobody = self.state.models(MODELS) == []
        put(self._empty, looks.empty(self.state.failure(MODELS), nobody=nobody), grows=True)
        self._empty.display = not self.talk.turns
        self._transcript.display = bool(self.talk.turns)
        self._writing.placeholder = looks.placeholder(wants_result=self.talk.wants_result)
        self._show()

    def _learn(self) -> None:
        """Take from the daemon what the last answer took, where it was stopped before it could say so."""
        turn = self.talk.turns[-1] if self.talk.turns else None
        if turn is not None and turn.stage == "stopped" and not turn.output_tokens:
            live = next((live for live in self.state.ended if live.id == turn.request_id), None)
            if live is not None and live.output_tokens:
                turn.input_tokens, turn.output_tokens = live.input_tokens, live.output_tokens

    def _show(self) -> None:
        self._learn()
        self._transcript.show([self._blocks(number, turn) for number, turn in enumerate(self.talk.turns)])

    def _blocks(self, number: int, turn: Turn) -> list[Block]:
        """Return a turn's blocks; those of one that is over are the same objects until it is opened or folded."""
        key = (id(turn), turn.stage, turn.output_tokens, tuple(sorted(turn.opened)))
        known = self._drawn.get(number)
        if not turn.running and known is not None and known[0] == key:
            return known[1]
        live = self._live() if turn.running else None
        made = blocks(turn, self.now, self._doing(turn, live), live.output_tokens if live else 0)
        self._drawn[number] = (key, made)
        return made

    def _doing(self, turn: Turn, live: Live | None) -> str:
        """Return what is known of a request of which nothing has come yet."""
        model = next((model for model in self.models if model.id == turn.model), None)
        return looks.waiting(turn.model, model, live)

    def _live(self) -> Live | None:
        """Return the running request, of which only its daemon knows the id before it answers."""
        if self._answer is not None and self._answer.request_id:
            return self.state.requests.get(self._answer.request_id)
        new = [live for live in self.state.requests.values() if live.id not in self._known and live.endpoint == "chat"]
        return new[-1] if new else None

    # -- an answer

    @on(Writing.Sent)
    def _sent(self, event: Writing.Sent) -> None:
        words = event.words.strip("\n")
        if not words.strip():
            return
        if self._answer is not None:
            self.notify("an answer is under way; esc stops it", timeout=3)
            return
        if self._editing:
            self._editing = False
            self.talk.turns.pop()
        self._writing.fill("")
        self._begin(words)

    def _begin(self, words: str) -> None:
        turn = self.talk.ask(words, self.model, self.now)
        self._known = set(self.state.requests)
        self._answer = answer = Answering(self.flock.link.reach, self.talk.body(self.settings), self.flock.now)
        self._told(words)
        self.draw()
        self._transcript.end()
        slow = self.flock.link.slow
        self._timer = self.set_interval(_SLOW_SHOW_SECONDS if slow else _SHOW_SECONDS, self._take)
        self.run_worker(self._follow(answer, turn), name="answer", exit_on_error=True)

    async def _follow(self, answer: Answering, turn: Turn) -> None:
        """Wait for the end of an answer, in a thread."""
        failed: FlockError | None = None
        try:
            await self.flock.link.work(answer.read)
        except FlockError as error:
            failed = error
        if answer is not self._answer or answer.stopped:
            return
        self._take()
        if turn.running:
            turn.end("failed" if failed else "stopped", self.now, failed)
        elif failed is not None:
            turn.error = failed
        self._end()

    def _take(self) -> None:
        """Show what has come since the last time."""
        answer = self._answer
        if answer is None:
            return
        turn = self.talk.turns[-1]
        for at, piece in answer.take():
            turn.take(piece, at)
        turn.request_id, turn.model = answer.request_id or turn.request_id, answer.model or turn.model
        self._show()

    def _end(self) -> None:
        self._answer = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.draw()

    # -- keys

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self._writing.fit()
        if self._writing.text:
            self._told(self._writing.text)

    @on(Writing.Recalled)
    def _recalled(self) -> None:
        self.action_edit()

    @on(Transcript.Moved)
    def _moved(self, event: Transcript.Moved) -> None:
        self._told(self.talk.turns[event.turn].asked)

    @on(Transcript.Clicked)
    def _clicked(self, event: Transcript.Clicked) -> None:
        if event.tag == "facts":
            self.action_explain()
        else:
            self._turn_over(self.talk.turns[event.turn], event.tag)

    def _told(self, words: str) -> None:
        self.shows(command(words, self.model, self.settings))

    def action_stop(self) -> None:
        """Stop the answer; where none comes leave the message, or what is edited."""
        if self._answer is not None:
            self._stop()
        elif self._editing:
            self._editing = False
            self._writing.fill("")
            self.draw()
        elif self.talk.turns and self._writing.has_focus:
            self._transcript.focus()
            self._told(self.talk.turns[self._transcript.current or 0].asked)

    def _stop(self) -> None:
        answer = self._answer
        if answer is None:
            return
        self._take()
        live = None if answer.began else self._live()
        answer.stop()
        turn = self.talk.turns[-1]
        if turn.running:
            turn.end("stopped", self.now)
        if live is not None:
            turn.request_id = live.id
            # it has not answered yet, so that there is no connection to close: a model loads, or others are first
            self.run_worker(self.do(CancelRequest(id=live.id)))
        self._end()

    def action_write(self) -> None:
        """Go to the message."""
        self._writing.focus()

    def action_model(self) -> None:
        """Choose the model."""
        self.flock.push_screen(Pick("the model that answers", looks.choices(self.models)), self._picked)

    def _picked(self, choice: str | None) -> None:
        if choice:
            self.chosen = choice.split()[0]
            self.draw()
            self._told(self._writing.text)

    def action_settings(self) -> None:
        """Change the settings."""
        self.flock.push_screen(ChatSettings(self.settings, self.model), self._kept)

    def _kept(self, settings: Settings | None) -> None:
        if settings is not None:
            self.settings = settings
            self.draw()
            self._told(self._writing.text)

    def action_again(self) -> None:
        """Ask the last question once more."""
        if self.talk.turns and self._answer is None:
            turn = self.talk.turns.pop()
            self._begin(turn.asked)

    def action_edit(self) -> None:
        """Take the last message back to change it."""
        if self.talk.turns and self._answer is None:
            self._editing = True
            self._writing.fill(self.talk.turns[-1].asked)
            self._writing.focus()
            self.draw()

    def action_copy(self) -> None:
        """Copy the answer under the cursor."""
        if (turn := self._current()) is not None and (words := turn.text or "\n".join(a for _, a in turn.calls)):
            self.flock.copy_to_clipboard(words)
            self.notify(f"copied: {looks.much(words)}", timeout=3)

    def action_fold(self) -> None:
        """Open or fold what was thought and the tool calls of the answer under the cursor."""
        if (turn := self._current()) is not None:
            tags = {"thinking", "asked", *(f"call-{number}" for number in range(len(turn.calls)))}
            turn.opened = set() if turn.opened & tags else tags
            self._show()

    def _turn_over(self, turn: Turn, tag: str) -> None:
        turn.opened = turn.opened ^ {tag}
        self._show()

    def action_explain(self) -> None:
        """Say what was decided about the request of the answer under the cursor."""
        if (turn := self._current()) is not None and turn.request_id:
            self.run_worker(self.flock.acts.show(ExplainRequest(id=turn.request_id)))

    def action_load(self) -> None:
        """Load the model without asking it anything."""
        if self.model == AUTO:
            self.notify("auto is whichever model suits a question; choose one with m", timeout=4)
        else:
            self.run_worker(self.do(LoadModel(id=self.model)))

    def action_clear(self) -> None:
        """Begin anew."""
        self._stop()
        self.talk = Talk()
        self._drawn.clear()
        self._editing = False
        self.shows(None)
        self.draw()
        self._writing.focus()

    def _current(self) -> Turn | None:
        at = self._transcript.current
        return None if at is None or at >= len(self.talk.turns) else self.talk.turns[at]

    def on_unmount(self) -> None:
        """Let nobody generate for nobody."""
        if self._answer is not None:
            self._answer.stop()
