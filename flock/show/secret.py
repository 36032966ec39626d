"""How stored secrets look: names, where they are kept, and what stands in front of them; there is no value to show."""

from typing import Any, cast

from flock import text
from flock.contract.op import Op
from flock.contract.secrets import LockSecrets, Secret, SecretStore, UnlockSecrets
from flock.show.view import Line, Pairs, View, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the names, or the place."""
    if isinstance(value, SecretStore):
        return _store(op, value)
    secrets = cast("list[Secret]", value)
    rows: list[tuple[str, ...]] = [(s.name, s.kind, since(s.since, now)) for s in secrets]
    return table("name kind since", rows, "no secret is stored")


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the names; of the store its kind."""
    return [value.kind] if isinstance(value, SecretStore) else [s.name for s in cast("list[Secret]", value)]


def _store(op: Op[Any], store: SecretStore) -> View:
    state = "locked" if store.locked else "unlocked until flock stops" if store.encrypted else "not encrypted"
    keyring = store.backend or f"not used: {store.why_no_keyring}"
    rows = [
        ("new secrets go to", store.kind),
        ("keyring", f"{keyring}, {text.count(store.in_keyring, 'secret')}" if store.backend else keyring),
        ("file", f"{store.path}, mode {store.mode}" if store.mode else f"{store.path}, not there yet"),
        ("in it", f"{text.count(store.in_file, 'secret')}, {state}"),
    ]
    return View((Pairs(tuple(rows)),), tuple(_asides(op, store)))


def _asides(op: Op[Any], store: SecretStore) -> list[Line]:
    if isinstance(op, LockSecrets) and not store.locked:
        return [
            Line("The file is encrypted. After flock's next start: flock secret unlock", "good"),
            Line("A passphrase that is lost cannot be recovered; to lock it now: flock secret lock", "dim"),
        ]
    if isinstance(op, UnlockSecrets) and not store.encrypted:
        return [Line("The file is decrypted; whoever can read it can read the secrets.", "warn")]
    return [Line("to let flock read them: flock secret unlock")] if store.locked else []
