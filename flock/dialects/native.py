"""What an upstream speaks by itself: versions, features, and what a request must not be sent to it with.

Pure; reads profiles only. Called by plan.py.
"""

import re

from flock.errors import Unsupported
from flock.profile import Profile

_NUMBERS = re.compile(r"\d+")

# What cannot be left out without changing what the client gets: (feature, what the client is told it was)
_NEEDED = {
    "audio": "audio input",
    "documents": "documents",
    "images": "images",
    "json_object": "a JSON answer (response_format json_object)",
    "json_schema": "an answer of a given JSON schema",
    "logprobs": "logprobs",
    "many": "more than one answer (n > 1)",
    "stateful": "conversations kept by the server",
    "tools": "tools",
}

_WHOLE = "send the whole conversation with every request (store: false)"


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers in a version ("b8200-1a2b3c" → (8200,)), () when it names none above 0."""
    words = text.split("-", 1)[0].split("+", 1)[0]
    numbers = tuple(int(number) for number in _NUMBERS.findall(words))
    return numbers if any(numbers) else ()


def is_since(version: str, since: str) -> bool:
    """Return whether a version is at least `since`; one that names no number is taken for a recent one."""
    have, need = version_of(version), version_of(since)
    return not need or not have or have >= need


def speaks(profile: Profile, dialect: str, version: str, features: frozenset[str]) -> bool:
    """Return whether an engine of this version takes this dialect with these features as they are."""
    if dialect in profile.dialects:
        return True
    native = profile.native.get(dialect)
    return native is not None and is_since(version, native.since) and not (native.lacks & features)


def check(profile: Profile, features: frozenset[str]) -> None:
    """Raise Unsupported when the request needs what the engine cannot do: never silence, never half an answer."""
    if features.isdisjoint(profile.lacks):
        return
    if lacking := missing(profile.lacks, features):
        words = ", ".join(_NEEDED[feature] for feature in lacking)
        raise Unsupported(
            f"{profile.title} does not support {words}",
            hint=_WHOLE if "stateful" in lacking else "use a model on another engine: flock model ls",
            details={"unsupported": lacking},
        )


def missing(lacks: frozenset[str], features: frozenset[str]) -> list[str]:
    """Return what a request needs and an engine that lacks so much cannot do, in order of the words."""
    return sorted(features & lacks & _NEEDED.keys())
