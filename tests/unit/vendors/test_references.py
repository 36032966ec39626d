"""The catalog against the fakes, which were written after the vendors' own references and not after the catalog: each
path of each row is one that the vendor has, keys are shown as it wants them, its list is read.
"""

from urllib.parse import urlsplit

import pytest

from flock.vendors.listed import Listed
from flock.vendors.row import VendorRow
from tests.fakes.vendor_rows import ROWS
from tests.unit.vendors.conftest import BAD, GOOD, placed, running
from tests.unit.vendors.standing import At, catalog, vendors

SPOKEN = {
    "openai": [("/v1/chat/completions", "chat")],
    "anthropic": [("/v1/messages", "messages")],
    "responses": [("/v1/responses", "responses")],
    "gemini": [
        ("/v1beta/models/{model}:generateContent", "generate"),
        ("/v1beta/models/{model}:streamGenerateContent?alt=sse", "stream"),
        ("/v1beta/models/{model}:countTokens", "count"),
    ],
}
TASKS = {
    ("embeddings", "openai"): ("/v1/embeddings", "embeddings"),
    ("embeddings", "gemini"): ("/v1beta/models/{model}:batchEmbedContents", "embed_batch"),
    ("rerank", "openai"): ("/v1/rerank", "rerank"),
    ("rerank", "cohere"): ("/v2/rerank", "rerank"),
    ("transcriptions", "openai"): ("/v1/audio/transcriptions", "transcriptions"),
    ("translations", "openai"): ("/v1/audio/translations", "translations"),
    ("speech", "openai"): ("/v1/audio/speech", "speech"),
    ("images", "openai"): ("/v1/images/generations", "images"),
}


def asked(row: VendorRow) -> list[tuple[str, str]]:
    """Return (path, what it asks for) of everything that a row says its vendor does."""
    found = [pair for dialect in row.profile.dialects for pair in SPOKEN[dialect]]
    found += [TASKS[task, shape] for task, shape in row.profile.tasks.items()]
    return found + ([("/v1/messages/count_tokens", "count_tokens")] if row.profile.counts == "anthropic" else [])


def test_every_vendor_of_the_catalog_has_a_fake() -> None:
    assert {name for name, row in catalog().items() if not row.template} == set(ROWS)


@pytest.mark.parametrize("name", list(ROWS))
def test_each_path_of_a_row_is_one_that_the_vendor_has(name: str) -> None:
    row = placed(catalog()[name])
    channel = Listed(row, [], At(), lambda _: True).channel
    for path, task in asked(row):
        url = urlsplit(channel.url(path, "m"))
        assert ROWS[name].task("POST", url.path)[0] == task, url.geturl()
        assert ROWS[name].auth_of(url.path) == row.auth


@pytest.mark.parametrize("name", list(ROWS))
async def test_a_good_key_is_told_from_a_bad_one(name: str) -> None:
    async with running(name, GOOD, BAD) as (fake, found):
        outcomes = [check.outcome for check in await found.test(name)]
        seen = [(request["method"], request["path"]) for request in fake.requests]
    row = catalog()[name]
    tells = bool(row.check) or not row.list_open
    assert outcomes == (
        ["ok", "refused"] if tells else ["unknown", "unknown" if "models" in ROWS[name].open else "refused"]
    )
    assert {method for method, _ in seen} == {"GET"}, "a question that costs nothing"
    assert len(seen) == 2


@pytest.mark.parametrize("name", [name for name in ROWS if catalog()[name].list])
async def test_the_list_of_models_is_read(name: str) -> None:
    async with running(name, GOOD) as (_, found):
        models = await found.models(name)
        prefix = catalog()[name].prefixes[0]
        assert {model.name for model in models} >= set(ROWS[name].models) or name in ("azure", "github")
        assert models
        for model in models:
            (placement,) = found.find(model.id)
            assert (placement.vendor, placement.served) == (name, model.name)
            assert model.id == prefix + model.name
        if catalog()[name].list_prices:
            assert any(model.input_price for model in models)


def test_the_layout_of_a_vendor_at_another_host_is_its_own() -> None:
    urls = {"qwen": "https://dashscope.aliyuncs.com/compatible-mode/v1/", "github": "https://mirror.example/inference"}
    environment = {"DASHSCOPE_API_KEY": "k", "GITHUB_MODELS_TOKEN": "k"}
    found = vendors(environment=environment, urls=urls)
    assert found.places() == {("dashscope.aliyuncs.com", 443), ("mirror.example", 443)}
    upstream = found.find("qwen/m")[0].upstream
    assert upstream is not None
    assert upstream.channel is not None
    assert upstream.channel.url("/v1/messages", "m") == "https://dashscope.aliyuncs.com/apps/anthropic/v1/messages"
