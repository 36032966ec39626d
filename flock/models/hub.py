"""The hub: searching Hugging Face and looking at its repositories, in a process that ends with the answer.

Owns the child's environment and what its answers become. Refuses to see the user's token, which huggingface_hub finds
itself, and to fetch by the Xet protocol (HF_HUB_DISABLE_XET): plain HTTP is what flock can resume. Called by
core/hub.py and by what adds models.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flock import errands
from flock.contract.hub import HubFile, HubModel
from flock.errors import InternalError
from flock.models.repository import Repository
from flock.models.troubles import of_hub

# run by its path: the child needs nothing of flock
CHILD = Path(__file__).with_name("hub_child.py")
# Bounds a child that hangs beyond its own limits, which are for single reads: a hub that sends a byte every 20 s. A
# command line waits a minute for the daemon (client/blocking.py).
ASK_SECONDS = 45.0


def child_environment(environment: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """Return what a child that speaks to the hub has in its environment: the hub's token and no other secret;
    `endpoint` is "" for huggingface.co.
    """
    # FLOCK_HOME says whose child it is
    found = errands.without_secrets(environment, ("HF_", "HUGGING", "FLOCK_HOME"))
    found.pop("HF_ENDPOINT", None)
    found |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return found | ({"HF_ENDPOINT": endpoint.rstrip("/")} if endpoint else {})


class Hub:
    """Asks the hub. `endpoint` is the URL of a mirror, "" for huggingface.co; `environment` holds proxies and token."""

    def __init__(self, endpoint: str = "", environment: Mapping[str, str] | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._environment = child_environment(os.environ if environment is None else environment, endpoint)

    async def search(self, words: Sequence[str], limit: int = 20) -> list[HubModel]:
        """Return the models whose names have these words, the most downloaded first. Raises SourceUnreachable."""
        answer = await self._ask({"ask": "search", "words": list(words), "limit": limit}, "", " ".join(words))
        rows: list[dict[str, Any]] = answer["models"]
        return [_model(row) for row in rows]

    async def repository(self, repo: str) -> Repository:
        """Return what a repository holds.

        Raises NotFound with names like it, NotAllowed for one that hides behind its terms, SourceUnreachable,
        UpstreamError.
        """
        found: dict[str, Any] = (await self._ask({"ask": "repository", "repo": repo}, repo))["repository"]
        words: dict[str, Any] = {name: value for name, value in found.items() if isinstance(value, str | bool)}
        return Repository(
            **words,
            files=tuple(HubFile(**file) for file in found["files"]),
            tags=tuple(found["tags"]),
            context=_count(found["context"]),
            parameters=_count(found["parameters"]),
        )

    async def _ask(self, task: dict[str, Any], repo: str, words: str = "") -> dict[str, Any]:
        again = f"flock hub show {repo}" if repo else f"flock hub search {words}"
        answer: dict[str, Any] = {}
        argv = [sys.executable, "-P", str(CHILD)]
        ended = await errands.run(argv, answer.update, environment=self._environment, task=task, seconds=ASK_SECONDS)
        if failed := answer.get("failed"):
            raise of_hub(failed, self.endpoint, repo, again)
        if not answer and ended.timed_out:
            silent = {"kind": "unreachable", "host": self.endpoint, "why": f"no answer within {ASK_SECONDS:.0f} s"}
            raise of_hub(silent, self.endpoint, repo, again)
        if not answer:
            raise InternalError(f"the look at the hub failed: {' '.join(ended.tail[-1:])}", hint="flock logs")
        return answer


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _model(row: dict[str, Any]) -> HubModel:
    facts: dict[str, Any] = {**row, "tags": tuple(row["tags"])}
    return HubModel(**facts)
