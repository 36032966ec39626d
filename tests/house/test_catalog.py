"""The catalog is valid, and says of every kind of engine what the code asks."""

from flock.catalog import load_families, load_profiles
from tests.house.tree import ROOT

KINDS = {"llamacpp", "embedded", "vllm", "ollama", "mlx", "openai", "whisper", "whisper-openai", "piper"}


def test_the_catalog_has_every_kind_and_no_problem() -> None:
    profiles, problems = load_profiles([ROOT / "catalog"])
    assert problems == []
    assert set(profiles) >= KINDS
    for kind, profile in profiles.items():
        assert profile.kind == kind
        assert profile.title
        assert profile.dialects or profile.tasks


def test_engines_of_others_have_a_command_that_starts_them() -> None:
    profiles, _ = load_profiles([ROOT / "catalog"])
    assert {kind for kind in ("ollama", "vllm", "mlx", "whisper", "piper") if not profiles[kind].start_hint} == set()


def test_the_families_have_no_problem_and_name_their_sources() -> None:
    families, problems = load_families([ROOT / "catalog"])
    assert problems == []
    assert len({family.name for family in families}) == len(families)
    before = ""
    for line in (ROOT / "catalog" / "families.yaml").read_text("utf-8").splitlines():
        if line and line[0] not in "# ":
            assert before.startswith("#"), f"{line} has no comment that names where it comes from"
        before = line
