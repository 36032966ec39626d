"""A caller's own credential for a vendor, where its row permits that: passed through untouched, never mixed with the
team's keys. And Claude Code's names: to the team's models, to Anthropic, or by an alias, request by request.

What the vendor saw is the proof: a digest of the last word of every header.
"""

from collections.abc import Iterator, Mapping

import anthropic
import pytest
from anthropic import Anthropic, DefaultHttpxClient

from tests.e2e.parts import Told, ask
from tests.e2e.vendor_doors import DOORS
from tests.e2e.vendor_standing import KEYS, USER, VERSION, Standing, digest, fakes, standing, there
from tests.fakes.scripted_answers import HELLO
from tests.running import running_flock

CLAUDE, GPT, GEMINI = "claude-haiku-4-5", "gpt-4o-mini", "gemini-2.5-flash"
TEAM, OWN = KEYS
STRANGE = "sk-strange-0123456789abcdef"
URLS = {
    "anthropic": "https://api.anthropic.com/v1",
    "openai": "https://api.openai.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
}
MODELS = {"anthropic": CLAUDE, "openai": GPT, "gemini": GEMINI}
# the places in which clients show a vendor's key
PLACES = {
    "bearer": {"Authorization": f"Bearer {OWN}"},
    "x-api-key": {"x-api-key": OWN},
    "x-goog-api-key": {"x-goog-api-key": OWN},
}


def permitted(team: str) -> Iterator[Standing]:
    """Yield a flock whose vendors take callers' own credentials; `team` is the team's key for each, "" for none."""
    with fakes(*URLS) as ports, running_flock(FLOCK_ENGINE="embedded") as flock:
        for name, url in URLS.items():
            flock.ok(
                *("vendor", "add", name, "--url", there(url, ports[name]), "--own-credentials"),
                stdin=f"{team}\n" if team else "",
            )
        yield Standing(flock, ports)
        log = (flock.home / "logs/flock.log").read_text()
        assert not [word for word in (*KEYS, STRANGE, flock.key, "Traceback") if word in log]


@pytest.fixture(scope="module")
def with_team() -> Iterator[Standing]:
    yield from permitted(TEAM)


@pytest.fixture(scope="module")
def without_team() -> Iterator[Standing]:
    yield from permitted("")


@pytest.fixture(params=["team", "no team"])
def on(request: pytest.FixtureRequest) -> Standing:
    found: Standing = request.getfixturevalue("with_team" if request.param == "team" else "without_team")
    found.forget()
    return found


def asked(on: Standing, door: str, vendor: str, shown: Mapping[str, str], *, stream: bool = False) -> Told:
    """Send a request with flock's key in its own header, and what the client shows beside it."""
    path, body = DOORS[door].asked(MODELS[vendor], stream=stream)
    headers = {**DOORS[door].headers, **shown, "X-Flock-Key": on.flock.key}
    return ask(on.flock.port, "", body, path, headers)


def digests(on: Standing, vendor: str) -> set[str]:
    """Return the digests of all header values that a vendor saw."""
    return {value for request in on.seen(vendor) for value in request["digests"].values()}


