"""Adding and removing vendors, against a server that says what a vendor says."""

import asyncio
from typing import Any

import pytest

from flock.errors import (
    Conflict,
    EngineUnreachable,
    FlockError,
    InvalidRequest,
    NotFound,
    SecretsLocked,
    StorageFailed,
    UpstreamError,
)
from tests.unit.vendors.conftest import LIST, REFUSED, Around, raised
from tests.unit.vendors.standing import Server, server


async def test_a_vendor_is_added_with_its_key_and_answers_at_once(around: Around, there: Server) -> None:
    view = await around.vendors.add("openai-compatible-box", url=there.url, key=" s3cret-key\n", tags=["lan"])
    assert (view.state, view.url, view.tags, view.source) == ("on", there.url, ("lan",), "added")
    assert [key.name for key in view.keys] == ["stored key 1"]
    assert around.secrets.values == {"vendor:openai-compatible-box": "s3cret-key"}
    entry = around.stored.entries["openai-compatible-box"]
    assert entry.keys == 1
    assert "s3cret" not in repr(entry)
    assert [(path, headers["authorization"]) for path, headers in there.heard] == [("/v1/models", "Bearer s3cret-key")]
    assert around.changes == 1
    (placement,) = around.vendors.find("openai-compatible-box/small")
    assert placement.upstream is not None
    assert (placement.upstream.host, placement.upstream.tls) == ("127.0.0.1", False)
    assert placement.upstream.channel is not None
    (key,) = await placement.upstream.channel.credentials()
    assert key.headers() == {"Authorization": "Bearer s3cret-key"}
    again = await around.again()
    assert again.row("openai-compatible-box").state == "on"


async def test_a_second_key_joins_the_pool_and_the_same_one_does_not(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="one")
    view = await around.vendors.add("box", key="two\none\ntwo\nthree")
    assert [key.name for key in view.keys] == ["stored key 1", "stored key 2", "stored key 3"]
    assert around.secrets.values == {"vendor:box": "one", "vendor:box:2": "two", "vendor:box:3": "three"}
    assert [headers["authorization"][7:] for _, headers in there.heard] == ["one", "two", "three"]
    assert "with this key" in (await raised(Conflict, around.vendors.add("box", key="one"))).sentence


async def test_twenty_keys_are_the_most(around: Around, there: Server) -> None:
    keys = "\n".join(f"key-{number}" for number in range(21))
    error = await raised(InvalidRequest, around.vendors.add("box", url=there.url, key=keys))
    assert "would have 21 keys; 20 are the most" in error.sentence
    assert around.secrets.values == {}


async def test_a_key_that_is_refused_is_not_kept_and_not_repeated(around: Around, there: Server) -> None:
    there.answers["/v1/models"] = (401, REFUSED)
    error = await raised(InvalidRequest, around.vendors.add("box", url=there.url, key="s3cret-key"))
    assert f"box refuses the key (401 from {there.url}/v1/models): Incorrect API key provided: …." in error.sentence
    assert "s3cret" not in error.sentence
    assert error.hint == "flock vendor add box --no-test < key.txt"
    assert (around.secrets.values, around.stored.entries, around.changes) == ({}, {}, 0)
    assert around.vendors.places() == frozenset()
    view = await around.vendors.add("box", url=there.url, key="s3cret-key", test=False)
    assert view.state == "on"
    assert len(there.heard) == 1


async def test_one_bad_key_of_several_keeps_none(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="good")
    there.answers["/v1/models"] = (403, REFUSED)
    await raised(InvalidRequest, around.vendors.add("box", key="other\nbad"))
    assert around.secrets.values == {"vendor:box": "good"}


async def test_a_vendor_that_does_not_answer_is_named_with_its_url(around: Around) -> None:
    with server() as gone:
        url = gone.url
    error = await raised(EngineUnreachable, around.vendors.add("box", url=url, key="k"))
    assert f"box cannot be reached at {url}/v1/models" in error.sentence
    assert around.secrets.values == {}


