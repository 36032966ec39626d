"""An operation as an HTTP call, and what an answer means."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.client.calls import Call, decode, encode
from flock.contract.engines import AttachEngine, ListEngines
from flock.contract.jobs import ShowJob
from flock.contract.lifecycle import Down, ShowLogs, Stopped
from flock.contract.models import ListModels, Model, RemoveModel
from flock.contract.op import Op, ensure_declared
from flock.contract.presets import RemovePreset, SavePreset
from flock.contract.requests import ExplainRequest, ListRequests
from flock.contract.settings import SetConfig, UnsetConfig
from flock.contract.tokens import EditToken, ListTokens
from flock.contract.usage import RecentUsage
from flock.errors import BY_CODE, FlockError, InternalError, ModelNotFound
from tests.cli.door import read
from tests.cli.test_argv import operations

QWEN = Model("qwen/qwen3:8b", "ready", "e", "built-in", 4096, None, True)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (ListModels(), Call("GET", "/admin/v1/models", None)),
        (ListTokens(all=True), Call("GET", "/admin/v1/tokens?all=true", None)),
        (ListRequests(limit=20, running=False), Call("GET", "/admin/v1/requests", None)),
        (
            RecentUsage(limit=3, user="ada b&c=d"),
            Call("GET", "/admin/v1/usage/recent?limit=3&user=ada+b%26c%3Dd", None),
        ),
        (RemoveModel(id="qwen/qwen3:8b"), Call("DELETE", "/admin/v1/models/qwen%2Fqwen3%3A8b", None)),
        (RemoveModel(id="a?b#c%d é{id}"), Call("DELETE", "/admin/v1/models/a%3Fb%23c%25d%20%C3%A9%7Bid%7D", None)),
        (UnsetConfig(key="listen"), Call("DELETE", "/admin/v1/config/listen", None)),
        (ExplainRequest(), Call("GET", "/admin/v1/requests/last/explanation", None)),
        (
            ShowJob(id="j_1", after=3, wait_seconds=10.0),
            Call("GET", "/admin/v1/jobs/j_1?after=3&wait_seconds=10.0", None),
        ),
        (ShowJob(id="j_1"), Call("GET", "/admin/v1/jobs/j_1", None)),
        (SetConfig(key="a.b", value="1"), Call("PUT", "/admin/v1/config/a.b", b'{"value": "1"}')),
        (
            EditToken(id="a/b", rpm=0, tag=("x=1",)),
            Call("PATCH", "/admin/v1/tokens/a%2Fb", b'{"rpm": 0, "tag": ["x=1"]}'),
        ),
        (RemovePreset(name="ü"), Call("DELETE", "/admin/v1/presets/%C3%BC", None)),
        (SavePreset(name="ü", model=""), Call("POST", "/admin/v1/presets", '{"name": "ü", "model": ""}'.encode())),
        (Down(), Call("POST", "/admin/v1/shutdown", b'{"grace_seconds": 10.0}')),
    ],
)
def test_encode(op: object, expected: Call) -> None:
    assert encode(op) == expected  # pyright: ignore[reportArgumentType]


ROUTED = sorted((op for op in ensure_declared().values() if op.spec.path), key=lambda op: op.spec.name)


@pytest.mark.parametrize("kind", ROUTED, ids=lambda op: op.spec.name)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_reader_of_the_contract_reads_what_encode_writes(kind: type[Op[Any]], data: st.DataObject) -> None:
    op = data.draw(operations(kind).filter(lambda op: all(_in_path(op))))
    call = encode(op)
    assert read(call.method, call.path, call.body or b"") == op


def _in_path(op: Op[Any]) -> list[Any]:
    """Return the fields that stand in the path; an empty one makes another path."""
    return [getattr(op, name) for name in re.findall(r"{(\w+)}", op.spec.path)]


def test_a_secret_travels_in_the_body_alone() -> None:
    call = encode(AttachEngine(url="http://h:1", key="s3cret"))
    assert "s3cret" not in call.path
    assert json.loads(call.body or b"")["key"] == "s3cret"


def test_an_operation_without_a_route_is_no_call() -> None:
    with pytest.raises(ValueError, match="no route"):
        encode(ShowLogs())


def test_decode_builds_the_answer_and_overlooks_what_it_does_not_know() -> None:
    body = json.dumps([{"id": "a", "state": "ready", "engine": "e", "source": "built-in", "context": None,
                        "size_bytes": 1, "default": False, "news": [1]}]).encode()  # fmt: skip
    assert decode(ListModels(), 200, body) == [Model("a", "ready", "e", "built-in", None, 1, False)]
    assert decode(Down(), 202, b'{"running": true, "pid": 3}') == Stopped(True, 3)
    assert decode(ListEngines(), 200, b"[]") == []


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_decode_rebuilds_the_class_from_the_code(code: str) -> None:
    error = BY_CODE[code]("no model 'x'", hint="flock model ls", details={"nearest": ["y"]})
    with pytest.raises(FlockError) as found:
        decode(ListModels(), error.status, json.dumps({"error": error.to_plain()}).encode())
    assert type(found.value) is BY_CODE[code]
    assert found.value.to_plain() == error.to_plain()


def test_an_error_without_hint_and_details_is_one_too() -> None:
    with pytest.raises(ModelNotFound):
        decode(ListModels(), 404, b'{"error": {"code": "model_not_found", "message": "m"}}')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b"null",
        b"[]",
        b'{"error": "words"}',
        b'{"detail": 1}',
        b"\xff\xfe",
        b"[" * 9000,
    ],
)
def test_what_is_no_error_of_flock_is_told_as_it_came(body: bytes) -> None:
    with pytest.raises(InternalError, match="status 502") as found:
        decode(ListModels(), 502, body)
    assert len(found.value.sentence) < 250
    if b"Gateway" in body:
        assert "<html>Bad Gateway</html>" in found.value.sentence


@pytest.mark.parametrize("body", [b"", b"hello", b"{}", b'[{"id": 1}]', b'[{"id": "a"}]'])
def test_an_answer_of_another_shape_is_told_too(body: bytes) -> None:
    with pytest.raises(InternalError, match=r"answer to model\.ls cannot be read"):
        decode(ListModels(), 200, body)
