"""Stored secrets as operations: their names, where they are kept, the passphrase in front of them."""

from flock.contract.secrets import ListSecrets, LockSecrets, Secret, SecretStore, ShowSecretStore, UnlockSecrets
from flock.core.context import Actor, Context
from flock.core.operations import handles


@handles(ListSecrets)
async def list_secrets(context: Context, _op: ListSecrets, _actor: Actor) -> list[Secret]:
    """Return the stored secrets by name, without their values."""
    return await context.vault.names()


@handles(ShowSecretStore)
async def show_secret_store(context: Context, _op: ShowSecretStore, _actor: Actor) -> SecretStore:
    """Return where secrets are kept."""
    return await context.vault.where()


@handles(LockSecrets)
async def lock_secrets(context: Context, op: LockSecrets, _actor: Actor) -> SecretStore:
    """Encrypt the file; without a passphrase, forget the one of a file that is encrypted."""
    await context.vault.lock(op.passphrase)
    return await context.vault.where()


@handles(UnlockSecrets)
async def unlock_secrets(context: Context, op: UnlockSecrets, _actor: Actor) -> SecretStore:
    """Read the encrypted file until the daemon stops, or decrypt it."""
    await context.vault.unlock(op.passphrase, for_good=op.for_good)
    return await context.vault.where()
