"""Every way by which a model's name can reach a vendor, counted; and that there is no other.

A name reaches a vendor by a prefix of its row or by a glob of its row, while the vendor is on; a vendor is on by a key
of the environment, a key that was added, or the operator's leave that callers bring their own.
"""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import VendorKeyMissing
from flock.store.entries import VendorEntry
from flock.vendors.registry import Vendors
from flock.vendors.row import VendorRow, made
from tests.unit.vendors.standing import Kept, catalog, vendors

REAL = [name for name, row in catalog().items() if not row.template]
PLACES = {"AZURE_OPENAI_ENDPOINT": "https://box.openai.azure.com"}

# the names that go to a vendor as they are, and how it gets them
BY_GLOB = {
    "claude-sonnet-4-5": "anthropic",
    "claude-x": "anthropic",
    "gpt-5": "openai",
    "gpt-4o-mini": "openai",
    "gpt-image-1": "openai",
    "chatgpt-4o-latest": "openai",
    "o1": "openai",
    "o3-mini": "openai",
    "o4-mini": "openai",
    "text-embedding-3-small": "openai",
    "whisper-1": "openai",
    "tts-1-hd": "openai",
    "dall-e-3": "openai",
    "gemini-2.5-pro": "gemini",
}
# names that are near one and go nowhere
NOWHERE = (
    "",
    "/",
    "gpt-oss-20b",
    "gpt-oss:120b",
    "claude-flock-qwen3-8b",
    "claude",
    "Claude-3",
    "o2-mini",
    "o",
    "whisper-2",
    "whisper-large-v3",
    "gemini",
    "llama-3.3-70b",
    "qwen3-8b",
    "auto",
    "default",
    "Qwen/Qwen3-8B",
    "meta-llama/Llama-3.3-70B",
    "Groq/llama",
    "groq",
    "groq/",
    "groq//",
    "unknown/claude-3",
    "openai-compatible/x",
    "openai-compatible-box/x",
    "anthropic-compatible/x",
)


def keyed() -> dict[str, str]:
    """Return an environment with a key for every vendor, and the places of those that need one."""
    return PLACES | {row.variables[0]: f"key-of-{name}" for name, row in catalog().items() if row.variables}


def all_on() -> Vendors:
    return vendors(environment=keyed())


def test_a_key_of_the_environment_turns_each_vendor_on() -> None:
    assert set(all_on().names()) == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_one_key_turns_one_vendor_on(name: str) -> None:
    for variable in catalog()[name].variables:
        for spelled in (variable, f"{variable}_2", f"{variable}_20", f"{variable}_FILE", f"{variable}_3_FILE"):
            assert vendors(environment=PLACES | {spelled: "k"}).names() == (name,)


@pytest.mark.parametrize("name", REAL)
def test_a_prefix_reaches_its_vendor_alone_and_is_taken_off(name: str) -> None:
    found = all_on()
    for prefix in catalog()[name].prefixes:
        for model in ("m", "a/b", "claude-3", "gpt-5", "groq/x", "openai/gpt-5"):
            (placement,) = found.find(prefix + model)
            assert (placement.vendor, placement.served, placement.model) == (name, model, prefix + model)
            assert (placement.name, placement.engine) == (f"vendor:{name}", name)
            assert (placement.own, placement.state) == (False, "ready")
            assert placement.upstream is not None
            assert placement.upstream.channel is not None
            assert placement.upstream.key == ""


@pytest.mark.parametrize(("model", "name"), BY_GLOB.items())
def test_a_vendors_own_name_reaches_it_as_it_is(model: str, name: str) -> None:
    (placement,) = all_on().find(model)
    assert (placement.vendor, placement.served, placement.model) == (name, "", model)


@pytest.mark.parametrize("model", NOWHERE)
def test_no_other_name_reaches_a_vendor(model: str) -> None:
    assert all_on().find(model) == ()


@given(st.text(max_size=30) | st.from_regex(r"[a-z0-9./-]{1,30}", fullmatch=True))
def test_what_is_reached_has_a_prefix_or_fits_a_glob_of_a_row(model: str) -> None:
    for placement in EVERY.find(model):
        row = catalog()[placement.vendor]
        by_prefix = any(model.startswith(prefix) and len(model) > len(prefix) for prefix in row.prefixes)
        by_glob = any(re.fullmatch(glob.replace("*", ".*"), model, re.S) for glob in row.models)
        assert by_prefix or by_glob


EVERY = all_on()


def ways() -> list[str]:
    """Return a name for each way to each vendor of the catalog."""
    by_prefix = [f"{prefix}m" for name in REAL for prefix in catalog()[name].prefixes]
    return [*by_prefix, *BY_GLOB]


