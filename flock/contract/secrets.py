"""Stored secrets: the keys of vendors and engines, their names and where they are kept; never their values."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, flag, operation, secret


@dataclass(frozen=True, slots=True)
class Secret:
    """One stored secret without its value.

    `kind` is where its value comes from: "keyring", "file", "locked file" (encrypted), "environment" (a variable or a
    file that one names, which comes before what is stored). `since` is RFC 3339 UTC, null for what an older flock kept.
    """

    name: str
    kind: str
    since: str | None


@dataclass(frozen=True, slots=True)
class SecretStore:
    """Where secrets are kept.

    `kind` is what new ones go to: "keyring", "file", or "locked file", which is encrypted. `backend` names the keyring;
    `why_no_keyring` says in its place why it is not used. `encrypted` is whether the file is, `locked` whether nobody
    has unlocked it since the daemon started. `mode` is the file's, "" where there is none; the counts say how many
    secrets lie where.
    """

    kind: str
    backend: str
    why_no_keyring: str
    path: str
    mode: str
    encrypted: bool
    locked: bool
    in_keyring: int
    in_file: int


@operation("secret.ls", "secret ls", "GET /admin/v1/secrets", examples=("secret ls", "secret ls --json"))
class ListSecrets(Op[list[Secret]]):
    """List the stored keys of vendors and engines by name; values are never shown."""


@operation("secret.status", "secret status", "GET /admin/v1/secrets/status", examples=("secret status",))
class ShowSecretStore(Op[SecretStore]):
    """Show where secrets are kept, whether they are locked, and why the keyring is not used."""


@operation(
    "secret.lock",
    "secret lock",
    "POST /admin/v1/secrets/lock",
    risk=Risk.CHANGE,
    examples=("secret lock", "secret lock < passphrase.txt"),
)
class LockSecrets(Op[SecretStore]):
    """Encrypt the stored secrets with a passphrase; flock needs it again after every start.

    The running daemon keeps them in memory. Called once more it forgets them at once. The passphrase is asked for on a
    terminal, else read from the file that FLOCK_PASSPHRASE_FILE names, or from standard input.
    """

    passphrase: str = secret("the passphrase: asked on a terminal, else FLOCK_PASSPHRASE_FILE or standard input")


@operation(
    "secret.unlock",
    "secret unlock",
    "POST /admin/v1/secrets/unlock",
    risk=Risk.CHANGE,
    examples=("secret unlock", "secret unlock --for-good", "secret unlock < passphrase.txt"),
)
class UnlockSecrets(Op[SecretStore]):
    """Let the daemon read encrypted secrets until it stops.

    The passphrase is asked for on a terminal, else read from the file that FLOCK_PASSPHRASE_FILE names, or from
    standard input.
    """

    for_good: bool = flag("decrypt the file, so that no passphrase is needed any more", default=False)
    passphrase: str = secret("the passphrase: asked on a terminal, else FLOCK_PASSPHRASE_FILE or standard input")
