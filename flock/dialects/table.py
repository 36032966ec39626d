"""The dialects by name: who speaks what. Read by the plan and the doors; refuses to decide anything."""

from collections.abc import Mapping

from flock.dialects.anthropic import server as anthropic_server
from flock.dialects.anthropic import upstream as anthropic_upstream
from flock.dialects.half import ServerHalf, UpstreamHalf
from flock.dialects.openai import server as openai_server
from flock.dialects.openai import upstream as openai_upstream
from flock.dialects.responses import server as responses_server
from flock.dialects.responses import upstream as responses_upstream

SERVERS: Mapping[str, ServerHalf] = {
    "openai": openai_server,
    "anthropic": anthropic_server,
    "responses": responses_server,
}
UPSTREAMS: Mapping[str, UpstreamHalf] = {
    "openai": openai_upstream,
    "anthropic": anthropic_upstream,
    "responses": responses_upstream,
}
# which dialect a request is translated into where an upstream speaks several: the one every engine speaks best first
PREFERRED = ("openai", "anthropic", "responses")
