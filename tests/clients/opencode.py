"""opencode, headless: each of four dialects by the package of its provider, configured by a file in its home."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, GEMINI, Place, Target


class Opencode:
    """`opencode run`."""

    name = "opencode"
    installed_as = "opencode"
    path = "/v1/chat/completions"
    model = ""
    tool = "write"
    always_streams = "opencode always streams"
    always_succeeds = False
    package = "@ai-sdk/openai-compatible"
    base = "/v1"

    def command(self) -> Path:
        return COMMANDS / "opencode"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        model = {"name": target.model, "limit": {"context": target.window, "output": 4096}}
        provider = {
            "npm": self.package,
            "name": "flock",
            "options": {"baseURL": f"{target.url}{self.base}", "apiKey": "{env:FLOCK_TOKEN}"},
            "models": {target.model: model},
        }
        name = f"flock/{target.model}"
        config = {
            "provider": {"flock": provider},
            "model": name,
            "small_model": name,
            "autoupdate": False,
            "share": "disabled",
            "permission": {"edit": "allow", "bash": "allow"},
        }
        file = place.home / ".config" / "opencode" / "opencode.json"
        # a directory of configuration whose plugin package looks installed: none is fetched
        (file.parent / "node_modules").mkdir(parents=True)
        lock = {"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}
        (file.parent / "package-lock.json").write_text(json.dumps(lock))
        file.write_text(json.dumps(config, indent=1))
        return {
            "FLOCK_TOKEN": target.key,
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        }

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"content": content, "filePath": path})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "run", "-m", f"flock/{target.model}", prompt]


class OpencodeAnthropic(Opencode):
    """The same over Anthropic Messages."""

    name = "opencode-messages"
    path = "/v1/messages"
    package = "@ai-sdk/anthropic"


class OpencodeResponses(Opencode):
    """The same over OpenAI Responses."""

    name = "opencode-responses"
    path = "/v1/responses"
    package = "@ai-sdk/openai"


class OpencodeGemini(Opencode):
    """The same over Gemini."""

    name = "opencode-gemini"
    path = GEMINI
    package = "@ai-sdk/google"
    base = "/v1beta"
