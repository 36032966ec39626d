"""What should never have been sent to the Anthropic and Responses doors: refused in the door's shape, or put right.

The chat door is in test_bad_input.py. Properties over requests nobody thought of are in test_any_request.py.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest

from tests.e2e.doors import COUNT, DOORS, MESSAGES_DOOR, RESPONSES_DOOR, THINKS, Door
from tests.e2e.mutants import NOT_JSON, mutants
from tests.e2e.parts import Client, ask, environment, explained, running, seen, settings
from tests.e2e.requests import MESSAGE, PIXEL, RESPONSE, SCHEMA
from tests.running import Flock, fake_upstream, flock_home

LIMIT = 2_000_000


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with fake_upstream("--also", THINKS) as port:
        yield port


@pytest.fixture(scope="module")
def flock(upstream: int) -> Iterator[Flock]:
    """A flock that takes no more than two megabytes."""
    with flock_home(**environment()) as flock:
        settings(flock, f"max_body_bytes: {LIMIT}\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def native(upstream: int) -> Iterator[Flock]:
    """A flock whose engine speaks every dialect, as a file of the user's says."""
    with flock_home(**environment()) as flock:
        (flock.home / "catalog").mkdir(parents=True)
        words = "openai: {title: all, dialects: [openai, anthropic, responses]}\n"
        (flock.home / "catalog/engines.yaml").write_text(words)
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


NEW_DOORS = {"messages": (MESSAGES_DOOR, MESSAGE), "responses": (RESPONSES_DOOR, RESPONSE)}


