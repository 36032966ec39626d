"""The daemon as a whole: what runs, where it answers, on which machine."""

from dataclasses import dataclass

from flock.contract.engines import Engine
from flock.contract.models import Model
from flock.contract.op import Op, Scope, inner, operation


@dataclass(frozen=True, slots=True)
class Machine:
    """What the daemon runs on; sizes in bytes."""

    hostname: str
    os: str
    arch: str
    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What the daemon found when it examined itself, as a check of `flock doctor`: its name, ok, note, warning or
    serious, a sentence, and one command or "".
    """

    name: str
    state: str
    sentence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """A running daemon; times RFC 3339 UTC, durations in seconds, URLs without a trailing slash. `findings` are there
    for whoever asked for an examination (`flock doctor`).
    """

    version: str
    pid: int
    started_at: str
    uptime_seconds: float
    home: str
    socket: str
    api_url: str
    health_url: str
    admin_key_file: str
    require_keys: bool
    draining: bool
    default_model: str
    machine: Machine
    engines: tuple[Engine, ...]
    models: tuple[Model, ...]
    requests_running: int
    requests_total: int
    warning: str = ""
    findings: tuple[Finding, ...] = ()


@operation("status.show", "status", "GET /admin/v1/status", scope=Scope.ADMIN, examples=("status", "status --json"))
class ShowStatus(Op[Status]):
    """Show what runs: the daemon, its engines, its models."""

    examine: bool = inner(False)
