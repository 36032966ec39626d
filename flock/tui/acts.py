"""From a key to an operation: asked about, carried out, told of; and its command line on the screen.

Owns what happens around every act: the question that its risk demands, the line `flock …` that says the same, the
toast, the job that is followed. Refuses to know a page. One for each application; pages reach it through `Page.do` and
`Page.ask`.
"""

import dataclasses
import os
import shlex
from typing import TYPE_CHECKING, Any, cast

from flock.contract.connect import ConnectClient, Invitation
from flock.contract.jobs import Job
from flock.contract.op import Op, Risk, command_line
from flock.contract.tokens import TokenCreated
from flock.errors import DaemonUnreachable, FlockError
from flock.show import job as job_view
from flock.tui.link import Link

if TYPE_CHECKING:
    from flock.tui.app import FlockApp
    from flock.tui.widgets.form import Form

# What asks beside all that removes: it ends something that nobody gets back
ASKS = ("engine.detach", "token.revoke", "token.expire", "daemon.stop", "connect.client", "connect.undo")
# What needs the terminal for itself: an editor, a progress line, output without an end (`follow`). The screen steps
# aside.
ASIDE = ("config.edit", "batch.run", "dial.stdio")
# How long a toast with an error stays, in seconds: it has a sentence and a command to read
_ERROR_SECONDS = 12.0


