"""Starting, stopping and examining flock on this machine."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, arg, flag, operation
from flock.contract.status import Status

# The shells that have a completion script
SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Ready:
    """The ready card: all that a user needs after `flock up`.

    `action` is started, running or restarted; `admin_key` is shown only at the first start; `path_line` is the line to
    add to the shell's profile, empty when the command is found; `next_steps` are commands that run as they stand;
    `notes` what may go wrong later, such as a logout that ends flock.
    """

    action: str
    status: Status
    admin_key: str | None
    admin_key_file: str
    curl: str
    at_reboot: str
    path_line: str
    next_steps: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The end of a daemon; `running` is whether there was one."""

    running: bool
    pid: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """Which flock this is, and which one answers as the daemon (empty when none does)."""

    version: str
    python: str
    platform: str
    command: str
    daemon: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing `doctor` looked at. `state` is ok, note, warning or serious; `fix` is one command, or empty."""

    name: str
    state: str
    sentence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `doctor` found; `serious` counts the checks that stop flock from working."""

    checks: tuple[Check, ...]
    serious: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the daemon's log."""

    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A generated text, for example a completion script."""

    text: str


@operation("daemon.up", "up", where=Where.LOCAL, risk=Risk.CHANGE, examples=("up", "up --foreground", "up --json"))
class Up(Op[Ready]):
    """Start flock, or show that it runs."""

    foreground: bool = flag("stay in this terminal and log to it", default=False)
    wizard: bool = flag("offer a starter model at the first start", default=True)
    auto_pull: bool = flag("fetch the default model when it is missing", default=True)


@operation("daemon.stop", "down", "POST /admin/v1/shutdown", risk=Risk.CHANGE, examples=("down",))
class Down(Op[Stopped]):
    """Stop flock: let running requests end, then stop the engines flock started."""

    grace_seconds: float = flag("how long running requests may take to end", default=10.0, name="--grace")


@operation("daemon.version", "version", where=Where.LOCAL, examples=("version", "version --json"), watch=False)
class ShowVersion(Op[VersionInfo]):
    """Show which flock this is and which one runs."""


@operation("daemon.logs", "logs", where=Where.LOCAL, examples=("logs", "logs -f", "logs --lines 200"), watch=False)
class ShowLogs(Op[list[LogLine]]):
    """Show the daemon's log."""

    follow: bool = flag("go on as lines arrive", default=False)
    lines: int = flag("how many of the last lines", default=50)


@operation("daemon.doctor", "doctor", where=Where.LOCAL, examples=("doctor", "doctor --json"))
class RunDoctor(Op[Diagnosis]):
    """Look for what is wrong and name the one command that mends it."""


@operation(
    "daemon.completion", "completion", where=Where.LOCAL, examples=("completion bash >> ~/.bashrc",), watch=False
)
class ShowCompletion(Op[Script]):
    """Print the completion script of a shell: bash, zsh or fish."""

    shell: str = arg("bash, zsh or fish", choices=SHELLS)
