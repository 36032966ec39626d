"""Questions to the person at the terminal: the only importer of questionary.

Owns when a question may be asked at all. Refuses to guess: where nobody can answer, the error names the option that
stands for "yes". Called by `call.py` before anything is removed, by `pick.py`, `wizard.py`, `secret.py` and
`vendor.py`.
"""

import sys

from flock.cli import preface
from flock.cli.out import is_terminal
from flock.errors import Cancelled, UsageError, WouldAsk


def confirm(question: str, yes: bool, command: str) -> None:
    """Return when the user agrees or said so before (`yes`); `command` is the command line that asks nothing.

    Raises WouldAsk naming that command when nobody can be asked, Cancelled when the answer is no.
    """
    if yes:
        return
    if not is_anybody_there():
        raise WouldAsk(f"flock would have to ask “{question}”, and {_why_nobody()}; --yes answers it", hint=command)
    import questionary

    answer = questionary.confirm(question, default=False).unsafe_ask()
    if not answer:
        raise Cancelled("nothing was changed")


def hidden(question: str, hint: str, *, again: str = "") -> str:
    """Return what is typed unseen; with `again`, a second question, it must be typed twice alike.

    Raises WouldAsk with the hint when nobody can be asked, UsageError when the two differ.
    """
    _refuse_nobody(question, hint)
    import questionary

    words: str = questionary.password(question).unsafe_ask()
    if again and questionary.password(again).unsafe_ask() != words:
        raise UsageError("the two are not the same; nothing was changed", hint="try again")
    return words


class _Title(str):
    """How a choice is shown; what is typed finds it when its letters stand in it in that order ("q38b" for qwen3-8b).

    questionary asks `typed.lower() in title.lower()`; prompt_toolkit asks for single characters only, for which both
    meanings are one.
    """

    __slots__ = ()

    def lower(self) -> "_Title":
        return _Title(super().lower())

    def __contains__(self, typed: object) -> bool:
        left = iter(str(self))
        return isinstance(typed, str) and all(letter in left for letter in typed)


def is_anybody_there() -> bool:
    """Say whether a question may be asked, would be seen and could be answered: `--no-input` says no, and so does
    standard input or output redirected.
    """
    return not preface.asks_nothing() and is_terminal(sys.stdin) and is_terminal(sys.stdout)


def choose(question: str, choices: "list[tuple[str, str]]", hint: str) -> str:
    """Return the value of one of the choices, each a value and how it is shown; typing narrows them down.

    Raises WouldAsk, Cancelled.
    """
    _refuse_nobody(question, hint)
    import questionary

    shown = [questionary.Choice(_Title(words), value) for value, words in choices]
    keys = "(arrow keys; type to search)"
    chosen = questionary.select(
        question, shown, use_search_filter=True, use_jk_keys=False, instruction=keys
    ).unsafe_ask()
    if chosen is None:
        raise Cancelled("nothing was changed")
    return str(chosen)


def words(question: str, hint: str) -> str:
    """Return one line that is typed. Raises WouldAsk with the hint when nobody can be asked."""
    _refuse_nobody(question, hint)
    import questionary

    return str(questionary.text(question).unsafe_ask()).strip()


def _refuse_nobody(question: str, hint: str) -> None:
    if not is_anybody_there():
        raise WouldAsk(f"flock would have to ask “{question}”, and {_why_nobody()}", hint=hint)


def _why_nobody() -> str:
    said = preface.asks_nothing()
    return f"{said} forbids it" if said else "there is no terminal"
