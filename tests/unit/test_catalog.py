"""The catalog: flock's own rows, the user's over them, wrong files and rows named and left out."""

import os
from pathlib import Path

import pytest

from flock.catalog import load_families, load_profiles
from flock.config import load
from flock.paths import Home
from flock.profile import Family, Native

OWN = Path(__file__).parents[2] / "catalog"


def laid_out(tmp_path: Path, name: str, text: str, file: str = "engines.yaml") -> Path:
    (tmp_path / name).mkdir()
    (tmp_path / name / file).write_text(text)
    return tmp_path / name


def test_our_own_rows_are_right() -> None:
    profiles, problems = load_profiles([OWN])
    assert problems == []
    sound = {"whisper", "whisper-openai", "piper"}
    assert set(profiles) == {"llamacpp", "embedded", "vllm", "sglang", "ollama", "mlx", "openai"} | sound
    for kind, profile in profiles.items():
        assert profile.kind == kind
        assert profile.title
        assert bool(profile.dialects) != (kind in sound)
        assert profile.tasks or kind == "mlx"
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
        ("ollama:\n  dialects: ['']\n", "ollama.dialects must be a list of names"),
        ("ollama:\n  request_faults: x\n", "ollama.request_faults must be a list of sentences' beginnings"),
        ("ollama:\n  request_faults: ['']\n", "ollama.request_faults must be a list"),
        ("half:\n  title: a\n", "the engine 'half' of the catalog lacks dialects"),
        ("ollama:\n  lacks: [juggling]\n", "ollama.lacks names 'juggling'; the features are audio, cache_control"),
        ("ollama:\n  lacks: tools\n", "ollama.lacks must be a list of features"),
        ("ollama:\n  counts: abacus\n", "ollama.counts must be one of '', anthropic, llamacpp, vllm, not 'abacus'"),
        ("ollama:\n  native: [anthropic]\n", "ollama.native must map dialects to what is known of them"),
        ("ollama:\n  native: {anthropic: b1}\n", "ollama.native.anthropic must be a mapping of fields"),
        ("ollama:\n  native: {anthropic: {since: 0.11}}\n", "ollama.native.anthropic.since must be text, not 0.11"),
        ("ollama:\n  native: {a: {lacks: [b]}}\n", "ollama.native.a.lacks names 'b'; the features are"),
        ("ollama:\n  native: {a: {from: b1}}\n", "ollama.native.a.from is no field; the fields are since, lacks"),
    ],
)
def test_a_wrong_file_is_named_and_the_rest_counts(tmp_path: Path, text: str, sentence: str) -> None:
    wrong = laid_out(tmp_path, "wrong", text)
    profiles, problems = load_profiles([wrong, OWN])
    assert len(problems) == 1
    assert sentence in problems[0]
    assert "left out" in problems[0]
    assert profiles == load_profiles([OWN])[0]


def test_of_a_file_with_a_wrong_row_the_others_count(tmp_path: Path) -> None:
    mixed = laid_out(tmp_path, "mixed", "vllm: {titel: a}\nollama: {title: Mine}\nmlx: {cancels: 1}\n")
    profiles, problems = load_profiles([mixed, OWN])
    assert [problem.rpartition("; ")[2] for problem in problems] == ["the row is left out"] * 2
    assert (profiles["ollama"].title, profiles["vllm"].title, profiles["mlx"].cancels) == ("Mine", "vLLM", False)


def test_what_an_engine_speaks_in_part(tmp_path: Path) -> None:
    text = """
x:
  title: X
  dialects: [openai]
  native:
    anthropic: {since: b8200, lacks: [documents]}
    responses: {}
  lacks: [audio, images]
  stream_tools: false
  parses_tools: true
  parses_thinking: true
  counts: llamacpp
"""
    profiles, problems = load_profiles([laid_out(tmp_path, "x", text)])
    assert problems == []
    found = profiles["x"]
    assert found.native == {"anthropic": Native("b8200", frozenset({"documents"})), "responses": Native()}
    assert found.lacks == {"audio", "images"}
    assert (found.stream_tools, found.parses_tools, found.parses_thinking, found.counts) == (
        False,
        True,
        True,
        "llamacpp",
    )


FAMILIES = """
small:
  models: ["small-*"]
  think_open: <think>
  think_close: </think>
  tool_formats: [hermes, json]
  late_system: keep
  thinking_off: {enable_thinking: false}
all:
  models: ["*"]
"""


def test_families_keep_the_order_in_which_they_are_asked(tmp_path: Path) -> None:
    weak = laid_out(tmp_path, "weak", FAMILIES, "families.yaml")
    strong = laid_out(tmp_path, "strong", "all: {system_role: user}\nmine: {models: [mine]}\n", "families.yaml")
    families, problems = load_families([strong, weak])
    assert problems == []
    assert [family.name for family in families] == ["mine", "small", "all"]
    assert families[1] == Family(
        "small",
        ("small-*",),
        "<think>",
        "</think>",
        tool_formats=("hermes", "json"),
        late_system="keep",
        thinking_off={"enable_thinking": False},
    )
    assert families[2] == Family("all", ("*",), system_role="user")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x:\n  models: x*\n", "families.yaml: x.models must be a list of globs of model ids"),
        ("x:\n  think_open: <a>\n", "the family 'x' of the catalog lacks models; it is left out"),
        ("x:\n  models: [x]\n  think_open: <a>\n", "the family 'x' of the catalog has one tag around thinking"),
        ("x:\n  models: [x]\n  think_implicit: true\n", "'x' of the catalog has think_implicit without the tags"),
        ("x:\n  models: [x]\n  tool_formats: [morse]\n", "x.tool_formats names 'morse'; the tool formats are deepseek"),
        (
            "x:\n  models: [x]\n  system_role: king\n",
            "x.system_role must be one of developer, system, user, not 'king'",
        ),
        ("x:\n  models: [x]\n  late_system: []\n", "x.late_system must be one of hoist, keep, user, not []"),
        ("x:\n  models: [x]\n  thinking_off: false\n", "x.thinking_off must map template keywords to their values"),
        ("x:\n  models: [x]\n  history_thinking: 1\n", "x.history_thinking must be true or false, not 1"),
        ("x: [\n", "families.yaml:2:1 is not YAML"),
    ],
)
def test_a_wrong_family_is_named_and_the_rest_counts(tmp_path: Path, text: str, sentence: str) -> None:
    wrong = laid_out(tmp_path, "wrong", text, "families.yaml")
    weak = laid_out(tmp_path, "weak", FAMILIES, "families.yaml")
    families, problems = load_families([wrong, weak])
    assert len(problems) == 1
    assert sentence in problems[0]
    assert "left out" in problems[0]
    assert [family.name for family in families] == ["small", "all"]


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
    assert len(profiles) == 10


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
