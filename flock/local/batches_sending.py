"""One request of a batch, sent once: what came of it, and whether it may be sent again.

Owns which answers are refusals (nobody has worked on it), which are final, and after which nobody knows; and how each
is written down. Refuses to try again: `batches.py` does, and only after a refusal. Called by `batches.py`.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flock.client import chat
from flock.client.door import ABSENT
from flock.errors import DaemonUnreachable, FlockError
from flock.local.batches_journal import ID, UNKNOWN_CODE, Ended
from flock.local.batches_lines import Request
from flock.local.batches_money import dollars, nano_of
from flock.plain import is_object

# Bounds a daemon that hangs for good, and nothing else: one of low priority may stand in the queue for hours, and what
# ends before that has ended in an answer or in a connection that broke.
ANSWER_SECONDS = 86_400.0

# 503 of flock's that waiting does not mend: the engine is broken, the model too large, a key missing
_LASTING = frozenset({"engine_failed", "not_enough_memory", "vendor_key_missing", "secrets_locked"})
# 429 that lasts for hours or for good: OpenAI's word and flock's own
_SPENT = frozenset({"insufficient_quota", "quota_exceeded", "budget_exceeded"})
# what flock says of who asks, not of what is asked
_NOBODY = frozenset({"missing_api_key", "invalid_api_key", "key_revoked", "forbidden", "too_many_attempts"})

NOTHING = Ended()


class Way(Protocol):
    """The way to a flock; client.reach.Reach is the real one."""

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Any = ..., timeout: float = ...
    ) -> "Answered":
        """Send one request and return its answer."""
        ...


class Answered(Protocol):
    """An answer as client.reach.Stream has it."""

    status: int
    headers: Any

    def read(self) -> bytes:
        """Return the body."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending.

    answered: `line` is to be written, with `ended`, good or bad by `status`. refused: nobody worked on it, and it may
    be sent again after `seconds` (None: when it suits). dear: it may cost `needed` and more than was held. absent:
    nobody is there to take it. over: sending others makes no sense either, `error` says why. unknown: it may have been
    carried out.
    """

    kind: Literal["answered", "refused", "dear", "absent", "over", "unknown"]
    line: bytes = b""
    ended: Ended = NOTHING
    status: int = 0
    seconds: float | None = None
    needed: int = 0
    error: FlockError | None = None


def send(way: Way, request: Request, model: str, most: int | None, held: int) -> Outcome:
    """Send a request of low priority and say what came of it. `most`: no paid vendor is to be asked for more.

    Raises FlockErrors that are no answer to this request (the door is somebody else's).
    """
    body = _dumped(request.body | ({"model": model} if model else {}))
    headers = {**chat.LOW_PRIORITY, **({"X-Flock-Max-Cost": dollars(most)} if most is not None else {})}
    try:
        answer = way.send("POST", request.url, body, headers, ANSWER_SECONDS)
        raw = answer.read()
    except DaemonUnreachable as error:
        # a host that is switched off, an ssh that does not come through: nobody has heard of it either
        if error.details.get("state") in ABSENT or error.details.get("sent") is False:
            return Outcome("absent", error=error)
        words = f"{error.sentence}; it may have been carried out, and is not sent again"
        return Outcome("unknown", error_line(request, UNKNOWN_CODE, words), Ended(nano=held), error=error)
    return read(request, answer.status, answer.headers, raw, held)


def read(request: Request, status: int, headers: Any, raw: bytes, held: int) -> Outcome:
    """Return what an answer means; `headers` have lower-case names."""
    plain = _parsed(raw)
    error = plain.get("error") if is_object(plain) else None
    code = error.get("code") if is_object(error) else None
    if status in (429, 503) and (refusal := _refused(status, code, headers, raw)) is not None:
        return refusal
    if code in _NOBODY and headers.get("x-flock-attempts") == "0":
        return Outcome("over", error=chat.fault(status, raw))
    if code == "request_over_limit" and is_object(error) and error.get("reason") == "max_cost":
        return Outcome("dear", _line(request, status, headers, raw, plain), needed=nano_of(str(error["needed"])) or 0)
    ended = Ended(*_tokens(plain), _cost(status, headers, held))
    return Outcome("answered", _line(request, status, headers, raw, plain), ended, status)


def _refused(status: int, code: Any, headers: Any, raw: bytes) -> Outcome | None:
    """Return the refusal that an answer is, None where it is a failure for good."""
    wait = _seconds(headers.get("retry-after"))
    if status == 429:
        if code in _SPENT or headers.get("x-should-retry") == "false":
            return Outcome("over", error=chat.fault(status, raw))
        return Outcome("refused", seconds=wait)
    # after `draining` an engine may have worked on it: the header says whether one was asked
    if code in _LASTING or (code == "draining" and headers.get("x-flock-attempts") != "0"):
        return None
    return Outcome("refused", seconds=wait) if wait is not None else None


def _seconds(words: Any) -> float | None:
    """Return the seconds of a Retry-After; one that is a date (RFC 9110, 10.2.3) leaves it to us."""
    return float(words) if isinstance(words, str) and words.isdecimal() and len(words) < 6 else None


def _cost(status: int, headers: Any, held: int) -> int | None:
    """Return what an answer cost in billionths of a dollar: as told, else what it may have cost; None for what has no
    known price, 0 for what cost nothing.
    """
    if (told := nano_of(headers.get("x-flock-cost-usd", ""))) is not None:
        return told
    if not headers.get("x-flock-route", "").startswith("vendor/") or 400 <= status < 500:
        return 0
    if (most := nano_of(headers.get("x-flock-cost-at-most-usd", ""))) is not None:
        return most
    return held or None


def _tokens(plain: Any) -> tuple[int, int]:
    usage = plain.get("usage") if is_object(plain) else None
    if not is_object(usage):
        return 0, 0
    names = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    return tuple(next((v for n in two if isinstance(v := usage.get(n), int)), 0) for two in names)  # pyright: ignore[reportReturnType]


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _line(request: Request, status: int, headers: Any, raw: bytes, plain: Any) -> bytes:
    """Return an answer's line; its body stays byte for byte where it is one line of JSON."""
    if plain is None:
        raw = _dumped(raw.decode("utf-8", "replace"))
    elif b"\n" in raw or b"\r" in raw:
        raw = _dumped(plain)
    id = _dumped(headers.get("x-flock-request-id", ""))
    return b'%b"response": {"status_code": %d, "request_id": %b, "body": %b}, "error": null}' % (
        _head(request),
        status,
        id,
        raw,
    )


def error_line(request: Request, code: str, message: str) -> bytes:
    """Return the line of a request that has no answer."""
    return b'%b"response": null, "error": %b}' % (_head(request), _dumped({"code": code, "message": message}))


def _head(request: Request) -> bytes:
    return b'{"id": "%b%d", "custom_id": %b, ' % (ID.encode(), request.number, _dumped(request.custom_id))


def _dumped(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:  # half a character, which JSON can spell and UTF-8 cannot
        return json.dumps(value).encode("ascii")
