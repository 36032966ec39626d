"""Libraries as clients: each is driven by a script in tests/clients/scripts, in an environment of its own.

The script is told where flock is, its key and a model by variables, the dialect and whether to stream by options; it
offers the model one tool, answers its calls until there is none, and prints what the model says.
"""

import json
from pathlib import Path

from tests.clients.client import CLIENTS, GEMINI, SCRIPTS, Place, Target, shut_in

# how the scripts call a dialect → the path a gateway serves it at
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages", "gemini": GEMINI}


class Library:
    """A library's script in one dialect; chat is its program in the matrix, the others are ways of it.

    LangChain and LlamaIndex may look for tables of tokens and have no switch for that, so only flock can be reached.
    """

    model = ""
    tool = "write_file"
    always_streams = ""
    always_succeeds = False

    def __init__(self, installed_as: str, dialect: str = "chat") -> None:
        self.installed_as = installed_as
        self.dialect = dialect
        self.name = installed_as if dialect == "chat" else f"{installed_as}-{dialect}"
        self.path = PATHS[dialect]
        self._venv = installed_as.replace("-", "_")

    def command(self) -> Path:
        return CLIENTS / self._venv / "bin" / "python"

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        told = {"FLOCK_URL": target.url, "FLOCK_TOKEN": target.key, "FLOCK_MODEL": target.model}
        quiet = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
        return {**shut_in(), **quiet, **told, "PYTHONDONTWRITEBYTECODE": "1"}

    def arguments(self, path: str, content: str) -> str:
        return json.dumps({"file_path": path, "content": content})

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        how = ["--stream"] if stream else []
        return [str(self.command()), str(SCRIPTS / f"with_{self._venv}.py"), "--dialect", self.dialect, *how, prompt]