@pytest.mark.parametrize("model", ways())
def test_without_a_key_no_way_leads_anywhere(model: str) -> None:
    assert vendors(environment=PLACES).find(model) == ()


@pytest.mark.parametrize("model", ways())
def test_with_the_keys_of_all_others_a_way_leads_nowhere_else(model: str) -> None:
    (placement,) = all_on().find(model)
    row = catalog()[placement.vendor]
    others = {name: key for name, key in keyed().items() if name not in row.variables}
    assert vendors(environment=others).find(model) == ()


@pytest.mark.parametrize("model", ways())
def test_when_vendors_are_off_no_way_leads_anywhere(model: str) -> None:
    off = vendors(environment=keyed(), enabled=False)
    assert off.find(model) == ()
    assert off.names() == ()
    assert off.places() == frozenset()


def test_a_vendor_without_a_url_is_off_whatever_its_keys() -> None:
    found = vendors(environment={"AZURE_OPENAI_API_KEY": "k"})
    assert found.names() == ()
    assert found.find("azure/gpt-4o") == ()
    assert found.row("azure").note == "its URL is not known"


def test_a_wrong_url_of_the_environment_is_not_replaced_by_the_usual_one() -> None:
    found = vendors(environment={"GROQ_API_KEY": "k"}, urls={"groq": "ftp://elsewhere"})
    assert found.find("groq/m") == ()
    assert found.row("groq").url == ""


def test_a_url_of_the_configuration_moves_the_vendor_with_all_that_is_its() -> None:
    found = vendors(environment={"COHERE_API_KEY": "k"}, urls={"cohere": "http://127.0.0.1:9"})
    assert found.places() == {("127.0.0.1", 9)}
    (placement,) = found.find("cohere/m")
    assert placement.upstream is not None
    assert placement.upstream.channel is not None
    assert placement.upstream.channel.url("/v2/rerank", "m") == "http://127.0.0.1:9/v2/rerank"


def test_only_places_of_vendors_that_are_on_may_be_contacted() -> None:
    assert vendors().places() == frozenset()
    assert vendors(environment={"GROQ_API_KEY": "k"}).places() == {("api.groq.com", 443)}
    places = vendors(environment={"GITHUB_MODELS_TOKEN": "k", "COHERE_API_KEY": "k"}).places()
    assert places == {("models.github.ai", 443), ("api.cohere.com", 443)}
    assert vendors(environment=keyed()).plain() == frozenset()


def test_a_flock_key_in_a_vendors_variable_turns_nothing_on() -> None:
    assert vendors(environment={"OPENAI_API_KEY": "sk-orc-" + "x" * 9}).find("gpt-5") == ()


async def test_stored_keys_turn_a_vendor_on_without_being_read() -> None:
    secrets = Kept(**{"vendor:groq": "k"})
    found = vendors(VendorEntry("groq", {}, 1, 1.0), secrets=secrets)
    assert found.find("groq/m") == ()
    await found.start()
    assert [placement.vendor for placement in found.find("groq/m")] == ["groq"]
    assert secrets.reads == []


async def test_a_row_that_counts_keys_that_are_gone_reaches_no_vendor_without_one() -> None:
    found = vendors(VendorEntry("groq", {}, 1, 1.0))
    await found.start()
    (placement,) = found.find("groq/m")
    assert placement.upstream is not None
    assert placement.upstream.channel is not None
    with pytest.raises(VendorKeyMissing):
        await placement.upstream.channel.credentials()


async def test_leave_to_bring_ones_own_reaches_a_vendor_that_has_no_key_of_the_team() -> None:
    found = vendors(VendorEntry("anthropic", {"own_credentials": True}, 0, 1.0), is_ours=lambda word: word == "ours")
    await found.start()
    (placement,) = found.find("claude-3")
    assert placement.upstream is not None
    channel = placement.upstream.channel
    assert channel is not None
    with pytest.raises(VendorKeyMissing):
        await channel.credentials()
    assert channel.lend({}) is None
    assert channel.lend({"x-api-key": "ours", "authorization": "Bearer ours"}) is None
    lent = channel.lend({"x-api-key": "ours", "authorization": "Bearer theirs"})
    assert lent is not None
    assert lent.headers() == {"Authorization": "Bearer theirs"}


@pytest.mark.parametrize("name", REAL)
def test_nobodys_own_credential_is_lent_where_the_row_does_not_say_so(name: str) -> None:
    found = vendors(environment=keyed(), is_ours=lambda _: False)
    (placement,) = found.find(f"{catalog()[name].prefixes[0]}m")
    assert placement.upstream is not None
    assert placement.upstream.channel is not None
    brought = {"authorization": "Bearer x", "x-api-key": "x", "x-goog-api-key": "x", "api-key": "x"}
    assert placement.upstream.channel.lend(brought) is None


