"""What should never have been sent: each thing is answered in OpenAI's shape, and flock serves on."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.mutants import NOT_JSON, mutants
from tests.e2e.parts import CHAT, Client, Told, ask, body, call, running, seen, serves, slots
from tests.e2e.requests import CHAT_REQUEST
from tests.running import Flock

COMPLETIONS = "/v1/completions"


@pytest.fixture(autouse=True)
def still_up(flock: Flock) -> Iterator[None]:
    """After every test the same daemon serves a request and holds none."""
    before = flock.pid
    yield
    assert ask(flock.port, flock.key, body("ok")).status == 200
    assert (flock.pid, running(flock)) == (before, 0)


def refused(told: Told, status: int, code: str) -> dict[str, Any]:
    """Check the shape of an error that SDKs and people understand, and return it."""
    assert told.status == status, told.body
    assert told.headers["content-type"] == "application/json"
    error = told.json["error"]
    assert (error["code"], told.clean) == (code, True)
    assert error["message"]
    assert error["hint"]
    assert error["type"]
    assert "param" in error
    return error


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
@pytest.mark.parametrize("name", NOT_JSON)
def test_a_body_that_is_no_json(flock: Flock, name: str, path: str) -> None:
    refused(ask(flock.port, flock.key, NOT_JSON[name], path), 400, "invalid_request")


@pytest.mark.parametrize("data", [b"null", b"true", b"5", b'"text"', b"[]", b'[{"model":"ok"}]'])
def test_a_body_that_is_no_object(flock: Flock, data: bytes) -> None:
    error = refused(ask(flock.port, flock.key, data), 400, "invalid_request")
    assert "an object" in error["message"]


def test_a_nesting_that_can_be_read_but_not_written_again(flock: Flock) -> None:
    """The stream's usage has to be asked for, so the body is written again; nobody needs 300 levels."""
    deep = (
        b'{"model":"ok","stream":true,"messages":[{"role":"user","content":"x"}],"x":' + b"[" * 300 + b"]" * 300 + b"}"
    )
    refused(ask(flock.port, flock.key, deep), 400, "invalid_request")


@pytest.mark.pitfall(41)
def test_half_of_a_pair_becomes_a_whole_character(flock: Flock, fake: int) -> None:
    """Clients cut texts anywhere; no engine's parser takes half a character."""
    half = rb'{"model":"ok","messages":[{"role":"user","content":"a\ud800b"}]}'
    assert ask(flock.port, flock.key, half).status == 200
    assert seen(fake)["bodies"][0]["messages"][0]["content"] == "a\ufffdb"


def test_a_body_that_says_it_is_compressed(flock: Flock) -> None:
    told = ask(flock.port, flock.key, b"\x1f\x8b\x08 no gzip", headers={"Content-Encoding": "gzip"})
    assert told.status == 400


def test_wrong_types_at_every_depth(flock: Flock) -> None:
    """Every answer is the engine's or a refusal that names the place; nothing breaks."""
    statuses: dict[int, int] = {}
    with closing(Client(flock.port, flock.key)) as client:
        for path, value, mutant in mutants(CHAT_REQUEST):
            told = client.send(mutant).tell()
            statuses[told.status] = statuses.get(told.status, 0) + 1
            assert told.clean
            if told.status == 400:
                picture = "image_url" in path and isinstance(value, str)
                error = refused(told, 400, "unsupported" if picture else "invalid_request")
                assert str(path[0]) in error["message"], (path, value, error)
            elif told.status == 404:
                assert path == ("model",)
            else:
                assert told.status == 200, (path, value, told.body)
    assert statuses[200] > 100
    assert statuses[400] > 100


