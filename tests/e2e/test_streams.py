"""The request path in front of an upstream with faults: what a client is told, and what flock remembers of it."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.parts import (
    CHAT,
    USAGE,
    Client,
    Told,
    ask,
    body,
    call,
    environment,
    explained,
    seen,
    usage,
)
from tests.running import Flock, fake_upstream, running_flock, wait_for


def tell(flock: Flock, model: str, *, stream: bool, **fields: object) -> Told:
    return ask(flock.port, flock.key, body(model, stream=stream, **fields))


# -- what passes


def test_a_relayed_stream_is_the_engines_byte_by_byte(flock: Flock, fake: int) -> None:
    request = body("ok", stream=True, **USAGE)
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert through.body == direct.body
    assert b'"usage"' in through.body
    assert (through.status, through.clean, through.done) == (200, True, True)
    assert through.headers["x-flock-path"] == "relay"
    assert through.headers["content-type"].startswith("text/event-stream")
    assert "engine;dur=" in through.headers["server-timing"]
    assert seen(fake)["bodies"] == [request]
    row = usage(flock)[through.id]
    assert (row["input_tokens"], row["output_tokens"], row["estimated"], row["outcome"]) == (7, 5, False, "ok")
    assert row["ttft_ms"] is not None


def test_a_relayed_answer_is_the_engines_byte_by_byte(flock: Flock, fake: int) -> None:
    request = body("ok")
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert through.body == direct.body
    assert (through.status, through.headers["x-flock-path"]) == (200, "relay")
    assert "server-timing" in through.headers
    assert usage(flock)[through.id]["output_tokens"] == 5


@pytest.mark.pitfall(56)
def test_the_usage_nobody_asked_for_is_counted_and_withheld(flock: Flock, fake: int) -> None:
    request = body("ok", stream=True)
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert through.body == direct.body
    assert b'"usage"' not in through.body
    assert through.headers["x-flock-path"] == "splice"
    row = usage(flock)[through.id]
    assert (row["output_tokens"], row["estimated"]) == (5, False)
    assert explained(flock, through.id)["edits"]


def test_unknown_fields_reach_the_engine(flock: Flock, fake: int) -> None:
    extra = {"mirostat": 2, "chat_template_kwargs": {"x": [None, 1.5, "ü"]}}
    for stream in (False, True):
        told = tell(flock, "ok", stream=stream, **extra)
        assert told.status == 200
        assert seen(fake)["bodies"][0].items() >= extra.items()
    # flock's key stays here
    assert "authorization" not in seen(fake)["headers"][0]


@pytest.mark.parametrize("asked", [{}, USAGE])
def test_a_stream_cut_at_every_byte_is_the_same_stream(flock: Flock, fake: int, asked: dict[str, object]) -> None:
    request = body("cut", stream=True, **asked)
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert through.body == direct.body
    assert through.done
    assert usage(flock)[through.id]["output_tokens"] == 5


@pytest.mark.parametrize("asked", [{}, USAGE])
def test_bad_utf8_passes_as_it_is(flock: Flock, fake: int, asked: dict[str, object]) -> None:
    request = body("bad-utf8", stream=True, **asked)
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert b"\xff\xfe" in through.body
    assert through.body == direct.body
    assert usage(flock)[through.id]["outcome"] == "ok"


def test_an_engine_of_http_1_0_ends_by_closing(flock: Flock, fake: int) -> None:
    through = tell(flock, "http10", stream=True, **USAGE)
    assert through.body.startswith(b": keepalive 1/5\n\n")
    assert (through.done, through.clean) == (True, True)
    assert usage(flock)[through.id]["outcome"] == "ok"


def test_a_client_of_http_1_0_gets_no_chunks(flock: Flock, fake: int) -> None:
    with socket.create_connection(("127.0.0.1", flock.port)) as sock:
        data = b'{"model":"ok","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user"}]}'
        head = f"POST {CHAT} HTTP/1.0\r\nAuthorization: Bearer {flock.key}\r\nContent-Length: {len(data)}\r\n\r\n"
        sock.sendall(head.encode() + data)
        got = b""
        while piece := sock.recv(65536):
            got += piece
    answer = got.partition(b"\r\n\r\n")[2]
    assert answer == ask(fake, "", body("ok", stream=True, **USAGE)).body


def test_an_error_key_that_is_null_is_no_error(flock: Flock) -> None:
    told = tell(flock, "null-error", stream=True)
    assert (told.status, told.done, told.text) == (200, True, "hi")
    assert usage(flock)[told.id]["outcome"] == "ok"


def test_a_stream_that_begins_with_the_withheld_usage(flock: Flock, fake: int) -> None:
    with closing(Client(flock.port, flock.key)) as client:
        client.send(body("usage-first", stream=True))
        told = client.head()  # before anything of the stream may pass
        call(fake, "GET", "/go")
        client.rest(told)
    assert (told.done, told.clean) == (True, True)
    assert b'"usage"' not in told.body


def test_an_end_without_done_stays_without_done(flock: Flock) -> None:
    told = tell(flock, "ends-without-done", stream=True)
    assert (told.clean, told.done, told.error) == (True, False, {})
    assert usage(flock)[told.id]["outcome"] == "ok"


def test_an_engine_that_dies_after_done_has_answered(flock: Flock) -> None:
    told = tell(flock, "dies-after-done", stream=True)
    assert (told.clean, told.done, told.error) == (True, True, {})
    assert usage(flock)[told.id]["outcome"] == "ok"


# -- what breaks before the first event

BEFORE = [
    ("dies-before", "engine_unreachable"),
    ("dies-after-head", "engine_unreachable"),
    ("garbage", "engine_unreachable"),
    ("error-first", "upstream_error"),
    ("status-500", "upstream_error"),
    ("status-401", "upstream_error"),
]
# an error as the first event is a stream whatever was asked for
EITHER_WAY = [(m, c, s) for m, c in BEFORE for s in (True, False) if s or m != "error-first"]


@pytest.mark.parametrize(("model", "code", "stream"), EITHER_WAY)
def test_broken_before_the_first_event_is_a_status(flock: Flock, model: str, code: str, stream: bool) -> None:
    told = tell(flock, model, stream=stream)
    assert (told.status, told.error["code"], told.clean) == (502, code, True)
    assert "fake" in told.error["message"]
    assert told.error["hint"]
    assert told.headers["content-type"] == "application/json"
    found = explained(flock, told.id)
    assert (found["outcome"], found["error"], found["status"]) == ("error", code, 502)
    assert found["attempts"][-1]["error"]
    row = usage(flock)[told.id]
    assert (row["outcome"], row["output_tokens"]) == ("error", 0)


def test_an_engine_that_refuses_flocks_key_is_not_the_clients_fault(flock: Flock) -> None:
    told = tell(flock, "status-401", stream=False)
    assert told.status == 502
    assert "fake refuses flock's own key" in told.error["message"]
    assert "engine attach" in told.error["hint"]
    assert "x-should-retry" not in told.headers


@pytest.mark.parametrize("stream", [True, False])
def test_the_engines_own_400_passes_as_it_is(flock: Flock, fake: int, stream: bool) -> None:
    request = body("status-400", stream=stream)
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert (through.status, through.body) == (400, direct.body)
    assert usage(flock)[through.id]["outcome"] == "error"


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("stream", [True, False])
def test_the_engines_own_time_to_come_back_passes(flock: Flock, stream: bool) -> None:
    told = tell(flock, "status-409", stream=stream)
    assert (told.status, told.error["message"], told.headers["retry-after"]) == (409, "reloading", "9")


def test_a_refusal_in_another_shape_gets_the_dialects(flock: Flock) -> None:
    told = tell(flock, "status-422", stream=False)
    assert (told.status, told.error["code"]) == (400, "engine_refused")
    assert "field required" in told.error["message"]


# -- what breaks afterwards

AFTER = ["dies-midway", "ends-early", "dies-in-frame", "says-done"]


@pytest.mark.parametrize("asked", [{}, USAGE])
@pytest.mark.parametrize("model", AFTER)
def test_broken_midway_is_an_error_in_the_stream(flock: Flock, model: str, asked: dict[str, object]) -> None:
    told = tell(flock, model, stream=True, **asked)
    assert (told.status, told.clean, told.done) == (200, True, False)
    assert told.error["code"] == "upstream_error"
    assert told.error["request_id"] == told.id
    # a frame of its own, also where the engine stopped in the middle of one
    assert told.body.split(b"\n\n")[-2].startswith(b'data: {"error"')
    row = usage(flock)[told.id]
    assert (row["outcome"], row["estimated"]) == ("partial", True)
    # of the token that came by half it is open whether it counts
    assert row["output_tokens"] in {"says-done": (1,), "dies-in-frame": (2, 3)}.get(model, (3,))


def test_the_engines_own_error_midway_passes(flock: Flock, fake: int) -> None:
    request = body("error-midway", stream=True, **USAGE)
    through, direct = ask(flock.port, flock.key, request), ask(fake, "", request)
    assert through.body == direct.body
    assert (through.done, through.error["message"]) == (False, "out of memory")
    assert usage(flock)[through.id]["outcome"] == "partial"


def test_a_connection_serves_on_after_an_error(flock: Flock) -> None:
    """The framing is whole after every kind of end, so the next request on the same connection works."""
    with closing(Client(flock.port, flock.key)) as client:
        for model in ("status-500", "dies-midway", "ok", "dies-in-frame", "error-first", "ok"):
            client.send(body(model, stream=True))
            told = client.tell()
            assert told.clean
            assert told.done == (model == "ok")


# -- another try


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Flock, int]]:
    """Two upstreams with the same models; the one that is tried first has the faults."""
    with fake_upstream() as bad, fake_upstream("--good") as good, running_flock(**environment()) as flock:
        flock.ok("engine", "attach", f"http://127.0.0.1:{bad}", "--name", "bad")
        flock.ok("engine", "attach", f"http://127.0.0.1:{good}", "--name", "good")
        yield flock, good


# the last three make the first upstream the last choice for five seconds
@pytest.mark.parametrize(
    ("model", "stream"),
    [
        ("status-500", True),
        ("status-500", False),
        ("status-401", False),
        ("error-first", True),
        ("dies-before", False),
        ("dies-after-head", True),
        ("garbage", True),
    ],
)
def test_broken_before_the_first_event_is_tried_elsewhere(pair: tuple[Flock, int], model: str, stream: bool) -> None:
    flock, _ = pair

    def both() -> dict[str, object] | None:
        """A refused connection makes an upstream the last choice for seconds: ask until it is the first again."""
        told = tell(flock, model, stream=stream)
        assert (told.status, told.clean, told.error) == (200, True, {})
        assert not stream or told.done
        found = explained(flock, told.id)
        assert found["outcome"] == "ok"
        return found if len(found["attempts"]) == 2 else None

    found = wait_for(both, "the first choice has the faults")
    first, second = found["attempts"]
    assert (first["upstream"], second["upstream"], second["error"], second["status"]) == ("bad", "good", "", 200)
    assert first["error"]
    assert {c["upstream"]: c["rejected"] for c in found["candidates"]} == {"bad": True, "good": False}
    assert found["upstream"] == "good"
    shown = flock.ok("request", "explain", str(found["id"]))
    assert "bad" in shown
    assert "good" in shown


def test_what_has_begun_is_never_tried_again(pair: tuple[Flock, int]) -> None:
    flock, good = pair

    def on_bad() -> Told | None:
        before = seen(good)["requests"]
        told = tell(flock, "dies-midway", stream=True)
        return told if told.error and seen(good)["requests"] == before else None

    told = wait_for(on_bad, "the first choice has the faults")
    assert (told.status, told.done, told.error["code"]) == (200, False, "upstream_error")
