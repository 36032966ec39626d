"""What is decided of a request before it is sent: the way to its upstream, changes, flock's own answers, counting."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from flock.clock import SystemClock
from flock.core.names import Named
from flock.core.pictures import PictureBook
from flock.core.planning import Manners, Planning
from flock.core.record import Record
from flock.dialects.ask import Ask
from flock.dialects.plan import RELAY, SPLICE, TRANSLATE, UNCHANGED
from flock.dialects.switches import Switches
from flock.dialects.table import SERVERS
from flock.dialects.tasks.table import TASKS
from flock.errors import InvalidRequest
from flock.profile import Family, Profile
from flock.upstream import Placement, Upstream
from tests.unit.core.test_egress import Channel

HI: Any = [{"role": "user", "content": "hi"}]
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:streamGenerateContent",
    "gemini-array": "/v1beta/models/m:streamGenerateContent",
    "ollama": "/api/chat",
}
THINKER = Family("thinker", ("m",), think_open="<think>", think_close="</think>")


def profile(*dialects: str, **fields: Any) -> Profile:
    return Profile("x", "X", frozenset(dialects or ("openai",)), **fields)


def place(of: Profile | None = None, *, vendor: str = "", up: bool = True, **fields: Any) -> Placement:
    name = f"vendor:{vendor}" if vendor else "e"
    channel = Channel([]) if vendor else None
    upstream = Upstream(name, vendor or "e", "127.0.0.1", 1, of or profile(), False, channel=channel) if up else None
    return Placement("m", name, vendor or "e", False, "ready", upstream, vendor=vendor, **fields)


def ask(dialect: str = "openai", **fields: Any) -> Ask:
    if dialect.startswith("gemini"):
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    else:
        body = {"model": "m", ("input" if dialect == "responses" else "messages"): HI}
    if dialect == "anthropic":
        body["max_tokens"] = 50
    return SERVERS[dialect].read_ask(json.dumps(body | fields).encode(), PATHS[dialect])


def planning(*families: Family, pictures: PictureBook | None = None, **switches: bool) -> Planning:
    return Planning(Manners(families, Switches(**switches), pictures), SystemClock())


def planned(of: Planning, asked: Ask, placement: Placement) -> tuple[str, str, dict[str, Any]]:
    assert placement.upstream is not None
    made = of.plan(asked, placement, placement.upstream, UNCHANGED)
    return made.kind, made.dialect, made.sent


# -- the way to an upstream


@pytest.mark.parametrize("dialect", PATHS)
def test_every_dialect_has_a_way(dialect: str) -> None:
    kind, spoken, sent = planned(planning(), ask(dialect), place())
    assert (kind, spoken, sent["model"]) == (RELAY if dialect == "openai" else TRANSLATE, "openai", "m")


def test_a_model_has_its_name_over_there() -> None:
    kind, _, sent = planned(planning(), ask(), place(vendor="groq", served="org/there"))
    assert (kind, sent["model"]) == (SPLICE, "org/there")


def test_families_are_for_the_teams_own_engines() -> None:
    of = planning(THINKER)
    assert planned(of, ask(), place())[0] == TRANSLATE
    assert planned(of, ask(), place(vendor="groq"))[0] == RELAY


def test_an_ollama_loads_up_to_what_a_model_can_have() -> None:
    native = place(profile("ollama"), context=8192, largest=32768)
    long = ask("ollama", messages=[{"role": "user", "content": "word " * 10000}])
    options = planned(planning(), long, native)[2]["options"]
    assert 10000 < options["num_ctx"] <= 32768
    assert planned(planning(), ask("ollama"), native)[2]["options"]["num_ctx"] == 8192


def test_what_a_model_can_do_reaches_the_plan() -> None:
    able = place(profile("ollama"), context=8192, abilities=frozenset({"thinking"}))
    dull = place(profile("ollama"), context=8192, abilities=frozenset[str]())
    asked = ask(reasoning_effort="high")
    assert "think" in planned(planning(), asked, able)[2]
    assert "think" not in planned(planning(), asked, dull)[2]


def test_a_task_is_planned_as_one() -> None:
    asked = TASKS["embeddings"].read_ask(b'{"model": "m", "input": "hi"}', "/v1/embeddings", "application/json")
    there = place(profile(tasks={"embeddings": "openai"}))
    assert there.upstream is not None
    assert planning().plan(asked, there, there.upstream, UNCHANGED).task is not None


# -- what is changed before


def shown(places: Sequence[Placement]) -> Named:
    return Named("m", tuple(places))


PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}]}]


@pytest.mark.parametrize(
    ("dialect", "places", "fetched"),
    [
        ("openai", [place()], True),
        ("openai", [place(vendor="groq")], False),
        ("openai", [place(vendor="groq"), place()], True),
        ("openai", [place(profile("anthropic"), vendor="anthropic")], True),
        ("openai", [place(up=False)], True),
    ],
)
async def test_who_fetches_pictures(dialect: str, places: list[Placement], fetched: bool) -> None:
    of = planning(pictures=PictureBook(None))  # which refuses every one it is asked for
    asked = ask(dialect, messages=PICTURE)
    if fetched:
        with pytest.raises(InvalidRequest, match="names a picture by its URL"):
            await of.before(asked, shown(places))
    else:
        assert await of.before(asked, shown(places)) is UNCHANGED


async def test_how_much_to_think_may_stand_in_the_name() -> None:
    found = await planning().before(ask(), Named("m", (place(),), effort="high"))
    assert found.fields == {"reasoning_effort": "high"}
    assert found.edits == ("effort: high, by the model's name",)


async def test_a_task_is_left_alone() -> None:
    asked = TASKS["embeddings"].read_ask(b'{"model": "m", "input": "image"}', "/v1/embeddings", "application/json")
    assert await planning(pictures=PictureBook(None)).before(asked, shown([place()])) is UNCHANGED


# -- flock's own answers


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", PATHS)
def test_an_answer_of_flocks_own_has_the_clients_form(dialect: str, stream: bool) -> None:
    asked = ask(dialect)
    asked.stream = stream
    warm_up = "Warmup"
    asked.body = json.loads(json.dumps(asked.body).replace('"hi"', f'"{warm_up}"'))
    record = Record("chat", 0.0, 0.0)
    answer = planning(answer_noops=True).noop(record, asked)
    assert answer is not None
    assert answer.body
    wanted = SERVERS[dialect].STREAM_TYPE if stream else "application/json"
    assert answer.content_type == wanted
    assert (record.plan, record.engine) == ("answered", "flock")
    assert planning().noop(Record("chat", 0.0, 0.0), asked) is None


def test_what_needs_a_model_is_not_answered() -> None:
    of = planning(answer_noops=True)
    asked = TASKS["embeddings"].read_ask(b'{"model": "m", "input": "Warmup"}', "/v1/embeddings", "application/json")
    assert of.noop(Record("embeddings", 0.0, 0.0), asked) is None
    assert of.noop(Record("chat", 0.0, 0.0), ask()) is None


# -- counting


@pytest.mark.parametrize("placement", [place(up=False), place(vendor="anthropic"), place()])
async def test_without_anybody_to_ask_tokens_are_estimated(placement: Placement) -> None:
    counted = await planning().count(ask("anthropic"), shown([placement]), placement)
    assert counted.how == "estimate"
    assert counted.tokens > 0