class Acts:
    """The acts of one screen. `line` is the command line that is shown below, "" for none."""

    def __init__(self, app: "FlockApp", link: Link) -> None:
        self._app = app
        self._link = link
        self.line = ""
        self._jobs: dict[str, tuple[Job, str, int]] = {}  # each with its command line and the life of its daemon

    async def do(self, op: Op[Any], *, done: str = "", sure: bool = False, about: str = "") -> Any:
        """Carry out an operation and return its answer, None when it was refused or failed.

        Asks first where its risk says so, or where `about` has more to say in the question than the operation does;
        never when `sure`. Errors become a toast with the sentence and the hint.
        """
        try:
            return await self._ask_and_carry(op, done, sure, about)
        except FlockError as error:
            self.tell(error)
            return None

    async def fill(self, form: "Form", done: str = "") -> Any:
        """Let a form be filled in, carry out what it gives, and return the answer, None when it was closed or refused.

        While the operation fails, the form comes back as it was filled in, with the sentence and the hint in it.
        """
        return (await self._fill(form, done))[1]

    async def _fill(self, form: "Form", done: str = "") -> tuple[Op[Any] | None, Any]:
        while (op := cast("Op[Any] | None", await self._app.push_screen_wait(form))) is not None:
            if _needs_terminal(op):
                self._aside(op)
                break
            try:
                return op, await self._ask_and_carry(op, done)
            except FlockError as error:
                form = form.again(error)
        return None, None

    async def _ask_and_carry(self, op: Op[Any], done: str = "", sure: bool = False, about: str = "") -> Any:
        self.hint(op)
        if not sure and (about or self.asks(op)):
            from flock.tui.widgets.confirm import Confirm

            if not await self._app.push_screen_wait(Confirm(op, about)):
                self.hint(op, "not done")
                return None
        value = await self.carry(op)
        if done and not (isinstance(value, Job) and value.state == "running"):
            self._app.notify(done, timeout=4, markup=False)
        return value

    async def carry(self, op: Op[Any]) -> Any:
        """Carry out an operation without a question and return its answer. Raises its FlockErrors: for who shows them
        in a place of their own.
        """
        self.hint(op, "…")
        life = self._app.state.life
        try:
            value = await self._link.call(op)
        except FlockError:
            self.hint(op, "failed")
            raise
        if op.spec.risk is not Risk.READ:
            self._app.polls.refresh()
        if isinstance(value, Job) and value.state == "running":
            self.hint(op, job_view.under_way(value))
            self._jobs[value.id] = (value, self.line, life)
        else:
            self.hint(op, "done")
        return value

    @staticmethod
    def asks(op: Op[Any]) -> bool:
        """Say whether an operation is asked about before it is carried out."""
        writes = getattr(op, "write", True)  # connect and disconnect only print without it
        return op.spec.risk is Risk.REMOVE or (op.spec.name in ASKS and bool(writes))

    def ask(self, kind: type[Op[Any]], given: dict[str, Any] | None = None) -> None:
        """Open the form of an operation; where there is nothing to fill in, carry it out and show the answer."""
        from flock.tui.widgets.form import Form, fields_of

        if fields_of(kind):
            self._app.run_worker(self._fill_and_show(Form(kind, given or {})))
        else:
            self._app.run_worker(self.show(kind(**(given or {}))))

    async def _fill_and_show(self, form: "Form") -> None:
        op, value = await self._fill(form)
        if op is not None:
            self._show(op, value)

    async def show(self, op: Op[Any]) -> None:
        """Carry out an operation and show its answer as the command line would."""
        if _needs_terminal(op):
            self._aside(op)
        else:
            self._show(op, await self.do(op))

    def _show(self, op: Op[Any], value: Any) -> None:
        if value is None or (isinstance(value, Job) and value.state == "running"):
            return
        if isinstance(value, TokenCreated | Invitation):
            from flock.tui.widgets.once import Once

            self._app.push_screen(Once(op, value))
            return
        from flock.tui.widgets.answer import Answer

        self._app.push_screen(Answer(op, value))

    def hint(self, op: Op[Any] | None, note: str = "", more: str = "") -> None:
        """Show an operation's command line below; `more` is what only the command line has, such as --csv."""
        self.line = "" if op is None else " ".join(filter(None, (self.spelled(op), more)))
        self._app.strip.show(self.line, note)

    def spelled(self, op: Op[Any], yes: bool = False) -> str:
        """Return the command line of an operation, with the host where it is another machine's, and no key in it."""
        if isinstance(op, ConnectClient) and op.token:
            op = dataclasses.replace(op, token="-")
        return self._afar(command_line(op, yes))

    def command(self, kind: type[Op[Any]]) -> str:
        """Return the command of a kind of operation, without what it needs."""
        return self._afar(" ".join(["flock", *kind.spec.verb]))

    def _afar(self, line: str) -> str:
        host = self._link.host
        return line.replace("flock", f"flock --host {shlex.quote(host)}", 1) if host else line

    def copy(self) -> None:
        """Put the command line on the clipboard of the terminal."""
        if self.line:
            self._app.copy_to_clipboard(self.line)
            self._app.notify(f"copied: {self.line}", timeout=3, markup=False)

    def tell(self, error: FlockError) -> None:
        """Show an error: its sentence and its hint. One of the connection stands in the banner already."""
        if isinstance(error, DaemonUnreachable) and self._app.state.connection != "live":
            return
        words = error.sentence + (f"\n→ {error.hint}" if error.hint else "")
        self._app.notify(words, severity="error", timeout=_ERROR_SECONDS, markup=False)

    def follow(self) -> None:
        """Tell of jobs that this screen began and that have ended, and how far the others are."""
        state = self._app.state
        for job_id, (began, line, life) in list(self._jobs.items()):
            job = state.jobs.get(job_id)
            if job is None and state.life != life:
                del self._jobs[job_id]
                words = f"{began.target}: flock was started anew meanwhile, and this has ended with the one before"
                self._app.notify(f"{words}\n→ {line}", severity="warning", timeout=_ERROR_SECONDS, markup=False)
            elif job is not None and job.state == "running":
                self._note(line, job_view.under_way(job))
            elif job is not None:
                del self._jobs[job_id]
                self._app.polls.refresh()
                self._note(line, job.state)
                self._ended(job)

    def _note(self, line: str, note: str) -> None:
        if self.line == line:  # else the cursor has gone on, and another command stands there
            self._app.strip.show(line, note)

    def _ended(self, job: Job) -> None:
        if job.state == "done":
            self._app.notify(f"{job.target}: done", timeout=5, markup=False)
            return
        words = (job.error or f"{job.target}: {job.state}") + (f"\n→ {job.hint}" if job.hint else "")
        self._app.notify(words, severity="error", timeout=_ERROR_SECONDS, markup=False)

    def _aside(self, op: Op[Any]) -> None:
        """Give the terminal to a command until it ends and a key is pressed."""
        from textual.app import SuspendNotSupported

        self.hint(op)
        try:
            with self._app.suspend():
                _run_here(self.line)
        except SuspendNotSupported:
            self._app.copy_to_clipboard(self.line)
            words = f"this needs a terminal of its own; the command is copied\n→ {self.line}"
            self._app.notify(words, severity="warning", timeout=_ERROR_SECONDS, markup=False)
        self._app.polls.refresh()


def _needs_terminal(op: Op[Any]) -> bool:
    # `flock connect --run` lets the tool take the place of this process
    return op.spec.name in ASIDE or bool(getattr(op, "follow", False) or getattr(op, "run", False))


def _stay(_signal: int, _frame: object) -> None:
    """Hear Ctrl-C and go on."""


def _run_here(line: str) -> None:
    """Run a command line of flock on the terminal, then wait for a key."""
    import signal
    import subprocess
    import sys

    os.write(1, f"$ {line}\n".encode())  # the terminal itself: Textual has let go of it
    # Ctrl-C ends the command, which is in the same group, and not the screen; a handler is not inherited, an ignored
    # signal would be
    before = signal.signal(signal.SIGINT, _stay)
    try:
        subprocess.run([sys.executable, "-m", "flock", *shlex.split(line)[1:]], check=False)
        input("\n[enter] back to the screen ")
    except (OSError, EOFError) as error:
        os.write(1, f"{error}\n".encode())
    finally:
        signal.signal(signal.SIGINT, before)
