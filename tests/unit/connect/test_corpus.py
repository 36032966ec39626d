"""Files as tools and people leave them, connected and disconnected: the result beside each one, and every byte back.

`files/<name>` is what stood there, `files/<name>.after` what stands there when a tool is connected.
"""

from pathlib import Path

import pytest

from flock.connect.edit import Change, Match, apply, plan_undo, plan_write
from flock.connect.formats import Format
from flock.connect.manifest import Manifest

FILES = Path(__file__).parent / "files"
KEY = "sk-orc-0000000000000000abcd"
BASE = "http://localhost:8080"

CORPUS: dict[str, tuple[Format, list[Change]]] = {
    "claude-settings.json": (
        "json",
        [
            Change(("env", "ANTHROPIC_BASE_URL"), BASE),
            Change(("env", "ANTHROPIC_AUTH_TOKEN"), KEY),
            Change(("env", "ANTHROPIC_MODEL"), "qwen3-8b"),
            Change(("permissions", "deny", Match("", "WebSearch")), "WebSearch"),
        ],
    ),
    "opencode.jsonc": (
        "jsonc",
        [
            Change(
                ("provider", "flock"),
                {
                    "npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": f"{BASE}/v1", "apiKey": KEY},
                    "models": {"qwen3-8b": {"limit": {"context": 131072, "output": 16384}}},
                },
            ),
            Change(("mcp", "flock", "enabled"), False),
            Change(("model",), "flock/qwen3-8b"),
        ],
    ),
    "zed-settings.json": (
        "jsonc",
        [
            Change(
                ("language_models", "openai_compatible", "flock"),
                {"api_url": f"{BASE}/v1", "available_models": [{"name": "qwen3-8b", "max_tokens": 131072}]},
            ),
            Change(("agent", "default_model"), {"provider": "flock", "model": "qwen3-8b"}),
        ],
    ),
    "codex-config.toml": (
        "toml",
        [
            Change(("model",), "qwen3-8b"),
            Change(("model_provider",), "flock"),
            Change(
                ("model_providers", "flock"),
                {"name": "flock", "base_url": f"{BASE}/v1", "env_key": "FLOCK_TOKEN", "wire_api": "responses"},
            ),
            Change(("features", "plugins"), False),
            Change(("analytics", "enabled"), False),
            Change(("mcp_servers", "docs", "env", "MORE"), "x"),
        ],
    ),
    "vibe-config.toml": (
        "toml",
        [
            Change(("active_model",), "flock"),
            Change(("providers", Match("name", "flock")), {"api_base": f"{BASE}/v1", "backend": "generic"}),
            Change(("models", Match("name", "qwen3-8b")), {"provider": "flock", "alias": "flock"}),
            Change(("models", Match("name", "mistral-vibe-cli-latest"), "temperature"), 0.7),
        ],
    ),
    "aider.conf.yml": (
        "yaml",
        [
            Change(("model",), "openai/qwen3-8b"),
            Change(("openai-api-base",), f"{BASE}/v1"),
            Change(("openai-api-key",), KEY),
            Change(("read", Match("", "FLOCK.md")), "FLOCK.md"),
        ],
    ),
    "continue-config.yaml": (
        "yaml",
        [
            Change(
                ("models", Match("name", "flock qwen3-8b")),
                {
                    "name": "flock qwen3-8b",
                    "provider": "openai",
                    "model": "qwen3-8b",
                    "apiBase": f"{BASE}/v1",
                    "apiKey": KEY,
                    "roles": ["chat", "edit", "apply"],
                },
            ),
            Change(("models", Match("name", "GPT-4o"), "apiBase"), f"{BASE}/v1"),
        ],
    ),
    "goose-config.yaml": (
        "yaml",
        [
            Change(("GOOSE_PROVIDER",), "flock"),
            Change(("GOOSE_MODEL",), "qwen3-8b"),
            Change(("extensions", "memory", "enabled"), True),
            Change(("extensions", "memory", "name"), "m: n"),
        ],
    ),
    "hermes.env": ("dotenv", [Change(("OPENAI_BASE_URL",), f"{BASE}/v1"), Change(("FLOCK_TOKEN",), KEY)]),
    "openclaw.json5": (
        "json5",
        [
            Change(("agents", "defaults", "model", "primary"), "flock/qwen3-8b"),
            Change(("models", "mode"), "merge"),
            Change(
                ("models", "providers", "flock"),
                {"baseUrl": f"{BASE}/v1", "apiKey": KEY, "models": [{"id": "qwen3-8b", "input": ["text", "image"]}]},
            ),
        ],
    ),
    "chatLanguageModels.json": (
        "json",
        [Change((Match("name", "flock"),), {"vendor": "customoai", "models": [{"id": "qwen3-8b", "url": BASE}]})],
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_real_file_is_changed_as_its_owner_would_and_restored_to_the_byte(name: str, tmp_path: Path) -> None:
    format, changes = CORPUS[name]
    path, backups = tmp_path / name, tmp_path / "backups"
    before = (FILES / name).read_bytes()
    path.write_bytes(before)
    planned = plan_write(path, format, changes, secret=KEY)
    assert planned.problem == ""
    assert planned.text_after.encode() == (FILES / f"{name}.after").read_bytes()
    assert KEY not in planned.diff
    copy = apply(planned, backups)
    assert copy is not None
    assert copy.read_bytes() == before
    assert plan_write(path, format, changes, ours=planned.traces).unchanged
    undone = plan_undo(path, format, planned.traces)
    assert (undone.problem, undone.kept) == ("", ())
    apply(undone, backups)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
def test_a_new_file_is_made_and_goes_again(name: str, before: bytes, tmp_path: Path) -> None:
    format, changes = CORPUS[name]
    changes = [c for c in changes if c.pointer != ("models", Match("name", "mistral-vibe-cli-latest"), "temperature")]
    path = tmp_path / "made" / "for it" / name
    if before:
        path.parent.mkdir(parents=True)
        path.write_bytes(before)
    manifest = Manifest(tmp_path / "connect.json", tmp_path / "backups")
    planned = plan_write(path, format, changes)
    assert planned.problem == ""
    manifest.write("tool", planned)
    assert path.read_bytes().startswith(before)
    if not before:
        assert (path.stat().st_mode & 0o777, planned.text_after[-1:]) == (0o600, "\n")
    (undone,) = manifest.undo("tool")
    assert (undone.problem, undone.kept) == ("", ())
    manifest.take_back("tool", undone)
    assert path.read_bytes() == before if before else not (tmp_path / "made").exists()
    assert manifest.clients() == ()
