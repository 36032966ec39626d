"""The three models that suit a machine: golden lists for the sizes people have, and who is never picked."""

from dataclasses import replace

import pytest

from flock.models.entry import Entry
from flock.models.picks import CODE, FAST, GENERAL, picks, strength
from tests.unit.models.machines import engines, entries, machine

OURS = entries()

# machine → for everything, for code, small and fast
GOLDEN = {
    (8, ""): ["lfm2.5-8b-a1b", "qwen-coder-7b", "gemma4-e2b"],
    (16, ""): ["gpt-oss-20b", "mellum2-12b", "lfm2.5-8b-a1b"],
    # without a card, 27 billion parameters at work on every token would be 2 tokens a second
    (24, ""): ["gemma4-26b", "qwen3-coder-30b", "gpt-oss-20b"],
    (64, ""): ["qwen3.6-35b", "qwen3-coder-30b", "gpt-oss-20b"],
    (512, ""): ["gpt-oss-120b", "qwen3.6-35b", "gemma4-26b"],
    # a Mac gives two thirds of its memory to models (three quarters beyond 36 GB), less the headroom
    (8, "apple"): ["llama-3.2-3b", "llama-3.2-1b"],
    (16, "apple"): ["gemma4-12b", "mellum2-12b", "lfm2.5-8b-a1b"],
    (24, "apple"): ["gpt-oss-20b", "mellum2-12b", "lfm2.5-8b-a1b"],
    (64, "apple"): ["qwen3.6-27b", "qwen3.6-35b", "gpt-oss-20b"],
    (512, "apple"): ["gpt-oss-120b", "qwen3.6-27b", "qwen3.6-35b"],
    # the card's memory counts, not the machine's
    (64, "nvidia:8"): ["lfm2.5-8b-a1b", "qwen-coder-7b", "gemma4-e2b"],
    (64, "nvidia:24"): ["qwen3.6-27b", "qwen3-coder-30b", "gpt-oss-20b"],
    (4, ""): ["llama-3.2-1b"],
    (1, ""): [],
}


def picked(gigabytes: int, gpu: str = "", *ready: str) -> list[str]:
    seen, budget = machine(gigabytes, gpu)
    return [pick.entry.id for pick in picks(OURS.values(), seen, budget, engines(*(ready or ("embedded",))))]


@pytest.mark.parametrize(("gigabytes", "gpu"), GOLDEN)
def test_the_picks_for_the_machines_people_have(gigabytes: int, gpu: str) -> None:
    assert picked(gigabytes, gpu) == GOLDEN[gigabytes, gpu]


@pytest.mark.parametrize("gpu", ["", "apple", "nvidia", "amd"])
@pytest.mark.parametrize("gigabytes", [2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 4096])
@pytest.mark.parametrize("ready", [(), ("embedded",), ("ollama",), ("mlx", "vllm", "llamacpp")])
def test_who_is_never_picked(gigabytes: int, gpu: str, ready: tuple[str, ...]) -> None:
    seen, budget = machine(gigabytes, gpu)
    found = picks(OURS.values(), seen, budget, engines(*ready))
    assert len({pick.entry.id for pick in found}) == len(found) <= 3
    for pick in found:
        assert pick.choice.fits
        assert pick.choice.engine
        assert pick.entry.kind == "chat"
        assert "tools" in pick.entry.capabilities
        assert pick.entry.shards == 1
    if gigabytes >= 12:
        assert [pick.purpose for pick in found] == [GENERAL, CODE, FAST]


def test_the_third_is_small_beside_the_first() -> None:
    for gigabytes in (16, 24, 64, 512):
        seen, budget = machine(gigabytes)
        first, _, third = picks(OURS.values(), seen, budget, engines("embedded"))
        assert first.choice.way is not None
        assert third.choice.way is not None
        assert (third.choice.way.size_bytes or 0) < 0.75 * (first.choice.way.size_bytes or 0)


def test_no_engine_and_no_entry_are_no_picks() -> None:
    seen, budget = machine(64)
    assert picks(OURS.values(), seen, budget, []) == []
    assert picks([], seen, budget, engines("embedded")) == []


def test_the_settings_prefer_an_engine() -> None:
    seen, budget = machine(24)
    found = picks(OURS.values(), seen, budget, engines("embedded", "ollama"), "ollama")
    assert {pick.choice.engine for pick in found} == {"ollama"}


def test_where_a_purpose_has_nobody_left_the_next_strongest_takes_its_place() -> None:
    plain = [replace(OURS["qwen3-8b"], id=f"m{n}", params_billions=float(n)) for n in (7, 8, 9)]
    seen, budget = machine(24)
    found = picks(plain, seen, budget, engines("embedded"))
    assert [(pick.entry.id, pick.purpose) for pick in found] == [("m9", GENERAL), ("m8", GENERAL), ("m7", GENERAL)]


@pytest.mark.parametrize(
    ("better", "change"),
    [
        ("more parameters", {"params_billions": 16.0}),
        ("younger", {"released": "2026-04-28"}),
        ("of our picks", {"top": True}),
        ("the year alone is its middle", {"released": "2026"}),
    ],
)
def test_strength(better: str, change: dict[str, object]) -> None:
    base: Entry = OURS["qwen3-8b"]
    assert strength(replace(base, **change)) > strength(base), better  # type: ignore[arg-type]


def test_a_condition_in_the_licence_is_a_weakness() -> None:
    base = OURS["qwen3-8b"]
    assert strength(replace(base, commercial="below 700 million users")) == strength(base) - 0.5
