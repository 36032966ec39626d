"""llm, headless: chat completions, configured by files in its directory; the tool is a function in a file of ours."""

import json
from pathlib import Path

from tests.clients.client import CLIENTS, SCRIPTS, Place, Target


class Llm:
    """`llm`. Looks for no other host."""

    name = "llm"
    installed_as = "llm"
    path = "/v1/chat/completions"
    model = ""
    tool = "write_file"
    always_streams = ""
    always_succeeds = False

    def command(self) -> Path:
        return CLIENTS / "llm" / "bin" / "llm"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        model = {"model_id": "flock", "model_name": target.model, "api_base": f"{target.url}/v1"}
        told = [{**model, "api_key_name": "flock", "supports_tools": True}]
        (place.home / "extra-openai-models.yaml").write_text(json.dumps(told, indent=1))  # JSON is YAML
        (place.home / "keys.json").write_text(json.dumps({"flock": target.key}))
        return {"LLM_USER_PATH": str(place.home)}

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"file_path": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        how = [] if stream else ["--no-stream"]
        return [str(self.command()), "-m", "flock", "--functions", str(SCRIPTS / "write_file.py"), *how, prompt]
