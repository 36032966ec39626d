"""The plan of a task: which shape, which path, what is said of it, and whom it cannot be asked of."""

import json
from typing import Any

import pytest

from flock.dialects.plan import RELAY, SPLICE, TRANSLATE, Plan, Target
from flock.dialects.tasks.plan import plan
from flock.dialects.tasks.table import PATHS, TASKS
from flock.dialects.tasks.task import JSON
from flock.errors import Unsupported
from flock.profile import Profile


def made(path: str, body: dict[str, Any], shape: str, *, model: str = "there") -> Plan:
    name = PATHS[path][1] if path in PATHS else "embeddings"
    asked = TASKS[name].read_ask(json.dumps(body).encode(), path, JSON)
    return plan(asked, Target(model, Profile("x", "The engine", frozenset({"openai"}), tasks={name: shape})))


EMBED, SPEECH = "/v1/embeddings", "/v1/audio/speech"
HI = {"model": "there", "input": "hi"}


@pytest.mark.parametrize(
    ("path", "body", "shape", "kind", "there"),
    [
        (EMBED, HI, "openai", RELAY, EMBED),
        (EMBED, {**HI, "model": "alias"}, "openai", SPLICE, EMBED),
        (EMBED, {"input": "hi"}, "openai", SPLICE, EMBED),
        (EMBED, HI, "ollama", TRANSLATE, "/api/embed"),
        ("/api/embed", HI, "ollama", RELAY, "/api/embed"),
        ("/api/embed", HI, "openai", TRANSLATE, EMBED),
        ("/v1/rerank", {"model": "there", "query": "q", "documents": ["a"]}, "openai", TRANSLATE, "/v1/rerank"),
        (SPEECH, {**HI, "voice": "alloy"}, "openai", RELAY, SPEECH),
        (SPEECH, {**HI, "voice": "alloy"}, "piper", TRANSLATE, "/synthesize"),
    ],
)
def test_how_a_task_gets_there(path: str, body: dict[str, Any], shape: str, kind: str, there: str) -> None:
    found = made(path, body, shape)
    assert (found.kind, found.path, found.dialect, found.model) == (kind, there, shape, "there")
    assert found.task is not None
    assert found.content_type == found.task.content_type
    renamed = body.get("model") != "there"
    assert any(words.startswith("model: ") for words in found.edits) is renamed
    if kind == RELAY:
        assert json.loads(found.body) == body
    if kind == SPLICE:
        assert json.loads(found.body) == {**body, "model": "there"}


def test_a_model_in_the_path_is_quoted() -> None:
    content = {"content": {"parts": [{"text": "hi"}]}}
    found = made("/v1beta/models/a/b:c:embedContent", content, "gemini", model="org/name of:it")
    assert found.path == "/v1beta/models/org/name%20of%3Ait:embedContent"
    assert "model: a/b:c → org/name of:it" in found.edits


@pytest.mark.parametrize("path", [EMBED, SPEECH])
def test_an_engine_that_does_no_such_task_is_named(path: str) -> None:
    name = PATHS[path][1]
    asked = TASKS[name].read_ask(json.dumps({**HI, "voice": "alloy"}).encode(), path, JSON)
    with pytest.raises(Unsupported, match=f"The engine does no {name}"):
        plan(asked, Target("there", Profile("x", "The engine", frozenset({"openai"}))))
