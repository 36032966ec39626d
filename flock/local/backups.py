"""`flock backup …` without a daemon: copies are made, listed and put back by this process.

Refuses to put one back under a running daemon. Called through `operations.run`.
"""

import time

from flock.client.presence import look
from flock.contract.exposing import Backup, CreateBackup, ListBackups, RestoreBackup
from flock.errors import Conflict
from flock.local.operations import Here, handles
from flock.local.settings import moved
from flock.local.start import START_SECONDS, turn
from flock.lock import hold
from flock.paths import check_owner, private_dir
from flock.store import backups


@handles(CreateBackup)
def create_backup(op: CreateBackup, here: Here) -> Backup:
    """Copy what lies there. Raises what `store.backups.create` raises."""
    return backups.create(moved(here), op.to, op.keep, time.time())


@handles(ListBackups)
def list_backups(op: ListBackups, here: Here) -> list[Backup]:
    """Return the copies, newest first. Raises StorageFailed."""
    return backups.listed(moved(here), op.to)


@handles(RestoreBackup)
def restore_backup(op: RestoreBackup, here: Here) -> Backup:
    """Put a copy back. Raises Conflict while a daemon runs, and what `store.backups.restore` raises."""
    check_owner(here.home)
    private_dir(here.home.run)
    with turn(here.home, START_SECONDS):  # no `flock up` begins meanwhile
        found = look(here.home)
        if found.state not in ("absent", "stale") or found.pid is not None:
            raise Conflict("flock runs, and would write over what is put back", hint="flock down")
        with hold(here.home.lock):  # nor a service's, which waits for no turn
            return backups.restore(moved(here), op.file, config=op.config, now=time.time())
