"""Which models may do what is asked for, and what is said where one may not."""

import pytest

from flock.core.kinds import kind_of, of_kind
from flock.core.names import Named
from flock.errors import WrongKind
from flock.profile import KINDS, TASKS
from flock.upstream import Placement


def place(model: str, kind: str, engine: str = "e") -> Placement:
    return Placement(model, engine, engine, False, "ready", None, kind=kind)


TABLE = {
    "talks": (place("talks", "chat"),),
    "embeds": (place("embeds", "embedding"),),
    "hears": (place("hears", "transcription"),),
    "unknown": (place("unknown", ""),),
    "both": (place("both", "embedding", "a"), place("both", "chat", "b"), place("both", "", "c")),
}


def named(model: str) -> Named:
    return Named(model, TABLE[model])


@pytest.mark.parametrize("endpoint", ["chat", "completions", "messages", "responses", "generate", "count_tokens"])
def test_conversations_need_a_model_that_chats(endpoint: str) -> None:
    assert kind_of(endpoint) == "chat"
    assert of_kind(endpoint, named("talks"), TABLE) == named("talks")


@pytest.mark.parametrize("endpoint", [*TASKS, "chat"])
def test_of_what_nothing_is_known_is_tried_with_everything(endpoint: str) -> None:
    assert of_kind(endpoint, named("unknown"), TABLE) == named("unknown")


def test_a_wrong_kind_is_told_with_one_of_the_right() -> None:
    with pytest.raises(WrongKind) as caught:
        of_kind("embeddings", named("talks"), TABLE)
    error = caught.value
    assert error.sentence == "talks is a chat model, and this needs an embedding model"
    assert error.hint == "use embeds"
    assert error.details == {"param": "model", "kind": "chat", "models": ["embeds", "both"]}
    assert error.status == 400


def test_where_none_is_of_the_kind_the_list_is_the_hint() -> None:
    with pytest.raises(WrongKind) as caught:
        of_kind("speech", named("hears"), TABLE)
    assert caught.value.hint == "flock model ls"


@pytest.mark.parametrize(("endpoint", "engines"), [("chat", ["b", "c"]), ("embeddings", ["a", "c"]), ("rerank", ["c"])])
def test_of_one_name_on_several_engines_only_those_that_fit_are_left(endpoint: str, engines: list[str]) -> None:
    found = of_kind(endpoint, named("both"), TABLE)
    assert [p.engine for p in found.placements] == engines
    assert found.model == "both"


@pytest.mark.parametrize("kind", sorted(KINDS - {""}))
def test_every_kind_has_words(kind: str) -> None:
    table = {"it": (place("it", kind),)}
    endpoint = "chat" if kind != "chat" else "rerank"
    with pytest.raises(WrongKind, match=r"^it is (a|an) "):
        of_kind(endpoint, Named("it", table["it"]), table)
