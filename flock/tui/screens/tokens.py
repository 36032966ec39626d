"""Tokens: the keys, how full their limits are, and everything that is done with a key.

Owns this page's places and keys. Refuses to keep a secret: a new key goes from the answer into `widgets/once.py` and
nowhere else. Called by `table.py`.
"""

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from flock.contract.connect import Invite
from flock.contract.op import Op
from flock.contract.tokens import (
    CreateToken,
    ExpireToken,
    ListTokens,
    RenewToken,
    RevokeToken,
    RotateToken,
    ShowToken,
    Token,
    TokenDetails,
)
from flock.tui import look
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import tokens_look as looks
from flock.tui.screens.tokens_edit import EditForm
from flock.tui.widgets.form import Form
from flock.tui.widgets.listing import Listing
from flock.tui.widgets.narrow import Narrow
from flock.tui.widgets.panel import put

EMPTY = "no API key yet; n makes one: flock token create NAME"
# Cells from which the details stand beside the list and how wide they are there, on a wide and a very wide terminal
_BESIDE, _PANE, _FAR, _WIDE_PANE = 110, 54, 160, 76
# On fewer lines the list has all of them: the details below it would leave it none
_LOW = 14


class TokensPage(Page):
    """The keys on the left or on top, the one under the cursor beside or below them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("e", "edit", "Edit"),
        Binding("w", "renew", "Renew", show=False),
        Binding("o", "rotate", "Rotate"),
        Binding("i", "invite", "Invite"),
        Binding("delete,backspace", "revoke", "Revoke", key_display="del"),
        Binding("x", "expire", "Let it end", show=False),
        Binding("a", "all", "Also ended ones, or not", show=False),
        Binding("slash", "narrow", "Narrow the list down", show=False, key_display="/"),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "all of the key"),
        ("█ ▒ ↻", "used; held by what runs; when it is empty again"),
    )

    DEFAULT_CSS = """
    TokensPage #parts { layout: vertical; height: 1fr; }
    TokensPage #pane { height: 9; border-top: solid $panel-lighten-2; padding: 0 0 0 2; }
    TokensPage.-low #pane { display: none; }
    TokensPage.-wide #parts { layout: horizontal; }
    TokensPage.-wide #pane { width: 54; height: 1fr; border-top: none; border-left: solid $panel-lighten-2; }
    TokensPage.-far #pane { width: 76; }
    TokensPage #trouble { height: auto; color: $text-error; display: none; padding: 0 0 0 2; }
    TokensPage.-failed #trouble { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._listing = Listing(looks.COLUMNS, EMPTY)
        self._narrow = Narrow("letters of a name, an owner, a tag, a model, a state")
        self._detail, self._trouble = Static(), Static(id="trouble")
        self._all = False
        self._at = ""

    def compose(self) -> ComposeResult:
        """Put the list beside the details of one."""
        yield self._narrow
        yield self._trouble
        with Container(id="parts"):
            yield self._listing
            pane = VerticalScroll(self._detail, id="pane")
            pane.can_focus = False
            yield pane

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the keys, and for the limits of the one under the cursor."""
        shown = (Poll(ShowToken(id=self._at), 5),) if self._at else ()
        return (Poll(self._list_op(), 10), *shown)

    def opened(self) -> None:
        """Take the keyboard."""
        self._listing.focus()
        self.shows(self._op())

    def draw(self) -> None:
        """Draw what is known."""
        self.set_class(self.size.width >= _BESIDE, "-wide")
        self.set_class(self.size.height < _LOW, "-low")
        self.set_class(self.size.width >= _FAR, "-far")
        op = self._list_op()
        tokens: list[Token] | None = self.state.answer(op)
        failure = self.state.failure(op)
        self.set_class(failure is not None, "-failed")
        if failure is not None:
            put(self._trouble, look.trouble(failure.sentence, failure.hint), grows=True)
        if tokens is None:
            self._listing.show([], "" if failure else "asking for the keys …")
        else:
            self._listing.show([looks.row(t, self.now) for t in tokens if self._fits(t)], self._empty(tokens))
        self._draw_detail()

    def _draw_detail(self) -> None:
        token = self._token()
        words = Content("")
        if token is not None:
            details: TokenDetails | None = self.state.answer(ShowToken(id=token.id))
            meters = None if details is None else details.meters
            pane = _WIDE_PANE if self.has_class("-far") else _PANE
            beside = self.has_class("-wide")
            how, width = (looks.detail, pane - 5) if beside else (looks.brief, self.size.width - 6)
            words = how(token, meters, self.now, width)
        put(self._detail, words, grows=True)

    # -- which

    def _list_op(self) -> ListTokens:
        return ListTokens(all=self._all)

    def _op(self) -> Op[Any]:
        return ShowToken(id=self._at) if self._at else self._list_op()

    def _token(self) -> Token | None:
        tokens: list[Token] = self.state.answer(self._list_op()) or []
        return next((token for token in tokens if token.id == self._listing.current), None)

    def _fits(self, token: Token) -> bool:
        return self._narrow.fits(token.name, token.id, token.owner, token.state, *token.tags, *token.models, token.note)

    def _empty(self, tokens: list[Token]) -> str:
        if tokens and self._narrow.value:
            return f"no key has {self._narrow.value!r} in it; esc shows all: flock token ls"
        return EMPTY

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        if event.key != self._at:
            self._at = event.key
            self.wants()
        self.shows(self._op())
        self._draw_detail()

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        self.run_worker(self.flock.acts.show(ShowToken(id=event.key)))

    @on(Input.Changed)
    def _typed(self) -> None:
        self.draw()

    @on(Narrow.Back)
    def _back(self) -> None:
        self._listing.focus()

    # -- keys

    def action_new(self) -> None:
        """Make a key."""
        self.ask(CreateToken)

    def action_invite(self) -> None:
        """Make a key and the card that goes with it."""
        self.ask(Invite)

    def action_rotate(self) -> None:
        """Give the key another secret."""
        if (token := self._token()) is not None:
            self.ask(RotateToken, id=token.id)

    def action_edit(self) -> None:
        """Change the key."""
        if (token := self._token()) is not None:
            self.run_worker(self._edit(token))

    def action_renew(self) -> None:
        """Let the key be good for longer."""
        if (token := self._token()) is not None:
            self.run_worker(self._fill(RenewToken, token, "good for longer"))

    def action_expire(self) -> None:
        """Let the key end."""
        if (token := self._token()) is not None:
            self.run_worker(self._fill(ExpireToken, token, "going to end"))

    def action_revoke(self) -> None:
        """Revoke the key."""
        if (token := self._token()) is not None:
            about = f"{token.name}, {looks.hint(token)}: what streams with it ends within a second."
            self.run_worker(self.do(RevokeToken(id=token.id), done=f"{token.name} is revoked", about=about))

    def action_all(self) -> None:
        """Show also those that have ended, or only those that have not."""
        self._all = not self._all
        self.wants()
        self.shows(self._list_op())
        self.draw()

    def action_narrow(self) -> None:
        """Narrow the list down."""
        self._narrow.open()

    async def _edit(self, token: Token) -> None:
        edited = await self.flock.acts.fill(EditForm(token), f"{token.name} is changed")
        for words in edited.warnings if edited is not None else ():
            self.notify(words, severity="warning", markup=False)

    async def _fill(self, kind: type[Op[Any]], token: Token, became: str) -> None:
        await self.flock.acts.fill(Form(kind, {"id": token.id}), f"{token.name} is {became}")
