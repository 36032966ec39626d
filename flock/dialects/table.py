"""The dialects by name: who speaks what. Read by the plan and the doors; refuses to decide anything."""

from collections.abc import Mapping

from flock.dialects.anthropic import server as anthropic_server
from flock.dialects.anthropic import upstream as anthropic_upstream
from flock.dialects.gemini import array as gemini_array
from flock.dialects.gemini import server as gemini_server
from flock.dialects.gemini import upstream as gemini_upstream
from flock.dialects.half import ServerHalf, UpstreamHalf
from flock.dialects.ollama import server as ollama_server
from flock.dialects.ollama import upstream as ollama_upstream
from flock.dialects.openai import server as openai_server
from flock.dialects.openai import upstream as openai_upstream
from flock.dialects.responses import server as responses_server
from flock.dialects.responses import upstream as responses_upstream

SERVERS: Mapping[str, ServerHalf] = {
    "openai": openai_server,
    "anthropic": anthropic_server,
    "responses": responses_server,
    "gemini": gemini_server,
    "gemini-array": gemini_array,
    "ollama": ollama_server,
}
UPSTREAMS: Mapping[str, UpstreamHalf] = {
    "openai": openai_upstream,
    "anthropic": anthropic_upstream,
    "responses": responses_upstream,
    "gemini": gemini_upstream,
    "ollama": ollama_upstream,
}
# which dialect a request is translated into where an upstream speaks several: the one every engine speaks best first
PREFERRED = ("openai", "anthropic", "responses", "gemini", "ollama")