def test_wrong_types_reach_a_real_engine(flock: Flock, models: dict[str, Path]) -> None:
    """What flock lets through, a real engine may refuse in any way it likes: typed, and it goes on serving."""
    flock.ok("model", "add", f"file:{models['tiny-script']}", "--name", "script")
    engine = slots(flock, "script")
    whole = CHAT_REQUEST | {"model": "script"}
    with closing(Client(flock.port, flock.key)) as client:
        for path, value, mutant in mutants(whole):
            if path == ("model",) or path[0] in ("n", "max_tokens"):
                continue
            told = client.send(mutant).tell()
            assert told.clean
            assert told.status in (200, 400, 501, 502), (path, value, told.body)
            if told.status != 200:
                assert told.json["error"]["message"]
    assert slots(flock, "script").process == engine.process
    assert ask(flock.port, flock.key, body("script")).status == 200
    flock.ok("model", "remove", "script", "--yes")


def test_an_unknown_model_is_named_with_its_neighbours(flock: Flock) -> None:
    for stream in (False, True):
        error = refused(ask(flock.port, flock.key, body("status-50", stream=stream)), 404, "model_not_found")
        assert "status-50" in error["message"]
        assert "status-500" in error["nearest"]
        assert error["param"] == "model"
    error = refused(call(flock.port, "GET", "/v1/models/status-50", flock.key), 404, "model_not_found")
    assert "status-500" in error["nearest"]


def test_a_name_of_a_model_nobody_would_give(flock: Flock) -> None:
    for name in ("x" * 10_000, "\x00", "../../etc/passwd", "ok\r\nX-Evil: 1", "ö" * 500, "%2e%2e"):
        refused(ask(flock.port, flock.key, body(name)), 404, "model_not_found")


# -- paths, methods, headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CHAT),
        ("PUT", CHAT),
        ("DELETE", COMPLETIONS),
        ("POST", "/v1/models"),
        ("DELETE", "/v1/models/ok"),
        ("POST", "/healthz"),
        ("PATCH", "/admin/v1/engines"),
        ("POST", "/admin/v1/usage/recent"),
        ("GET", "/admin/v1/shutdown"),
    ],
)
def test_a_wrong_method(flock: Flock, method: str, path: str) -> None:
    told = call(flock.port, method, path, flock.key)
    error = refused(told, 405, "method_not_allowed")
    assert method in error["message"]
    assert method not in told.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/chat", "/v1/moderations", "/v2/chat/completions", "/admin/v1/none", "//", "/%00"]
)
def test_an_unknown_path(flock: Flock, path: str) -> None:
    for method in ("GET", "POST"):
        refused(call(flock.port, method, path, flock.key), 404, "not_found")


def test_a_header_of_twenty_kilobytes_is_fine(flock: Flock, fake: int) -> None:
    told = ask(flock.port, flock.key, body("ok"), headers={"X-Codex-Turn-Metadata": "m" * 20_000})
    assert told.status == 200


def test_what_is_not_http_at_all(flock: Flock) -> None:
    for data in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n" * 50,
    ):
        with socket.create_connection(("127.0.0.1", flock.port)) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    assert serves(flock)


def test_a_header_larger_than_any(flock: Flock) -> None:
    assert ask(flock.port, flock.key, body("ok"), headers={"X-Large": "m" * 60_000}).status in (400, 431)


def test_chunks_that_are_none(flock: Flock) -> None:
    for data in (b"zz\r\n", b"-1\r\n", b"5\r\nhello, world\r\n", b"ffffffffffffffffffff\r\n"):
        with socket.create_connection(("127.0.0.1", flock.port)) as sock:
            head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {flock.key}\r\n"
            sock.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + data)
            answer = sock.recv(65536)
            assert answer.split(b" ")[1] == b"400", answer


def test_a_body_that_ends_early(flock: Flock) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", flock.port)) as sock:
            head = (
                f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {flock.key}\r\nContent-Length: 1000\r\n\r\n"
            )
            sock.sendall(head.encode() + b'{"model":')


# -- keys and scopes


