"""The catalog is valid, and says of every kind of engine and of every model what the code asks."""

import json
import re
from typing import Any

import pytest

from flock.catalog import load_families, load_profiles
from flock.connect.roster import Roster
from flock.connect.sheet import FIELDS as CLIENT_FIELDS
from flock.models.candidate import bits
from flock.models.entry import Entry
from flock.models.sheet import FIELDS
from flock.models.shelf import Shelf
from flock.yamltext import load
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


# -- models

# the list this catalog began with; others may join it, none may leave
_LINES = (
    "nomic-embed-text llama-3.2-1b llama-3.2-3b qwen-coder-7b deepseek-r1-8b lfm2.5-8b-a1b qwen3-8b mellum2-12b",
    "mistral-nemo-12b gemma4-12b qwen3-14b qwen-coder-14b phi-4-14b gpt-oss-20b qwen3.6-27b gemma4-26b qwen3-30b",
    "qwen3-coder-30b qwen-coder-32b llama-3.3-70b-sharded gpt-oss-120b llama-4-scout step-3.7-flash-sharded",
    "deepseek-v4-flash-sharded nemotron-3-ultra-sharded glm-5.1-sharded kimi-k2.6-sharded gemma4-31b gemma4-e2b",
    "gemma4-e4b qwen3-vl-8b qwen3-vl-32b pixtral-12b moondream3 mimo-vl-7b mimo-audio mimo-7b",
    "qwen3.6-35b bge-reranker-v2-m3 qwen3-reranker-0.6b whisper-large-v3-turbo piper-en-us-lessac-medium",
)
IDS = frozenset(name for line in _LINES for name in line.split())
MODELS = dict(Shelf([ROOT / "catalog"]).read().entries)
FILES = sorted((ROOT / "catalog" / "models").iterdir())
# licences that ask for nothing but their own text
FREE = frozenset({"Apache-2.0", "MIT", "OpenMDW-1.1"})


def test_every_file_of_models_is_an_entry_without_a_problem() -> None:
    assert Shelf([ROOT / "catalog"]).read().problems == ()
    assert [file.name for file in FILES] == [f"{name}.yaml" for name in sorted(MODELS)]
    assert set(MODELS) >= IDS


def test_the_entries_say_where_they_come_from() -> None:
    assert [file.name for file in FILES if not file.read_text("utf-8").startswith("# As of ")] == []
    for entry in MODELS.values():
        assert all(len(word) > 5 for word in entry.unsure.values()), entry.id


@pytest.mark.parametrize("entry", MODELS.values(), ids=list(MODELS))
def test_what_every_entry_of_ours_has(entry: Entry) -> None:
    assert entry.name
    assert entry.family
    assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", entry.released)
    assert entry.license
    assert entry.license_url
    assert entry.commercial
    assert entry.params_billions
    assert entry.min_memory_gb
    assert entry.kind
    assert entry.context or entry.kind in ("transcription", "speech")
    assert (entry.commercial == "yes") == (entry.license in FREE)
    assert entry.id.endswith("-sharded") == (entry.shards > 1)
    assert all(way.quant == "" or bits(way.quant) or way.size_bytes is None for way in entry.ways)
    # what cannot be added on one machine and of which nobody knows the size would be a row without a number
    assert any(way.size_bytes for way in entry.ways)
    # the model itself is fetched, so a file that is no model is a slip
    for way in entry.ways:
        assert all(file.endswith((".gguf", ".bin", ".onnx", ".onnx.json")) for file in way.files)


@pytest.mark.parametrize("entry", MODELS.values(), ids=list(MODELS))
def test_an_entry_falls_back_on_others_of_the_same_kind(entry: Entry) -> None:
    for name in (*entry.fallback, *entry.fallback_on_context_length, *entry.fallback_on_content_policy):
        assert name != entry.id
        assert MODELS[name].kind == entry.kind
    for name in entry.fallback_on_context_length:
        assert (MODELS[name].context or 0) > (entry.context or 0)


def test_weights_and_floors_agree() -> None:
    for entry in MODELS.values():
        smallest = min(way.size_bytes for way in entry.ways if way.size_bytes)
        assert smallest <= entry.min_memory_gb * 10**9, entry.id


def test_no_tag_of_ollama_s_cloud_is_listed() -> None:
    assert [way.tag for entry in MODELS.values() for way in entry.ways if "cloud" in way.tag] == []
    assert [file.name for file in FILES if ":cloud" in file.read_text("utf-8")] == []


