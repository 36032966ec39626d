"""Who says what a model costs, and in which order; and what is said of it through the operations."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flock.contract.op import Op, Scope
from flock.contract.prices import ListPrices, Prices, RemovePrice, SetPrice, ShowSavings, UpdatePrices
from flock.core import prices, savings
from flock.core.context import Actor, Context
from flock.core.ids import IdLists
from flock.core.operations import HANDLERS
from flock.core.power import Power
from flock.core.pricing import Pricing
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.errors import Conflict, FlockError, InvalidRequest, NotFound
from flock.policy.keys import ANYONE
from flock.store.entries import PriceEntry
from flock.store.store import Store
from flock.store.usage import COLUMNS
from flock.upstream import Placement, Price
from flock.vendors.tables import Tables
from tests.unit.policy.virtual import Virtual
from tests.unit.vendors.standing import vendors

# importing them registers the handlers
HANDLED = (prices, savings)
LOCAL_USER = Actor("ada", Scope.ADMIN)
KEYS = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k"} | {
    "AZURE_OPENAI_ENDPOINT": "https://box.openai.azure.com"
}
# a child that knows one price, for every model with an "x" in its name, and counts how often it is started
CHILD = """
import json, os, sys
line = b""
while not line.endswith(b"\\n"):
    line += os.read(0, 1)
task = json.loads(line)
with open(task["file"] + ".asked", "a") as out:
    out.write(",".join(sorted(w["provider"] + ":" + w["model"] for w in task["wanted"])) + "\\n")
print(json.dumps({"tables": {"version": "0", "at": 1.0, "fetched": False, "problem": ""}}))
for w in task["wanted"]:
    card = {"input": "7", "output": "8", "tiers": [], "until": None} if "x" in w["model"] else None
    print(json.dumps({"of": [w["vendor"], w["model"]], "card": card}))
"""


@dataclass
class Case:
    """A pricing of real vendors and a real store; `asked` is what the tables' child was asked, a line a start."""

    pricing: Pricing
    tables: Tables
    store: Store
    context: Context
    clock: Virtual
    place: Path

    async def do(self, op: Op[Any]) -> Any:
        """Perform an operation as the local user does."""
        return await HANDLERS[type(op)](self.context, op, LOCAL_USER)

    @property
    def asked(self) -> list[str]:
        """What the child was asked."""
        file = self.place / "prices.json.asked"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    clock = Virtual()
    store = await Store.open(tmp_path / "flock.db", clock)
    tables = Tables(tmp_path / "prices.json", clock, {}, child=child)
    found = vendors(environment=KEYS)
    pricing = Pricing(found, tables, Power(clock))
    config = SimpleNamespace(prices=SimpleNamespace(compare_with=""))
    lists = IdLists(tmp_path / "ids")
    context: Any = SimpleNamespace(clock=clock, store=store, vendors=found, pricing=pricing, config=config, ids=lists)
    yield Case(pricing, tables, store, cast(Context, context), clock, tmp_path)
    await tables.stop()
    await store.close()


def entry(words: str, **card: str) -> PriceEntry:
    vendor, _, model = words.partition("/")
    return PriceEntry(vendor, model, card, 0.0)


def rates(price: Price | None) -> tuple[str | None, str | None, str] | None:
    return None if price is None else (price.input, price.output, price.source)


async def test_the_order_of_those_who_say_it(case: Case) -> None:
    own = Price("3", "4")
    asked = SimpleNamespace(
        bare=lambda _, model: model,
        own_price=lambda _, model: own if model == "own-x" else None,
        priced_as=case.context.vendors.priced_as,
    )
    pricing = Pricing(asked, case.tables, Power(case.clock))
    pricing.load(
        [
            entry("openai/*", input="1", output="1"),
            entry("openai/gpt-x*", input="2", output="2"),
            entry("openai/gpt-x", input="5", output="5"),
        ]
    )
    assert rates(pricing.of("openai", "gpt-x")) == ("5", "5", "set")
    assert rates(pricing.of("openai", "gpt-x-mini")) == ("2", "2", "set")
    assert rates(pricing.of("openai", "own-x")) == ("1", "1", "set")
    pricing.load([])
    assert rates(pricing.of("openai", "own-x")) == ("3", "4", "vendor")
    assert case.asked == []
    assert rates(await pricing.sure("openai", "gpt-x")) == ("7", "8", "genai-prices 0")
    assert await pricing.sure("openai", "gpt-y") is None
    assert rates(pricing.of("openai", "gpt-x")) == ("7", "8", "genai-prices 0")
    assert case.asked == ["openai:gpt-x", "openai:gpt-y"]


