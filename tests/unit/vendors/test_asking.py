"""Testing vendors' keys, listing their models, and what is shown of them, against a server that answers."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from flock.errors import (
    Conflict,
    NotFound,
    UpstreamError,
    VendorKeyMissing,
)
from flock.store.entries import VendorEntry
from flock.vendors.discovered import BELIEVED_SECONDS
from tests.unit.vendors.conftest import BAD, GOOD, LIST, REFUSED, Around, raised, running
from tests.unit.vendors.standing import Kept, Rows, Server, server, vendors


async def test_each_key_is_asked_about(there: Server) -> None:
    around = Around(environment={"GROQ_API_KEY": "a", "GROQ_API_KEY_2": "b"}, urls={"groq": there.url})
    for _ in range(2):
        told = await around.vendors.test("groq")
        assert [(check.key, check.outcome, check.status, check.models) for check in told] == [
            ("GROQ_API_KEY", "ok", 200, 2),
            ("GROQ_API_KEY_2", "ok", 200, 2),
        ]
    assert {check.url for check in told} == {f"{there.url}/v1/models"}
    assert {path for path, _ in there.heard} == {"/v1/models"}
    there.answers["/v1/models"] = (401, REFUSED)
    assert [check.outcome for check in await around.vendors.test("groq")] == ["refused", "refused"]
    assert {key.state for key in around.vendors.row("groq").keys} == {"resting"}
    await around.vendors.client.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, LIST), "ok"),
        ((401, REFUSED), "refused"),
        ((403, b""), "refused"),
        ((400, {"error": {"message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]}}), "failed"),
        ((400, {"error": "odd"}), "failed"),
        ((404, b"nothing here"), "failed"),
        ((429, {"message": "slow down"}), "failed"),
        ((503, b""), "failed"),
        ((200, b"hello"), "failed"),
        ((204, b""), "failed"),
    ],
)
async def test_what_an_answer_means(around: Around, there: Server, answer: tuple[int, Any], outcome: str) -> None:
    await around.vendors.add("box", url=there.url, key="s3cret-key", test=False)
    there.answers["/v1/models"] = answer
    (told,) = await around.vendors.test("box")
    assert (told.outcome, told.status) == (outcome, answer[0])
    assert "s3cret" not in told.message


async def test_an_unreachable_vendor_is_told_with_the_url_that_was_asked(around: Around) -> None:
    with server() as gone:
        await around.vendors.add("box", url=f"{gone.url}/v1", key="k", test=False)
    (told,) = await around.vendors.test("box")
    assert (told.outcome, told.status, told.url) == ("unreachable", None, f"{gone.url}/v1/models")
    assert told.message


async def test_a_list_that_is_open_to_all_says_nothing_of_a_key(there: Server) -> None:
    environment = {"NVIDIA_API_KEY": "k", "OPENROUTER_API_KEY": "k", "PERPLEXITY_API_KEY": "k"}
    around = Around(environment=environment, urls=dict.fromkeys(("nvidia", "openrouter", "perplexity"), there.url))
    there.answers |= {"/v1/key": (401, REFUSED), "/async/chat/completions": (200, {"requests": []})}
    (nvidia,) = await around.vendors.test("nvidia")
    assert (nvidia.outcome, nvidia.models) == ("unknown", 2)
    (openrouter,) = await around.vendors.test("openrouter")
    assert (openrouter.outcome, openrouter.url) == ("refused", f"{there.url}/v1/key")
    (perplexity,) = await around.vendors.test("perplexity")
    assert (perplexity.outcome, perplexity.models) == ("ok", None)
    error = await raised(Conflict, around.vendors.models("perplexity"))
    assert "shows no list" in error.sentence
    await around.vendors.client.close()  # type: ignore[attr-defined]


async def test_what_cannot_be_asked(around: Around) -> None:
    await raised(NotFound, around.vendors.test("grok"))
    await raised(VendorKeyMissing, around.vendors.test("groq"))
    await raised(VendorKeyMissing, around.vendors.models("groq"))
    assert "is off: its URL is not known" in (await raised(Conflict, around.vendors.test("azure"))).sentence
    off = Around(environment={"GROQ_API_KEY": "k"}, enabled=False)
    assert "router.fallback.enabled is false" in (await raised(Conflict, off.vendors.test("groq"))).sentence
    await raised(Conflict, off.vendors.models("groq"))
    error = await raised(Conflict, off.vendors.add("groq", key="k"))
    assert "no vendor is contacted" in error.sentence
    assert (await off.vendors.add("groq", key="k", test=False)).state == "off"


# -- models


async def test_a_list_is_asked_for_once_in_a_while(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="k", test=False)
    assert around.vendors.row("box").models is None
    assert around.vendors.known() == []
    found = await around.vendors.models("box")
    assert [(model.id, model.name, model.context) for model in found] == [
        ("box/small", "small", 4096),
        ("box/a/big", "a/big", None),
    ]
    assert around.vendors.known() == found
    assert around.vendors.row("box").models == 2
    assert around.vendors.find("box/small")[0].context == 4096
    assert around.vendors.find("box/unlisted"), "no list of allowed models"
    changes = around.changes
    await around.vendors.models("box")
    around.clock.time += BELIEVED_SECONDS
    await around.vendors.models("box")
    assert (len(there.heard), around.changes) == (1, changes)
    around.clock.time += 1
    await around.vendors.models("box")
    await around.vendors.models("box", fresh=True)
    assert len(there.heard) == 3
    await asyncio.gather(*(around.vendors.models("box") for _ in range(5)))
    assert len(there.heard) == 3


async def test_prices_and_windows_that_a_list_tells_reach_the_placement(there: Server) -> None:
    around = Around(environment={"OPENROUTER_API_KEY": "k"}, urls={"openrouter": there.url})
    pricing = {"prompt": "0.000003", "completion": "0.000015"}
    there.answers["/v1/models"] = (200, {"data": [{"id": "anthropic/c", "context_length": 200000, "pricing": pricing}]})
    (model,) = await around.vendors.models("openrouter")
    assert (model.id, model.input_price, model.output_price) == ("openrouter/anthropic/c", "3", "15")
    (placement,) = around.vendors.find("openrouter/anthropic/c")
    assert placement.price is not None
    assert (placement.price.input, placement.price.output, placement.context) == ("3", "15", 200000)
    assert around.vendors.find("openrouter/other")[0].price is None
    await around.vendors.client.close()  # type: ignore[attr-defined]


async def test_a_key_that_the_list_refuses_never_looks_like_the_callers(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="s3cret-key", test=False)
    there.answers["/v1/models"] = (401, REFUSED)
    error = await raised(VendorKeyMissing, around.vendors.models("box"))
    assert (error.status, error.sentence) == (503, "box refuses the key stored key 1 (401)")
    there.answers["/v1/models"] = (502, {"error": {"message": "s3cret-key"}})
    error = await raised(UpstreamError, around.vendors.models("box"))
    assert "s3cret" not in error.sentence


async def test_a_list_is_shown_to_the_first_key_that_is_taken() -> None:
    async with running("groq", BAD, GOOD) as (fake, found):
        assert len(await found.models("groq")) == 4
        assert len(fake.requests) == 2
        assert [key.state for key in found.row("groq").keys] == ["resting", "ready"]


async def test_a_list_that_failed_is_not_believed(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="k", test=False)
    there.answers["/v1/models"] = (500, b"")
    await raised(UpstreamError, around.vendors.models("box"))
    there.answers["/v1/models"] = (200, LIST)
    assert len(await around.vendors.models("box")) == 2


async def test_another_url_is_another_list(around: Around, there: Server) -> None:
    await around.vendors.add("box", url=there.url, key="k")
    await around.vendors.models("box")
    there.answers["/two/v1/models"] = (200, {"data": []})
    view = await around.vendors.add("box", url=f"{there.url}/two")
    assert (view.url, view.models) == (f"{there.url}/two", None)


# -- what is shown


def test_vendors_that_are_on_come_first() -> None:
    found = vendors(environment={"X_API_KEY": "", "MISTRAL_API_KEY": "k", "GROQ_API_KEY_FILE": "/k"})
    assert [(view.name, view.state) for view in found.rows()] == [("groq", "on"), ("mistral", "on")]
    every = found.rows(off=True)
    assert [view.name for view in every[:2]] == ["groq", "mistral"]
    assert {view.state for view in every[2:]} == {"off"}
    assert not any("compatible" in view.name for view in every)
    assert found.row("groq").keys[0].name == "GROQ_API_KEY_FILE"
    assert found.row("cohere").note == "no key for it is known"


async def test_a_stored_row_that_is_wrong_stays_off_and_can_be_removed(caplog: pytest.LogCaptureFixture) -> None:
    stored = Rows(VendorEntry("box", {"base": "nowhere"}, 1, 1.0), VendorEntry("groq", {"auth": "odd"}, 1, 1.0))
    secrets = Kept(**{"vendor:box": "k", "vendor:groq": "k"})
    found = vendors(stored=stored, secrets=secrets, environment={"GROQ_API_KEY": "k"})
    with caplog.at_level(logging.WARNING):
        await found.start()
    assert "the vendor box stays off" in caplog.text
    assert "the vendor groq stays off" in caplog.text
    assert found.names() == ()
    for name in ("box", "groq"):
        await found.remove(name)
    assert (secrets.values, stored.entries) == ({}, {})
    assert found.names() == ("groq",)


async def test_no_key_stands_in_anything_that_is_shown(around: Around, there: Server, tmp_path: Path) -> None:
    await around.vendors.add("box", url=there.url, key="s3cret-key")
    await around.vendors.models("box")
    told = [
        around.vendors.rows(off=True),
        await around.vendors.test("box"),
        around.vendors.known(),
        around.stored.entries,
    ]
    assert "s3cret" not in repr(told)
    assert "s3cret" not in repr(around.vendors.find("box/small"))
