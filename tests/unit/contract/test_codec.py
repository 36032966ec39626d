"""The codec: round trips, tolerance of unknown fields, and errors that name the place."""

import json
from dataclasses import MISSING, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.contract import codec
from flock.contract.models import AddModel
from flock.contract.op import Scope, ensure_declared, to_argv
from flock.contract.requests import Explanation
from flock.contract.tokens import CreateToken, Token
from flock.contract.usage import UsageRow
from flock.errors import BY_CODE, InvalidRequest, from_plain

TOKEN = Token(
    id="k_1",
    name="ä",
    scope=Scope.USER,
    hint="abcd",
    created_at="2026-11-21T00:00:00.000Z",
    last_used_at=None,
    revoked_at=None,
)


def test_round_trip_of_a_value() -> None:
    data = codec.dumps([TOKEN])
    assert json.loads(data)[0]["scope"] == "user"
    assert codec.loads(list[Token], data) == [TOKEN]


def test_unknown_fields_are_tolerated() -> None:
    assert codec.loads(CreateToken, b'{"name":"a","later":1}') == CreateToken(name="a")


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (CreateToken, b"{", "not JSON"),
        (CreateToken, b"[]", "must be an object"),
        (CreateToken, b'{"admin":"yes"}', "admin must be true or false"),
        (AddModel, b"{}", "'source' is missing"),
        (list[Token], b'[{"id":1}]', r"\[0\].id must be a string"),
        (Token, b'{"id":"a","name":"b","scope":"king"}', "scope must be one of"),
    ],
)
def test_errors_name_the_place(kind: object, data: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        codec.loads(kind, data)


@given(st.floats(0, 1e6, allow_nan=False), st.one_of(st.none(), st.floats(0, 1e6)), st.text(max_size=20))
def test_numbers_and_text_survive(latency: float, first: float | None, model: str) -> None:
    row = UsageRow(
        request_id="r",
        at="",
        user="",
        key_id="",
        model=model,
        endpoint="chat",
        engine="",
        input_tokens=1,
        output_tokens=2,
        estimated=False,
        latency_ms=latency,
        ttft_ms=first,
        status=200,
        outcome="ok",
        stream=True,
    )
    assert codec.loads(UsageRow, codec.dumps(row)) == row


def test_every_operation_can_be_spelled() -> None:
    for name, op in ensure_declared().items():
        missing = [f for f in fields(op) if f.default is MISSING]
        required = {f.name: ("x",) if f.metadata.get("many") else "x" for f in missing}
        assert to_argv(op(**required))[: len(op.spec.verb)] == list(op.spec.verb), name
        assert op.__doc__, name
        assert op.spec.examples, name


def test_an_error_survives_the_wire() -> None:
    for code, kind in BY_CODE.items():
        if code == "internal_error":
            continue
        error = from_plain(kind("words", hint="do this", details={"a": 1}).to_plain())
        assert type(error) is kind
        assert (error.sentence, error.hint, error.details) == ("words", "do this", {"a": 1})


def test_explanations_decode_with_their_defaults() -> None:
    required = {f.name for f in fields(Explanation)} - {"candidates", "attempts", "spans", "notes"}
    assert "plan" in required


def test_a_query_gives_all_words_to_a_field_that_takes_many_and_the_last_to_others() -> None:
    assert codec.from_query(tuple[str, ...], ["a", "b"], "words") == ["a", "b"]
    assert codec.from_query(tuple[int, ...], ["1"], "numbers") == [1]
    assert codec.from_query(int, ["1", "2"], "limit") == 2
    with pytest.raises(InvalidRequest, match="numbers must be a whole number"):
        codec.from_query(tuple[int, ...], ["x"], "numbers")
