"""The public tables of prices, asked of the real library in the real child."""

import asyncio
import json
import os
import stat
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flock.clock import SystemClock
from flock.core.cost import cost_usd, worst_nano
from flock.dialects.ir import Usage
from flock.errors import SourceUnreachable, StorageFailed, UpstreamError
from flock.policy.money import nano
from flock.upstream import Price
from flock.vendors import price_child
from flock.vendors.tables import BATCH, NAME_MAX, Tables, Wanted
from tests.running import free_port

# (provider, model, what a million tokens of prompt, half of them from the cache, and 100,000 of answer cost): checked
# by hand against the vendors' price lists of November 2026
CASES = [
    ("anthropic", "claude-sonnet-4-5", "5.55"),
    ("anthropic", "claude-opus-4-8", "5.25"),
    ("anthropic", "claude-opus-5", "5.25"),
    ("anthropic", "claude-sonnet-5", "2.1"),
    ("anthropic", "claude-haiku-4-5", "1.05"),
    ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.465"),
    ("openai", "gpt-4o", "2.875"),
    ("openai", "gpt-5", "1.6875"),
    ("openai", "gpt-5.5", "10"),
    ("openai", "gpt-5.6", "7.4"),
    ("openai", "o4-mini", "1.1275"),
    ("google", "gemini-2.5-pro", "2.875"),
    ("google", "gemini-3.5-flash", "1.725"),
    ("mistral", "mistral-large-latest", "2.6"),
    ("mistral", "codestral-latest", "0.39"),
    ("groq", "llama-3.3-70b-versatile", "0.669"),
    ("groq", "openai/gpt-oss-120b", "0.1725"),
    ("cohere", "command-a-03-2025", "3.5"),
    ("perplexity", "sonar-pro", "4.514"),
    ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "0.968"),
    ("openrouter", "anthropic/claude-sonnet-4.5", "5.55"),
    ("x-ai", "grok-4", "3.375"),
    # other spellings of the same: a version by its date, a path, a vendor's word, a region
    ("anthropic", "claude-haiku-4-5-20251001", "1.05"),
    ("openai", "gpt-4o-2024-08-06", "2.875"),
    ("google", "models/gemini-2.5-pro", "2.875"),
    ("google", "publishers/google/models/gemini-2.5-pro", "2.875"),
    ("azure", "gpt-4o", "2.875"),
    ("azure", "azure/gpt-4o", "2.875"),
    ("aws", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.465"),
    ("openrouter", "openrouter/anthropic/claude-sonnet-4.5", "5.55"),
]
NOBODYS = [
    Wanted("openai", "nonsense-9", "openai"),
    Wanted("cohere", "rerank-v3.5", "cohere"),
    Wanted("groq", "whisper-large-v3", "groq"),
    Wanted("mine", "gpt-4o", "", "http://127.0.0.1:9"),
    Wanted("mine", "gpt-4o", "no-such-provider", ""),
]
USED = Usage(input=1_000_000, cached=500_000, output=100_000)
FEW: list[Any] = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": r"https://api\.openai\.com",
        "models": [
            {"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 7, "output_mtok": 8.5}},
        ],
    }
]


def tables(place: Path, **more: Any) -> Tables:
    """Return tables whose file lies at a place, with nothing asked of them yet."""
    return Tables(place / "prices.json", SystemClock(), os.environ, **more)


async def asked(found: Tables, *wanted: Wanted) -> list[Price | None]:
    """Return the prices of models, asked for at once."""
    found.learn(wanted)
    return [await found.sure(one, 60) for one in wanted]


@pytest.fixture
def site() -> Iterator["Site"]:
    """A place on this machine to fetch tables from."""
    found = Site()
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


