"""The catalog: flock's own rows, the user's over them, wrong files named and left out."""

import os
from pathlib import Path

import pytest

from flock.catalog import load_profiles
from flock.config import load
from flock.paths import Home

OWN = Path(__file__).parents[2] / "catalog"


def laid_out(tmp_path: Path, name: str, text: str) -> Path:
    (tmp_path / name).mkdir()
    (tmp_path / name / "engines.yaml").write_text(text)
    return tmp_path / name


def test_our_own_rows_are_right() -> None:
    profiles, problems = load_profiles([OWN])
    assert problems == []
    assert set(profiles) == {"llamacpp", "embedded", "vllm", "ollama", "mlx", "openai"}
    for kind, profile in profiles.items():
        assert profile.kind == kind
        assert profile.title
        assert "openai" in profile.dialects
        assert profile.start_hint or kind == "openai"
    assert profiles["ollama"].start_hint == "ollama serve"
    assert not profiles["mlx"].cancels
    assert profiles["embedded"].request_faults == profiles["llamacpp"].request_faults != ()


def test_the_first_directory_wins_field_by_field(tmp_path: Path) -> None:
    strong = laid_out(tmp_path, "strong", "ollama:\n  title: Mine\n")
    weak = laid_out(tmp_path, "weak", "ollama:\n  title: Hidden\n  cancels: false\nnew:\n  title: N\n  dialects: [a]\n")
    profiles, problems = load_profiles([strong, weak, tmp_path / "none", OWN])
    assert problems == []
    assert (profiles["ollama"].title, profiles["ollama"].cancels) == ("Mine", False)
    assert profiles["ollama"].start_hint == "ollama serve"
    assert (profiles["new"].dialects, profiles["new"].stream_usage) == (frozenset({"a"}), True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ollama: [\n", "engines.yaml:2:1 is not YAML"),
        ("- a\n", "engines.yaml must map kinds of engines"),
        ("ollama: 1\n", "engines.yaml: ollama must be a mapping"),
        ("ollama:\n  titel: a\n", "engines.yaml: ollama.titel is no field; the fields are title, dialects"),
        ("ollama:\n  kind: a\n", "ollama.kind is no field"),
        ("ollama:\n  cancels: yes\n", "ollama.cancels must be true or false, not 'yes'"),
        ("ollama:\n  title: 5\n", "ollama.title must be text, not 5"),
        ("ollama:\n  dialects: openai\n", "ollama.dialects must be a list of names"),
        ("ollama:\n  dialects: []\n", "ollama.dialects must be a list of names"),
        ("ollama:\n  request_faults: x\n", "ollama.request_faults must be a list of sentences' beginnings"),
        ("ollama:\n  request_faults: ['']\n", "ollama.request_faults must be a list"),
        ("half:\n  title: a\n", "the engine 'half' of the catalog lacks dialects"),
    ],
)
def test_a_wrong_file_is_named_and_the_rest_counts(tmp_path: Path, text: str, sentence: str) -> None:
    wrong = laid_out(tmp_path, "wrong", text)
    profiles, problems = load_profiles([wrong, OWN])
    assert len(problems) == 1
    assert sentence in problems[0]
    assert "left out" in problems[0]
    assert profiles == load_profiles([OWN])[0]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "engines.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b" / "engines.yaml").mkdir(parents=True)
    (tmp_path / "c").touch()
    empty = laid_out(tmp_path, "d", "# nothing yet\n")
    profiles, problems = load_profiles([tmp_path / "a", tmp_path / "b", tmp_path / "c", empty, OWN])
    assert sorted(p.split(" ", 1)[1] for p in problems) == [
        "cannot be read: Is a directory; the file is left out",
        "is not UTF-8 text; the file is left out",
    ]
    assert len(profiles) == 6


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    home = Home(tmp_path / "config", tmp_path / "data", tmp_path / "logs", tmp_path / "run")
    assert load(home, {}).catalog_dirs(home) == [tmp_path / "config" / "catalog", OWN]
    configured = load(home, {"FLOCK_CATALOG_DIR": str(tmp_path / "mine")})
    assert configured.catalog_dirs(home) == [tmp_path / "mine", tmp_path / "config" / "catalog", OWN]


def test_never_the_current_directory(tmp_path: Path) -> None:
    laid_out(tmp_path, "catalog", "ollama:\n  title: Planted\n")
    home = Home(tmp_path / "config", tmp_path / "data", tmp_path / "logs", tmp_path / "run")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        profiles, _ = load_profiles(load(home, {}).catalog_dirs(home))
    finally:
        os.chdir(before)
    assert profiles["ollama"].title == "Ollama"