async def test_a_vendor_that_fails_says_what_it_said(around: Around, there: Server) -> None:
    there.answers["/v1/models"] = (500, {"detail": "on\nfire"})
    error = await raised(UpstreamError, around.vendors.add("box", url=there.url, key="k"))
    assert f"box answers 500 at {there.url}/v1/models: on fire" in error.sentence
    there.answers["/v1/models"] = (200, b"<html>")
    error = await raised(UpstreamError, around.vendors.add("box", url=there.url, key="k"))
    assert "box answers with no list of models" in error.sentence


@pytest.mark.parametrize(
    ("name", "options", "kind", "sentence"),
    [
        ("", {}, InvalidRequest, "which vendor"),
        ("a/b", {"url": "https://a"}, InvalidRequest, "cannot be a vendor's name"),
        ("-x", {"url": "https://a"}, InvalidRequest, "cannot be a vendor's name"),
        ("grok", {}, NotFound, 'no vendor is called "grok"; did you mean groq?'),
        ("nobody-at-all", {}, NotFound, 'no vendor is called "nobody-at-all"'),
        ("openai-compatible-box", {"key": "k"}, InvalidRequest, "needs a URL"),
        ("azure", {"key": "k"}, InvalidRequest, "azure needs a URL"),
        ("groq", {}, InvalidRequest, "no key for groq came"),
        ("groq", {"key": "two words\nfine"}, InvalidRequest, ""),
        ("groq", {"key": "naïve"}, InvalidRequest, "holds no key"),
        ("groq", {"key": "sk-orc-" + "x" * 9}, InvalidRequest, "a key of flock's own"),
        ("groq", {"key": "k", "url": "api.groq.com"}, InvalidRequest, "is no URL of a vendor"),
        ("groq", {"key": "k", "url": "https://u:p@h"}, InvalidRequest, "holds no name and password"),
        ("groq", {"key": "k", "url": "http://api.groq.com/v1"}, InvalidRequest, "the internet in the clear"),
        ("groq", {"key": "k", "dialect": "smoke"}, InvalidRequest, "anthropic, gemini, openai, responses"),
        ("azure", {"key": "k", "url": "https://a", "deployments": ["x"]}, InvalidRequest, "MODEL=DEPLOYMENT"),
        ("xai", {"key": "k", "url": "https://a"}, Conflict, '"xai/" stands before the models of x-ai'),
    ],
)
async def test_what_cannot_be_added(
    around: Around, name: str, options: dict[str, Any], kind: type[FlockError], sentence: str
) -> None:
    if options.get("key") == "two words\nfine":
        options = {**options, "test": False}
        view = await around.vendors.add(name, **options)
        assert len(view.keys) == 3, "keys are parted by any white space"
        return
    error = await raised(kind, around.vendors.add(name, **options))
    assert sentence in error.sentence
    assert error.hint
    assert options.get("key", "-") not in (error.sentence, error.hint)
    assert (around.secrets.values, around.stored.entries) == ({}, {})


async def test_a_url_alone_moves_a_vendor_whose_key_the_environment_has(there: Server) -> None:
    around = Around(environment={"GROQ_API_KEY": "from-environment"})
    view = await around.vendors.add("groq", url=f"{there.url}/v1/")
    assert (view.url, [key.name for key in view.keys]) == (f"{there.url}/v1", ["GROQ_API_KEY"])
    assert there.heard[0][1]["authorization"] == "Bearer from-environment"
    assert around.vendors.places() == {("127.0.0.1", there.server_address[1])}
    assert (await around.again(environment={"GROQ_API_KEY": "k"})).row("groq").url == f"{there.url}/v1"
    await around.vendors.client.close()  # type: ignore[attr-defined]


async def test_azure_is_added_by_what_its_portal_shows(around: Around, there: Server) -> None:
    there.answers["/openai/models?api-version=2025-01-01-preview"] = (200, {"data": []})
    pasted = f"{there.url}/openai/deployments/prod/chat/completions?api-version=2025-01-01-preview"
    view = await around.vendors.add("azure", url=pasted, key="k")
    assert view.state == "on"
    assert there.heard[0][1]["api-key"] == "k"
    (placement,) = around.vendors.find("azure/gpt-4o")
    assert placement.upstream is not None
    assert placement.upstream.channel is not None
    url = placement.upstream.channel.url("/v1/chat/completions", placement.served)
    assert url == f"{there.url}/openai/deployments/prod/chat/completions?api-version=2025-01-01-preview"


