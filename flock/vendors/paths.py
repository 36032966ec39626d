"""Where a dialect's path is at a vendor: a base URL and a path become one URL.

Owns the rule by which the version between them ("/v1") stands there exactly once. Pure. Called by listed.py and
azure.py.

People write a base in two ways, after the two ways of the official SDKs: those of OpenAI append "/chat/completions" to
a base with its version ("https://api.groq.com/openai/v1"), those of Anthropic and Google append "/v1/messages" to one
without ("https://api.deepseek.com/anthropic"). So a base whose path ends in a version has it already, whatever the
path; one with a version further in front ("https://gateway.example/v1/team/openai") has it for OpenAI's paths; every
other base gets the path's own.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

# "v1", "v1beta", "v2alpha1"
_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
# the tasks whose paths no dialect has to itself, by their first segment
_TASKS = frozenset({"audio", "embeddings", "images", "rerank"})


def place(path: str) -> str:
    """Return whose path it is: "anthropic", "gemini", "responses", a task ("rerank", "embeddings"), else "openai"."""
    rest = unversioned(path.partition("?")[0])
    first = rest.strip("/").partition("/")[0]
    if first == "messages":
        return "anthropic"
    if first == "responses":
        return "responses"
    if ":" in rest.rpartition("/")[2]:
        return "gemini"
    return first if first in _TASKS else "openai"


def join(
    base: str, path: str, query: Mapping[str, str] | None = None, *, versioned: bool = True, whose: str = ""
) -> str:
    """Return the URL of a path ("/v1/chat/completions?x=1") at a base, with the version once.

    `versioned` says whether the vendor has a version in its URLs at all; `whose` the path is, "" to see it from itself.
    The queries of the base, of the path and `query` are joined; of one name the last counts.
    """
    scheme, host, before, words, _ = urlsplit(base)
    path, _, asked = path.partition("?")
    segments = [segment for segment in before.split("/") if segment]
    has = bool(segments) and is_version(segments[-1])
    if not has and (whose or place(path)) not in ("anthropic", "gemini"):
        has = any(is_version(segment) for segment in segments)
    if has or not versioned:
        path = unversioned(path)
    merged = {**dict(parse_qsl(words, True)), **dict(parse_qsl(asked, True)), **(query or {})}
    return urlunsplit((scheme, host, "/".join(["", *segments]) + path, urlencode(merged), ""))


def unversioned(path: str) -> str:
    """Return a path without the version it begins with."""
    first, slash, rest = path.lstrip("/").partition("/")
    return slash + rest if is_version(first) else path


def is_version(segment: str) -> bool:
    """Return whether a segment of a path is a version: "v1", "v1beta"."""
    return bool(_VERSION.fullmatch(segment))


def named(path: str, model: str) -> str:
    """Return a path with the model's name where it stands in one."""
    return path.replace("{model}", quote(model))
