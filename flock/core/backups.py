"""Copying what flock knows while it runs. The file itself is store/backups.py's."""

import asyncio

from flock.contract.exposing import Backup, CreateBackup
from flock.core.context import Actor, Context
from flock.core.operations import handles


@handles(CreateBackup)
async def create_backup(context: Context, op: CreateBackup, _actor: Actor) -> Backup:
    """Copy everything put so far into one file, in a thread: requests go on meanwhile."""
    from flock.store import backups  # with tarfile half a megabyte, which nothing else here needs

    await context.store.writer.flush()
    return await asyncio.to_thread(backups.create, context.home, op.to, op.keep, context.clock.now())
