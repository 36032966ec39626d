"""The service: flock at login or at boot, kept by the system."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, flag, operation


@dataclass(frozen=True, slots=True)
class Service:
    """flock as a service of the system. `kind` is systemd-user, systemd-system or launchd, "" where there is none;
    `unit` is its file; `installed`, `enabled` and `running` are what the system says; `lingers` whether it goes on
    after logout, null where that is no question. `notes` are what a user must know or do.
    """

    kind: str
    unit: str
    installed: bool
    enabled: bool
    running: bool
    lingers: bool | None = None
    notes: tuple[str, ...] = ()


@operation(
    "service.install",
    "service install",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=("service install", "service install --system"),
)
class InstallService(Op[Service]):
    """Let the system start flock: at login, or with --system at boot as a user of its own."""

    system: bool = flag("for the whole machine, at boot, as user flock (needs root)", default=False)


@operation(
    "service.remove",
    "service remove",
    where=Where.LOCAL,
    risk=Risk.REMOVE,
    examples=("service remove", "service remove --system --yes"),
)
class RemoveService(Op[Service]):
    """Take flock out of the system's services again; its data stay."""

    system: bool = flag("the one of the whole machine (needs root)", default=False)


@operation("service.status", "service status", where=Where.LOCAL, examples=("service status", "service status --json"))
class ShowService(Op[Service]):
    """Show whether the system starts flock."""

    system: bool = flag("the one of the whole machine", default=False)
