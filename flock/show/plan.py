"""How the plan of an addition looks: what `flock model add --dry-run` answers. Called by `model.py` and `job.py`."""

from flock import text
from flock.contract.plans import AddPlan, PlannedFile
from flock.show.view import NONE, Line, Pairs, View

# more files than these are counted, not named
_FILES_SHOWN = 6


def view(plan: AddPlan) -> View:
    """Show what adding a model would do; what to know before stands beside it on stderr."""
    rows = [
        ("id", plan.id),
        ("source", plan.source),
        ("engine", plan.engine if plan.engine_ready else f"{plan.engine or NONE}, which is not installed"),
        ("kind", plan.kind or NONE),
        ("quantisation", plan.quant or NONE),
        ("size", _size(plan)),
        ("memory", _memory(plan)),
        ("window", _window(plan)),
        ("fits", _fits(plan)),
        ("disk", f"{text.size(plan.disk_free_bytes)} free"),
        ("time", _time(plan)),
        ("licence", _license(plan)),
    ]
    rows += [("file" if i == 0 else "", _file(file)) for i, file in enumerate(plan.files[:_FILES_SHOWN])]
    if len(plan.files) > _FILES_SHOWN:
        rows.append(("", f"and {text.count(len(plan.files) - _FILES_SHOWN, 'more file', 'more files')}"))
    asides = [Line(warning, "warn") for warning in plan.warnings]
    if not plan.engine_ready and plan.engine_hint:
        asides.append(Line(f"install the engine: {plan.engine_hint}"))
    return View((Pairs(tuple(rows)),), tuple(asides))


def _size(plan: AddPlan) -> str:
    if plan.size_bytes is None:
        return "not known before it is fetched"
    if plan.present_bytes and plan.present_bytes >= plan.size_bytes:
        return f"{text.size(plan.size_bytes)}, all of it is here"
    here = f", {text.size(plan.present_bytes)} of it are here" if plan.present_bytes else ""
    return f"{text.size(plan.size_bytes)}{here}"


def _fits(plan: AddPlan) -> str:
    if plan.needs_bytes is None and plan.fits:
        return "not known before it is fetched"
    return f"yes: {plan.verdict}" if plan.fits else f"no: {plan.verdict}"


def _memory(plan: AddPlan) -> str:
    if plan.needs_bytes is None:
        return f"not known before it is fetched; models may take {text.size(plan.budget_bytes)}"
    return f"{text.size(plan.needs_bytes)} of {text.size(plan.budget_bytes)}"


def _window(plan: AddPlan) -> str:
    if not plan.context:
        return NONE
    kind = f", a cache of {plan.kv_type}" if plan.kv_type else ""
    return f"{plan.slots or 1} x {plan.context:,} tokens{kind}"


def _time(plan: AddPlan) -> str:
    if plan.eta_seconds == 0:
        return "nothing to fetch"
    return NONE if plan.eta_seconds is None else f"{text.duration(plan.eta_seconds)} at 50 MB/s"


def _license(plan: AddPlan) -> str:
    if not plan.license:
        return NONE
    return f"{plan.license}, commercial use: {plan.commercial}" if plan.commercial else plan.license


def _file(file: PlannedFile) -> str:
    return f"{file.path} ({text.size(file.size_bytes)})" if file.size_bytes is not None else file.path
