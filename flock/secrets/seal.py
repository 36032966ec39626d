"""The passphrase in front of the stored secrets: scrypt makes a key of it, AES-256-GCM seals each value.

Owns the header that stands in the file beside sealed values, and the limits on what a header may ask for. Refuses to
know files. Each value is sealed by itself with its name as associated data, so that a value can be deleted without the
passphrase and none can be put under another name. `cryptography` is imported when a passphrase is due. Called by
file.py.
"""

import binascii
import secrets as random
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flock.errors import InvalidRequest, NotAllowed, StorageFailed

# What people can be asked to type and a key derivation cannot make up for: NIST SP 800-63B names eight characters.
PASSPHRASE_LEAST = 8
PASSPHRASE_MOST = 1024

_CIPHER, _KDF = "aes-256-gcm", "scrypt"
_KEY_BYTES, _SALT_BYTES = 32, 16
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2
# A header that was tampered with must not take the machine's memory or time.
_N_MOST, _R_MOST, _P_MOST = 2**20, 32, 16
# What proves a passphrase where nothing is stored yet; no secret has an empty name.
_CHECK_NAME, _CHECK = "", "flock"


@dataclass(frozen=True, slots=True)
class Cost:
    """scrypt's parameters. The defaults are those of OWASP's password storage sheet: 64 MB, half a second here."""

    n: int = 2**16
    r: int = 8
    p: int = 2


class Seal:
    """A key made of a passphrase, which is not kept. `header` is what a file keeps to find the key again."""

    def __init__(self, key: bytes, header: Mapping[str, Any]) -> None:
        self._key = key
        self.header = dict(header)

    def close(self, name: str, value: str) -> str:
        """Return a value sealed under a name, as base64 of nonce and ciphertext."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = random.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, value.encode(), _bound(name))
        return b64encode(nonce + sealed).decode()

    def open(self, name: str, sealed: str) -> str:
        """Return the value that was sealed under a name. Raises StorageFailed for what was not sealed by this key."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = b64decode(sealed, validate=True)
            return AESGCM(self._key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(name)).decode()
        except (InvalidTag, ValueError):  # binascii.Error and UnicodeDecodeError are ValueErrors
            raise StorageFailed(
                f'the encrypted secret "{name}" is damaged and cannot be read', hint="hand that secret in again"
            ) from None


def new(passphrase: str, cost: Cost) -> Seal:
    """Return a seal for a new passphrase, with a salt of its own. Raises InvalidRequest for a passphrase too short."""
    if not PASSPHRASE_LEAST <= len(passphrase) <= PASSPHRASE_MOST:
        raise InvalidRequest(
            f"a passphrase has {PASSPHRASE_LEAST} to {PASSPHRASE_MOST} characters, this one has {len(passphrase)}",
            hint="flock secret lock",
        )
    salt = random.token_bytes(_SALT_BYTES)
    header = {"cipher": _CIPHER, "kdf": _KDF, "n": cost.n, "r": cost.r, "p": cost.p, "salt": b64encode(salt).decode()}
    seal = Seal(_derive(passphrase, salt, cost), header)
    seal.header["check"] = seal.close(_CHECK_NAME, _CHECK)
    return seal


def find(passphrase: str, header: Mapping[str, Any]) -> Seal:
    """Return the seal of a file's header. Raises NotAllowed for another passphrase, StorageFailed for a bad header."""
    try:
        salt = b64decode(str(header["salt"]), validate=True)
        cost = Cost(int(header["n"]), int(header["r"]), int(header["p"]))
        check = str(header["check"])
        if header["cipher"] != _CIPHER or header["kdf"] != _KDF or not _is_sane(cost) or not salt:
            raise ValueError
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise StorageFailed(
            "the header of the encrypted secrets is damaged, or from a newer flock", hint="flock secret status"
        ) from None
    seal = Seal(_derive(passphrase, salt, cost), header)
    try:
        right = seal.open(_CHECK_NAME, check) == _CHECK
    except StorageFailed:
        right = False
    if not right:
        raise NotAllowed("this passphrase does not open the secrets; nothing was changed", hint="flock secret unlock")
    return seal


def _is_sane(cost: Cost) -> bool:
    power_of_two = cost.n > 1 and cost.n & (cost.n - 1) == 0
    return power_of_two and cost.n <= _N_MOST and 1 <= cost.r <= _R_MOST and 1 <= cost.p <= _P_MOST


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    # terminals differ in how they spell é
    words = unicodedata.normalize("NFC", passphrase).encode()
    return Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p).derive(words)


def _bound(name: str) -> bytes:
    return b"flock secret\0" + name.encode()
