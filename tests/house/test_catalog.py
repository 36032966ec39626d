"""The catalog is valid, and says of every kind of engine what the code asks."""

from flock.catalog import load_profiles
from tests.house.tree import ROOT

KINDS = {"llamacpp", "embedded", "vllm", "ollama", "mlx", "openai"}


def test_the_catalog_has_every_kind_and_no_problem() -> None:
    profiles, problems = load_profiles([ROOT / "catalog"])
    assert problems == []
    assert set(profiles) >= KINDS
    for kind, profile in profiles.items():
        assert profile.kind == kind
        assert profile.title
        assert profile.dialects


def test_engines_of_others_have_a_command_that_starts_them() -> None:
    profiles, _ = load_profiles([ROOT / "catalog"])
    assert {kind for kind in ("ollama", "vllm", "mlx") if not profiles[kind].start_hint} == set()
