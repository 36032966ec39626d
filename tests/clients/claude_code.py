"""Claude Code, headless: Anthropic Messages, configured by variables alone."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, Place, Target


class ClaudeCode:
    """`claude -p`."""

    name = "claude-code"
    installed_as = "claude-code"
    path = "/v1/messages"
    model = ""
    tool = "Write"
    always_streams = "Claude Code always streams"
    always_succeeds = False

    def command(self) -> Path:
        return COMMANDS / "claude"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        models = ("ANTHROPIC_MODEL", *(f"ANTHROPIC_DEFAULT_{size}_MODEL" for size in ("HAIKU", "SONNET", "OPUS")))
        return {
            "ANTHROPIC_BASE_URL": target.url,
            "ANTHROPIC_AUTH_TOKEN": target.key,
            **dict.fromkeys(models, target.model),
            "CLAUDE_CONFIG_DIR": str(place.home / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_BUG_COMMAND": "1",
        }

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"file_path": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        allowed = ["--permission-mode", "acceptEdits", "--allowedTools", "Write", "Bash", "Read"]
        return [str(self.command()), "-p", prompt, *allowed]
