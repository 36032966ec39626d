"""Which model answers a request for "auto": tables in, a model and the reason out."""

import json
from typing import Any

import pytest

from flock.core import auto
from flock.core.auto import Uses
from flock.dialects.table import SERVERS
from flock.dialects.tasks.table import TASKS
from flock.errors import Unsupported
from flock.upstream import Placement
from tests.unit.core.test_planning import PATHS

GB = 10**9
ABLE = frozenset({"tools", "vision"})
PLAIN: frozenset[str] = frozenset()

Table = dict[str, tuple[Placement, ...]]


def place(model: str, state: str = "stopped", gigabytes: float | None = None, **fields: Any) -> Placement:
    size = None if gigabytes is None else round(gigabytes * GB)
    told = {"context": 32768, "abilities": ABLE, "kind": "chat", **fields}
    return Placement(model, f"e:{model}", f"e:{model}", True, state, None, size_bytes=size, **told)


def table(*places: Placement) -> Table:
    found: Table = {}
    for one in places:
        found[one.model] = (*found.get(one.model, ()), one)
    return found


def chosen(models: Table, uses: Uses = auto.NOTHING, default: str = "", kind: str = "chat") -> tuple[str, str]:
    found = auto.choose(models, kind, uses, default)
    assert found is not None
    return found.model, found.why


def using(*features: str, tokens: int = 100, thinking: bool = False) -> Uses:
    return Uses(frozenset(features), tokens, thinking)


# -- the rule: in memory, else the default, else the smallest


@pytest.mark.parametrize(
    ("models", "default", "found", "why"),
    [
        ((place("a", gigabytes=1), place("b", "ready", 9)), "a", "b", "b, loaded"),
        ((place("a", gigabytes=1), place("b", "busy", 9)), "a", "b", "b, loaded"),
        ((place("a", gigabytes=1), place("b", "starting", 9)), "b", "b", "b, the default"),
        ((place("a", "ready", 1), place("b", "ready", 9)), "a", "a", "a, loaded"),
        ((place("a", "ready", 1), place("b", "ready", 9), place("c")), "c", "b", "b, loaded"),
        ((place("a", gigabytes=5), place("b", gigabytes=9)), "b", "b", "b, the default"),
        ((place("a", gigabytes=5), place("b", gigabytes=3), place("c")), "", "b", "b, the smallest that fits"),
        ((place("a", gigabytes=5),), "gone", "a", "a, the only one that fits"),
        ((place("b"), place("a")), "", "a", "a, the smallest that fits"),
    ],
)
def test_in_memory_else_the_default_else_the_smallest(
    models: tuple[Placement, ...], default: str, found: str, why: str
) -> None:
    assert chosen(table(*models), default=default) == (found, why)


def test_a_model_that_cannot_what_is_asked_is_passed_over() -> None:
    models = table(
        place("talks", "ready", 9, abilities=PLAIN),
        place("calls", "stopped", 3, abilities=frozenset({"tools"})),
        place("sees", "stopped", 5, abilities=frozenset({"vision"})),
        place("both", "stopped", 8),
    )
    assert chosen(models, using(), "talks") == ("talks", "talks, loaded")
    assert chosen(models, using("tools"), "talks") == ("calls", "calls, the smallest that fits, has tools")
    assert chosen(models, using("images"), "talks") == ("sees", "sees, the smallest that fits, has vision")
    both = "both, the only one that fits, has tools and vision"
    assert chosen(models, using("tools", "images"), "talks") == ("both", both)
    assert chosen(models, using("tools"), "both")[1] == "both, the default, has tools"


def test_one_of_which_nothing_is_known_comes_after_those_that_are_known_to_have_it_and_before_those_without() -> None:
    unknown, able, plain = place("u", "ready", abilities=None), place("a"), place("p", "ready", abilities=PLAIN)
    assert chosen(table(unknown, able, plain), using("tools"))[0] == "a"
    assert chosen(table(unknown, plain), using("tools")) == ("u", "u, loaded, perhaps has tools")
    assert chosen(table(unknown, plain), using("images"))[0] == "u"
    assert chosen(table(plain), using("tools")) == ("p", "p, loaded, has no tools")


