"""aider, headless: chat completions without tools; it edits files by the text of the answer."""

import json
from pathlib import Path

from tests.clients.client import CLIENTS, Place, Target


class Aider:
    """`aider --message`."""

    name = "aider"
    installed_as = "aider"
    path = "/v1/chat/completions"
    model = ""
    tool = ""
    always_streams = ""
    always_succeeds = True

    def command(self) -> Path:
        return CLIENTS / "aider" / "bin" / "aider"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        # the table of prices and windows, which would be fetched from elsewhere
        prices = place.home / ".aider" / "caches" / "model_prices_and_context_window.json"
        prices.parent.mkdir(parents=True)
        prices.write_text(json.dumps({target.model: {}}))
        return {
            "OPENAI_API_BASE": f"{target.url}/v1",
            "OPENAI_API_KEY": target.key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        quiet = ["--no-check-update", "--analytics-disable", "--no-show-release-notes", "--no-show-model-warnings"]
        plain = ["--no-git", "--no-pretty", "--yes-always", "--map-tokens", "0", "--no-detect-urls", "--no-gitignore"]
        how = "--stream" if stream else "--no-stream"
        model = ["--model", f"openai/{target.model}", "--edit-format", "whole"]
        return [str(self.command()), *quiet, *plain, how, *model, "--message", prompt]
