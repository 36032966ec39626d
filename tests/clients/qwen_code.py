"""qwen-code, headless: each of four dialects, configured by variables and its settings file."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, GEMINI, Place, Target


class QwenCode:
    """`qwen -p`."""

    name = "qwen-code"
    installed_as = "qwen-code"
    path = "/v1/chat/completions"
    model = ""
    tool = "write_file"
    always_streams = "qwen-code always streams"
    always_succeeds = False
    auth_type = "openai"

    def command(self) -> Path:
        return COMMANDS / "qwen"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        settings = {
            "security": {"auth": {"selectedType": self.auth_type}},
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
            "ANTHROPIC_API_KEY": target.key,
            "ANTHROPIC_BASE_URL": target.url,
            "ANTHROPIC_MODEL": target.model,
            "GEMINI_API_KEY": target.key,
            "GOOGLE_GEMINI_BASE_URL": target.url,
            "GEMINI_MODEL": target.model,
        }

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"file_path": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "--auth-type", self.auth_type, "--yolo", "-p", prompt]


class QwenCodeAnthropic(QwenCode):
    """The same over Anthropic Messages."""

    name = "qwen-code-messages"
    path = "/v1/messages"
    auth_type = "anthropic"


class QwenCodeResponses(QwenCode):
    """The same over OpenAI Responses."""

    name = "qwen-code-responses"
    path = "/v1/responses"
    auth_type = "openai-responses"


class QwenCodeGemini(QwenCode):
    """The same over Gemini."""

    name = "qwen-code-gemini"
    path = GEMINI
    auth_type = "gemini"
