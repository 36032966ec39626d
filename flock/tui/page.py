"""A page of the full screen: what all of them can do.

Owns the ways to the state, to acts and to the polls. Refuses to call the daemon: a page says what it wants to know
(`polls`), draws what is known (`draw`), and hands operations to `do` and `ask`. Subclassed by `screens/`.
"""

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.binding import BindingType
from textual.containers import Vertical

from flock.contract.op import Op
from flock.tui.polls import Poll
from flock.tui.state import State, Topic

if TYPE_CHECKING:
    from flock.tui.app import FlockApp


class Page(Vertical):
    """One page. `topics` are those of the state that it draws; `draw` is called when one of them has changed."""

    BINDINGS: ClassVar[list[BindingType]] = []
    topics: ClassVar[tuple[Topic, ...]] = ("answers",)
    # what its keys do, in words, for the help: (key, what it does)
    notes: ClassVar[tuple[tuple[str, str], ...]] = ()

    DEFAULT_CSS = "Page { height: 1fr; width: 1fr; padding: 0 1; }"

    @property
    def flock(self) -> "FlockApp":
        """The application."""
        return cast("FlockApp", self.app)  # pyright: ignore[reportUnknownMemberType]

    @property
    def state(self) -> State:
        """What is known."""
        return self.flock.state

    @property
    def now(self) -> float:
        """The epoch, from the application's clock."""
        return self.flock.now()

    def polls(self) -> tuple[Poll, ...]:
        """Return what is to be asked for while the page is open; call `wants` when it has become something else."""
        return ()

    def draw(self) -> None:
        """Draw what is known now. Called ten times a second at most, and when it is opened or resized."""

    def opened(self) -> None:
        """Take the keyboard: called when the page comes to the front."""

    def wants(self) -> None:
        """Ask for what `polls` returns now."""
        if self.flock.page is self:
            self.flock.polls.want((*self.flock.own_polls(), *self.polls()))

    async def do(self, op: Op[Any], *, done: str = "", about: str = "") -> Any:
        """Carry out an operation as its risk says, show its command line, and return its answer; None when it was
        refused or failed, which is told. `done` is said when it went well; with `about`, which says more than the
        operation does, it is asked about in any case.
        """
        return await self.flock.acts.do(op, done=done, about=about)

    def ask(self, kind: type[Op[Any]], **given: Any) -> None:
        """Let an operation be filled in and carried out; `given` are fields that are known already."""
        self.flock.acts.ask(kind, given)

    def shows(self, op: Op[Any] | None, note: str = "", more: str = "") -> None:
        """Show below what the key under the finger would do, as its command line; `more` is put behind it."""
        self.flock.acts.hint(op, note, more)