async def test_names_with_and_without_the_vendors_word_are_one(case: Case) -> None:
    assert rates(await case.pricing.sure("groq", "groq/llama-x")) == ("7", "8", "genai-prices 0")
    assert rates(case.pricing.of("groq", "llama-x")) == ("7", "8", "genai-prices 0")
    assert await case.pricing.sure("nobody", "llama-x") is None
    assert case.asked == ["groq:llama-x"]


async def test_a_zero_that_somebody_said_is_a_price(case: Case) -> None:
    case.pricing.load([entry("groq/*", input="0", output="0")])
    price = case.pricing.of("groq", "llama-x")
    assert rates(price) == ("0", "0", "set")
    assert case.asked == []


async def test_without_tables_nobody_is_asked(case: Case) -> None:
    pricing = Pricing(case.context.vendors, None, Power(case.clock))
    assert pricing.of("groq", "llama-x") is None
    assert await pricing.sure("groq", "llama-x") is None
    assert case.asked == []


async def test_a_key_with_a_budget_waits_and_all_others_are_settled_later(case: Case) -> None:
    place = Placement("groq/llama-x", "vendor:groq", "groq", False, "ready", None, served="llama-x", vendor="groq")
    local = Placement("llama-x", "vllm", "vllm", True, "ready", None)
    poor = replace(ANYONE, budgets=(("1", "day"),))
    assert await case.pricing.before(poor, local) is None
    assert case.asked == []
    record = Record("chat", 0.0, 0.0)
    record.vendor, record.model, record.usage = "groq", "groq/llama-x", Usage(input=1_000_000)
    record.price = await case.pricing.before(ANYONE, place)
    assert record.price is None
    assert rates(await case.pricing.before(poor, place)) == ("7", "8", "genai-prices 0")
    case.pricing.settled(record)
    assert record.cost_usd == "7"
    assert case.asked == ["groq:llama-x"]


async def test_what_a_list_names_is_asked_for_in_one_go(case: Case) -> None:
    case.pricing.learn([("groq", "a-x"), ("groq", "b-x"), ("openai", "c-x")])
    await case.pricing.sure("groq", "a-x")
    assert case.asked == ["groq:a-x,groq:b-x,openai:c-x"]
    assert rates(case.pricing.of("openai", "c-x")) == ("7", "8", "genai-prices 0")


async def test_setting_showing_and_removing(case: Case) -> None:
    set_price = SetPrice(model="openai/gpt-5", input="1.25", output="10.00", cached="0.125")
    shown: Prices = await case.do(set_price)
    (row,) = shown.prices
    assert (row.vendor, row.model, row.input, row.cached, row.written, row.output, row.source) == (
        *("openai", "gpt-5", "1.25", "0.125", "1.25", "10", "set"),
    )
    assert (row.at, row.tiers) == ("2026-11-26T21:00:00.000Z", False)
    await case.do(replace(set_price, input="2"))
    await case.do(SetPrice(model="groq/*", input="0", output="0"))
    shown = await case.do(ListPrices())
    assert {(row.vendor, row.model, row.input) for row in shown.prices} == {
        ("openai", "gpt-5", "2"),
        ("groq", "*", "0"),
    }
    assert [row.model for row in (await case.do(ListPrices(vendor="groq"))).prices] == ["*"]
    # another start of the daemon has them too
    again = Pricing(case.context.vendors, None, Power(case.clock))
    again.load(await case.store.prices.all())
    assert rates(again.of("openai", "gpt-5")) == ("2", "10", "set")
    assert (await case.do(RemovePrice(model="groq/*"))).prices[0].model == "gpt-5"
    assert (await case.do(RemovePrice(model="openai/gpt-5"))).prices == ()
    assert await case.pricing.sure("openai", "gpt-5") is None


