"""The parts of a batch: its lines, its journal, its money, and what each answer means."""

import io
import json
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.errors import Conflict, DaemonUnreachable, InvalidRequest, StorageFailed, UsageError
from flock.local import batches_lines, batches_money, batches_sending
from flock.local.batches_journal import BEGUN, FAILED, NEW, OK, UNKNOWN, Ended, Journal, Written, output_of
from flock.local.batches_lines import Lines, Request
from flock.local.batches_money import Purse
from flock.local.batches_sending import NOTHING, Outcome, error_line, read, send


def request(name: str = "a", number: int = 1) -> Request:
    return Request(number, name, "/v1/chat/completions", {"model": "m", "messages": []})


def lines_of(*names: str) -> Lines:
    said = [{"custom_id": name, "url": "/v1/embeddings", "body": {"input": name}} for name in names]
    found = Lines(io.BytesIO("".join(json.dumps(line) + "\n" for line in said).encode()), "in.jsonl")
    found.check()
    return found


# -- lines


def test_lines_are_read_twice_and_blank_ones_left_out() -> None:
    text = b'\n{"custom_id": "a", "url": "/v1/rerank", "body": {}}\r\n  \n'
    text += b'{"custom_id": "b", "url": "/v1/messages", "body": {}}'
    lines = Lines(io.BytesIO(text), "in.jsonl")
    lines.check()
    assert (lines.total, lines.last) == (2, 4)
    assert [(r.number, r.custom_id) for r in lines.requests(lambda _n: True)] == [(2, "a"), (4, "b")]
    assert [r.number for r in lines.requests(lambda n: n > 2)] == [4]


def test_all_that_is_wrong_is_named_up_to_a_few() -> None:
    text = b"nothing\n" * 9
    with pytest.raises(InvalidRequest) as caught:
        Lines(io.BytesIO(text), "in.jsonl").check()
    assert caught.value.details == {"lines": [1, 2, 3, 4, 5], "wrong": 9}
    assert "and 4 more lines; nothing was sent" in caught.value.sentence


def test_a_file_that_changes_while_it_is_read_is_told_of() -> None:
    file = io.BytesIO(b'{"custom_id": "a", "url": "/v1/embeddings", "body": {}}\n')
    lines = Lines(file, "in.jsonl")
    lines.check()
    file.seek(0)
    file.write(b'{"custom_id": "b", "url": "/v1/embeddings", "body": {}}\n')
    with pytest.raises(Conflict, match=r"in\.jsonl:1 has changed"):
        list(lines.requests(lambda _n: True))


def test_two_whose_hashes_are_alike_are_two() -> None:
    lines = lines_of("a", "b")
    lines._marks = array("Q", [0, 7, 7])  # as if both came to the same eight bytes
    lines._check_twice(wrong := batches_lines._Wrong("in.jsonl"))
    wrong.raise_any()


# -- journal


def test_what_was_begun_answered_and_taken_back_is_known_again(tmp_path: Path) -> None:
    lines, output = lines_of(*"abcde"), tmp_path / "out.jsonl"
    journal = Journal(output)
    assert journal.begin(lines).count(NEW) == 6
    for number in range(1, 6):
        journal.begun(number, 100)
    journal.answered(1, _answer(1, "a", 200), Ended(3, 4, 50))
    journal.answered(2, _answer(2, "b", 500), Ended(0, 0, None))
    journal.answered(3, error_line(request("c", 3), "unknown_outcome", "who knows"), Ended())
    journal.freed(4)
    journal.close()
    journal = Journal(output)
    before = journal.begin(lines)
    assert list(before.states) == [NEW, OK, FAILED, UNKNOWN, NEW, BEGUN]
    assert list(before.unknown()) == [5]
    assert (before.input_tokens, before.output_tokens) == (3, 4)
    # the cost of the second, the third and the fifth is not known: what was held for them may have been spent
    assert (before.spent, before.paid) == (350, True)
    journal.close()


