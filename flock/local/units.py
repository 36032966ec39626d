"""The files by which a system starts flock: systemd's units and launchd's agents, as text.

Owns what stands in them, and the mark by which flock knows its own text again, so that an edit of the user's is never
overwritten unseen. Refuses secrets: whoever can log in can read a unit. Pure. Called by services.py.
"""

import hashlib
import plistlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

# The manager starts the daemon anew when it has said nothing for so long: a hung event loop. The longest the loop was
# seen to be away is some seconds, on a machine that swaps.
WATCHDOG_SECONDS = 60
# A database migration and the engines' ports; `flock up` waits as long (start.START_SECONDS).
START_SECONDS = 90
# Requests may take 10 s to end, then engines are told to stop and killed: start.DRAIN_SECONDS and STOP_SECONDS.
STOP_SECONDS = 60
RESTART_SECONDS = 5

_MARK = re.compile(r"[^\n]*made by `flock service install`; unedited: ([0-9a-f]{16})[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Started:
    """What a unit starts: the command's words and what is added to its environment."""

    argv: Sequence[str]
    environment: Mapping[str, str]


def systemd_unit(started: Started, *, user: str = "", groups: Sequence[str] = ()) -> str:
    """Return a unit for the manager of a user, or for the machine's own where `user` is named, who then runs it and is
    also in `groups`.
    """
    lines = [
        "[Unit]",
        "Description=flock, one URL in front of language models",
        *(("Wants=network-online.target", "After=network-online.target") if user else ()),
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={_command(started.argv)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in started.environment.items()),
        "UMask=0077",
        "# the daemon alone is told to stop, and stops its engines; what is left in the end is killed",
        "KillMode=mixed",
        f"TimeoutStartSec={START_SECONDS}",
        f"TimeoutStopSec={STOP_SECONDS}",
        f"WatchdogSec={WATCHDOG_SECONDS}",
        "Restart=on-failure",
        f"RestartSec={RESTART_SECONDS}",
    ]
    if user:
        lines += [
            f"User={user}",
            f"Group={user}",
            *((f"SupplementaryGroups={' '.join(groups)}",) if groups else ()),
            "# /var/lib/flock and /run/flock; the socket in the latter is for the group",
            "StateDirectory=flock",
            "StateDirectoryMode=0700",
            "RuntimeDirectory=flock",
            "RuntimeDirectoryMode=0755",
            "NoNewPrivileges=yes",
            "ProtectSystem=full",
            "PrivateTmp=yes",
        ]
    lines += ["", "[Install]", f"WantedBy={'multi-user.target' if user else 'default.target'}", ""]
    return marked("\n".join(lines), "# {}\n")


def launchd_agent(label: str, started: Started, log: str) -> str:
    """Return the property list of an agent that launchd starts at login and after a failure."""
    agent = {
        "Label": label,
        "ProgramArguments": list(started.argv),
        "EnvironmentVariables": dict(started.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
        "ProcessType": "Interactive",  # launchd slows down what it takes for background work
        "StandardErrorPath": log,
    }
    head, begin, rest = plistlib.dumps(agent).decode().partition("<plist")
    return head + marked(begin + rest, "<!-- {} -->\n")


def places(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return which of these variables a file of either kind sets, and to what."""
    if "<plist" in text:
        try:
            agent: dict[str, Any] = plistlib.loads(text.encode())
        except (ValueError, plistlib.InvalidFileException, ExpatError):
            return {}
        return {name: str(value) for name, value in agent.get("EnvironmentVariables", {}).items() if name in names}
    found: dict[str, str] = {}
    for words in re.findall(r"^Environment=(.*)$", text, re.MULTILINE):
        name, _, value = _unquoted(words).partition("=")
        if name in names:
            found[name] = value
    return found


def marked(text: str, comment: str) -> str:
    """Return a text with the line on top by which `is_ours` knows it again; `comment` has the comment's form."""
    return comment.format(f"made by `flock service install`; unedited: {_sum(text)}") + text


def is_ours(text: str) -> bool:
    """Say whether a file is as flock wrote it, be it another version: then it may be overwritten."""
    found = _MARK.search(text)
    return found is not None and _sum(text[found.end() :]) == found[1]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _command(argv: Sequence[str]) -> str:
    """Return a command as ExecStart= has it: "$" begins a variable in all of its words but the program's path."""
    program, *rest = argv
    return " ".join([_quoted(program), *(_quoted(word.replace("$", "$$")) for word in rest)])


def _quoted(word: str) -> str:
    """Return a word as systemd.syntax(7) reads it back, its specifiers doubled."""
    doubled = word.replace("%", "%%").replace("\\", "\\\\")
    if doubled and re.fullmatch(r"[\w@%+=:,./$-]+", doubled, re.ASCII):
        return doubled
    return '"' + doubled.replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def _unquoted(words: str) -> str:
    """Return what `_quoted` quoted."""
    if words.startswith('"') and words.endswith('"'):
        marks = {"n": "\n", "t": "\t"}
        words = re.sub(r"\\(.)", lambda found: marks.get(found[1], found[1]), words[1:-1])
    else:
        words = words.replace("\\\\", "\\")
    return words.replace("%%", "%")
