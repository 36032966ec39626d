"""Models into memory and out of it, on purpose; what is in memory now.

Called through the operations table; when a model enters and leaves otherwise is engines/schedule.py's.
"""

from flock.contract.jobs import Job
from flock.contract.models import ListResidents, LoadModel, Model, Residents, UnloadModel
from flock.core.context import Actor, Context
from flock.core.jobs import Report
from flock.core.operations import handles


@handles(ListResidents)
async def list_residents(context: Context, _op: ListResidents, _actor: Actor) -> Residents:
    """Return the models in memory, what they take and what is free."""
    return context.registry.residents()


@handles(LoadModel)
async def load_model(context: Context, op: LoadModel, _actor: Actor) -> Job:
    """Refuse what cannot be, then load the model in a job."""
    await context.registry.check_load(op.id, swap=op.swap)
    if (running := context.jobs.running("model.load", op.id)) is not None and running[1] == op:
        return running[0]

    async def work(report: Report) -> None:
        await context.registry.load(op.id, swap=op.swap, pin=op.pin, priority=op.priority, report=report)

    job = context.jobs.start("model.load", op.id, work, asked=op)
    context.ids.keep("jobs", [j.id for j in context.jobs.all()])
    return job


@handles(UnloadModel)
async def unload_model(context: Context, op: UnloadModel, _actor: Actor) -> Model:
    """Take the model out of memory once its requests have ended."""
    return await context.registry.unload(op.id)
