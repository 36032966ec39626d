"""Doctor's check of the stored secrets: where they are, whether they are locked, why not in the keyring.

Asks the daemon where one runs, since only it may touch the keyring: what this process would find there is of another
environment. Without one it looks at the file alone. Called by `doctor.py`.
"""

import shlex
from collections.abc import Iterator

from flock import text
from flock.client.blocking import Client
from flock.contract.lifecycle import Check
from flock.contract.secrets import SecretStore, ShowSecretStore
from flock.local.scene import NOTE, OK, WARNING, Scene
from flock.paths import short


def secrets(scene: Scene) -> Iterator[Check]:
    """Say where secrets are kept, in which mode, whether they are locked, and why the keyring is not used."""
    path = scene.home.secrets
    if path.is_symlink():
        quoted = shlex.quote(str(path))
        yield Check(
            "secrets",
            WARNING,
            f"{short(path)} is a link, and flock reads no secrets through one",
            f'mv "$(readlink -f {quoted})" {quoted}',
        )
        return
    if scene.status is None or scene.presence.state != "running":
        if path.exists():
            mode = f"{path.stat().st_mode & 0o777:04o}"
            words = "what protects it, and whether there is a keyring, can be said once flock runs"
            yield Check("secrets", NOTE, f"{short(path)} (mode {mode}); {words}", scene.fix("flock up"))
        return
    store, _ = Client(scene.home.socket).call(ShowSecretStore())
    yield told(scene, store)


def told(scene: Scene, store: SecretStore) -> Check:
    """Return what a daemon's answer comes to."""
    file = f"{short(store.path)} (mode {store.mode or '0600'})"
    why = f"the keyring is not used: {store.why_no_keyring}"
    stored = text.count(store.in_file, "secret")
    if store.encrypted and store.locked:
        return Check("secrets", WARNING, f"{stored} in {file} encrypted and locked", scene.fix("flock secret unlock"))
    if store.encrypted:
        words = f"{stored} in {file}, encrypted, unlocked until flock stops"
        return Check("secrets", OK, words if store.backend else f"{words}; {why}")
    if store.in_keyring and not store.backend:
        there = text.count(store.in_keyring, "secret")
        return Check(
            "secrets",
            WARNING,
            f"{there} cannot be read: they lie in the keyring, and {why}",
            scene.fix("flock down && flock up"),
        )
    if store.in_file:
        words = f"{stored} unencrypted in {file}" + ("" if store.backend else f"; {why}")
        return Check("secrets", NOTE, words, scene.fix("flock secret lock"))
    if store.backend:
        return Check("secrets", OK, f"in the keyring ({store.backend}), {text.count(store.in_keyring, 'secret')}")
    return Check("secrets", OK, f"none is stored; they would lie in {file}; {why}")
