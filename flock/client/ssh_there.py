"""What the shell of another machine is told so that it finds flock there and becomes it.

Owns that line, and how it is read alike by whatever shell the user has over there. Refuses to run anything. Pure; used
by `ssh.py`.
"""

from collections.abc import Sequence

# Told by the shell over there right before flock takes over. Printable, since a terminal may meet it.
READY = "flock-dial-stdio-follows"
# What a shell, ours included, ends with when there is no such command
MISSING = 127

# Finds flock over there and becomes it. Of the names `flockctl` is ours alone; a `flock` is asked what it is, since
# util-linux has one. It is read by whatever shell the user has over there, so it keeps to what sh, fish and csh all
# read alike within single quotes: no quote, no backslash, no exclamation mark, no line end.
_FIND = (
    "say=$1; bin=$2; plain=$3; _FLOCK_CALLED=$4; shift 4; export _FLOCK_CALLED; "
    'case $bin in "~/"*) bin=$HOME/${bin#??};; esac; '
    'if [ -z "$bin" ]; then for one in "$(command -v flockctl)" "$(command -v flock)" "$HOME/.local/bin/flockctl" '
    '"$HOME/.local/bin/flock" /usr/local/bin/flockctl /opt/homebrew/bin/flockctl; do [ -x "$one" ] || continue; '
    'case $one in *ctl) ;; *) case $("$one" --version </dev/null 2>/dev/null) in "flock "[0-9]*) ;; *) continue;; '
    "esac;; esac; bin=$one; break; done; fi; "
    f'[ -x "$bin" ] || exit {MISSING}; '
    '[ -z "$plain" ] || export NO_COLOR=1; [ -z "$say" ] || echo "$say"; exec "$bin" "$@"'
)


def line(words: Sequence[str], say: str, remote_bin: str, called: str, *, plain: bool) -> str:
    """Return the one argument that makes ssh run `flock WORDS` over there.

    `say` is printed right before flock takes over, "" for nothing; `remote_bin` is where flock lies ("": the usual
    places); `called` is how its hints name flock; `plain` keeps it from colours.
    """
    there = ["sh", "-c", _FIND, "flock", say, remote_bin, "1" if plain else "", called, *words]
    return " ".join(map(_quoted, there))


def _quoted(word: str) -> str:
    """Return a word that sh, fish and csh all read as itself; to fish a backslash in single quotes means more."""
    return "\\\\".join("'" + part.replace("'", "'\"'\"'") + "'" for part in word.split("\\"))
