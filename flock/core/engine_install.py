"""`flock engine install`: an engine of flock's own, as a job.

Owns the order: what cannot be here is refused as the answer itself, two installations of one engine are one job, and
when it is done the engine is known at once. Called through the operations table.
"""

import asyncio

from flock.contract.engines import InstallEngine
from flock.contract.jobs import Job
from flock.core.context import Actor, Context
from flock.core.jobs import Report
from flock.core.operations import handles
from flock.engines import install

KIND = "engine.install"


@handles(InstallEngine)
async def install_engine(context: Context, op: InstallEngine, _actor: Actor) -> Job:
    """Start the installation of an engine, or join the one that runs."""
    kind = op.kind.strip().lower()
    wanted = install.recipe(kind, await asyncio.to_thread(install.look))
    await asyncio.to_thread(install.check_room, context.home, wanted)
    if (running := context.jobs.running(KIND, kind)) is not None:
        return running[0]

    async def work(report: Report) -> None:
        await install.install(kind, wanted, context.home, report)
        report(1.0, f"{wanted.title} is installed")

    job = context.jobs.start(KIND, kind, work)
    context.ids.keep("jobs", [j.id for j in context.jobs.all()])
    return job
