"""Every error a user can meet: a permanent code, a sentence, a hint, an HTTP status and an exit code.

Owns the table `BY_CODE` from which a client rebuilds the class the daemon raised. Refuses to know about any dialect:
each dialect spells a FlockError in its own words. Raised everywhere; caught at the doors.
"""

from typing import Any, ClassVar

# What the command line's exit codes mean; docs/errors.md and `flock --help` show this table.
EXIT_CODES = {
    0: "it worked",
    1: "it failed",
    2: "the command, a value or the configuration is wrong",
    3: "no daemon answers",
    4: "not allowed",
    5: "there is no such thing",
    6: "a question would have been needed and there is nobody to ask: say --yes",
    75: "try again later",  # EX_TEMPFAIL of sysexits.h
    130: "interrupted",  # 128 + SIGINT, as a shell reports a program that the signal ended
    141: "whoever read the output has gone",  # 128 + SIGPIPE
}


class FlockError(Exception):
    """What happened, in one sentence with the user's own words in it, and what to do next.

    `hint` is a command that runs as it stands, or a short clause when no command helps. `details` holds JSON values
    that a program may read (for example `{"nearest": ["qwen3-8b"]}`).
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str, *, hint: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.details: dict[str, Any] = details or {}

    def to_plain(self) -> dict[str, Any]:
        """Return the error as a JSON object: code, message, hint and details where there are any."""
        plain: dict[str, Any] = {"code": self.code, "message": self.sentence}
        if self.hint:
            plain["hint"] = self.hint
        if self.details:
            plain["details"] = self.details
        return plain


class InternalError(FlockError):
    """Something in flock itself went wrong; the log has the traceback."""


class UsageError(FlockError):
    """The command line does not make sense as given."""

    code, status, exit_code = "usage_error", 400, 2


class InvalidRequest(FlockError):
    """The request's body or parameters are wrong."""

    code, status, exit_code = "invalid_request", 400, 2


class Unsupported(FlockError):
    """The request asks for something that the model, its engine or the way to it does not have."""

    code, status, exit_code = "unsupported", 400, 2


class ContextTooLong(FlockError):
    """The prompt is longer than the model's window; details hold `tokens` and `limit` where both are known."""

    code, status, exit_code = "context_length_exceeded", 400, 2


class ConfigInvalid(FlockError):
    """A configuration key or value is wrong."""

    code, status, exit_code = "config_invalid", 400, 2


class MissingKey(FlockError):
    """No API key came with the request."""

    code, status, exit_code = "missing_api_key", 401, 4


class InvalidKey(FlockError):
    """The API key is unknown, revoked or expired."""

    code, status, exit_code = "invalid_api_key", 401, 4


class KeyRevoked(FlockError):
    """The key was revoked while its request was running."""

    code, status, exit_code = "key_revoked", 401, 4


class NotAllowed(FlockError):
    """The key's scope, or the machine's owner, does not permit this."""

    code, status, exit_code = "forbidden", 403, 4


class ModelNotAllowed(FlockError):
    """The key may not ask for this model; details hold `models`, the globs it may ask for."""

    code, status, exit_code = "model_not_allowed", 403, 4


class NotFound(FlockError):
    """No such thing (token, engine, request, job, path)."""

    code, status, exit_code = "not_found", 404, 5


class ModelNotFound(FlockError):
    """No engine serves a model of that id."""

    code, status, exit_code = "model_not_found", 404, 5


class MethodNotAllowed(FlockError):
    """The path exists, the method on it does not."""

    code, status, exit_code = "method_not_allowed", 405, 2


class Conflict(FlockError):
    """The thing exists already, or is in a state that forbids this."""

    code, status, exit_code = "conflict", 409, 1


class RequestTooLarge(FlockError):
    """The body is larger than `max_body_bytes`."""

    code, status, exit_code = "request_too_large", 413, 2


class WouldAsk(FlockError):
    """A question would be needed and there is nobody to ask."""

    code, status, exit_code = "confirmation_required", 400, 6


class DaemonUnreachable(FlockError):
    """No daemon answers on this machine's socket."""

    code, status, exit_code = "daemon_unreachable", 503, 3


class StartFailed(FlockError):
    """The daemon could not start."""

    code, status, exit_code = "start_failed", 500, 1


