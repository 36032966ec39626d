"""Headers that other programs believe and flock does not: names of hosts, origins and addresses change nothing."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.parts import CHAT, Client, Told, body
from tests.running import Flock, running_flock

MODEL = "flock-smoke"
GAMES: list[dict[str, str]] = [
    {"Host": "evil.example"},
    {"Host": "localhost"},
    {"Host": "127.0.0.1:1"},
    {"Host": ""},
    {"Host": "a" * 5000},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Forwarded": "for=127.0.0.1;host=evil.example;proto=https"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Real-IP": "127.0.0.1", "X-Client-IP": "127.0.0.1", "True-Client-IP": "127.0.0.1"},
    {"X-Original-URL": "/admin/v1/tokens", "X-Rewrite-URL": "/admin/v1/tokens"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Origin": "https://evil.example", "Referer": "https://evil.example/page"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8080"},
    {"X-Flock-User": "admin", "X-User": "admin", "Remote-User": "root"},
]


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with running_flock() as found:
        yield found


def sent(flock: Flock, key: str, path: str, headers: dict[str, str], method: str = "POST") -> Told:
    with closing(Client(flock.port, key)) as client:
        if method == "POST":
            return client.send(body(MODEL), path, headers).rest(client.head())
        auth = {"Authorization": f"Bearer {key}"} if key else {}
        client.connection.request(method, path, headers={**auth, **headers})
        return client.rest(client.head())


@pytest.mark.parametrize("game", GAMES, ids=lambda game: "+".join(game))
def test_nobody_gets_in_by_a_header(flock: Flock, game: dict[str, str]) -> None:
    """Without a key, with a wrong one, and with one of too small a scope."""
    user = flock.json("token", "create", "user")["token"]
    for key, path, method, status in (
        ("", CHAT, "POST", 401),
        ("sk-orc-wrong", CHAT, "POST", 401),
        ("", "/admin/v1/tokens", "GET", 401),
        (user, "/admin/v1/tokens", "GET", 403),
        (user, "/admin/v1/status", "GET", 403),
    ):
        assert sent(flock, key, path, game, method).status == status, (key, path)


@pytest.mark.parametrize("game", GAMES, ids=lambda game: "+".join(game))
def test_a_right_key_gets_what_it_would_have_got(flock: Flock, game: dict[str, str]) -> None:
    told = sent(flock, flock.key, CHAT, game)
    assert told.status == 200
    assert b"evil" not in told.body
    assert not [name for name, value in told.headers.items() if "evil" in value], told.headers
    assert "access-control-allow-origin" not in told.headers
    status = sent(flock, flock.key, "/admin/v1/status", game, "GET")
    assert status.json["api_url"] == f"{flock.url}/v1"


def test_a_page_is_not_answered_before_it_asks(flock: Flock) -> None:
    """A browser asks first whether a page of another origin may: nothing says that it may."""
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    told = sent(flock, "", CHAT, asks, "OPTIONS")
    assert told.status == 405
    assert not [name for name in told.headers if name.startswith("access-control")]