@pytest.fixture(params=NEW_DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return NEW_DOORS[request.param][0]


@pytest.fixture(autouse=True)
def still_up(flock: Flock) -> Iterator[None]:
    """After every test the same daemon serves a request and holds none."""
    before = flock.pid
    yield
    assert MESSAGES_DOOR.ask(flock, MESSAGES_DOOR.body()).status == 200
    assert (flock.pid, running(flock)) == (before, 0)


# -- no JSON, no object, no fields


@pytest.mark.parametrize("name", NOT_JSON)
def test_a_body_that_is_no_json(flock: Flock, door: Door, name: str) -> None:
    door.refused(door.ask(flock, NOT_JSON[name]), 400, "invalid_request")


def test_a_body_that_says_it_is_compressed(flock: Flock) -> None:
    for door in DOORS.values():
        told = door.ask(flock, b"\x1f\x8b\x08 no gzip", **{"Content-Encoding": "gzip"})
        assert "content-encoding" in door.refused(told, 400, "invalid_request")
        assert "\\n" not in told.body.decode()


@pytest.mark.parametrize("data", [b"{", b"[]", b"null", b'{"model":"ok"}', b'{"model":"ok","messages":[]}'])
def test_counting_is_as_strict(flock: Flock, data: bytes) -> None:
    MESSAGES_DOOR.refused(ask(flock.port, flock.key, data, COUNT), 400, "invalid_request")


@pytest.mark.parametrize("data", [b"null", b"true", b"5", b'"text"', b"[]", b'[{"model":"ok"}]'])
def test_a_body_that_is_no_object(flock: Flock, door: Door, data: bytes) -> None:
    assert "an object" in door.refused(door.ask(flock, data), 400, "invalid_request")


@pytest.mark.parametrize(
    ("door", "name"),
    [(MESSAGES_DOOR, n) for n in ("model", "max_tokens", "messages")] + [(RESPONSES_DOOR, "input")],
)
def test_a_field_that_must_be_there_is_named(flock: Flock, door: Door, name: str) -> None:
    body = door.body()
    del body[name]
    assert name in door.refused(door.ask(flock, body), 400, "invalid_request")


@pytest.mark.pitfall(39)
@pytest.mark.parametrize(
    ("door", "fields"),
    [
        (MESSAGES_DOOR, {"messages": []}),
        (MESSAGES_DOOR, {"messages": [{"role": "system", "content": "only this"}]}),
        (MESSAGES_DOOR, {"messages": [{"role": "user", "content": " "}]}),
        (RESPONSES_DOOR, {"input": []}),
        (RESPONSES_DOOR, {"input": [{"role": "developer", "content": "only this"}]}),
    ],
)
def test_a_conversation_in_which_nobody_speaks(flock: Flock, door: Door, fields: dict[str, Any]) -> None:
    told = door.ask(flock, door.body(**fields))
    if told.status == 400:
        door.refused(told, 400, "invalid_request")
    else:
        door.text(told)


def test_wrong_types_at_every_depth(flock: Flock, door: Door) -> None:
    """Every answer is the engine's or a refusal that names the place, or the kind of what no chat engine takes."""
    statuses: dict[int, int] = {}
    with closing(Client(flock.port, flock.key)) as client:
        for path, value, mutant in mutants(NEW_DOORS[door.name][1]):
            told = door.send(client, mutant).tell()
            statuses[told.status] = statuses.get(told.status, 0) + 1
            if told.status == 400:
                code = told.json["error"].get("code") or ""
                words = door.refused(told, 400, code)
                kind = path[-1] in ("type", "data") and ("cannot be sent" in words or "without data" in words)
                assert str(path[0]) in words or kind, (path, value, words)
            elif told.status == 404:
                assert path == ("model",)
            else:
                assert told.status == 200, (path, value, told.body)
    assert statuses[200] > 100
    assert statuses[400] > 100


@pytest.mark.pitfall(41)
def test_half_of_a_pair_becomes_a_whole_character(flock: Flock, native: Flock, upstream: int, door: Door) -> None:
    text = json.dumps(door.body(said="HERE"))
    for way in (flock, native):
        assert door.ask(way, text.replace("HERE", r"a\ud800b\u0000\r\n").encode()).status == 200
        sent = seen(upstream)["bodies"][0]
        assert sent.get("input") == "a\ufffdb\0\r\n" or sent["messages"][0]["content"] == "a\ufffdb\0\r\n"


# -- too much


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(flock: Flock) -> None:
    for door in DOORS.values():
        with closing(Client(flock.port, flock.key)) as client:
            connection = client.connection
            connection.putrequest("POST", door.path)
            connection.putheader("Authorization", f"Bearer {flock.key}")
            connection.putheader("Content-Length", "100000000")
            connection.endheaders()
            assert "2.0 MB" in door.refused(client.tell(), 413, "request_too_large")


def test_a_body_beyond_the_limit_that_is_sent_anyway(flock: Flock) -> None:
    before = psutil.Process(flock.pid).memory_info().rss
    for door in DOORS.values():
        door.refused(door.ask(flock, door.body(said="x" * 5_000_000)), 413, "request_too_large")
    told = ask(flock.port, flock.key, MESSAGES_DOOR.body(said="x" * 5_000_000), COUNT)
    MESSAGES_DOOR.refused(told, 413, "request_too_large")
    assert psutil.Process(flock.pid).memory_info().rss - before < 20e6
    for door in DOORS.values():
        assert door.ask(flock, door.body(said="x" * 1_900_000)).status == 200


# -- unknown things


@pytest.mark.pitfall(67)
def test_unknown_fields_and_betas_stay_where_the_dialect_stays(native: Flock, upstream: int, door: Door) -> None:
    extra = {"context_management": {"edits": [{"type": "x"}]}, "new_thing": [None, 1.5, "ü"]}
    headers = {"anthropic-beta": "context-1m-2025-08-07,unheard-of-2099-01-01", "anthropic-version": "2026-10-21"}
    for stream in (False, True):
        told = door.ask(native, door.body(stream=stream, **extra), **headers)
        assert (told.status, told.headers["x-flock-path"]) == (200, "relay"), told.body
        assert "x-flock-lost" not in told.headers
        assert seen(upstream)["bodies"][0].items() >= extra.items()
        sent = seen(upstream)["headers"][0]
        kept = {name: sent.get(name) for name in headers}
        assert kept == (headers if door is MESSAGES_DOOR else dict.fromkeys(headers))


@pytest.mark.pitfall(67)
def test_unknown_fields_are_left_out_and_named_across_dialects(flock: Flock, upstream: int, door: Door) -> None:
    extra = {"context_management": {"edits": []}, "new_thing": 1, "safeguards": {"a": 1}}
    headers = {"anthropic-beta": "unheard-of-2099-01-01"}
    for stream in (False, True):
        told = door.ask(flock, door.body(stream=stream, **extra), **headers)
        assert told.status == 200
        lost = told.headers["x-flock-lost"].split(", ")
        assert set(extra) <= set(lost)
        assert explained(flock, told.id)["lost"] == lost
        assert not extra.keys() & seen(upstream)["bodies"][0].keys()
        assert "anthropic-beta" not in seen(upstream)["headers"][0]


# -- histories that do not fit together


def calls(door: Door, *ids: str) -> list[dict[str, Any]]:
    """Return a question, calls under these ids, and the result of a call that nobody made."""
    if door is RESPONSES_DOOR:
        made = [{"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"} for id in ids]
        lone = {"type": "function_call_output", "call_id": "nobody", "output": "orphan"}
        return [{"role": "user", "content": "hi"}, *made, lone, {"role": "user", "content": "so?"}]
    uses = [{"type": "tool_use", "id": id, "name": "f", "input": {}} for id in ids]
    lone = {"type": "tool_result", "tool_use_id": "nobody", "content": "orphan"}
    turns = [{"role": "assistant", "content": uses}] if uses else []
    question = {"role": "user", "content": "hi"}
    return [question, *turns, {"role": "user", "content": [lone, {"type": "text", "text": "so?"}]}]


@pytest.mark.pitfall(7)
@pytest.mark.parametrize("ids", [(), ("a",), ("a", "a"), ("a", "a", "b")])
def test_orphans_and_twins_reach_the_engine_in_pairs(
    flock: Flock, upstream: int, door: Door, ids: tuple[str, ...]
) -> None:
    history = calls(door, *ids)
    body = door.body(**{"input" if door is RESPONSES_DOOR else "messages": history})
    told = door.ask(flock, body)
    assert told.status == 200, told.body
    sent = seen(upstream)["bodies"][0]["messages"]
    made = [call["id"] for message in sent for call in message.get("tool_calls") or ()]
    answered = [message["tool_call_id"] for message in sent if message["role"] == "tool"]
    assert len(made) == len(set(made)) == len(ids)
    assert answered == made
    assert "orphan" not in json.dumps(sent)
    assert sent[-1]["role"] == "user"
    assert sent[-1]["content"].endswith("so?")


def test_a_thread_is_refused_in_the_words_the_sdk_acts_on(flock: Flock) -> None:
    thread = {"type": "continue", "previous_message_id": "msg_1"}
    told = MESSAGES_DOOR.ask(flock, MESSAGES_DOOR.body(thread=thread))
    MESSAGES_DOOR.refused(told, 400, "invalid_request")
    details = told.json["error"]["details"]
    assert (details["error_code"], details["unsupported"]) == ("thread_unsupported_request", ["thread"])


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background", "prompt"])
def test_what_a_server_would_have_to_remember_is_refused(flock: Flock, name: str) -> None:
    value: Any = {"background": True, "prompt": {"id": "p"}}.get(name, "x_1")
    words = RESPONSES_DOOR.refused(RESPONSES_DOOR.ask(flock, RESPONSES_DOOR.body(**{name: value})), 400, "unsupported")
    assert name in words


# -- what cannot be had


@pytest.mark.pitfall(64)
def test_logprobs_are_refused_where_they_would_be_lost(flock: Flock) -> None:
    for fields in ({"top_logprobs": 3}, {"include": ["message.output_text.logprobs"]}):
        for stream in (False, True):
            told = RESPONSES_DOOR.ask(flock, RESPONSES_DOOR.body(stream=stream, **fields))
            assert "logprobs" in RESPONSES_DOOR.refused(told, 400, "unsupported")


def with_picture(door: Door, url: str) -> dict[str, Any]:
    """Return a request with a picture at a URL."""
    if door is RESPONSES_DOOR:
        return door.body(input=[{"role": "user", "content": [{"type": "input_image", "image_url": url}]}])
    if door is not MESSAGES_DOOR:
        return door.body(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    kind, _, data = url.partition(";base64,")
    source = {"type": "base64", "media_type": kind[5:], "data": data} if data else {"type": "url", "url": url}
    return door.body(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])


@pytest.mark.pitfall(33)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x.png",
        "http://localhost/x.png",
        "http://[::1]/x.png",
        "http://2130706433/x.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://user:secret@example.com/x.png",
        "nonsense",
    ],
)
def test_a_picture_inside_is_never_fetched(flock: Flock, upstream: int, url: str) -> None:
    before = seen(upstream)["requests"]
    for each in DOORS.values():
        for stream in (False, True):
            told = each.ask(flock, {**with_picture(each, url), "stream": stream})
            words = each.refused(told, 400, "unsupported")
            assert ("input[0]" if each is RESPONSES_DOOR else "messages[0]") in words
            assert "secret" not in told.body.decode()
    assert seen(upstream)["requests"] == before


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("declared", ["image/jpeg", "text/html", "application/octet-stream"])
def test_a_pictures_type_is_what_its_bytes_say(flock: Flock, upstream: int, declared: str) -> None:
    for each in DOORS.values():
        told = each.ask(flock, with_picture(each, f"data:{declared};base64,{PIXEL}"))
        assert told.status == 200, told.body
        (part,) = seen(upstream)["bodies"][0]["messages"][0]["content"]
        assert part["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"
        assert any(declared in edit for edit in explained(flock, told.id)["edits"])


# -- an engine that ignores what it was asked for


@pytest.fixture(scope="module")
def lacking(upstream: int) -> Iterator[Flock]:
    """A flock that finds an MLX-LM, which ignores schemas and sees no pictures."""
    with flock_home(**environment()) as flock:
        settings(flock, f"engine:\n  mlx_endpoint: http://127.0.0.1:{upstream}\n")
        flock.ok("up")
        assert {engine["kind"] for engine in flock.json("engine", "ls")} >= {"mlx"}
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def with_schema(door: Door) -> dict[str, Any]:
    """Return a request for an answer of a given form."""
    match door.kind:
        case "anthropic":
            return door.body(output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
        case "responses":
            return door.body(text={"format": {"type": "json_schema", "name": "s", "schema": SCHEMA}})
        case _:
            form = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
            return door.body(response_format=form)


@pytest.mark.pitfall(63)
@pytest.mark.pitfall(34)
def test_what_an_engine_would_ignore_is_refused_or_asked_elsewhere(lacking: Flock, upstream: int) -> None:
    wanted = [
        (with_schema, "JSON schema"),
        (lambda door: with_picture(door, f"data:image/png;base64,{PIXEL}"), "images"),
    ]
    for make, words in wanted:
        for door in DOORS.values():
            for stream in (False, True):
                told = door.ask(lacking, {**make(door), "stream": stream})
                assert words in door.refused(told, 400, "unsupported")
                assert "MLX-LM" in told.body.decode()
    with fake_upstream("--also", THINKS) as other:
        lacking.ok("engine", "attach", f"http://127.0.0.1:{other}", "--name", "other")
        for make, _ in wanted:
            for door in DOORS.values():
                told = door.ask(lacking, make(door))
                assert told.status == 200, told.body
                assert explained(lacking, told.id)["upstream"] == "other"
        assert seen(other)["requests"] == 2 * len(DOORS)
        lacking.ok("engine", "detach", "other")
