"""The clients of the matrix, by name: five programs, and ways in which three of them speak another dialect."""

from tests.clients.aider import Aider
from tests.clients.claude_code import ClaudeCode
from tests.clients.client import Client
from tests.clients.codex import Codex, CodexGpt
from tests.clients.opencode import Opencode, OpencodeAnthropic, OpencodeResponses
from tests.clients.qwen_code import QwenCode, QwenCodeAnthropic, QwenCodeResponses

PROGRAMS: dict[str, Client] = {c.name: c for c in (ClaudeCode(), Codex(), Opencode(), QwenCode(), Aider())}
WAYS: dict[str, Client] = {
    c.name: c for c in (CodexGpt(), OpencodeAnthropic(), OpencodeResponses(), QwenCodeAnthropic(), QwenCodeResponses())
}
ROSTER = PROGRAMS | WAYS
