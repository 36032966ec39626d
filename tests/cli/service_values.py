"""The fixed answers to the operations of the service."""

from dataclasses import replace
from typing import Any

from flock.contract.op import Op
from flock.contract.services import InstallService, RemoveService, Service, ShowService

USERS = Service(
    kind="systemd-user",
    unit="/home/alice/.config/systemd/user/flock.service",
    installed=True,
    enabled=True,
    running=True,
    lingers=True,
)
MACHINES = Service(
    kind="systemd-system",
    unit="/etc/systemd/system/flock.service",
    installed=True,
    enabled=True,
    running=False,
    notes=("it failed (watchdog): flock service install starts it again",),
)
LINGERING = "lingering was switched on for alice: flock starts at boot and goes on after logout"
LEFT = "lingering stays on for alice: loginctl disable-linger ends it"
CRON = "nothing here starts services: systemd does not run this machine"

SERVICE_CASES: dict[str, tuple[Op[Any], Any]] = {
    "service.install": (InstallService(), replace(USERS, notes=(LINGERING,))),
    "service.remove": (
        RemoveService(),
        replace(USERS, installed=False, enabled=False, running=False, notes=(LEFT,)),
    ),
    "service.status": (ShowService(), USERS),
    "service.status-machine": (ShowService(system=True), MACHINES),
    "service.status-not": (ShowService(), replace(USERS, installed=False, enabled=False, running=False, lingers=False)),
    "service.status-nowhere": (ShowService(), Service("", "", False, False, False, notes=(CRON,))),
}