class Site(ThreadingHTTPServer):
    """Answers every GET with what it was told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status, self.body, self.asked = 200, json.dumps(FEW).encode(), 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/data.json"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site: Any = self.server
        site.asked += 1
        self.send_response(site.status)
        self.send_header("Content-Length", str(len(site.body)))
        self.end_headers()
        self.wfile.write(site.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


async def test_prices_are_those_that_were_checked_by_hand(tmp_path: Path) -> None:
    found = tables(tmp_path)
    prices = await asked(found, *(Wanted(provider, model, provider) for provider, model, _ in CASES))
    costs = [(*case[:2], cost_usd(USED, price)) for case, price in zip(CASES, prices, strict=True)]
    assert costs == CASES
    for price in prices:
        worst, cost = worst_nano(USED.input, USED.output, price), cost_usd(USED, price)
        assert worst is not None
        assert cost is not None
        assert worst >= nano(cost)
    assert "genai_prices" not in sys.modules
    assert found.facts.name == "genai-prices 0.2.3"
    assert found.facts.at is not None
    assert found.facts.at > datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    assert {price.source for price in prices if price is not None} == {"genai-prices 0.2.3"}


async def test_every_class_of_tokens_is_there(tmp_path: Path) -> None:
    sonnet, embed, picture, research = await asked(
        tables(tmp_path),
        Wanted("a", "claude-sonnet-4-5", "anthropic"),
        Wanted("o", "text-embedding-3-small", "openai"),
        Wanted("g", "gemini-2.5-flash-image", "google"),
        Wanted("p", "sonar-deep-research", "perplexity"),
    )
    assert sonnet is not None
    assert (sonnet.input, sonnet.cached, sonnet.written, sonnet.kept, sonnet.output) == ("3", "0.3", "3.75", "6", "15")
    (over, long) = sonnet.tiers[0]
    assert (over, long.input, long.cached, long.written, long.kept, long.output) == (
        *(200_000, "6", "0.6", "7.5", "12", "22.5"),
    )
    # what the tables do not tell stays unknown: no answer of an embedding, no answer that may be a picture
    assert (embed and embed.input, embed and embed.output) == ("0.02", None)
    assert (picture and picture.input, picture and picture.output) == ("0.3", None)
    assert (research and research.output, research and research.reasoning) == ("8", "3")
    assert cost_usd(Usage(input=1000), embed) == "0.00002"
    assert cost_usd(Usage(input=1000, output=1), picture) is None


async def test_what_nobody_knows_is_none_and_is_not_asked_again(tmp_path: Path) -> None:
    found = tables(tmp_path)
    assert await asked(found, *NOBODYS) == [None] * len(NOBODYS)
    assert {(v, m) for v, m, known in found.known() if known.price is None} == {(w.vendor, w.model) for w in NOBODYS}
    # the child is gone: who asks once more is answered out of memory
    silent = tables(tmp_path, child=tmp_path / "nothing.py")
    silent._known = found._known
    assert await asked(silent, *NOBODYS) == [None] * len(NOBODYS)
    await silent.stop()


async def test_a_base_tells_whose_prices_they_are(tmp_path: Path) -> None:
    (price,) = await asked(tables(tmp_path), Wanted("mine", "gpt-4o", "", "https://api.openai.com/v1"))
    assert price is not None
    assert price.input == "2.5"


async def test_prices_that_go_by_the_time_of_day(tmp_path: Path) -> None:
    found = tables(tmp_path)
    await asked(found, Wanted("deepseek", "deepseek-chat", "deepseek"))
    ((_, _, known),) = found.known()
    assert known.until is not None
    assert 0 < known.until - known.at <= 86_400
    by_night = price_child.card(_model("deepseek", "deepseek-chat"), datetime(2026, 11, 26, 20, tzinfo=UTC))
    by_day = price_child.card(_model("deepseek", "deepseek-chat"), datetime(2026, 11, 26, 8, tzinfo=UTC))
    assert by_night is not None
    assert by_day is not None
    assert by_night["input"] != by_day["input"]
    assert by_day["until"] == datetime(2026, 11, 26, 16, 30, tzinfo=UTC).timestamp()
    assert by_night["until"] == datetime(2026, 11, 27, 0, 30, tzinfo=UTC).timestamp()


def _model(provider: str, model: str) -> Any:
    from genai_prices.data import providers

    return next(p for p in providers if p.id == provider).find_model(model)


async def test_many_at_once_are_one_child(tmp_path: Path) -> None:
    found = tables(tmp_path)
    wanted = [Wanted("openai", f"nonsense-{n}", "openai") for n in range(BATCH - 1)]
    await asked(found, *wanted, Wanted("openai", "gpt-4o", "openai"), Wanted("openai", "x" * (NAME_MAX + 1), "openai"))
    assert len(found.known()) == BATCH
    assert len(found._started) == 1


async def test_nothing_is_asked_before_somebody_asks(tmp_path: Path) -> None:
    found = tables(tmp_path, child=tmp_path / "nothing.py")
    assert found.facts.at is None
    assert found.known() == []
    assert found._task is None
    await found.stop()


@pytest.mark.parametrize("words", ["", "import sys; sys.exit(3)", "print('{}')", "print('{\"tables\": 1}')"])
async def test_a_child_that_fails_leaves_prices_unknown(
    tmp_path: Path, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    child = tmp_path / "child.py"
    child.write_text(words)
    found = tables(tmp_path, child=child)
    wanted = Wanted("openai", "gpt-4o", "openai")
    assert await asked(found, wanted) == [None]
    assert "could not be looked up" in caplog.text
    caplog.clear()
    assert await asked(found, wanted) == [None]  # and for a while nobody tries again
    assert caplog.text == ""
    await found.stop()


async def test_who_cannot_wait_goes_on_without(tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text("import os\nwhile os.read(0, 4096): pass\n")
    found = tables(tmp_path, child=child)
    assert await found.sure(Wanted("openai", "gpt-4o", "openai"), 0.0) is None
    await asyncio.wait_for(found.stop(), 60)


async def test_the_child_sees_no_keys(tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text("import os, json\nprint('ENV', json.dumps(dict(os.environ)))\nraise SystemExit(1)\n")
    environ = {**os.environ, "OPENAI_API_KEY": "sk-1", "FLOCK_TOKEN": "x", "HF_TOKEN": "y", "HTTPS_PROXY": "http://p"}
    found = Tables(tmp_path / "prices.json", SystemClock(), environ, child=child)
    kept = found._environment
    assert kept["HTTPS_PROXY"] == "http://p"
    assert not {"OPENAI_API_KEY", "FLOCK_TOKEN", "HF_TOKEN"} & kept.keys()


async def test_fetched_tables_count_from_then_on(tmp_path: Path, site: Site) -> None:
    found = tables(tmp_path, url=site.url)
    wanted = (Wanted("openai", "gpt-4o", "openai"), Wanted("openai", "gpt-5", "openai"))
    before = await asked(found, *wanted)
    assert [price and price.input for price in before] == ["2.5", "1.25"]
    assert site.asked == 0
    await found.fetch()
    assert site.asked == 1
    file = tmp_path / "prices.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert found.facts.name == "genai-prices 0.2.3, updated"
    after = await asked(found, *wanted)
    assert [price and (price.input, price.output) for price in after] == [("7", "8.5"), None]
    # a daemon that starts anew reads them too
    assert [price and price.input for price in await asked(tables(tmp_path), *wanted)] == ["7", None]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"no", "127.0.0.1 answers 404"),
        (200, b"<html>", "it is no JSON"),
        (200, b"{}", "it is no list of providers"),
        (200, b"[]", "it has no model with a price"),
        (200, b'[{"id": "openai"}]', "Field required"),
        (200, json.dumps([{**FEW[0], "models": []}]).encode(), "it has no model with a price"),
        (200, json.dumps(FEW).encode()[:-20], "it is no JSON"),
        (200, b"[" * 100_000, "it is no JSON"),
    ],
)
async def test_what_are_no_tables_changes_nothing(
    tmp_path: Path, site: Site, status: int, body: bytes, words: str
) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(site.body)
    found = tables(tmp_path, url=site.url)
    site.status, site.body = status, body
    with pytest.raises(UpstreamError) as raised:
        await found.fetch()
    assert words in raised.value.sentence
    assert "the prices that were there stay" in raised.value.sentence
    assert file.read_bytes() == json.dumps(FEW).encode()
    assert list(tmp_path.iterdir()) == [file]


async def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable) as raised:
        await tables(tmp_path, url=f"http://127.0.0.1:{free_port()}/data.json").fetch()
    assert raised.value.sentence == "127.0.0.1 was not reached: connection refused; the prices that were there stay"
    assert raised.value.hint == "flock price update"


async def test_a_place_that_cannot_be_written(tmp_path: Path, site: Site) -> None:
    with pytest.raises(StorageFailed, match="could not be kept: no such file or directory"):
        await tables(tmp_path / "gone", url=site.url).fetch()


async def test_a_fetched_file_that_went_bad_counts_for_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "prices.json").write_text("{")
    found = tables(tmp_path)
    (price,) = await asked(found, Wanted("openai", "gpt-4o", "openai"))
    assert price is not None
    assert price.input == "2.5"
    assert found.facts.name == "genai-prices 0.2.3"
    assert "are not used: it is no JSON" in caplog.text


async def test_a_fetched_file_older_than_the_library_counts_for_nothing(tmp_path: Path, site: Site) -> None:
    found = tables(tmp_path, url=site.url)
    await found.fetch()
    os.utime(tmp_path / "prices.json", (1_700_000_000, 1_700_000_000))
    (price,) = await asked(tables(tmp_path), Wanted("openai", "gpt-4o", "openai"))
    assert price is not None
    assert price.input == "2.5"
