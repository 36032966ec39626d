"""qwen-code, headless: chat completions, configured by variables and its settings file."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, Place, Target


class QwenCode:
    """`qwen -p`."""

    name = "qwen-code"
    dialect = "chat"
    tool = "write_file"
    always_streams = "qwen-code always streams"
    always_succeeds = False

    def command(self) -> Path:
        return COMMANDS / "qwen"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        settings = {
            "security": {"auth": {"selectedType": "openai"}},
            "general": {"enableAutoUpdate": False},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        file = place.home / ".qwen" / "settings.json"
        file.parent.mkdir()
        file.write_text(json.dumps(settings, indent=1))
        return {
            "OPENAI_API_KEY": target.key,
            "OPENAI_BASE_URL": f"{target.url}/v1",
            "OPENAI_MODEL": target.model,
        }

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"file_path": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "--auth-type", "openai", "--yolo", "-p", prompt]
