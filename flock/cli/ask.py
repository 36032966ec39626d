"""Questions to the person at the terminal: the only importer of questionary.

Owns when a question may be asked at all. Refuses to guess: where nobody can answer, the error names the option that
stands for "yes". Called by `call.py` before anything is removed, by `secret.py` and by `vendor.py`.
"""

import sys

from flock.cli.out import is_terminal
from flock.errors import Cancelled, UsageError, WouldAsk


def confirm(question: str, yes: bool, command: str) -> None:
    """Return when the user agrees or said so before (`yes`); `command` is the command line that asks nothing.

    Raises WouldAsk naming that command when there is no terminal, Cancelled when the answer is no.
    """
    if yes:
        return
    # the question goes to stderr's terminal through stdin's: either of them redirected means nobody is there
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise WouldAsk(
            f"flock would have to ask “{question}”, and there is no terminal; --yes answers it", hint=command
        )
    import questionary

    answer = questionary.confirm(question, default=False).unsafe_ask()
    if not answer:
        raise Cancelled("nothing was changed")


def hidden(question: str, hint: str, *, again: str = "") -> str:
    """Return what is typed unseen; with `again`, a second question, it must be typed twice alike.

    Raises WouldAsk with the hint when there is no terminal, UsageError when the two differ.
    """
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise WouldAsk(f"flock would have to ask “{question}”, and there is no terminal", hint=hint)
    import questionary

    words: str = questionary.password(question).unsafe_ask()
    if again and questionary.password(again).unsafe_ask() != words:
        raise UsageError("the two are not the same; nothing was changed", hint="try again")
    return words


def choose(question: str, choices: "list[tuple[str, str]]", hint: str) -> str:
    """Return the value of one of the choices, each a value and how it is shown. Raises WouldAsk, Cancelled."""
    _refuse_nobody(question, hint)
    import questionary

    shown = [questionary.Choice(words, value) for value, words in choices]
    chosen = questionary.select(question, shown, use_search_filter=True, use_jk_keys=False).unsafe_ask()
    if chosen is None:
        raise Cancelled("nothing was changed")
    return str(chosen)


def words(question: str, hint: str) -> str:
    """Return one line that is typed. Raises WouldAsk with the hint when there is no terminal."""
    _refuse_nobody(question, hint)
    import questionary

    return str(questionary.text(question).unsafe_ask()).strip()


def _refuse_nobody(question: str, hint: str) -> None:
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise WouldAsk(f"flock would have to ask “{question}”, and there is no terminal", hint=hint)