def valid(schema: dict[str, Any], value: Any) -> bool:
    """Say whether a value is what a schema of ours allows; it knows the keywords that flock/fields.py writes."""
    if "enum" in schema:
        return value in schema["enum"]
    if "type" not in schema:
        return True
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    python = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
    if not any(isinstance(value, python[kind]) and (kind == "boolean") == isinstance(value, bool) for kind in kinds):
        return False
    if isinstance(value, str):
        return len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(valid(schema["items"], item) for item in value)
    if isinstance(value, dict):
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        inside = {key: next((p for k, p in patterns.items() if re.search(k, key)), known.get(key)) for key in value}
        return (
            all(inside.values())
            and all(valid(inside[key], item) for key, item in value.items())
            and (set(schema.get("required", ())) <= set(value))
        )
    return bool(value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", value - 1))


def test_every_file_is_valid_by_the_schema_that_is_published() -> None:
    schema = json.loads((ROOT / "catalog" / "schema.json").read_text("utf-8"))
    assert set(schema["properties"]) == set(FIELDS)
    invalid = [file.name for file in FILES if not valid(schema, load(file.read_text("utf-8"), file.name))]
    assert invalid == []
    row = load((ROOT / "catalog/models/qwen3-8b.yaml").read_text("utf-8"), "")
    wrong = ({"context": "many"}, {"sizee": 1}, {"license_url": "x"}, {"capabilities": ["fly"]}, {"params_b": 0})
    assert [change for change in wrong if valid(schema, row | change)] == []


# -- tools

TOOLS = Roster([ROOT / "catalog"]).all()
TOOL_FILES = sorted((ROOT / "catalog" / "clients").iterdir())
# the list that `flock connect` began with; others may join it, none may leave
_TOOL_LINES = (
    "claude-code cursor aider continue zed cline qwen-code hermes openclaw opencode open-webui open-notebook goose",
    "plandex openhands codex-cli openai-sdk anthropic-sdk curl copilot-vscode copilot-cli cowork deepseek-tui droid",
    "jcode kilo antigravity gemini-cli roo-code crush amp windsurf jetbrains-ai xcode pi kimi-cli",
)
TOOL_IDS = frozenset(name for line in _TOOL_LINES for name in line.split())


def test_every_file_of_clients_is_a_tool_without_a_problem() -> None:
    assert TOOLS.problems == ()
    assert [file.name for file in TOOL_FILES] == [f"{tool.id}.yaml" for tool in TOOLS.tools]
    assert {tool.id for tool in TOOLS.tools} >= TOOL_IDS


def test_tools_say_where_they_come_from_and_how_they_are_taken_back() -> None:
    assert [file.name for file in TOOL_FILES if not file.read_text("utf-8").startswith("# As of ")] == []
    assert [tool.id for tool in TOOLS.tools if not tool.evidence] == []
    assert [tool.id for tool in TOOLS.tools if tool.support != "none" and not tool.undo] == []
    assert [tool.id for tool in TOOLS.tools if tool.support == "none" and not tool.notes] == []


def test_nothing_is_written_for_a_tool_that_nobody_has_confirmed() -> None:
    assert [tool.id for tool in TOOLS.tools if tool.verified == "unsure" and (tool.files or tool.run)] == []


def test_no_key_stands_in_an_argument() -> None:
    for tool in TOOLS.tools:
        assert not any("{token}" in word for word in (tool.run.args if tool.run else ())), tool.id
        for line in tool.commands:
            before, found, _ = line.partition("{token}")
            # printf and export are parts of the shell: their arguments are no process's
            assert not found or re.fullmatch(r"(printf '[^']*'|export [A-Z_]+=) ?", before), tool.id


def test_every_file_of_clients_is_valid_by_the_schema_that_is_published() -> None:
    schema = json.loads((ROOT / "catalog" / "clients.schema.json").read_text("utf-8"))
    assert set(schema["properties"]) == set(CLIENT_FIELDS)
    rows = {file.name: load(file.read_text("utf-8"), file.name) for file in TOOL_FILES}
    assert [name for name, row in rows.items() if not valid(schema, row)] == []
    row = rows["claude-code.yaml"]
    file = row["files"][0]
    wrong = ({"support": "maybe"}, {"programs": "claude"}, {"envirnment": {}}, {"environment": {"a-b": "x"}})
    wrong += ({"files": [file | {"format": "ini"}]}, {"files": [file | {"changes": [{"at": [], "value": 1}]}]})
    assert [change for change in wrong if valid(schema, row | change)] == []
