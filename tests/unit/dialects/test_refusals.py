"""What a limit refuses, in each dialect: its own type, its status, flock's code where there is room for one."""

from typing import Any

import orjson
import pytest

from flock.dialects.responses.words import failure_code
from flock.dialects.table import SERVERS
from flock.dialects.tasks import cohere
from flock.errors import BudgetExceeded, FlockError, ModelNotAllowed, QuotaExceeded, RateLimited, RequestOverLimit

SOON, LATE = {"retry_after": 20}, {"retry_after": 40_000}
RATE, SPENT = "rate_limit_error", "insufficient_quota"
EXHAUSTED, INVALID, DENIED = "RESOURCE_EXHAUSTED", "invalid_request_error", "permission_error"
# (error, OpenAI's type, Anthropic's type, Google's status, the code of response.failed)
CASES: list[tuple[FlockError, str, str, str, str]] = [
    (RateLimited("no", details=SOON), RATE, RATE, EXHAUSTED, "rate_limit_exceeded"),
    (QuotaExceeded("no", details=LATE), SPENT, RATE, EXHAUSTED, SPENT),
    (BudgetExceeded("no", details=LATE), SPENT, RATE, EXHAUSTED, SPENT),
    (BudgetExceeded("no", details=SOON), RATE, RATE, EXHAUSTED, "rate_limit_exceeded"),
    (BudgetExceeded("no"), SPENT, RATE, EXHAUSTED, SPENT),
    (RequestOverLimit("no", details={"limit": 5}), INVALID, INVALID, "INVALID_ARGUMENT", "invalid_prompt"),
    (ModelNotAllowed("no", details={"models": ["a"]}), DENIED, DENIED, "PERMISSION_DENIED", "server_error"),
]


def spelled(dialect: str, error: FlockError) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(SERVERS[dialect].write_fault(error, "req_1"))
    assert SERVERS[dialect].http_status(error) == error.status
    return found


@pytest.mark.parametrize(("error", "openai", "anthropic", "google", "failed"), CASES)
def test_a_refusal_in_each_dialect(error: FlockError, openai: str, anthropic: str, google: str, failed: str) -> None:
    for dialect in ("openai", "responses"):
        found = spelled(dialect, error)["error"]
        assert (found["type"], found["code"], found["message"]) == (openai, error.code, "no")
    found = spelled("anthropic", error)["error"]
    assert (found["type"], found["message"]) == (anthropic, "no")
    if error.details:
        assert found["details"]["code"] == error.code
    for dialect in ("gemini", "gemini-array"):
        body = orjson.loads(SERVERS[dialect].write_fault(error, "req_1"))
        found = (body[0] if isinstance(body, list) else body)["error"]
        kinds = {detail["@type"].rpartition(".")[2]: detail for detail in found["details"]}
        assert (found["status"], kinds["ErrorInfo"]["reason"]) == (google, error.code.upper())
        if "retry_after" in error.details:
            assert kinds["RetryInfo"]["retryDelay"] == f"{error.details['retry_after']}s"
    assert spelled("ollama", error) == {"error": "no"}
    assert orjson.loads(cohere.write_fault(error))["code"] == error.code
    assert failure_code(error) == failed