def test_a_users_key_opens_no_admin_door(flock: Flock) -> None:
    made = flock.json("token", "create", "user")
    secret = made["token"]
    assert ask(flock.port, secret, body("ok")).status == 200
    routes = [
        ("GET", "/admin/v1/tokens", None),
        ("POST", "/admin/v1/tokens", {"name": "more", "admin": True}),
        ("GET", "/admin/v1/status", None),
        ("DELETE", "/admin/v1/engines/fake", None),
        ("POST", "/admin/v1/shutdown", {}),
        ("GET", "/admin/v1/usage/recent", None),
        ("PUT", "/admin/v1/config/listen", {"value": "0.0.0.0:1"}),
    ]
    for method, path, value in routes:
        told = call(flock.port, method, path, secret, value)
        assert (told.status, told.json["error"]["code"]) == (403, "forbidden"), path
        assert told.json["error"]["hint"]
        assert call(flock.port, method, path, "", value).status == 401
    assert [t["name"] for t in flock.json("token", "ls")] == ["user", "admin"]


def test_admin_calls_with_bad_bodies(flock: Flock) -> None:
    for data in (
        b"{",
        b"[]",
        b"\xff",
        b'{"name": 5}',
        b'{"admin": "yes"}',
        b'{"name": ""}',
        b'{"name": "' + b"x" * 101 + b'"}',
    ):
        told = call(flock.port, "POST", "/admin/v1/tokens", flock.key, data)
        assert (told.status, told.json["error"]["code"]) == (400, "invalid_request"), data
    told = call(flock.port, "POST", "/admin/v1/tokens", flock.key, b'{"name": "' + b"x" * 2_000_000 + b'"}')
    assert (told.status, told.json["error"]["code"]) == (413, "request_too_large")
    for query in ("limit=0", "limit=x", "limit=99999999", "limit=-1"):
        told = call(flock.port, "GET", f"/admin/v1/usage/recent?{query}", flock.key)
        assert (told.status, told.json["error"]["code"]) == (400, "invalid_request"), query


# -- large bodies


def large(size: int) -> bytes:
    """Return a chat request of at least so many bytes."""
    return json.dumps(body("ok") | {"messages": [{"role": "user", "content": "x" * size}]}).encode()


def test_twenty_megabytes_pass(flock: Flock, fake: int) -> None:
    request = large(20_000_000)
    for headers in ({}, {"Expect": "100-continue"}):
        told = ask(flock.port, flock.key, request, headers=headers)
        assert told.status == 200
        assert len(seen(fake)["bodies"][0]["messages"][0]["content"]) == 20_000_000
    ask(flock.port, flock.key, body("ok"))  # so that the fake forgets it


def too_large(told: Told) -> None:
    error = refused(told, 413, "request_too_large")
    assert error["hint"].startswith("raise the limit: flock config set max_body_bytes ")


def test_a_hundred_megabytes_are_refused_before_they_are_read(flock: Flock) -> None:
    """The length was announced: the refusal comes while not a byte of the body has been sent."""
    with closing(Client(flock.port, flock.key)) as client:
        connection = client.connection
        connection.putrequest("POST", CHAT)
        connection.putheader("Authorization", f"Bearer {flock.key}")
        connection.putheader("Content-Length", "100000000")
        connection.endheaders()
        too_large(client.tell())


def test_a_hundred_megabytes_that_are_sent_anyway(flock: Flock) -> None:
    before = psutil.Process(flock.pid).memory_info().rss
    too_large(ask(flock.port, flock.key, large(100_000_000)))
    assert psutil.Process(flock.pid).memory_info().rss - before < 60e6


def test_a_hundred_megabytes_in_chunks(flock: Flock) -> None:
    before = psutil.Process(flock.pid).memory_info().rss
    with closing(Client(flock.port, flock.key)) as client:
        connection = client.connection
        connection.putrequest("POST", CHAT)
        connection.putheader("Authorization", f"Bearer {flock.key}")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        sent = 0
        try:
            while sent < 100:
                connection.send(piece)
                sent += 1
            connection.send(b"0\r\n\r\n")
        except ConnectionError:
            pass  # it had enough
        too_large(client.tell())
    assert psutil.Process(flock.pid).memory_info().rss - before < 90e6
