"""The daemon about itself: status, shutdown, jobs, settings and what it saw of the prefix cache."""

import asyncio
import socket

import psutil

from flock import __version__
from flock.clock import rfc3339
from flock.contract.cache import CacheReport, ExamineCache
from flock.contract.jobs import CancelJob, Job, ListJobs, ShowJob
from flock.contract.lifecycle import Down, Stopped
from flock.contract.settings import GetConfig, SetConfig, Setting, SettingChanged, ShowConfig, UnsetConfig
from flock.contract.status import Machine, ShowStatus, Status
from flock.core import cache
from flock.core.context import Actor, Context
from flock.core.examining import examined
from flock.core.listing import listed
from flock.core.operations import handles
from flock.core.undo_kinds import change_setting
from flock.errors import InvalidRequest
from flock.hardware.seen import look
from flock.text import size


@handles(ShowStatus)
async def show_status(context: Context, op: ShowStatus, _actor: Actor) -> Status:
    """Return what runs."""
    now = context.clock.now()
    models = tuple(listed(context))
    return Status(
        version=__version__,
        pid=psutil.Process().pid,
        started_at=rfc3339(context.started_at),
        uptime_seconds=round(now - context.started_at, 1),
        home=str(context.home.config),
        socket=str(context.home.socket),
        api_url=f"{context.api_url}/v1",
        health_url=f"{context.api_url}/healthz",
        admin_key_file=str(context.home.admin_key),
        require_keys=context.keys.required,
        draining=context.inference.draining,
        default_model=next((m.id for m in models if m.default), ""),
        machine=await asyncio.to_thread(_machine),
        engines=tuple(context.registry.engines()),
        models=models,
        requests_running=len(context.inference.running),
        requests_total=context.inference.total,
        warning=context.store.writer.failing,
        findings=await examined(context) if op.examine else (),
    )


def _machine() -> Machine:
    """Return what the daemon runs on; it reads files."""
    seen = look()
    gpus = tuple(gpu.name if gpu.unified else f"{gpu.name}, {size(gpu.total_bytes)}" for gpu in seen.gpus)
    return Machine(socket.gethostname(), seen.os, seen.arch, seen.cpu, seen.cores, seen.memory_bytes, gpus)


@handles(Down)
async def down(context: Context, op: Down, _actor: Actor) -> Stopped:
    """Begin the shutdown and answer at once; the process ends when the last request has, or after the grace."""
    if not 0 <= op.grace_seconds <= 3600:
        raise InvalidRequest(f"--grace is 0 to 3600 seconds, not {op.grace_seconds:g}", hint="flock down --grace 10")
    context.stop(op.grace_seconds)
    return Stopped(running=True, pid=psutil.Process().pid)


@handles(ListJobs)
async def list_jobs(context: Context, _op: ListJobs, _actor: Actor) -> list[Job]:
    """Return every job, newest first."""
    return context.jobs.all()


@handles(ShowJob)
async def show_job(context: Context, op: ShowJob, _actor: Actor) -> Job:
    """Return one job, when asked to after its next change."""
    return await context.jobs.watch(op.id, op.after, op.wait_seconds)


@handles(CancelJob)
async def cancel_job(context: Context, op: CancelJob, _actor: Actor) -> Job:
    """End a job's work; what it fetched stays."""
    return await context.jobs.cancel(op.id)


@handles(ShowConfig)
async def show_config(context: Context, _op: ShowConfig, _actor: Actor) -> list[Setting]:
    """Return the settings in force, their layers, and what the next start will take up."""
    return await asyncio.to_thread(context.config.in_force)


@handles(GetConfig)
async def get_config(context: Context, op: GetConfig, _actor: Actor) -> Setting:
    """Return one setting in force, and what the next start will take up."""
    return (await asyncio.to_thread(context.config.in_force, op.key))[0]


@handles(SetConfig)
async def set_config(context: Context, op: SetConfig, actor: Actor) -> SettingChanged:
    """Write one value into the file; it holds from the next start on."""
    return await change_setting(context, actor, op.key, lambda: context.config.set_in_file(op.key, op.value))


@handles(UnsetConfig)
async def unset_config(context: Context, op: UnsetConfig, actor: Actor) -> SettingChanged:
    """Remove one value from the file; the default holds from the next start on."""
    return await change_setting(context, actor, op.key, lambda: context.config.unset_in_file(op.key))


@handles(ExamineCache)
async def examine_cache(context: Context, _op: ExamineCache, _actor: Actor) -> CacheReport:
    """Return the sessions whose prompts changed in front of their end."""
    return cache.report(context.drifts)