class StorageFailed(FlockError):
    """A file or the database could not be read or written (disk full, permissions)."""

    code, status, exit_code = "storage_failed", 507, 1


class EngineUnreachable(FlockError):
    """The engine that should answer does not."""

    code, status, exit_code = "engine_unreachable", 502, 75


class SourceUnreachable(FlockError):
    """The place that models are fetched from does not answer, or asks to be left alone for a while; details hold
    `retry_after` in seconds where it says.
    """

    code, status, exit_code = "source_unreachable", 502, 75


class EngineFailed(FlockError):
    """The engine cannot start; the sentence carries its last lines."""

    code, status, exit_code = "engine_failed", 503, 1


class UpstreamError(FlockError):
    """The engine answered with a failure of its own."""

    code, status, exit_code = "upstream_error", 502, 1


class NotEnoughMemory(FlockError):
    """The model does not fit into memory, and nothing that may leave would make the room; details hold `needs`."""

    code, status, exit_code = "not_enough_memory", 503, 1


class ModelNotLoaded(FlockError):
    """The model is not in memory, and requests do not load it."""

    code, status, exit_code = "model_not_loaded", 409, 1


class EngineRefused(FlockError):
    """The engine refuses this request, in a shape that is not the client's dialect."""

    code, status, exit_code = "engine_refused", 400, 2


class EngineBusy(FlockError):
    """The engine takes no more requests for now; details hold `retry_after` in seconds where it says."""

    code, status, exit_code = "engine_busy", 429, 75


class EngineOverloaded(FlockError):
    """The engine says that it is overloaded; details hold `retry_after` in seconds where it says."""

    code, status, exit_code = "engine_overloaded", 503, 75


class RateLimited(FlockError):
    """The key's requests or tokens of this minute are used up; details hold `limit` and `retry_after` in seconds."""

    code, status, exit_code = "rate_limited", 429, 75


class QuotaExceeded(FlockError):
    """The key's tokens of today are used up; details hold `limit`, `used` and `retry_after` in seconds."""

    code, status, exit_code = "quota_exceeded", 429, 75


class BudgetExceeded(FlockError):
    """The key's dollars of the day, week or month are used up; details hold `window`, `limit` and `used`."""

    code, status, exit_code = "budget_exceeded", 429, 75


class RequestOverLimit(FlockError):
    """The request by itself is larger than a limit of the key, so that no waiting helps; details hold both."""

    code, status, exit_code = "request_over_limit", 400, 2


class TooManyAttempts(FlockError):
    """Too many wrong keys came from this address; details hold `retry_after` in seconds."""

    code, status, exit_code = "too_many_attempts", 429, 75


class WrongKind(FlockError):
    """The model is of another kind than the request needs; details hold `kind`, and `models` that would do."""

    code, status, exit_code = "wrong_model_kind", 400, 2


class VendorKeyMissing(FlockError):
    """No key for the vendor is known, or none can be read."""

    code, status, exit_code = "vendor_key_missing", 503, 4


class SecretsLocked(FlockError):
    """The stored secrets are encrypted and nobody has unlocked them since the daemon started."""

    code, status, exit_code = "secrets_locked", 503, 4


class UpstreamStalled(FlockError):
    """The engine fell silent for longer than the limit."""

    code, status, exit_code = "upstream_stalled", 504, 75


class Draining(FlockError):
    """The daemon is going down and takes no new requests."""

    code, status, exit_code = "draining", 503, 75


class Cancelled(FlockError):
    """The job or request was cancelled."""

    code, status, exit_code = "cancelled", 499, 130


def _all_errors(root: type[FlockError]) -> dict[str, type[FlockError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _all_errors(child)
    return found


BY_CODE: dict[str, type[FlockError]] = _all_errors(FlockError) | {"internal_error": InternalError}


def from_plain(plain: dict[str, Any]) -> FlockError:
    """Rebuild the error from its JSON object; an unknown code becomes a plain FlockError with the same words."""
    kind = BY_CODE.get(str(plain.get("code")), InternalError)
    return kind(
        str(plain.get("message", "")), hint=str(plain.get("hint", "")), details=dict(plain.get("details") or {})
    )
