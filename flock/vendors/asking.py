"""What a vendor is asked beside its work: its list of models, and whether a key is good.

Owns the two questions and what their answers mean. Never a generation: both are a GET that costs nothing. Refuses to
repeat a key that a vendor's error quotes. Called by registry.py.
"""

import json
from typing import Any

from flock.contract.vendors import KeyCheck
from flock.errors import EngineUnreachable, UpstreamError, VendorKeyMissing
from flock.plain import is_object
from flock.upstream import Credential
from flock.vendors.vendor import Fetch, Found, Vendor

_MESSAGE_CHARACTERS = 200


async def check(fetch: Fetch, vendor: Vendor, credential: Credential) -> KeyCheck:
    """Return what the vendor says of a key; the key hears of it too."""
    url = vendor.check_url()
    listed = vendor.list_url()
    if not (url or listed):
        return _told(vendor, credential, "", "unknown", None, "it has no question that costs nothing")
    try:
        status, _, body = await fetch.get(url or listed, _headers(vendor, credential))
    except OSError as error:
        return _told(vendor, credential, url or listed, "unreachable", None, _words(error))
    if vendor.channel.refuses(status, body):
        credential.failed(401, None)
        return _told(vendor, credential, url, "refused", status, _safe(_said(body), credential))
    if not 200 <= status < 300:
        return _told(vendor, credential, url or listed, "failed", status, _safe(_said(body), credential))
    models: int | None = None
    if listed in (url, url or listed):
        try:
            models = len(vendor.read_list(body))
        except UpstreamError as error:
            return _told(vendor, credential, listed, "failed", status, error.sentence)
    if not url:
        words = "it answers, and its list is open to all: whether it takes the key shows at the first request"
        return _told(vendor, credential, listed, "unknown", status, words, models)
    credential.served()
    return _told(vendor, credential, url, "ok", status, "", models)


async def models(fetch: Fetch, vendor: Vendor, credential: Credential) -> list[Found]:
    """Return the vendor's list of models.

    Raises EngineUnreachable; VendorKeyMissing when the key is refused, which is nothing of the caller's; UpstreamError.
    """
    url = vendor.list_url()
    try:
        status, _, body = await fetch.get(url, _headers(vendor, credential))
    except OSError as error:
        raise EngineUnreachable(
            f"{vendor.name} cannot be asked for its models at {url}: {_words(error)}",
            hint=f"flock vendor test {vendor.name}",
        ) from None
    if vendor.channel.refuses(status, body):
        credential.failed(401, None)
        raise VendorKeyMissing(
            f"{vendor.name} refuses the key {credential.name} ({status})", hint=f"flock vendor test {vendor.name}"
        )
    if not 200 <= status < 300:
        said = _safe(_said(body), credential)
        raise UpstreamError(
            f"{vendor.name} answers {status} when asked for its models at {url}{f': {said}' if said else ''}",
            hint=f"flock vendor test {vendor.name}",
        )
    return vendor.read_list(body)


def _headers(vendor: Vendor, credential: Credential) -> dict[str, str]:
    return {"Accept": "application/json", **vendor.channel.headers, **credential.headers()}


def _told(
    vendor: Vendor,
    credential: Credential,
    url: str,
    outcome: str,
    status: int | None,
    message: str,
    found: int | None = None,
) -> KeyCheck:
    return KeyCheck(vendor.name, credential.name, url, outcome, status, found, message)


def _said(body: bytes) -> str:
    """Return the sentence of an error's body, "" where it has none."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not is_object(document):
        return ""
    for found in (document.get("error"), document):
        if isinstance(found, str):
            return found
        for name in ("message", "detail"):
            if is_object(found) and isinstance(found.get(name), str):
                return str(found[name])
    return ""


def _safe(said: str, credential: Credential) -> str:
    """Return a vendor's words on one line, cut, and without the key they may quote."""
    for value in credential.headers().values():
        said = said.replace(value.rpartition(" ")[2], "…")
    line = " ".join(said.split())
    return line if len(line) <= _MESSAGE_CHARACTERS else f"{line[: _MESSAGE_CHARACTERS - 1]}…"


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "it did not answer in time"
    return error.strerror or str(error) or type(error).__name__
