"""Which conversation a request belongs to, by the client's own id.

Owns where clients put it. Refuses to invent one: a request that names none has none. Pure; called by core/drift.py's
caller for every request.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from flock.plain import is_object

# flock's own, which goes before all; Claude Code; Codex; opencode and Kilo, by either
_HEADERS = ("x-flock-session", "x-claude-code-session-id", "session-id", "x-session-id", "x-session-affinity")


def session_of(headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """Return the id of the client's session, "" for none; `headers` by lower-case name."""
    for name in _HEADERS:
        found = headers.get(name)
        if found:
            return found
    key = body.get("prompt_cache_key")
    if isinstance(key, str) and key:
        return key
    metadata = body.get("metadata")
    user = metadata.get("user_id") if is_object(metadata) else None
    return _in_user_id(user) if isinstance(user, str) else ""


def _in_user_id(user: str) -> str:
    """Return the session in Anthropic's user id: a JSON object with it, or "user_…_account_…_session_…"."""
    if user.startswith("{"):
        try:
            inner: Any = orjson.loads(user)
        except ValueError:
            return ""
        found = inner.get("session_id") if is_object(inner) else None
        return found if isinstance(found, str) else ""
    return user.partition("_session_")[2]