async def test_deployments_and_the_date_of_azure(around: Around) -> None:
    await around.vendors.add(
        "azure", url="https://x.openai.azure.com", key="k", api_version="D", deployments=["gpt-4o=prod"], test=False
    )
    (placement,) = (await around.again()).find("azure/gpt-4o")
    assert placement.upstream is not None
    assert placement.upstream.channel is not None
    url = placement.upstream.channel.url("/v1/chat/completions", placement.served)
    assert url == "https://x.openai.azure.com/openai/deployments/prod/chat/completions?api-version=D"


@pytest.mark.parametrize(
    ("dialect", "header", "path"),
    [
        ("openai", "authorization", "/v1/models"),
        ("responses", "authorization", "/v1/models"),
        ("anthropic", "x-api-key", "/v1/models?limit=1000"),
        ("gemini", "x-goog-api-key", "/v1beta/models?pageSize=1000"),
    ],
)
async def test_each_dialect_is_asked_in_its_own_way(
    around: Around, there: Server, dialect: str, header: str, path: str
) -> None:
    there.answers[path] = (200, {"models": []} if dialect == "gemini" else LIST)
    view = await around.vendors.add("box", url=there.url, dialect=dialect, key="k")
    assert view.dialects == (dialect,)
    assert there.heard[0][1][header].endswith("k")
    assert ("anthropic-version" in there.heard[0][1]) == (dialect == "anthropic")


async def test_leave_for_callers_own_needs_no_key(around: Around) -> None:
    view = await around.vendors.add("anthropic", own_credentials=True)
    assert (view.state, view.own_credentials, view.keys) == ("on", True, ())
    assert around.vendors.find("claude-x")


async def test_nothing_is_kept_when_the_row_cannot_be_written(around: Around, there: Server) -> None:
    around.stored.failing = StorageFailed("the disk is full", hint="df")
    await raised(StorageFailed, around.vendors.add("box", url=there.url, key="one\ntwo"))
    assert around.secrets.values == {}
    await raised(NotFound, _row(around, "box"))


async def _row(around: Around, name: str) -> Any:
    return around.vendors.row(name)


async def test_nothing_is_added_while_secrets_are_locked(around: Around, there: Server) -> None:
    around.secrets.locked = True
    await raised(SecretsLocked, around.vendors.add("box", url=there.url, key="k"))
    assert around.stored.entries == {}


async def test_two_at_once_end_with_both_keys(around: Around, there: Server) -> None:
    one = around.vendors.add("box", url=there.url, key="one")
    two = around.vendors.add("box", url=there.url, key="two")
    await asyncio.gather(one, two)
    assert set(around.secrets.values.values()) == {"one", "two"}
    assert around.stored.entries["box"].keys == 2


# -- removing


async def test_removing_deletes_every_key(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="one\ntwo")
    view = await around.vendors.remove("box")
    assert (view.name, view.state, view.keys) == ("box", "off", ())
    assert (around.secrets.values, around.stored.entries) == ({}, {})
    assert around.vendors.find("box/m") == ()
    assert around.vendors.places() == frozenset()
    await raised(NotFound, around.vendors.remove("box"))


async def test_a_known_vendor_that_is_removed_is_off_or_on_by_the_environment() -> None:
    around = Around(environment={"GROQ_API_KEY": "k"})
    await around.vendors.add("groq", key="more", test=False)
    view = await around.vendors.remove("groq")
    assert (view.state, [key.name for key in view.keys]) == ("on", ["GROQ_API_KEY"])
    error = await raised(Conflict, around.vendors.remove("groq"))
    assert "groq is on because of GROQ_API_KEY" in error.sentence
    assert "was not added" in (await raised(NotFound, around.vendors.remove("mistral"))).sentence
