"""The clients of the matrix, by name: programs and libraries, and ways in which some of them speak another dialect."""

from pathlib import Path

from tests.clients.aider import Aider
from tests.clients.claude_code import ClaudeCode
from tests.clients.client import CLIENTS, Client
from tests.clients.cline import Cline
from tests.clients.codex import Codex, CodexGpt
from tests.clients.continue_cn import Continue, ContinueAnthropic
from tests.clients.gemini_cli import GeminiCli
from tests.clients.kilo import Kilo
from tests.clients.libraries import Library
from tests.clients.llm import Llm
from tests.clients.opencode import Opencode, OpencodeAnthropic, OpencodeGemini, OpencodeResponses
from tests.clients.qwen_code import QwenCode, QwenCodeAnthropic, QwenCodeGemini, QwenCodeResponses

LANGCHAIN, LLAMA_INDEX, PYDANTIC_AI = "langchain", "llama-index", "pydantic-ai"
_PROGRAMS: tuple[Client, ...] = (
    ClaudeCode(),
    Codex(),
    Opencode(),
    QwenCode(),
    Aider(),
    GeminiCli(),
    Continue(),
    Cline(),
    Kilo(),
    Llm(),
    Library(LANGCHAIN),
    Library(LLAMA_INDEX),
    Library(PYDANTIC_AI),
)
_WAYS: tuple[Client, ...] = (
    CodexGpt(),
    OpencodeAnthropic(),
    OpencodeResponses(),
    OpencodeGemini(),
    QwenCodeAnthropic(),
    QwenCodeResponses(),
    QwenCodeGemini(),
    ContinueAnthropic(),
    *(Library(LANGCHAIN, dialect) for dialect in ("responses", "messages")),
    *(Library(PYDANTIC_AI, dialect) for dialect in ("responses", "messages", "gemini")),
)
PROGRAMS: dict[str, Client] = {client.name: client for client in _PROGRAMS}
WAYS: dict[str, Client] = {client.name: client for client in _WAYS}
ROSTER = PROGRAMS | WAYS
# those that are tried with every cell before real engines too; of the others the cell of a tool is enough there
FIRST = ("claude-code", "codex", "opencode", "qwen-code", "aider")


def installer(client: Client) -> str:
    """Return the script that installs a client: one for the programs, one for each library's environment."""
    home = _home(client).name
    return f"tests/engines/install/{'clients' if home in ('node_modules', 'aider') else home}.sh"


def installed(client: Client) -> bool:
    """Say whether a client is there, and whole."""
    whole = installer(client).endswith("/clients.sh") or (_home(client) / ".made").exists()
    return whole and client.command().exists()


def _home(client: Client) -> Path:
    return CLIENTS / client.command().relative_to(CLIENTS).parts[0]