async def test_power_is_set_and_forgotten(case: Case) -> None:
    shown: Prices = await case.do(SetPrice(local=True, watts="350", per_kwh="0.310"))
    assert (shown.local.watts, shown.local.usd_per_kwh, shown.prices) == ("350", "0.31", ())
    shown = await case.do(RemovePrice(model="local"))
    assert (shown.local.watts, shown.local.usd_per_kwh) == (None, None)


async def test_looking_one_model_up(case: Case) -> None:
    for op in (ListPrices(vendor="openai", model="gpt-x"), ListPrices(model="openai/gpt-x")):
        shown: Prices = await case.do(op)
        assert [(row.vendor, row.model, row.input, row.source) for row in shown.prices] == [
            ("openai", "gpt-x", "7", "genai-prices 0")
        ]
    assert (await case.do(ListPrices(vendor="openai", model="gpt-y"))).prices == ()
    shown = await case.do(ListPrices())
    assert [(row.model, row.source) for row in shown.prices] == [("gpt-x", "genai-prices 0")]
    assert (shown.data, shown.data_at) == ("genai-prices 0", "1970-01-01T00:00:01.000Z")


BAD: list[tuple[Op[Any], type[FlockError], str]] = [
    (SetPrice(model="gpt-5", input="1", output="1"), InvalidRequest, "'gpt-5' names no vendor and model"),
    (SetPrice(model="", input="1", output="1"), InvalidRequest, "no model was named: VENDOR/MODEL"),
    (SetPrice(model="openai/", input="1", output="1"), InvalidRequest, "'openai/' names no vendor and model"),
    (SetPrice(model="/gpt-5", input="1", output="1"), InvalidRequest, "'/gpt-5' names no vendor and model"),
    (SetPrice(model="opnai/gpt-5", input="1", output="1"), NotFound, "opnai"),
    (SetPrice(model="openai/" + "x" * 201, input="1", output="1"), InvalidRequest, "1 to 200 printable characters"),
    (SetPrice(model="openai/a\nb", input="1", output="1"), InvalidRequest, "1 to 200 printable characters"),
    (SetPrice(model="openai/gpt-5", input="-1", output="1"), InvalidRequest, "--input -1 is negative"),
    (SetPrice(model="openai/gpt-5", input="one", output="1"), InvalidRequest, "--input 'one' is no number"),
    (SetPrice(model="openai/gpt-5", input="nan", output="1"), InvalidRequest, "--input 'nan' is no number"),
    (SetPrice(model="openai/gpt-5", input="1_0", output="1"), InvalidRequest, "--input '1_0' is no number"),
    (SetPrice(model="openai/gpt-5", input="1e999999", output="1"), InvalidRequest, "beyond all measure"),
    (SetPrice(model="openai/gpt-5", input="1e-99", output="1"), InvalidRequest, "beyond all measure"),
    (SetPrice(model="openai/gpt-5", input="1", output="1", cached="$1"), InvalidRequest, "--cached '$1' is no number"),
    (SetPrice(model="openai/gpt-5", input="1"), InvalidRequest, "--output is missing"),
    (SetPrice(model="openai/gpt-5", output="1"), InvalidRequest, "--input is missing"),
    (SetPrice(model="openai/gpt-5", input="1", output="1", watts="3"), InvalidRequest, "--watts goes with --local"),
    (SetPrice(model="openai/gpt-5", input="1", output="1", per_kwh="3"), InvalidRequest, "--per-kwh goes with --local"),
    (SetPrice(local=True), InvalidRequest, "--local needs --watts"),
    (SetPrice(local=True, watts="350"), InvalidRequest, "--local needs --per-kwh"),
    (SetPrice(local=True, watts="0", per_kwh="1"), InvalidRequest, "--watts 0 is nothing"),
    (SetPrice(local=True, watts="-3", per_kwh="1"), InvalidRequest, "--watts -3 is negative"),
    (SetPrice(model="openai/x", local=True, watts="3", per_kwh="1"), InvalidRequest, "not of openai/x"),
    (SetPrice(local=True, watts="3", per_kwh="1", input="3"), InvalidRequest, "--input is a vendor's price"),
    (RemovePrice(model="openai/gpt-5"), NotFound, "no price is set for 'openai/gpt-5'"),
    (RemovePrice(model="local"), NotFound, "no price is set for 'local'"),
    (ListPrices(vendor="nobody"), NotFound, "nobody"),
    (ListPrices(model="gpt-5"), InvalidRequest, "'gpt-5' names no vendor and model"),
    (ShowSavings(), InvalidRequest, "no vendor's model is named"),
    (ShowSavings(compare_with="gpt-5"), InvalidRequest, "'gpt-5' names no vendor and model"),
    (
        ShowSavings(compare_with="openai/gpt-5", by="user,color"),
        InvalidRequest,
        "--by color is none of user, model, month",
    ),
    (ShowSavings(compare_with="openai/gpt-5", since="never"), InvalidRequest, "--since 'never' is no time"),
]


