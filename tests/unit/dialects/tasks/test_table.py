"""The table of tasks is whole, and Cohere's faults are those its clients read."""

import orjson
import pytest

from flock import profile
from flock.dialects.tasks import cohere
from flock.dialects.tasks.bodies import usage_within
from flock.dialects.tasks.table import PATHS, TASKS
from flock.errors import EngineBusy, ModelNotFound


def test_every_task_is_there_under_its_name_and_has_a_path() -> None:
    assert set(TASKS) == set(profile.TASKS)
    assert all(name == task.NAME for name, task in TASKS.items())
    assert {name for _, name in PATHS.values()} == set(TASKS)
    assert {dialect for dialect, _ in PATHS.values()} == {"openai", "gemini", "ollama", "cohere"}


def test_faults_of_cohere() -> None:
    error = ModelNotFound("no model x", hint="flock model ls", details={"nearest": ["y"]})
    assert cohere.http_status(error) == 404
    assert orjson.loads(cohere.write_fault(error, "req_1")) == {
        "message": "no model x",
        "code": "model_not_found",
        "hint": "flock model ls",
        "id": "req_1",
        "details": {"nearest": ["y"]},
    }
    assert orjson.loads(cohere.stream_fault(EngineBusy("busy"))) == {"message": "busy", "code": "engine_busy"}
    assert cohere.http_status(EngineBusy("busy")) == 429


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"usage": {"prompt_tokens": 5, "details": {"a": {}}}, "data": []}', 5),
        (b'{"data": [1], "usage":{"total_tokens": 7}}', 7),
        (b'data: {"text": "\\"usage\\"", "usage": {"input_tokens": 9}}\n\n', 9),
        (b'{"usage": null}', None),
        (b'{"usage": {"prompt_tokens": true}}', None),
        (b'{"usage": {"prompt_tokens": 1e300}}', None),
        (b'{"usage": {"type": "duration", "seconds": 5}}', None),
        (b'{"usage": {"prompt_tokens": 5', None),
        (b'{"usage": {' + b" " * 5000 + b"}}", None),
        (b'{"usage": {oh}}', None),
        (b"", None),
    ],
)
def test_usage_is_found_without_reading_the_rest(body: bytes, count: int | None) -> None:
    found = usage_within(body)
    assert (found and found.input) == count