@pytest.mark.parametrize(("feature", "words"), [("images", "sees pictures"), ("audio", "deals with sound")])
def test_where_no_model_has_the_sense_that_is_said(feature: str, words: str) -> None:
    with pytest.raises(Unsupported, match=f"no model here {words}") as caught:
        chosen(table(place("a", abilities=PLAIN), place("b", abilities=frozenset({"tools"}))), using(feature, "tools"))
    assert caught.value.hint.startswith("flock model search --capability ")


# -- windows


def test_a_long_prompt_goes_where_it_fits() -> None:
    small, large = place("small", "ready", 1, context=8192), place("large", "stopped", 9, context=65536)
    assert chosen(table(small, large), using(tokens=8000), "small")[0] == "small"
    why = "large, the only one that fits, a window of 65536 for about 9000 tokens"
    assert chosen(table(small, large), using(tokens=9000), "small") == ("large", why)


def test_a_prompt_too_long_for_all_goes_to_the_largest_window() -> None:
    models = table(place("a", "ready", context=8192), place("b", context=16384), place("c", context=4096))
    assert chosen(models, using(tokens=90_000), "a")[0] == "b"


def test_a_window_that_is_not_known_will_do_for_a_short_prompt_only() -> None:
    models = table(place("unknown", "ready", context=None), place("known", context=32768))
    assert chosen(models, using(tokens=4000))[0] == "unknown"
    assert chosen(models, using(tokens=5000))[0] == "known"


def test_an_ollama_loads_the_window_a_prompt_needs() -> None:
    served = place("o", "ready", context=4096, largest=131072, on_demand=True)
    assert chosen(table(served), using(tokens=50_000))[0] == "o"


def test_what_an_ollama_has_not_in_memory_is_not_loaded() -> None:
    out, own = place("o", "ready", 1, context=None, largest=8192, on_demand=True), place("own", gigabytes=2)
    assert chosen(table(out, own), default="own") == ("own", "own, the default")
    held = place("o", "ready", 1, context=4096, largest=8192, on_demand=True)
    assert chosen(table(held, own), default="own") == ("o", "o, loaded")


# -- what is down, what lacks, what thinks, what costs


@pytest.mark.parametrize("state", ["failed", "crashloop", "unreachable"])
def test_what_is_down_comes_last_of_those_that_can(state: str) -> None:
    down, unknown = place("a", state), place("u", abilities=None)
    assert chosen(table(down, unknown), using("tools"), "a")[0] == "u"
    assert chosen(table(down, place("p", abilities=PLAIN)), using("images"), "p")[0] == "a"
    assert chosen(table(down)) == ("a", f"a, the only one that fits, {state}")


def test_what_an_engine_lacks_no_model_makes_up_for() -> None:
    lacking = place("a", "ready", lacks=frozenset({"json_schema", "tool_choice"}))
    assert chosen(table(lacking, place("b")), using("json_schema"))[0] == "b"
    assert chosen(table(lacking, place("b")), using("tools", "tool_choice"))[0] == "a"
    assert chosen(table(lacking), using("json_schema"))[0] == "a"  # whose plan says why not


def test_thinking_decides_between_equals_alone() -> None:
    thinks = ABLE | {"thinking"}
    models = table(place("a", "ready", 9), place("b", "ready", 1, abilities=thinks), place("c", abilities=thinks))
    assert chosen(models, using(thinking=True))[0] == "b"
    assert chosen(models, using())[0] == "a"
    assert chosen(models, using(thinking=True), "a")[0] == "a"


def test_a_vendors_model_is_never_chosen() -> None:
    paid = place("paid", "ready", vendor="groq")
    assert auto.choose(table(paid), "chat", auto.NOTHING, "paid") is None
    assert chosen(table(paid, place("own")), default="paid")[0] == "own"
    both = table(place("m", "ready", vendor="groq"), place("m"))
    found = auto.choose(both, "chat", auto.NOTHING, "")
    assert found is not None
    assert [one.vendor for one in found.placements] == [""]


# -- kinds and placements


