"""How the service looks."""

from typing import Any

from flock.contract.op import Op
from flock.contract.services import InstallService, RemoveService, Service
from flock.show.view import Line, Pairs, View

_KINDS = {
    "systemd-user": "systemd, for this user",
    "systemd-system": "systemd, for the whole machine",
    "launchd": "launchd, for this user",
}


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show what was done and how the service stands; what a user must know stands beside it."""
    service: Service = value
    notes = tuple(Line(note, "warn") for note in service.notes)
    if isinstance(op, RemoveService):
        return View((Line("flock is no service any more; its data stay"),), notes)
    if not service.kind:
        return View((Line("flock is no service here"),), notes)
    rows = [
        ("by", _KINDS.get(service.kind, service.kind)),
        ("file", service.unit if service.installed else f"{service.unit} (not installed)"),
        ("starts by itself", "yes" if service.enabled else "no"),
        ("runs", "yes" if service.running else "no"),
    ]
    if service.lingers is not None:
        rows.append(("after logout", "goes on" if service.lingers else "ends"))
    head = (Line("flock is a service now", "good"),) if isinstance(op, InstallService) else ()
    return View((*head, Pairs(tuple(rows))), notes)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the path of the service's file where it is installed."""
    service: Service = value
    return [service.unit] if service.installed else []
