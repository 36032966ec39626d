"""Canaries: the smallest questions that an engine can only answer by generating.

Owns their bytes. Pure. Called by the drivers of engines, whose names for a model and paths differ.
"""

import json
from typing import Any

from flock.engines.engine import Canary, LaunchSpec


def words_canary(spec: LaunchSpec, model: str) -> Canary:
    """Return a question in OpenAI's API: one token of a chat, the vector of a word, the rank of a word."""
    if spec.kind == "embedding":
        return _asked("/v1/embeddings", {"model": model, "input": "a"})
    if spec.kind == "rerank":
        return _asked("/v1/rerank", {"model": model, "query": "a", "documents": ["a"]})
    hello = [{"role": "user", "content": "a"}]
    return _asked("/v1/chat/completions", {"model": model, "messages": hello, "max_tokens": 1, "temperature": 0})


def _asked(path: str, body: dict[str, Any]) -> Canary:
    return Canary(path, json.dumps(body).encode())
