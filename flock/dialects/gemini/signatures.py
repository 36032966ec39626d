"""Thought signatures of tool calls, for clients whose dialect has no place for them: inside the call's id (pitfall 53).

Gemini signs its calls and refuses (400) a conversation in which the signature of a call is missing. A client of another
dialect gives back a call's id byte for byte and nothing else, so the id carries it: `<id>_gts1_<signature>`. Signatures
are base64, whose "+", "/" and "=" no id may hold: they are written as base64url without padding where that can be
undone, else the whole text is encoded again (`_gtx1_`). Owns both ways; refuses to make a signature up. Pure.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode

from flock.dialects.history import safe_id

_PACKED = re.compile(r"([a-zA-Z0-9_-]{1,64}?)_(gts1|gtx1)_([a-zA-Z0-9_-]+)")
# Google's word for a call that another model made, or that was made before: its validator lets it pass. The last
# resort, documented under "Thought signatures" in the Gemini API's guides; Gemini CLI sends it too.
SKIP = "skip_thought_signature_validator"
# in the meta of a part that came with one
SIGNATURE = "thoughtSignature"


def pack(id: str, signature: str) -> str:
    """Return an id of [a-zA-Z0-9_-] that holds both; the id itself where there is no signature."""
    if not signature:
        return id
    plain = _unpadded(signature)
    if plain:
        return f"{safe_id(id)}_gts1_{plain}"
    return f"{safe_id(id)}_gtx1_{urlsafe_b64encode(signature.encode('utf-8', 'replace')).decode().rstrip('=')}"


def unpack(id: str) -> tuple[str, str]:
    """Return (id, signature) of an id, the signature "" where it holds none."""
    found = _PACKED.fullmatch(id)
    if found is None:
        return id, ""
    padded = found[3] + "=" * (-len(found[3]) % 4)
    try:
        data = urlsafe_b64decode(padded)
        return found[1], b64encode(data).decode() if found[2] == "gts1" else data.decode()
    except ValueError:
        return id, ""


def _unpadded(signature: str) -> str:
    """Return a signature as base64url without padding, "" where the same text would not come back."""
    try:
        data = b64decode(signature, validate=True)
    except ValueError:
        return ""
    if not data or b64encode(data).decode() != signature:
        return ""
    return urlsafe_b64encode(data).decode().rstrip("=")
