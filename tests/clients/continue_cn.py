"""Continue's cn, headless: chat completions or Anthropic Messages, configured by a file it is told of.

Its provider for Gemini takes no base URL, so there is nothing to point at a gateway.
"""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, Place, Target, shut_in


class Continue:
    """`cn -p`. It looks for api.continue.dev and has no switch for that, so nothing but flock can be reached."""

    name = "continue"
    installed_as = "continue"
    path = "/v1/chat/completions"
    model = ""
    tool = "Write"
    always_streams = "Continue always streams"
    always_succeeds = False
    provider = "openai"

    def command(self) -> Path:
        return COMMANDS / "cn"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        model = {
            "name": "flock",
            "provider": self.provider,
            "model": target.model,
            "apiBase": f"{target.url}/v1",
            "apiKey": target.key,
            "capabilities": ["tool_use"],
            "roles": ["chat"],
        }
        config = {"name": "flock", "version": "1.0.0", "schema": "v1", "models": [model]}
        self.file(place).write_text(json.dumps(config, indent=1))  # JSON is YAML
        return {**shut_in(), "CONTINUE_TELEMETRY_ENABLED": "0"}

    def file(self, place: Place) -> Path:
        """Return where its configuration stands."""
        return place.home / "config.yaml"

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"filepath": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "-p", "--auto", "--config", str(self.file(place)), prompt]


class ContinueAnthropic(Continue):
    """The same over Anthropic Messages."""

    name = "continue-messages"
    path = "/v1/messages"
    provider = "anthropic"
