"""Cline, headless: chat completions, configured by two files in its home."""

import json
from pathlib import Path

from tests.clients.client import COMMANDS, Place, Target, shut_in


class Cline:
    """`cline -P openai-compatible`.

    It looks for data.cline.bot (flags of features) and has no switch for that, so nothing but flock can be reached; its
    telemetry has one. Without the local back end it would leave a daemon of its own behind.
    """

    name = "cline"
    installed_as = "cline"
    path = "/v1/chat/completions"
    model = ""
    tool = "editor"
    always_streams = "Cline always streams"
    always_succeeds = False

    def command(self) -> Path:
        return COMMANDS / "cline"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        provider = {"provider": "openai-compatible", "model": target.model, "baseUrl": f"{target.url}/v1"}
        settings = {**provider, "apiKey": target.key}
        written = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
        providers = {"version": 1, "lastUsedProvider": "openai-compatible", "modes": {}}
        directory = place.home / ".cline" / "data" / "settings"
        directory.mkdir(parents=True)
        (directory / "providers.json").write_text(
            json.dumps({**providers, "providers": {"openai-compatible": written}}, indent=1)
        )
        (directory / "global-settings.json").write_text(
            json.dumps({"telemetryOptOut": True, "autoUpdateEnabled": False})
        )
        return {**shut_in(), "CLINE_SESSION_BACKEND_MODE": "local"}

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"path": path, "new_text": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        return [str(self.command()), "-P", "openai-compatible", "-m", target.model, prompt]
