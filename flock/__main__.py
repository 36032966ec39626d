"""The console entry of `flock` and `flockctl`, and the line between flock and util-linux's flock(1).

Every Linux carries another `flock`, a file lock used in cron jobs and init scripts, and ours may come before it on
PATH. Called as `flock` with the other's grammar, `main` executes the other one, untouched. Owns that decision and
`--version`; refuses every import before them (`sys` and `os` are loaded by the interpreter itself). Called by the
console scripts and by `python -m flock`; under any name but `flock` nothing is ever handed over.

The rule, by the first argument (leading `--`, `-h`, `--help`, `-V` and `--version` are looked past):

- nothing there: ours;
- an option: the other's if flock(1) has it (short ones combined, long ones shortened), else ours;
- a verb of ours: ours, unless what follows has no meaning in ours: `-c COMMAND` at the end, or the path of an
  executable (`flock job -c …`, `flock job /usr/bin/backup`);
- a descriptor number, a word with a `/`, the name of something in the current directory: the other's;
- any other word may be the other's lock file still to be created, or a typo of ours. It is the other's if it holds a
  `.` and something follows, if `-c COMMAND` or the path of an executable follows, or if the name of an executable on
  PATH follows. Only there can the two be confused, so that last case stays ours when the word is a near miss of a
  noun of ours *and* what follows is an action of that noun (`flock modle ls`). Everything else gets did-you-mean.

A cron job that breaks is worse than a typo that locks a file, so doubt goes to the other. What remains ours and could
have been a lock: one named exactly like a verb, with no option, before a bare command (`flock job rsync …`); `./job`
or any option makes it the other's.
"""

import os
import sys

VERBS = (
    *("up", "down", "status", "model", "engine", "hub", "vendor", "connect", "disconnect", "invite", "token", "me"),
    *("secret", "usage", "price", "savings", "limit", "request", "explain", "queue", "top", "events", "job", "cache"),
    *("fetch", "hardware", "audit", "history", "undo", "config", "expose", "backup", "service", "logs", "doctor"),
    *("version", "completion", "help", "tui", "ui", "run", "batch", "context", "dial-stdio"),
)

# What a user may put behind a noun, where some system has an executable of that name. `rm` is no action of ours, but
# handing `flock modle rm NAME` over would delete a file.
_NOUNS = (
    *("config", "token", "secret", "model", "engine", "hub", "vendor", "usage", "audit", "request", "job", "cache"),
    *("service", "connect", "price", "limit", "backup", "context"),
)
_ACTIONS = (
    *("ls", "list", "show", "get", "set", "unset", "edit", "path", "add", "create", "remove", "rm", "revoke"),
    *("attach", "detach", "explain", "watch", "cancel", "test", "install", "search", "info", "ps", "load", "unload"),
    *("default", "scan", "preset", "validate", "restart", "check", "logs", "status", "prune"),
    *("edit", "renew", "expire", "rotate", "summary", "breakdown", "verify", "update", "simulate", "restore", "use"),
)
_SHELLS = ("bash", "zsh", "fish")

# flock(1) of util-linux up to 2.41, busybox and the BSD port. getopt_long also takes any shortened long option.
_SHORT_FLAGS = "sxeunoFcVh"
_SHORT_WITH_VALUE = "wE"
_LONG = (
    *("shared", "exclusive", "unlock", "nb", "nonblocking", "wait", "timeout", "conflict-exit-code", "close"),
    *("command", "no-fork", "verbose", "fcntl", "start", "length"),
)
_BOTH = ("--", "-h", "--help", "-V", "--version")


def _is_option(word: str) -> bool:
    """Say whether flock(1) reads `word` as one of its options or as several short ones in one word."""
    if word.startswith("--"):
        name = word[2:].partition("=")[0]
        return bool(name) and any(option.startswith(name) for option in _LONG)
    for letter in word[1:]:
        if letter in _SHORT_WITH_VALUE:
            return True
        if letter not in _SHORT_FLAGS:
            return False
    return len(word) > 1


def _is_near(word: str, known: tuple[str, ...]) -> bool:
    """Say whether `word` is at most two slips from a known word (one, from a short one).

    A slip is a letter too many, missing or wrong, or two neighbours swapped (optimal string alignment distance).
    """
    for other in known:
        before: list[int] = []
        row = list(range(len(other) + 1))
        for i, letter in enumerate(word, 1):
            last, before, row = before, row, [i]
            for j, wanted in enumerate(other, 1):
                row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (letter != wanted)))
                if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                    row[j] = min(row[j], last[j - 2] + 1)
        if row[-1] <= (2 if len(other) > 4 else 1):
            return True
    return False


def _is_program(file: str) -> bool:
    return os.path.isfile(file) and os.access(file, os.X_OK)


def _is_command_line(words: list[str]) -> bool:
    """Say whether `words` is what only flock(1) takes behind a lock file: `-c COMMAND` or an executable's path."""
    return (len(words) == 2 and words[0] in ("-c", "--command")) or ("/" in words[0] and _is_program(words[0]))


def is_file_lock(arguments: list[str], path: str) -> bool:
    """Decide whether `arguments` (without the program's name) are meant for flock(1); see the module's docstring.

    `path` is a PATH to look commands up in. Looks at the current directory, imports nothing.
    """
    words = list(arguments)
    while words and words[0] in _BOTH:
        del words[0]
    if not words:
        return False
    first, rest = words[0], words[1:]
    if first.startswith("-") and first != "-":
        return _is_option(first)
    if rest and _is_command_line(rest):
        return True
    if first in VERBS:
        return False
    if "/" in first or (first.isascii() and first.isdigit()) or os.path.lexists(first):
        return True
    if not rest or not rest[0]:
        return False
    if "." in first:
        return True
    if "/" in rest[0] or not any(_is_program(os.path.join(place, rest[0])) for place in path.split(":")):
        return False
    known = _NOUNS if rest[0] in _ACTIONS else ("completion",) if rest[0] in _SHELLS else ()
    return not _is_near(first.lower(), known)


def main() -> int:
    """Run flock with the process's arguments and return the exit code; does not return where it hands over."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from flock import __version__

        try:
            print(f"flock {__version__}", flush=True)
        except OSError as error:
            os.write(2, f"flock: cannot write to standard output: {error.strerror}\n".encode())
            os._exit(1)  # the interpreter would try to write it once more, and complain
        return 0
    if os.path.basename(sys.argv[0]) == "flock" and is_file_lock(arguments, os.environ.get("PATH", os.defpath)):
        from flock.handover import hand_over

        return hand_over(arguments)
    if arguments == ["up", "--foreground"] and os.environ.get("FLOCK_READY_FD"):
        # `flock up` started this process and speaks for it: the command line's 60 ms would be spent for nothing
        from flock.cli.up import serve

        return serve()
    if arguments == ["dial-stdio"]:
        # once for every connection from another machine: the command line's 60 ms would be waited for there
        from flock.client.stdio import main as dial

        return dial()
    if arguments[:1] in (["tui"], ["ui"]):
        from flock.cli.tui import quick

        if (code := quick(arguments[1:])) is not None:
            return code
    from flock.cli.app import main as run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
