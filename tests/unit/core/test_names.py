"""By which names models are found."""

import pytest

from flock.core.auto import Uses
from flock.core.names import Names
from flock.errors import ModelNotFound
from flock.upstream import Placement


def place(id: str, kind: str, vendor: str = "") -> tuple[Placement, ...]:
    return (Placement(id, f"e:{id}", f"e:{id}", not vendor, "ready", None, kind=kind, vendor=vendor),)


def table(*ids: str) -> dict[str, tuple[Placement, ...]]:
    return {id: (Placement(id, f"e:{id}", f"e:{id}", True, "ready", None),) for id in ids}


ALIASES = [("claude-*haiku*", "small"), ("claude-*", "default"), ("gpt-*", "gone")]


@pytest.mark.parametrize(
    ("wanted", "found", "alias", "effort"),
    [
        ("big", "big", "", ""),
        ("", "big", "", ""),
        ("claude-flock-small", "small", "claude-flock-*", ""),
        ("claude-haiku-4-5", "small", "claude-*haiku*", ""),
        ("Claude-Haiku-4-5", "small", "claude-*haiku*", ""),
        ("claude-opus-5", "big", "claude-*", ""),
        ("claude-own", "claude-own", "", ""),
        ("small-none", "small", "*-none", "none"),
        ("claude-flock-small-max", "small", "claude-flock-*", "max"),
        ("big-high", "big-high", "", ""),
    ],
)
def test_a_name_finds_its_model(wanted: str, found: str, alias: str, effort: str) -> None:
    named = Names("big", ALIASES).resolve(wanted, table("small", "big", "claude-own", "big-high"))
    assert (named.model, named.placements[0].model, named.alias, named.effort) == (found, found, alias, effort)


@pytest.mark.parametrize("wanted", ["smal", "gpt-5", "claude-flock-nothing-like-it-and-no-pattern"])
def test_an_unknown_name_is_told_the_nearest(wanted: str) -> None:
    aliases = [pair for pair in ALIASES if pair[0] != "claude-*"]
    with pytest.raises(ModelNotFound) as caught:
        Names("big", aliases).resolve(wanted, table("small", "big"))
    assert wanted in caught.value.sentence
    assert caught.value.details["nearest"]


def test_without_a_default_the_first_model_answers() -> None:
    assert Names().resolve("", table("one", "two")).model == "one"
    with pytest.raises(ModelNotFound, match="no model is installed"):
        Names().resolve("", {})


# -- kinds, orders and vendors


KINDS = {"embeds": place("embeds", "embedding"), "talks": place("talks", "chat"), "ranks": place("ranks", "rerank")}
UNKNOWN = place("unknown", "")


@pytest.mark.parametrize(
    ("kind", "models", "found"),
    [
        ("chat", KINDS, "talks"),
        ("embedding", KINDS, "embeds"),
        ("rerank", KINDS, "ranks"),
        ("speech", {"unknown": UNKNOWN, **KINDS}, "unknown"),
        ("chat", {"unknown": UNKNOWN, **KINDS}, "talks"),
        ("speech", KINDS, ""),
        ("chat", {}, ""),
    ],
)
def test_the_default_is_of_the_kind_that_is_needed(
    kind: str, models: dict[str, tuple[Placement, ...]], found: str
) -> None:
    assert Names().default(models, kind) == found
    if found:
        assert Names().resolve("", models, kind=kind).model == found


def test_the_default_of_the_configuration_is_for_conversations() -> None:
    names = Names("talks")
    assert names.default(KINDS) == names.default(KINDS, "chat") == "talks"
    assert names.default(KINDS, "embedding") == "embeds"
    assert Names("gone").default(KINDS) == "gone"


def test_where_no_model_is_of_the_kind_that_is_said() -> None:
    with pytest.raises(ModelNotFound, match="no model for speech is installed and the request names none"):
        Names().resolve("", KINDS, kind="speech")


def test_an_alias_of_the_default_means_the_kinds_own() -> None:
    names = Names("talks", [("text-embedding-*", "default"), ("whisper-*", "hears"), ("gpt-*", "default")])
    assert names.resolve("text-embedding-3-small", KINDS, kind="embedding").model == "embeds"
    assert names.resolve("gpt-5", KINDS).model == "talks"
    with pytest.raises(ModelNotFound):
        names.resolve("whisper-1", KINDS, kind="transcription")


@pytest.mark.parametrize(
    ("wanted", "model", "sort"),
    [
        ("talks:floor", "talks", "price"),
        ("talks:nitro", "talks", "throughput"),
        ("claude-flock-talks:floor", "talks", "price"),
        ("odd:floor", "odd:floor", ""),
        ("odd:floor:nitro", "odd:floor", "throughput"),
        ("org/name:7b:floor", "org/name:7b", "price"),
        ("open/llama:floor", "open/llama", "price"),
        ("open/llama", "open/llama", ""),
    ],
)
def test_an_order_stands_behind_a_name_unless_it_is_part_of_it(wanted: str, model: str, sort: str) -> None:
    models = {**KINDS, "odd:floor": place("odd:floor", "chat"), "org/name:7b": place("org/name:7b", "chat")}

    def vendors(name: str) -> tuple[Placement, ...]:
        return place(name, "chat", "open") if name.startswith("open/") else ()

    named = Names().resolve(wanted, models, vendors)
    assert (named.model, named.sort) == (model, sort)