@pytest.mark.parametrize(("kind", "found"), [("embedding", "e"), ("rerank", "r"), ("chat", "t"), ("speech", "u")])
def test_the_kind_of_model_that_is_needed(kind: str, found: str) -> None:
    models = table(
        place("u", "ready", kind=""), place("t", kind="chat"), place("e", kind="embedding"), place("r", kind="rerank")
    )
    assert chosen(models, kind=kind)[0] == found


def test_none_of_the_kind() -> None:
    assert auto.choose(table(place("t")), "embedding", auto.NOTHING, "t") is None
    assert auto.choose({}, "chat", auto.NOTHING, "") is None


def test_of_one_model_on_two_engines_only_those_that_fit_are_left() -> None:
    small = Placement("m", "a", "a", False, "ready", None, context=4096, kind="chat", abilities=ABLE)
    large = Placement("m", "b", "b", False, "ready", None, context=65536, kind="chat", abilities=ABLE)
    found = auto.choose({"m": (small, large)}, "chat", using(tokens=9000), "")
    assert found is not None
    assert found.placements == (large,)


def test_equal_tables_give_equal_answers_in_any_order() -> None:
    places = [place(name, state, 2) for name in "abc" for state in ("ready",)]
    assert {chosen(table(*places)), chosen(table(*reversed(places)))} == {("a", "a, loaded")}


# -- what a request uses

PICTURE = "iVBORw0KGgo="
TOOL = {"name": "f", "description": "d"}


def asked(dialect: str, **fields: Any) -> Uses:
    if dialect.startswith("gemini"):
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    else:
        body = {
            "model": "auto",
            ("input" if dialect == "responses" else "messages"): [{"role": "user", "content": "hi"}],
        }
    if dialect == "anthropic":
        body["max_tokens"] = 50
    return auto.uses(SERVERS[dialect].read_ask(json.dumps(body | fields).encode(), PATHS[dialect]))


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("openai", {"tools": [{"type": "function", "function": TOOL}]}),
        ("anthropic", {"tools": [{**TOOL, "input_schema": {"type": "object"}}]}),
        ("responses", {"tools": [{"type": "function", **TOOL}]}),
        ("gemini", {"tools": [{"functionDeclarations": [TOOL]}]}),
        ("ollama", {"tools": [{"type": "function", "function": TOOL}]}),
    ],
)
def test_tools_in_every_dialect(dialect: str, fields: Any) -> None:
    assert asked(dialect, **fields).abilities == ("tools",)
    assert asked(dialect).abilities == ()
    assert 0 < asked(dialect).tokens < 1000


def said(*parts: Any) -> Any:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("openai", {"messages": said({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}})}),
        (
            "anthropic",
            {
                "messages": said(
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
                )
            },
        ),
        ("responses", {"input": said({"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"})}),
        ("gemini", {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]}]}),
        ("ollama", {"messages": [{"role": "user", "content": "hi", "images": [PICTURE]}]}),
    ],
)
def test_pictures_in_every_dialect(dialect: str, fields: Any) -> None:
    assert asked(dialect, **fields).abilities == ("vision",)


def test_sound_and_thinking() -> None:
    sound = said({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})
    assert asked("openai", messages=sound).abilities == ("audio",)
    assert asked("openai", reasoning_effort="high").thinking
    assert not asked("openai", reasoning_effort="none").thinking
    assert asked("anthropic", thinking={"type": "enabled", "budget_tokens": 2000}).thinking
    assert not asked("anthropic", thinking={"type": "disabled"}).thinking


def test_a_prompt_is_counted_with_room_for_its_answer() -> None:
    text = " ".join(f"word{number}" for number in range(4000))
    long = asked("openai", messages=[{"role": "user", "content": text}]).tokens
    assert 15_000 < long < 40_000
    completion = SERVERS["openai"].read_ask(json.dumps({"model": "auto", "prompt": text}).encode(), "/v1/completions")
    assert 15_000 < auto.uses(completion).tokens < 40_000


def test_a_body_that_cannot_be_read_is_still_measured() -> None:
    assert asked("openai", messages=said({"type": "what"})).tokens > 0


def test_of_a_task_its_kind_says_all() -> None:
    made = TASKS["embeddings"].read_ask(json.dumps({"model": "auto", "input": "x"}).encode(), "/v1/embeddings", "")
    assert auto.uses(made) == auto.NOTHING
