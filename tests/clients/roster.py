"""The clients of the matrix, by name."""

from tests.clients.aider import Aider
from tests.clients.claude_code import ClaudeCode
from tests.clients.client import Client
from tests.clients.codex import Codex
from tests.clients.opencode import Opencode
from tests.clients.qwen_code import QwenCode

ROSTER: dict[str, Client] = {c.name: c for c in (ClaudeCode(), Codex(), Opencode(), QwenCode(), Aider())}
