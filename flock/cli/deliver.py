"""From an operation to what stands on the screen: perform it, then print JSON, ids or a view.

Owns which verbs go their own way and where a noun's views are found. Refuses to know any noun. Called by `app.py`.
"""

import importlib
from typing import Any

from flock.cli import out
from flock.cli.call import Answer, Perform
from flock.cli.tree import Given, Line
from flock.contract.op import Op, Risk
from flock.show.nouns import noun, view, views

# Verbs that do more than show one answer, each with a `run(op, given, perform) -> int` in its noun's file
_OWN_WAY = (
    *("engine.check", "engine.logs"),
    *("catalog.search", "engine.attach", "model.add", "model.scan", "model.config", "model.validate"),
    *("token.create", "token.rotate"),
    *("audit.verify", "backup.create", "limit.simulate"),
    *("events.follow", "top.show"),
    *("usage.recent", "usage.breakdown", "usage.verify"),
    *("daemon.up", "daemon.stop", "daemon.logs", "daemon.doctor"),
    *("connect.client", "connect.undo", "invite.create"),
    *("tui.open", "run.prompt", "batch.run"),
    *("context.add", "dial.stdio"),
    *("secret.lock", "secret.unlock", "vendor.add", "vendor.test"),
)


def deliver(line: Line, perform: Perform) -> int:
    """Carry out a command line and show what came of it; return the exit code. Raises FlockError."""
    op, given = line.op, line.given
    if given.watch is not None:
        from flock.cli import watch

        return watch.run(op, given, perform)
    if op.spec.name in _OWN_WAY:
        return int(importlib.import_module(f"flock.cli.{noun(op)}").run(op, given, perform))
    answer = perform(op, given.yes)
    if op.spec.risk is Risk.CHANGE and _is_job(answer.value) and noun(op) != "job":
        from flock.cli import follow

        return follow.run(op, given, perform, answer)
    present(op, given, answer)
    return 0


def _is_job(value: Any) -> bool:
    """Say whether an answer is long work; most calls need not even load its words."""
    return type(value).__module__ == "flock.contract.jobs"


def present(op: Op[Any], given: Given, answer: Answer) -> None:
    """Print an answer as the command line asked: its exact JSON, its ids, or its view."""
    if given.json:
        out.data(answer.body)
    elif given.quiet:
        for words in views(op).ids(op, answer.value):
            out.raw(words)
    else:
        out.show(view(op, answer.value))
