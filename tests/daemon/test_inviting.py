"""`flock invite` before a real daemon: nothing is made until everything is in order, and the card says what holds."""

import json
from typing import Any

import pytest

from tests.daemon.conftest import Door, bearer
from tests.running import Flock

URL = "https://flock.example.org"


def ask(private: Door, **fields: Any) -> tuple[int, dict[str, Any]]:
    status, _, body = private.ask("POST", "/admin/v1/invite", {"name": "alice", **fields})
    return status, json.loads(body)


def names(flock: Flock) -> list[str]:
    return [key["name"] for key in flock.json("token", "ls", "--all")]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, 400, "only this machine reaches"),
        ({"base_url": "http://localhost:8080"}, 400, "of no use to alice"),
        ({"base_url": "http://0.0.0.0"}, 400, "only this machine reaches"),
        ({"base_url": "ftp://x"}, 400, "no http:// or https:// URL"),
        ({"base_url": URL, "format": "html"}, 400, "--format is markdown, text, json"),
        ({"base_url": URL, "clients": "curl,cursr"}, 404, "no tool 'cursr'"),
        ({"base_url": URL, "clients": "amp"}, 400, "nobody knows a way"),
        ({"base_url": URL, "ttl": "7x"}, 400, "7x"),
        ({"base_url": URL, "quota": -1}, 400, "quota"),
        ({"base_url": URL, "budget": ["5"]}, 400, "5"),
        ({"base_url": URL, "name": " "}, 400, "name"),
        ({"base_url": URL, "model": "a\nb"}, 400, "model"),
    ],
)
def test_nothing_is_made_when_something_is_wrong(
    fields: dict[str, Any], status: int, words: str, private: Door, flock: Flock
) -> None:
    before = names(flock)
    found, body = ask(private, **fields)
    assert (found, words in body["error"]["message"]) == (status, True), body
    assert names(flock) == before


def test_the_refusal_of_a_url_names_the_mend(private: Door) -> None:
    assert ask(private)[1]["error"]["hint"] == "flock expose"


def test_the_key_works_and_has_its_limits(private: Door, public: Door, flock: Flock) -> None:
    terms = {"quota": 200_000, "rpm": 30, "ttl": "7d", "models": "flock-*", "budget": ["5/day"]}
    status, made = ask(private, base_url=f"{URL}/v1", clients="openai-sdk,curl,openai-sdk", **terms)
    assert status == 200
    assert made["clients_order"] == ["openai-sdk", "curl"] == list(made["snippets"])
    assert (made["base_url"], made["scope"], made["quota_daily"]) == (URL, "user", 200_000)
    assert made["warnings"] == []
    for words in (made["token"], URL, "200,000", "5/day", "flock-*", made["expires_at"], *made["snippets"].values()):
        assert words in made["card"]
    shown = flock.json("token", "show", made["token_id"])["token"]
    assert (shown["quota"], shown["rpm"], shown["models"]) == (200_000, 30, ["flock-*"])
    status, _, _ = public.ask("GET", "/v1/models", headers=bearer(made["token"]))
    assert status == 200


def test_what_the_sender_should_know(private: Door) -> None:
    _, made = ask(private, base_url="http://10.1.2.3:8080", clients="cursor,aider")
    assert made["clients_order"] == ["aider"]
    assert "not encrypted" in made["warnings"][0]
    assert "Cursor is left out" in made["warnings"][1]


def test_all_tools_fit_on_a_card(private: Door) -> None:
    _, made = ask(private, base_url=URL, clients="all", format="text")
    assert len(made["clients_order"]) >= 30
    assert "cursor" in made["clients_order"]
    assert "amp" not in made["clients_order"]
    assert "```" not in made["card"]


def test_the_key_stands_in_no_record(private: Door, flock: Flock) -> None:
    _, made = ask(private, base_url=URL, name="audited")
    rows = flock.ok("audit", "--limit", "50", "--json")
    assert "invite" in rows
    assert made["token"] not in rows
    assert made["token"] not in (flock.home / "logs" / "flock.log").read_text()


def test_an_invitation_needs_an_admin(public: Door, user_key: str) -> None:
    for headers in ({}, bearer(user_key)):
        status, _, _ = public.ask("POST", "/admin/v1/invite", {"name": "x", "base_url": URL}, headers)
        assert status in (401, 403)
