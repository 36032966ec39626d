"""Codex, headless: OpenAI Responses, configured by a file in $CODEX_HOME."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, Place, Target

CONFIG = """\
model = "{model}"
model_provider = "flock"
model_context_window = {window}
check_for_update_on_startup = false

[model_providers.flock]
name = "flock"
base_url = "{url}/v1"
env_key = "FLOCK_TOKEN"
wire_api = "responses"

[analytics]
enabled = false
"""


class Codex:
    """`codex exec` with a model it does not know: every tool is a function."""

    name = "codex"
    installed_as = "codex"
    path = "/v1/responses"
    model = ""
    tool = "exec_command"
    always_streams = "Codex always streams"
    always_succeeds = False

    def command(self) -> Path:
        return COMMANDS / "codex"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        home = place.home / ".codex"
        home.mkdir()
        (home / "config.toml").write_text(CONFIG.format(model=target.model, window=target.window, url=target.url))
        return {"CODEX_HOME": str(home), "FLOCK_TOKEN": target.key}

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"cmd": f"printf %s {content} > {path}"})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        # plugins and apps would look for other hosts
        quiet = ["--disable", "plugins", "--disable", "apps"]
        free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        return [str(self.command()), "exec", *quiet, *free, prompt]


class CodexGpt(Codex):
    """`codex exec` with a model of its own catalogue: files are patched by a custom tool with a grammar."""

    name = "codex-gpt"
    model = "gpt-5.5"
    tool = "apply_patch"
