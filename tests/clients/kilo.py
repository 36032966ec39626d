"""Kilo, headless: chat completions, configured like opencode by a file in its home."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, Place, Target, shut_in


class Kilo:
    """`kilo run`. It looks for api.kilo.ai (its models) and has no switch for that, so only flock can be reached."""

    name = "kilo"
    installed_as = "kilo"
    path = "/v1/chat/completions"
    model = ""
    tool = "write"
    always_streams = "Kilo always streams"
    always_succeeds = False

    def command(self) -> Path:
        return COMMANDS / "kilo"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        model = {"name": target.model, "limit": {"context": target.window, "output": 4096}}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "flock",
            "options": {"baseURL": f"{target.url}/v1", "apiKey": "{env:FLOCK_TOKEN}"},
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
        file = place.home / ".config" / "kilo" / "kilo.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(config, indent=1))
        off = ("MODELS_FETCH", "SESSION_INGEST", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "AUTOUPDATE", "SHARE")
        switches = {f"KILO_DISABLE_{name}": "1" for name in off}
        return {**shut_in(), **switches, "KILO_TELEMETRY_LEVEL": "off", "FLOCK_TOKEN": target.key}

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"content": content, "filePath": path})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "run", "--pure", "--auto", "-m", f"flock/{target.model}", prompt]