# the header in which each vendor reads a key
NATIVE = {"anthropic": "x-api-key", "openai": "bearer", "gemini": "x-goog-api-key"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", URLS)
@pytest.mark.parametrize("door", DOORS)
def test_it_passes_through_untouched(on: Standing, door: str, vendor: str, stream: bool) -> None:
    told = asked(on, door, vendor, PLACES[NATIVE[vendor]], stream=stream)
    assert told.status == 200, told.body
    (request,) = on.seen(vendor)
    assert request["key"] == digest(OWN)
    assert digests(on, vendor).isdisjoint({digest(TEAM), digest(on.flock.key)})
    assert "x-flock-key" not in request["headers"]
    row = on.usage(told)
    assert (row["vendor"], row["outcome"], row["cost_usd"]) == (vendor, "ok", None)
    assert row["output_tokens"] > 0


def test_oauths_bearer_goes_to_anthropic_as_it_came(on: Standing) -> None:
    """Claude Code signed in with a subscription; the fake knows API keys alone, and says so."""
    token = f"Bearer {STRANGE}"
    shown = {"Authorization": token, "anthropic-beta": "oauth-2025-04-20"}
    told = asked(on, "anthropic", "anthropic", shown)
    assert told.status == 401, told.body
    (request,) = on.seen("anthropic")
    assert request["digests"]["authorization"] == digest(STRANGE)
    assert request["anthropic"] == {"anthropic-version": VERSION, "anthropic-beta": "oauth-2025-04-20"}
    assert "x-api-key" not in request["headers"]
    assert digest(TEAM) not in digests(on, "anthropic")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("vendor", URLS)
def test_a_refusal_of_it_is_the_callers_to_hear(on: Standing, door: str, vendor: str) -> None:
    shown = {name: value.replace(OWN, STRANGE) for name, value in PLACES[NATIVE[vendor]].items()}
    told = asked(on, door, vendor, shown)
    # Google says it with status 400, which its own clients know; told in another dialect it is what it means
    assert told.status == (400 if door == vendor == "gemini" else 401), told.body
    assert DOORS[door].error(told)
    assert STRANGE not in told.body.decode()
    assert "team" not in told.body.decode()
    assert [request["key"] for request in on.seen(vendor)] == [digest(STRANGE)], "no other key is tried"


def test_without_one_it_is_the_teams(with_team: Standing, without_team: Standing) -> None:
    for on, status in ((with_team, 200), (without_team, 503)):
        on.forget()
        told = on.chat(GPT)
        assert told.status == status, told.body
        shown = asked(on, "openai", "openai", {})
        assert shown.status == status, shown.body
        assert [request["key"] for request in on.seen("openai")] == [digest(TEAM)] * (2 if status == 200 else 0)


def test_flocks_own_key_never_goes_out(on: Standing) -> None:
    """Neither as the caller's key, nor where a program shows it twice."""
    for door in DOORS:
        for shown in ({"Authorization": f"Bearer {on.flock.key}"}, {"x-api-key": on.flock.key}):
            for vendor in URLS:
                asked(on, door, vendor, shown)
    for vendor in URLS:
        assert digest(on.flock.key) not in digests(on, vendor)
        for request in on.seen(vendor):
            assert request["key"] == digest(TEAM)
            assert on.flock.key not in str(request["body"])
            assert on.flock.key not in request["path"]


def test_a_key_in_the_query_stays_here(with_team: Standing) -> None:
    on = with_team
    on.forget()
    path, body = DOORS["gemini"].asked(GEMINI, stream=False)
    told = ask(on.flock.port, "", body, f"{path}?key={on.flock.key}")
    assert told.status == 200, told.body
    (request,) = on.seen("gemini")
    assert "key=" not in request["path"]
    assert request["key"] == digest(TEAM)


def test_a_caller_who_may_not_use_the_vendor_may_not_with_a_key_of_its_own(on: Standing) -> None:
    names = {key["name"] for key in on.flock.json("token", "ls")}
    if "may-not" in names:
        on.flock.ok("token", "revoke", "may-not", "--yes")
    token = on.flock.json("token", "create", "may-not")["token"]
    path, body = DOORS["anthropic"].asked(f"anthropic/{CLAUDE}", stream=False)
    told = ask(on.flock.port, "", body, path, {"X-Flock-Key": token, "x-api-key": OWN, "anthropic-version": VERSION})
    assert told.status == 404, told.body
    assert "may not use it" in told.body.decode()
    wrong = ask(on.flock.port, "", body, path, {"X-Flock-Key": "sk-orc-" + "0" * 32, "x-api-key": OWN})
    assert wrong.status == 401
    assert on.seen("anthropic") == []


def test_where_the_row_does_not_permit_it_it_stays_here() -> None:
    with standing(*URLS) as on:
        for door in DOORS:
            for vendor in URLS:
                for shown in PLACES.values():
                    assert asked(on, door, vendor, shown).status == 200
        for vendor in URLS:
            assert {request["key"] for request in on.seen(vendor)} == {digest(TEAM)}
            assert digests(on, vendor).isdisjoint({digest(OWN), digest(on.flock.key)})


def test_the_official_sdk_with_both_keys(with_team: Standing) -> None:
    on = with_team
    on.forget()
    for options, status in (({"api_key": OWN}, 200), ({"api_key": STRANGE}, 401)):
        client = Anthropic(
            base_url=on.flock.url,
            max_retries=0,
            default_headers={"X-Flock-Key": on.flock.key},
            http_client=DefaultHttpxClient(trust_env=False),
            **options,
        )
        with client:
            if status == 200:
                answer = client.messages.create(model=CLAUDE, max_tokens=9, messages=[USER])
                assert answer.content[0].text == HELLO
            else:
                with pytest.raises(anthropic.AuthenticationError):
                    client.messages.create(model=CLAUDE, max_tokens=9, messages=[USER])
    assert [request["key"] for request in on.seen("anthropic")] == [digest(OWN), digest(STRANGE)]


# -- Claude Code's names

LOCAL = "flock-smoke"


def route(on: Standing, model: str, key: str | None = None) -> tuple[str, str]:
    """Return where a request of Claude Code's goes, and as which model."""
    body = {"model": model, "max_tokens": 9, "messages": [USER]}
    told = on.ask("/v1/messages", body, key, {"anthropic-version": VERSION})
    assert told.status == 200, told.body
    where = told.headers["x-flock-route"].partition("/")[0]
    return where, told.headers.get("x-flock-model", model)


def test_each_request_goes_by_its_name() -> None:
    config = "router:\n  aliases: claude-*=default\n"
    with standing("anthropic", config=config) as on:
        may = on.flock.json("token", "create", "may", "--vendors", "anthropic")["token"]
        may_not = on.flock.json("token", "create", "may-not")["token"]
        for key in (may, None):
            assert route(on, f"claude-flock-{LOCAL}", key) == ("engine", LOCAL)
            assert route(on, CLAUDE, key) == ("vendor", CLAUDE)
            assert route(on, LOCAL, key) == ("engine", LOCAL)
            assert route(on, f"anthropic/{CLAUDE}", key) == ("vendor", f"anthropic/{CLAUDE}")
        paid = len(on.seen("anthropic"))
        assert paid == 4
        assert route(on, f"claude-flock-{LOCAL}", may_not) == ("engine", LOCAL)
        assert route(on, CLAUDE, may_not) == ("engine", LOCAL), "by the alias, for who may not spend money"
        assert len(on.seen("anthropic")) == paid


def test_without_the_vendor_its_names_are_the_aliass() -> None:
    with running_flock(FLOCK_ENGINE="embedded", FLOCK_ROUTER_ALIASES="claude-*=default") as flock:
        on = Standing(flock, {})
        assert route(on, "claude-opus-5") == ("engine", LOCAL)
        assert route(on, f"claude-flock-{LOCAL}") == ("engine", LOCAL)
