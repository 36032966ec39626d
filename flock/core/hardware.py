"""This machine as models see it: what the hardware has, what models may take of it, and the disk they are fetched to.

Called through the operations table; the look itself is hardware/seen.py's, in a thread since it reads files.
"""

import asyncio
import shutil
from pathlib import Path

from flock.contract.hardware import Hardware, ShowHardware
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.hardware.seen import look


@handles(ShowHardware)
async def show_hardware(context: Context, _op: ShowHardware, _actor: Actor) -> Hardware:
    """Return what this machine has for models."""
    seen = await asyncio.to_thread(look)
    configured = context.config.engine.models_dir
    models_dir = Path(configured) if configured else context.home.models
    total, free = await asyncio.to_thread(disk, models_dir)
    residents = context.registry.residents()
    return Hardware(
        cpu=seen.cpu,
        arch=seen.arch,
        cores=seen.cores,
        memory_bytes=seen.memory_bytes,
        memory_free_bytes=seen.memory_free_bytes,
        memory_class_gb=seen.memory_class_gb,
        gpus=seen.gpus,
        pool=seen.pool,
        budget_bytes=residents.budget_bytes,
        headroom_bytes=max(0, seen.pool_total_bytes - residents.budget_bytes),
        resident_bytes=residents.used_bytes,
        models_dir=str(models_dir),
        disk_total_bytes=total,
        disk_free_bytes=free,
        notes=seen.notes,
    )


def disk(directory: Path) -> tuple[int, int]:
    """Return total and free bytes of the disk a directory is on, or will be on: what this user may still write."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    try:
        found = shutil.disk_usage(directory)
    except OSError:
        return 0, 0
    return found.total, found.free