def test_a_local_id_hides_a_vendors_model_of_the_same_name() -> None:
    def vendors(name: str) -> tuple[Placement, ...]:
        return place(name, "chat", "open")

    models = {"open/llama": place("open/llama", "chat")}
    assert Names().resolve("open/llama", models, vendors).placements[0].vendor == ""
    assert Names().resolve("open/llama:floor", models, vendors).placements[0].vendor == ""
    assert Names().resolve("open/other", models, vendors).placements[0].vendor == "open"
    assert Names("", [("open/*", "open/llama")]).resolve("open/other", models, vendors).alias == ""


def test_what_stands_behind_a_vendors_prefix_is_the_vendors_to_read() -> None:
    def vendors(model: str) -> tuple[Placement, ...]:
        head, slash, rest = model.partition("/")
        return (Placement(model, "vendor:r", "r", False, "ready", None, served=rest, vendor=head),) if slash else ()

    named = Names().resolve("router/x:floor", {}, vendors)
    assert (named.model, named.sort, named.placements[0].served) == ("router/x:floor", "", "x:floor")


# -- auto


AUTO = {
    "embeds": place("embeds", "embedding"),
    "talks": (Placement("talks", "e:talks", "e:talks", True, "stopped", None, kind="chat", size_bytes=1),),
    "held": (Placement("held", "e:held", "e:held", True, "ready", None, kind="chat", size_bytes=9),),
}


@pytest.mark.parametrize(
    ("wanted", "model", "alias", "effort", "sort"),
    [
        ("auto", "held", "", "", ""),
        ("auto-high", "held", "*-high", "high", ""),
        ("auto:floor", "held", "*:floor", "", "price"),
        ("claude-flock-auto", "held", "claude-flock-*", "", ""),
        ("claude-flock-auto-low", "held", "claude-flock-*", "low", ""),
        ("gpt-5", "held", "gpt-*", "", ""),
    ],
)
def test_auto_is_a_name_as_others_are(wanted: str, model: str, alias: str, effort: str, sort: str) -> None:
    named = Names("talks", [("gpt-*", "auto")]).resolve(wanted, AUTO)
    assert (named.model, named.alias, named.effort, named.sort) == (model, alias, effort, sort)
    assert named.why == "held, loaded"


def test_auto_of_every_kind() -> None:
    assert Names().resolve("auto", AUTO, kind="embedding").model == "embeds"
    with pytest.raises(ModelNotFound, match='no model for speech is installed that "auto" could mean'):
        Names().resolve("auto", AUTO, kind="speech")
    with pytest.raises(ModelNotFound, match="no model is installed"):
        Names().resolve("auto", {})


def test_a_model_called_auto_is_meant_by_it() -> None:
    models = {**AUTO, "auto": place("auto", "chat")}
    assert Names().resolve("auto", models).model == "auto"
    assert Names().resolve("auto-high", models).model == "auto"
    assert Names("auto").default(models) == "auto"


def test_an_alias_called_auto_is_meant_by_it_and_a_pattern_is_not() -> None:
    named = Names("held", [("*", "default"), ("auto", "talks")]).resolve("auto-low", AUTO)
    assert (named.model, named.effort, named.why) == ("talks", "low", "")
    assert Names("talks", [("*", "default")]).resolve("auto", AUTO).model == "held"
    assert Names("talks", [("auto", "auto")]).resolve("auto", AUTO).model == "held"
    assert Names("talks", [("auto", "default")]).resolve("auto", AUTO).alias == "auto"


def test_auto_as_the_default_is_looked_at_for_each_request() -> None:
    names = Names("auto", [("claude-*", "default")])
    assert names.resolve("", AUTO).why == names.resolve("claude-opus-5", AUTO).why == "held, loaded"
    assert names.default(AUTO) == "talks"
    assert names.resolve("", AUTO, kind="embedding").model == "embeds"


def test_auto_never_costs_money() -> None:
    def vendors(name: str) -> tuple[Placement, ...]:
        return place(name, "chat", "open")

    with pytest.raises(ModelNotFound):
        Names().resolve("auto", {}, vendors)
    with pytest.raises(ModelNotFound):
        Names("open/llama").resolve("auto:floor", {}, vendors)
    # an alias that the team wrote itself is another thing
    assert Names("", [("auto", "open/llama")]).resolve("auto", {}, vendors).placements[0].vendor == "open"


def test_what_a_request_uses_is_looked_at_for_auto_alone() -> None:
    def looked() -> Uses:
        raise AssertionError

    for name in ("talks", "", "held-high"):
        Names("talks").resolve(name, AUTO, uses=looked)
    with pytest.raises(AssertionError):
        Names("talks").resolve("auto", AUTO, uses=looked)


def test_the_default_is_the_same_whatever_is_in_memory() -> None:
    for state in ("ready", "stopped", "failed"):
        models = {**AUTO, "held": (Placement("held", "h", "h", True, state, None, kind="chat"),)}
        assert Names().default(models) == "talks"
