"""What a key reaches: an allowlist holds for what a name means, and what is chosen for a key is chosen of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from flock.contract.op import Scope
from flock.core.kinds import of_kind
from flock.core.names import Named, Names
from flock.core.reach import ROWS_A_MINUTE, Reach
from flock.errors import ModelNotAllowed, ModelNotFound, WrongKind
from flock.policy.allowlist import permitted
from flock.policy.keys import ANYONE, Key
from flock.upstream import Placement


@dataclass
class Clock:
    """Time that goes on when it is told to."""

    time: float = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def here(model: str, kind: str = "chat") -> tuple[Placement, ...]:
    return (Placement(model, f"e:{model}", "e", True, "ready", None, kind=kind, context=8192),)


def at(vendor: str, model: str, served: str = "") -> Placement:
    return Placement(model, f"vendor:{vendor}", vendor, False, "ready", None, vendor=vendor, served=served)


class Vendors:
    """Two that have gpt-4o, one of them under a name of its own."""

    def find(self, model: str) -> tuple[Placement, ...]:
        found = {
            "gpt-4o": (at("openai", model), at("openrouter", model, "openai/gpt-4o")),
            "openai/gpt-4o": (at("openai", model, "gpt-4o"),),
            "openrouter/openai/gpt-4o": (at("openrouter", model, "openai/gpt-4o"),),
        }
        return found.get(model, ())


TABLE = {name: here(name) for name in ("qwen3-8b", "gemma3-4b", "claude-own")} | {"bge": here("bge", "embedding")}
ALIASES = [("claude-*", "qwen3-8b"), ("fast", "default"), ("gpt-3*", "gpt-4o")]
VENDORS = ("openai", "openrouter")


class Case:
    """A reach over the table, and its audit."""

    def __init__(self, default: str = "qwen3-8b", table: Mapping[str, tuple[Placement, ...]] = TABLE) -> None:
        self.table = table
        self.clock = Clock()
        self.rows: list[tuple[str, str, str, str, Mapping[str, Any]]] = []
        self.refused: list[str] = []
        names = Names(default, ALIASES)
        self.reach = Reach(
            names,
            lambda: self.table,
            self.clock,
            vendors=Vendors(),
            audit=self.audit,
            refused=self.refused.append,
        )

    def audit(self, actor: str, action: str, target: str, outcome: str, details: Mapping[str, Any]) -> None:
        self.rows.append((actor, action, target, outcome, details))

    def named(self, wanted: str, *models: str, endpoint: str = "chat", vendors: tuple[str, ...] = VENDORS) -> Named:
        return self.reach.resolve(wanted, key(*models, vendors=vendors), endpoint)


def key(*models: str, name: str = "alice", vendors: tuple[str, ...] = VENDORS) -> Key:
    return Key(f"k_{name}", name, Scope.USER, b"", models=models, vendors=vendors)


@pytest.mark.parametrize(
    ("wanted", "models", "means"),
    [
        ("qwen3-8b", ("qwen3-8b",), "qwen3-8b"),
        ("qwen3-8b", ("qwen*",), "qwen3-8b"),
        ("claude-flock-qwen3-8b", ("qwen*",), "qwen3-8b"),
        ("qwen3-8b-high", ("qwen3-8b",), "qwen3-8b"),
        ("claude-opus-5", ("qwen3-8b",), "qwen3-8b"),  # an alias of a model that may be asked for
        ("claude-own", ("claude-*",), "claude-own"),
        ("gpt-4o", ("gpt-4o",), "gpt-4o"),
        ("openai/gpt-4o", ("gpt-4o",), "openai/gpt-4o"),
        ("openai/gpt-4o", ("openai/*",), "openai/gpt-4o"),
        ("gpt-4o", ("openai/*",), "gpt-4o"),
        # what is chosen for a key is chosen of what it may ask for
        ("", ("gemma*",), "gemma3-4b"),
        ("", ("*",), "qwen3-8b"),
        ("auto", ("gemma*",), "gemma3-4b"),
        ("fast", ("gemma*",), "gemma3-4b"),
    ],
)
def test_what_a_key_may_ask_for(wanted: str, models: tuple[str, ...], means: str) -> None:
    case = Case()
    assert case.named(wanted, *models).model == means
    assert (case.rows, case.refused) == ([], [])


@pytest.mark.parametrize(
    ("wanted", "models"),
    [
        ("gemma3-4b", ("qwen3-8b",)),
        ("qwen3-8b", ("QWEN*",)),
        ("claude-opus-5", ("claude-*",)),  # an alias opens no model
        ("claude-flock-qwen3-8b", ("claude-*",)),
        ("gpt-3.5", ("gpt-3*",)),
        ("gpt-4o", ("qwen*",)),
        ("openrouter/openai/gpt-4o", ("gpt-4o", "openai/*")),
        ("nothing-like-it", ("qwen*",)),
        ("", ("nothing*",)),
        ("auto", ("nothing*",)),
    ],
)
def test_what_a_key_may_not_ask_for(wanted: str, models: tuple[str, ...]) -> None:
    case = Case()
    with pytest.raises(ModelNotAllowed) as caught:
        case.named(wanted, *models)
    assert caught.value.details["models"] == list(models)
    assert "'alice'" in caught.value.sentence
    assert all(glob in caught.value.sentence for glob in models)
    assert caught.value.hint.startswith("an admin lets it: flock token edit k_alice --add-models ")
    assert case.refused == ["model"]


def test_a_refusal_says_what_a_name_means() -> None:
    with pytest.raises(ModelNotAllowed, match="may not ask for 'qwen3-8b', which 'claude-opus-5' means here"):
        Case().named("claude-opus-5", "claude-*")


def test_of_several_vendors_only_those_remain_that_may_be_asked() -> None:
    assert [place.vendor for place in Case().named("gpt-4o", "openai/*").placements] == ["openai"]
    assert [place.vendor for place in Case().named("gpt-4o").placements] == ["openai", "openrouter"]
    with pytest.raises(ModelNotFound, match="costs money"):
        Case().named("gpt-4o", "gpt-*", vendors=())


def test_an_unknown_name_names_no_model_that_may_not_be_asked_for() -> None:
    with pytest.raises(ModelNotFound) as caught:
        Case().named("qwen3-9b", "qwen*")
    assert caught.value.details["nearest"] == ["qwen3-8b"]
    with pytest.raises(WrongKind) as wrong:
        of_kind("embeddings", Case().named("qwen3-8b", "qwen*"), Case().reach.table(key("qwen*")))
    assert wrong.value.details["models"] == []


def test_the_table_of_a_key_follows_that_of_all() -> None:
    case = Case()
    assert list(case.reach.table(key("*-own", "bge"))) == ["claude-own", "bge"]
    assert case.reach.table(ANYONE) is TABLE
    assert case.reach.table(key("*-own")) is case.reach.table(key("*-own", name="bob"))
    case.table = {"new-own": here("new-own")}
    assert list(case.reach.table(key("*-own"))) == ["new-own"]
    assert [place.vendor for place in case.reach.paid(key("openai/*"), "gpt-4o")] == ["openai"]
    assert case.reach.paid(key("openai/*", vendors=()), "gpt-4o") == ()


def test_who_asks_again_and_again_leaves_a_row_a_minute() -> None:
    case = Case()

    def ask(wanted: str) -> None:
        with pytest.raises(ModelNotAllowed):
            case.named(wanted, "qwen*")

    for _ in range(50):
        ask("gemma3-4b")
    assert case.rows == [
        (
            "alice",
            "request",
            "gemma3-4b",
            "model_not_allowed",
            {"key": "k_alice", "asked": "gemma3-4b", "models": ["qwen*"]},
        )
    ]
    for n in range(100):
        ask(f"made-up-{n}")
    assert len(case.rows) == ROWS_A_MINUTE
    case.clock.time += 60
    ask("gemma3-4b")
    ask("x" * 10_000)
    assert len(case.rows) == ROWS_A_MINUTE + 2
    assert len(case.rows[-1][2]) <= 200
    assert len(case.refused) == 152


def test_everything_is_permitted_without_globs() -> None:
    places = here("qwen3-8b")
    assert permitted((), "qwen3-8b", places) is places
    assert permitted(("other",), "qwen3-8b", places) == ()


def test_a_vendor_that_is_not_the_keys_names_the_edit_that_lets_it() -> None:
    case = Case()
    with pytest.raises(ModelNotFound, match="a model of openrouter, which costs money") as refused:
        case.named("openrouter/openai/gpt-4o", vendors=("openai",))
    assert refused.value.hint == "an admin lets it: flock token edit k_alice --vendors 'openai,openrouter'"