@pytest.mark.parametrize(("op", "kind", "words"), BAD)
async def test_bad_input_says_what_and_keeps_nothing(
    case: Case, op: Op[Any], kind: type[FlockError], words: str
) -> None:
    with pytest.raises(kind) as raised:
        await case.do(op)
    assert words in raised.value.sentence
    assert raised.value.hint.startswith(("flock ", "--since"))
    assert await case.store.prices.all() == []


async def test_updating_while_tables_are_off(case: Case) -> None:
    case.pricing.tables = None
    with pytest.raises(Conflict, match=r"prices\.tables is false"):
        await case.do(UpdatePrices())
    assert (await case.do(ListPrices())).data == ""


def row(number: int, moment: float, **values: Any) -> tuple[Any, ...]:
    """Return a usage row of a request that stayed here."""
    known = {"request_id": f"req_{number}", "at": moment, "user": "ada", "key_id": "k_1", "model": "qwen3-8b"}
    known |= {"endpoint": "chat", "engine": "e", "vendor": "", "outcome": "ok", "cost_usd": None, "ttft_ms": None}
    return tuple((known | values).get(column, 0) for column in COLUMNS)


async def test_what_was_refused_saved_nothing(case: Case) -> None:
    now = case.clock.now()
    for number in range(3):
        case.store.writer.put_row(row(number, now, input_tokens=1000, output_tokens=100))
    case.store.writer.put_row(row(3, now, outcome="error", status=429))
    case.store.writer.put_row(row(4, now, outcome="error", status=404, model="nosuch"))
    case.store.writer.put_row(row(5, now, input_tokens=1000, vendor="openai"))
    case.clock.pass_by(1)
    await case.do(SetPrice(model="openai/gpt-5", input="1", output="10"))
    for by in ("user", "model", "user,model,month"):
        (found,) = await case.do(ShowSavings(by=by, compare_with="openai/gpt-5"))
        assert (found.requests, found.input_tokens, found.vendor_usd) == (3, 3000, "0.006")


async def test_many_set_prices_at_once_all_count(case: Case) -> None:
    ops = [SetPrice(model=f"openai/m-{n}", input=str(n), output="1") for n in range(20)]
    await asyncio.gather(*(case.do(op) for op in ops))
    assert len((await case.do(ListPrices())).prices) == 20
    assert [rates(case.pricing.of("openai", f"m-{n}")) for n in range(20)] == [(str(n), "1", "set") for n in range(20)]


async def test_a_row_that_is_no_price_is_none(case: Case) -> None:
    await case.store.prices.put(entry("openai/gpt-5", input="1", output="2"))
    async with case.store.prices._database.writing() as connection:
        await connection.exec_driver_sql("UPDATE prices SET card = ?", (json.dumps({"input": 1, "output": ["2"]}),))
    case.pricing.load(await case.store.prices.all())
    price = case.pricing.of("openai", "gpt-5")
    assert rates(price) == (None, None, "set")
