"""Every vendor of the catalog, through a flock: each request reaches the exact path that the vendor has, with the key
shown as it wants it. The fakes answer 404 and 401 to everything else.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from flock.profile import TASKS
from tests.e2e.parts import Told
from tests.e2e.vendor_standing import KEYS, Standing, catalog, digest, standing
from tests.fakes.scripted_answers import HELLO
from tests.fakes.vendor_rows import ROWS

# the path that a vendor's native chat has, and the header that shows its key
CHATS = {
    "anthropic": ("/v1/messages", "x-api-key"),
    "openai": ("/v1/chat/completions", "authorization"),
    "gemini": ("/v1beta/models/gemini-2.5-pro:", "x-goog-api-key"),
    "openrouter": ("/api/v1/chat/completions", "authorization"),
    "groq": ("/openai/v1/chat/completions", "authorization"),
    "together": ("/v1/chat/completions", "authorization"),
    "fireworks": ("/inference/v1/chat/completions", "authorization"),
    "cohere": ("/compatibility/v1/chat/completions", "authorization"),
    "mistral": ("/v1/chat/completions", "authorization"),
    "perplexity": ("/chat/completions", "authorization"),
    "deepseek": ("/v1/chat/completions", "authorization"),
    "x-ai": ("/v1/chat/completions", "authorization"),
    "azure": ("/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21", "api-key"),
    "github": ("/inference/chat/completions", "authorization"),
    "qwen": ("/compatible-mode/v1/chat/completions", "authorization"),
    "cerebras": ("/v1/chat/completions", "authorization"),
    "nvidia": ("/v1/chat/completions", "authorization"),
}
AUTHS = {"authorization", "x-api-key", "x-goog-api-key", "api-key"}


@pytest.fixture(scope="module")
def all_of_them() -> Iterator[Standing]:
    with standing(*ROWS) as found:
        yield found


@pytest.fixture
def on(all_of_them: Standing) -> Standing:
    all_of_them.forget()
    return all_of_them


def words(told: Told, path: str) -> str:
    """Return what was said, in whichever dialect."""
    if path == "/v1/messages":
        return "".join(block.get("text", "") for block in told.json["content"])
    return told.json["choices"][0]["message"]["content"] or ""


def test_every_vendor_is_here() -> None:
    assert set(CHATS) == set(ROWS) == {name for name, row in catalog().items() if not row.template}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", CHATS)
def test_chat_reaches_its_path(on: Standing, name: str, stream: bool) -> None:
    path, header = CHATS[name]
    told = on.chat(f"{catalog()[name].prefixes[0]}{ROWS[name].models[0]}", stream=stream)
    assert told.status == 200, told.body
    assert (told.text if stream else words(told, "")) == HELLO
    assert (told.done, told.headers["x-flock-route"]) == (stream, f"vendor/{name}")
    (request,) = on.seen(name)
    assert request["path"].startswith(path)
    assert AUTHS & set(request["headers"]) == {header}
    assert (request["key"], request["digests"][header]) == (digest(KEYS[0]), digest(KEYS[0]))
    assert not {"x-flock-key", "cookie", "referer"} & set(request["headers"])
    assert digest(on.flock.key) not in request["digests"].values()
    row = on.usage(told)
    assert (row["vendor"], row["outcome"], row["input_tokens"] > 0, row["output_tokens"] > 0) == (
        name,
        "ok",
        True,
        True,
    )


@pytest.mark.parametrize("name", CHATS)
def test_messages_are_answered_by_all(on: Standing, name: str) -> None:
    told = on.messages(f"{catalog()[name].prefixes[0]}{ROWS[name].models[0]}")
    assert (told.status, told.json["type"]) == (200, "message"), told.body
    assert words(told, "/v1/messages") == HELLO
    (request,) = on.seen(name)
    assert request["key"] == digest(KEYS[0])
    native = "anthropic" in catalog()[name].profile.dialects
    assert request["path"].endswith("/messages") is native
    assert ("anthropic-version" in request["headers"]) is native


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "embeddings": ("/v1/embeddings", {"input": ["a cat", "a dog"]}),
    "rerank": ("/v2/rerank", {"query": "a cat", "documents": ["a dog", "a cat"]}),
    "speech": ("/v1/audio/speech", {"input": "hi", "voice": "alloy"}),
    "images": ("/v1/images/generations", {"prompt": "a cat"}),
}
# words in the name of a fake's model that does a task
MARKS = {"embeddings": ("embed", "bge"), "rerank": ("rank",), "speech": ("tts",), "images": ("image",)}


def does(name: str, task: str, model: str) -> bool:
    """Return whether a model of a fake does a task that its row names."""
    return task in catalog()[name].profile.tasks and any(mark in model.lower() for mark in MARKS[task])


DOERS = [(n, task, model) for n in CHATS for task in BODIES for model in ROWS[n].models if does(n, task, model)]


@pytest.mark.parametrize(("name", "task", "model"), DOERS)
def test_tasks_reach_theirs(on: Standing, name: str, task: str, model: str) -> None:
    path, body = BODIES[task]
    told = on.ask(path, body | {"model": f"{catalog()[name].prefixes[0]}{model}"})
    assert told.status == 200, told.body
    (request,) = on.seen(name)
    assert request["key"] == digest(KEYS[0])
    assert on.usage(told)["vendor"] == name


def test_every_task_has_somebody_who_does_it() -> None:
    assert {task for _, task, _ in DOERS} == set(TASKS) - {"transcriptions", "translations"}
