"""The command line: words in, exit code out.

The only place that knows exit codes and turns an error into words on stderr. Refuses to know any noun. Called by
`flock/__main__.py` and by tests, which hand in their own `perform`.
"""

import os
import sys
import traceback

from flock.cli import call, out, preface
from flock.cli.call import Perform
from flock.cli.call import perform as perform_here
from flock.errors import FlockError, InternalError

# 128 + SIGPIPE and 128 + SIGINT, as a shell reports a program that the signal ended
_READER_LEFT, _INTERRUPTED = 141, 130


def main(argv: list[str] | None = None, perform: Perform = perform_here) -> int:
    """Run one command line (default: the process's) and return its exit code; `perform` carries out operations."""
    out.prepare()
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    try:
        code = _run(words, perform)
        out.flush()
        return code
    except FlockError as error:
        _trace()
        if error.hint.startswith("--"):
            from flock.cli.mend import mended

            error.hint = mended(error.hint, words)
        out.error(error, as_json)
        return error.exit_code
    except KeyboardInterrupt:
        out.abandon()
        return _INTERRUPTED
    except BrokenPipeError:
        out.abandon()
        return _READER_LEFT
    except Exception as error:  # the last line of defence: no user ever meets a traceback unasked
        _trace()
        import shlex

        failure = InternalError(
            f"this is a fault in flock: {type(error).__name__}: {error}",
            hint=f"FLOCK_DEBUG=1 {program()} {shlex.join(words)}",
        )
        out.error(failure, as_json)
        return failure.exit_code
    finally:
        call.leave()


def program() -> str:
    """Return the name this process was called by."""
    return "flockctl" if os.path.basename(sys.argv[0]) == "flockctl" else "flock"


def _run(words: list[str], perform: Perform) -> int:
    said = preface.read(words)
    preface.heed(said)
    call.go(said.host)
    out.address(said.host)
    words = said.words
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if not words:
        from flock.cli import home

        if perform is perform_here:
            from flock.cli import elsewhere

            elsewhere.say_where()
        return home.run(perform)
    from flock.cli import deliver, tree
    from flock.cli.grammar import Missing

    try:
        line = tree.parse(words, program())
    except Missing as missing:
        from flock.cli import pick

        words = pick.completed(words, missing, perform)
        line = tree.parse(words, program())
    if line is None:
        return 0
    if perform is perform_here:
        from flock.cli import elsewhere

        code = elsewhere.carried(line.op, line.given, words)
        if code is not None:
            return code
        if line.op.spec.name == "status.show" and not (line.given.json or line.given.quiet):
            elsewhere.say_where()
    return deliver.deliver(line, perform)


def _trace() -> None:
    if os.environ.get("FLOCK_DEBUG") == "1":
        traceback.print_exc()
