"""Gemini CLI, headless: Gemini, configured by variables and its settings file."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, GEMINI, Place, Target


class GeminiCli:
    """`gemini -p`. Looks for no other host with these settings."""

    name = "gemini-cli"
    installed_as = "gemini-cli"
    path = GEMINI
    model = ""
    tool = "write_file"
    always_streams = "Gemini CLI always streams"
    always_succeeds = False

    def command(self) -> Path:
        return COMMANDS / "gemini"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        file = place.home / ".gemini" / "settings.json"
        file.parent.mkdir()
        file.write_text(json.dumps(settings, indent=1))
        return {"GEMINI_API_KEY": target.key, "GOOGLE_GEMINI_BASE_URL": target.url}

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"file_path": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "--skip-trust", "--yolo", "-m", target.model, "-p", prompt]
