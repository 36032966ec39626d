"""What an upstream's refusal means: an error of flock's, or the client's to read as it is.

Owns the reading of statuses and error bodies of engines and vendors. Called by core/commit.py.
"""

import math
from email.utils import parsedate_to_datetime

import orjson

from flock.core.answer import AGAIN
from flock.dialects.openai import upstream as openai
from flock.dialects.openai.overflow import read_overflow
from flock.dialects.plan import TRANSLATE, Plan
from flock.engines.ollama_server import CASK, lacks_runner
from flock.errors import (
    ContextTooLong,
    EngineBusy,
    EngineOverloaded,
    EngineRefused,
    FlockError,
    InvalidKey,
    NotAllowed,
    UpstreamError,
)
from flock.plain import is_object
from flock.upstream import Upstream


def check(
    upstream: Upstream, made: Plan, dialect: str, status: int, body: bytes, wait: int | None, *, lent: bool
) -> None:
    """Raise for answers of status 400 and more that must not reach the client as they are.

    The upstream's own 4xx about the request may, in the client's `dialect`. `wait` is its Retry-After in seconds;
    `lent`: the client showed a credential of its own, so that a refusal of it is the client's to hear.
    """
    words = openai.read_fault(body) or f"status {status}"
    overflow = read_overflow(status, body)
    if overflow is not None:
        raise too_long(words, *overflow)
    refused = status == 402 or (upstream.channel.refuses(status, body) if upstream.channel else status in (401, 403))
    if refused and not lent:
        raise _wrong_key(upstream, status, words)
    if refused and (made.kind == TRANSLATE or not _is_own_fault(dialect, body)):
        raise _own_refused(upstream, status, words)
    details = {} if wait is None else {"retry_after": wait}
    if status == 429:
        raise EngineBusy(f"{upstream.engine} takes no more requests for now: {words}", details=details)
    if status in (503, 529):
        raise EngineOverloaded(f"{upstream.engine} is overloaded ({status}): {words}", hint=AGAIN, details=details)
    blamed = status == 500 and words.startswith(upstream.profile.request_faults)
    if status >= 500 and lacks_runner(words):
        raise UpstreamError(
            f"{upstream.engine} cannot load a model, since it was installed without its llama-server: {words}",
            hint=CASK,
            details={"broken": True},
        )
    if status >= 500 and not blamed:
        raise UpstreamError(f"{upstream.engine} failed with status {status}: {words}", hint=AGAIN)
    if blamed or made.kind == TRANSLATE or not _is_own_fault(dialect, body):
        raise EngineRefused(f"{upstream.engine} refuses the request ({status}): {words}", hint="correct the request")


def _wrong_key(upstream: Upstream, status: int, words: str) -> UpstreamError:
    """Return the error of a key of flock's that an upstream refuses: the client's key is fine."""
    if upstream.channel is not None:
        return UpstreamError(
            f"the vendor {upstream.engine} refuses the team's key for it ({status}): {words}",
            hint=f"flock vendor test {upstream.engine}",
            details={"vendor": upstream.engine},
        )
    return UpstreamError(
        f"{upstream.engine} refuses flock's own key for it ({status}): {words}",
        hint=f"give it again: flock engine detach {upstream.engine} && flock engine attach {upstream.url}",
    )


def _own_refused(upstream: Upstream, status: int, words: str) -> FlockError:
    """Return the error of a credential of the client's own that a vendor refuses."""
    kind = InvalidKey if status in (400, 401) else NotAllowed
    return kind(
        f"the vendor {upstream.engine} refuses your own credential for it ({status}): {words}",
        hint="show it as the vendor's own clients do, with flock's key in X-Flock-Key",
        details={"vendor": upstream.engine},
    )


def named(error: UpstreamError, upstream: Upstream) -> UpstreamError:
    """Return the error of a dialect's reader, who knows of "the engine" only, with a vendor's name in its place."""
    rest = error.sentence.removeprefix("the engine")
    if upstream.channel is None or rest == error.sentence:
        return error
    return UpstreamError(f"the vendor {upstream.engine}{rest}", hint=error.hint or AGAIN, details=error.details)


def seconds_of(retry_after: str, now: float) -> int | None:
    """Return the seconds that a Retry-After header means, a number or a date (RFC 9110, 10.2.3); None for neither."""
    if retry_after.isdecimal() and retry_after.isascii():
        return int(retry_after[:9])
    try:
        return max(0, math.ceil(parsedate_to_datetime(retry_after).timestamp() - now))
    except (ValueError, OverflowError):
        return None


def too_long(words: str, tokens: int | None, limit: int | None) -> ContextTooLong:
    """Return the error of a prompt that does not fit the window, with both numbers where they are known."""
    details = {name: value for name, value in (("tokens", tokens), ("limit", limit)) if value is not None}
    return ContextTooLong(
        words, hint="send a shorter conversation, or use a model with a larger window", details=details
    )


def _is_own_fault(dialect: str, body: bytes) -> bool:
    """Return whether an error body has the client's dialect's own shape and may be relayed as it is."""
    try:
        found = orjson.loads(body)
    except ValueError:
        return False
    if not is_object(found):
        return False
    error = found.get("error")
    match dialect:
        case "anthropic":
            return "type" in found and openai.is_fault(body)
        case "gemini" | "gemini-array":
            return is_object(error) and "status" in error
        case "ollama":
            return isinstance(error, str)
        case "cohere":
            return isinstance(found.get("message"), str)
        case _:
            return openai.is_fault(body)