def _answer(number: int, name: str, status: int) -> bytes:
    plain = {"id": f"batch_req_{number}", "custom_id": name, "response": {"status_code": status}, "error": None}
    return json.dumps(plain).encode()


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400), torn=st.binary(max_size=30))
def test_wherever_the_power_goes_the_files_are_read_again(
    cut: int, torn: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is behind the last line end is taken away; no line that was begun before is new again."""
    folder = tmp_path_factory.mktemp("cut")
    lines, output = lines_of(*"abc"), folder / "out.jsonl"
    journal = Journal(output)
    journal.begin(lines)
    for number in (1, 2, 3):
        journal.begun(number, 0)
        journal.answered(number, _answer(number, "abc"[number - 1], 200), NOTHING)
    journal.close()
    output.write_bytes(output.read_bytes()[:cut] + torn.replace(b"\n", b""))
    with journal.path.open("ab") as file:
        file.write(torn.replace(b"\n", b""))
    again = Journal(output)
    states = list(again.begin(lines).states)[1:]
    again.close()
    assert set(states) <= {BEGUN, OK}
    assert output.read_bytes() == b"" or output.read_bytes().endswith(b"\n")
    assert states.count(OK) == output.read_bytes().count(b"\n")


def test_files_that_are_none_of_ours_are_left_alone(tmp_path: Path) -> None:
    lines, output = lines_of("a"), tmp_path / "out.jsonl"
    output.write_text("mine\n")
    with pytest.raises(Conflict, match="exists already"):
        output_of(str(output), "in.jsonl", resume=False)
    with pytest.raises(Conflict, match="no journal"):
        output_of(str(output), "in.jsonl", resume=True)
    journal = Journal(output)
    with pytest.raises(Conflict, match="no journal"):
        journal.begin(lines)
    with pytest.raises(Conflict, match="another flock batch"):
        Journal(output)
    journal.close()
    assert output.read_text() == "mine\n"
    (tmp_path / "out.jsonl.journal").write_text("notes\n")
    journal = Journal(output)
    with pytest.raises(Conflict, match="is no journal of a batch"):
        journal.begin(lines)
    journal.close()
    for words in ("-", str(tmp_path), str(tmp_path / "no" / "such"), "/dev/null"):
        with pytest.raises(UsageError):
            output_of(words, "in.jsonl", resume=True)


def test_an_answer_to_another_line_is_not_taken_for_one_of_these(tmp_path: Path) -> None:
    lines, output = lines_of("a"), tmp_path / "out.jsonl"
    journal = Journal(output)
    journal.begin(lines)
    journal.answered(1, _answer(1, "b", 200), NOTHING)
    journal.close()
    journal = Journal(output)
    with pytest.raises(Conflict, match=":1 is no answer to a line of this input"):
        journal.begin(lines)
    journal.close()


def test_a_disk_that_is_full_leaves_whole_lines() -> None:
    with pytest.raises(StorageFailed, match="cannot write /dev/full"):
        Written(Path("/dev/full")).put(b"line\n", sure=True)


# -- money


@given(
    limit=st.integers(0, 1000),
    acts=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 400), st.floats(0, 1)), max_size=60),
)
def test_what_is_spent_and_held_never_exceeds_the_limit(limit: int, acts: list[tuple[int, int, int, float]]) -> None:
    purse, held = Purse(limit), dict[int, int]()
    for number, seats, needed, part in acts:
        if number in held:
            purse.settle(number, int(held.pop(number) * part))
        elif (given := purse.hold(number, seats, needed)) is not None:
            held[number] = given
        assert purse.spent + sum(held.values()) <= limit
        assert purse.left == limit - purse.spent - sum(held.values())
    assert Purse(None).hold(1, 1) == 0


def test_with_nothing_left_to_spend_what_costs_nothing_may_be_asked() -> None:
    for purse in (Purse(0), Purse(5)):
        purse.spent = 5
        assert purse.hold(1, 4) == 0
        purse.settle(1, 0)
        assert purse.hold(1, 4, needed=1) is None
        assert (purse.spent, purse.others) == (5, False)


@pytest.mark.parametrize(
    ("words", "nano"), [("5", 5 * 10**9), ("$0.25", 250_000_000), ("0", 0), ("1e-3", 1_000_000), ("", None)]
)
def test_amounts(words: str, nano: int | None) -> None:
    assert batches_money.limit_of(words) == nano
    if nano is not None:
        assert batches_money.nano_of(batches_money.dollars(nano)) == nano


@pytest.mark.parametrize("words", ["much", "-1", "nan", "inf", "1e12", "5 EUR"])
def test_what_is_no_amount(words: str) -> None:
    with pytest.raises(UsageError):
        batches_money.limit_of(words)


# -- answers


def told(status: int, body: Any = None, held: int = 9, **headers: str) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(request(), status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, held)


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "no", **more}}


@pytest.mark.parametrize(
    ("outcome", "kind", "seconds"),
    [
        (told(429, error("engine_busy"), retry_after="7"), "refused", 7.0),
        (told(429, error("rate_limit_exceeded")), "refused", None),
        (told(429, b"<html>", retry_after="Fri, 27 Nov 2026 01:00:00 GMT"), "refused", None),
        (told(429, error("insufficient_quota")), "over", None),
        (told(429, error("rate_limited"), x_should_retry="false"), "over", None),
        (told(503, error("engine_overloaded"), retry_after="2"), "refused", 2.0),
        (told(503, error("draining"), retry_after="2", x_flock_attempts="0"), "refused", 2.0),
        (told(503, error("draining"), retry_after="2", x_flock_attempts="1"), "answered", None),
        (told(503, error("draining"), retry_after="2"), "answered", None),
        (told(503, error("not_enough_memory"), retry_after="2"), "answered", None),
        (told(503, b"gone"), "answered", None),
        (told(400, error("request_over_limit", reason="max_cost", needed="0.5")), "dear", None),
        (told(400, error("request_over_limit", reason="unpriced")), "answered", None),
        (told(401, error("key_revoked"), x_flock_attempts="0"), "over", None),
        (told(401, error("invalid_api_key")), "answered", None),
        (told(403, error("model_not_allowed"), x_flock_attempts="0"), "answered", None),
        (told(500, b""), "answered", None),
        (told(200, {"id": 1}), "answered", None),
    ],
)
def test_only_a_refusal_may_be_sent_again(outcome: Outcome, kind: str, seconds: float | None) -> None:
    assert (outcome.kind, outcome.seconds) == (kind, seconds)
    assert outcome.needed == (500_000_000 if kind == "dear" else 0)


def test_what_an_answer_cost() -> None:
    paid = {"x_flock_route": "vendor/openai"}
    assert told(200, {}, x_flock_cost_usd="0.25", **paid).ended.nano == 250_000_000
    assert told(200, {}, x_flock_cost_at_most_usd="0.5", **paid).ended.nano == 500_000_000
    assert told(502, {}, x_flock_cost_at_most_usd="0.5", **paid).ended.nano == 500_000_000
    assert told(400, {}, x_flock_cost_at_most_usd="0.5", **paid).ended.nano == 0
    assert told(200, {}, **paid).ended.nano == 9
    assert told(200, {}, held=0, **paid).ended.nano is None
    assert told(200, {}).ended.nano == 0


def test_tokens_in_the_words_of_every_dialect() -> None:
    assert told(200, {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}).ended == Ended(3, 4, 0)
    assert told(200, {"usage": {"input_tokens": 3, "output_tokens": 4}}).ended == Ended(3, 4, 0)
    assert told(200, {"usage": [1]}).ended == told(200, [1]).ended == Ended(0, 0, 0)


def test_a_body_stays_byte_for_byte_where_it_is_one_line() -> None:
    raw = b'{"pi": 3.14159265358979323846, "n": 1e2, "s": "\\ud83d"}'
    assert b'"body": ' + raw in told(200, raw).line
    pretty = told(200, b'{\n  "a": 1\r\n}').line
    assert b"\n" not in pretty
    assert json.loads(pretty)["response"]["body"] == {"a": 1}
    assert json.loads(told(500, b"<html>\xff").line)["response"]["body"] == "<html>\ufffd"
    odd = read(request("half: \ud83d"), 200, {}, b"{}", 0).line
    assert json.loads(odd)["custom_id"] == "half: \ud83d"


class Broken:
    """A way on which sending fails."""

    def __init__(self, state: str, **more: Any) -> None:
        self.details = {"state": state, **more}

    def send(self, *_: Any) -> Any:
        raise DaemonUnreachable("gone", hint="flock up", details=self.details)


@pytest.mark.parametrize(
    ("state", "kind"), [("absent", "absent"), ("stale", "absent"), ("broken", "unknown"), ("silent", "unknown")]
)
def test_a_connection_that_breaks_leaves_a_doubt_and_one_that_never_was_does_not(state: str, kind: str) -> None:
    outcome = send(Broken(state), request(), "", None, 5)
    assert outcome.kind == kind
    if kind == "unknown":
        assert json.loads(outcome.line)["error"]["code"] == "unknown_outcome"
        assert outcome.ended.nano == 5
    # over ssh and HTTP nobody can tell a machine that is off from one that is gone, but that nothing was sent is known
    assert send(Broken(state, sent=False), request(), "", None, 5).kind == "absent"


class Kept:
    """A way that keeps what was sent."""

    status, headers = 200, dict[str, str]()

    def send(self, _method: str, path: str, body: bytes, headers: dict[str, str], _timeout: float) -> "Kept":
        self.sent = (path, json.loads(body), headers)
        return self

    def read(self) -> bytes:
        return b"{}"


def test_what_is_sent() -> None:
    way = Kept()
    send(way, request(), "", None, 0)
    assert way.sent == ("/v1/chat/completions", request().body, {"X-Flock-Priority": "low"})
    send(way, request(), "other", 250_000_000, 250_000_000)
    assert way.sent[1]["model"] == "other"
    assert way.sent[2] == {"X-Flock-Priority": "low", "X-Flock-Max-Cost": "0.25"}
    assert batches_sending.ANSWER_SECONDS > 3600