def test_without_being_told_whose_a_word_is_none_is_passed_on() -> None:
    row = made("v", {"title": "V", "dialects": ["openai"], "base": "https://v.example", "own_credentials": True})
    (placement,) = vendors(rows={"v": row}).find("v/m")
    assert placement.upstream is not None
    assert placement.upstream.channel is not None
    assert placement.upstream.channel.lend({"authorization": "Bearer x"}) is None


# -- names of one's own


def rows(**more: Mapping[str, object]) -> dict[str, VendorRow]:
    return catalog() | {name: made(name, fields) for name, fields in more.items()}


@pytest.mark.parametrize(
    ("name", "settings", "dialects"),
    [
        ("openai-compatible-box", {}, {"openai"}),
        ("openai-compatible-box-responses", {}, {"responses"}),
        ("anthropic-compatible-box", {}, {"anthropic"}),
        ("gemini-compatible-box", {}, {"gemini"}),
        ("box", {}, {"openai"}),
        ("box", {"dialects": ["anthropic"]}, {"anthropic"}),
        ("box", {"dialects": ["responses"]}, {"responses"}),
        ("box-responses", {}, {"responses"}),
    ],
)
async def test_a_vendor_of_ones_own_is_reached_by_its_name(
    name: str, settings: dict[str, object], dialects: set[str]
) -> None:
    found = vendors(VendorEntry(name, {"base": "https://box.example/v1", **settings}, 1, 1.0))
    await found.start()
    (placement,) = found.find(f"{name}/a/b")
    assert placement.upstream is not None
    assert (placement.served, set(placement.upstream.profile.dialects)) == ("a/b", dialects)
    assert found.find("a/b") == ()


async def test_a_known_vendor_is_spoken_to_in_responses_under_a_name_of_its_own() -> None:
    found = vendors(VendorEntry("groq-responses", {}, 1, 1.0), environment={"GROQ_API_KEY": "k"})
    await found.start()
    by = {name: found.find(f"{name}/m")[0].upstream for name in ("groq", "groq-responses")}
    assert {name: upstream and set(upstream.profile.dialects) for name, upstream in by.items()} == {
        "groq": {"openai"},
        "groq-responses": {"responses"},
    }
    assert found.find("claude-x") == ()


def test_the_first_of_two_that_claim_a_prefix_has_it() -> None:
    row = {"title": "V", "dialects": ["openai"], "base": "https://v.example", "prefixes": ["groq/"], "variables": ["V"]}
    found = vendors(rows=rows(v=row), environment={"V": "k"})
    assert found.find("groq/m") == ()


def test_a_vendor_of_several_globs_is_asked_in_the_order_of_the_catalog() -> None:
    row = {"title": "V", "dialects": ["openai"], "base": "https://v.example", "models": ["gpt-*"], "variables": ["V"]}
    found = vendors(rows=rows(v=row), environment={"V": "k", "OPENAI_API_KEY": "k"})
    assert [placement.vendor for placement in found.find("gpt-5")] == ["openai", "v"]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("gpt-5", "chat"),
        ("o3", "chat"),
        ("gpt-4o-transcribe", "transcription"),
        ("gpt-4o-mini-tts", "speech"),
        ("gpt-image-1", "image"),
        ("dall-e-3", "image"),
        ("text-embedding-3-large", "embedding"),
        ("whisper-1", "transcription"),
        ("openai/gpt-5", "chat"),
        ("openai/computer-use", ""),
        ("cohere/rerank-v3.5", "rerank"),
        ("gemini-embedding-001", "embedding"),
        ("claude-x", "chat"),
        ("groq/whisper-large-v3", "transcription"),
        ("groq/llama", ""),
    ],
)
def test_the_kind_of_a_model_follows_from_its_name(model: str, kind: str) -> None:
    (placement,) = all_on().find(model)
    assert placement.kind == kind


def test_rates_are_prices_and_what_is_unknown_has_none() -> None:
    row = {
        "title": "V",
        "dialects": ["openai"],
        "base": "https://v.example",
        "variables": ["V"],
        "rates": {"small*": {"input": "0.15", "output": "0.6"}, "*-free": {"input": "0", "output": "0"}},
    }
    found = vendors(rows=rows(v=row), environment={"V": "k"})
    prices = {model: found.find(f"v/{model}")[0].price for model in ("small-1", "big", "big-free")}
    assert {model: price and (price.input, price.output) for model, price in prices.items()} == {
        "small-1": ("0.15", "0.6"),
        "big": None,
        "big-free": ("0", "0"),
    }
