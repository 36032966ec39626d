"""Google's API at the door, with the model that is built in and fakes: methods, forms of a stream, errors, lists."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.parts import Told, ask, call, environment, explained, settings
from tests.running import ROOT, Flock, fake_upstream, flock_home

SMOKE, CODED = "flock-smoke", "qwen/qwen3:8b-q4_K_M"
HI: Any = [{"role": "user", "parts": [{"text": "hi"}]}]
EVENTS, JSON = "text/event-stream", "application/json"


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        settings(flock, "max_body_bytes: 1MiB\n")
        flock.ok("up")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def tasks() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-m", "tests.fakes.tasks"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        found = re.match(r"PORT (\d+)", process.stdout.readline())
        assert found is not None
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def engines(tasks: int) -> Iterator[Flock]:
    """A flock in front of a chat engine with faults and of one that does tasks."""
    with fake_upstream() as port, flock_home(**environment()) as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "fake")
        flock.ok("engine", "attach", f"http://127.0.0.1:{tasks}", "--name", "tasks")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def asked(flock: Flock, model: str, method: str, version: str = "v1beta", value: Any = None, key: str = "") -> Told:
    value = {"contents": HI} if value is None else value
    return ask(flock.port, key or flock.key, value, f"/{version}/models/{model}:{method}")


# -- methods


@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_an_answer_in_one_piece_in_events_and_in_an_array(flock: Flock, version: str) -> None:
    told = asked(flock, SMOKE, "generateContent", version)
    assert (told.status, told.headers["content-type"]) == (200, JSON)
    assert told.json["candidates"][0]["content"]["role"] == "model"
    told = asked(flock, SMOKE, "streamGenerateContent?alt=sse", version)
    assert told.headers["content-type"].startswith(EVENTS)
    assert json.loads(told.events[-1])["candidates"][0]["finishReason"]
    told = asked(flock, SMOKE, "streamGenerateContent", version)
    assert told.headers["content-type"].startswith(JSON)
    assert told.json[-1]["candidates"][0]["finishReason"]
    record = explained(flock, told.id)
    assert (record["endpoint"], record["outcome"], record["stream"]) == ("generate", "ok", True)


def test_tokens_are_counted_and_nothing_is_recorded(flock: Flock) -> None:
    before = call(flock.port, "GET", "/admin/v1/status", flock.key).json["requests_total"]
    told = asked(flock, SMOKE, "countTokens")
    assert told.json["totalTokens"] > 0
    assert told.headers["x-flock-counted-by"]
    assert call(flock.port, "GET", "/admin/v1/status", flock.key).json["requests_total"] == before


@pytest.mark.parametrize("model", [CODED, "qwen%2Fqwen3:8b-q4_K_M", "qwen%2Fqwen3%3A8b-q4_K_M"])
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"])
def test_a_name_with_slashes_and_colons(engines: Flock, model: str, method: str) -> None:
    told = asked(engines, model, method)
    assert told.status == 200, told.body
    assert explained(engines, told.id)["model"] == CODED


def test_embeddings(engines: Flock) -> None:
    content = {"parts": [{"text": "hi"}]}
    told = asked(engines, "org/vectors:small", "embedContent", value={"content": content})
    assert told.json["embedding"]["values"] == [0.5, 0.25]
    batch = {"requests": [{"model": "models/org/vectors:small", "content": content}] * 2}
    told = asked(engines, "org/vectors:small", "batchEmbedContents", value=batch)
    assert [one["values"] for one in told.json["embeddings"]] == [[0.5, 0.25]] * 2
    told = asked(engines, "talks", "embedContent", value={"content": content})
    assert (told.status, told.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "is a chat model" in told.json["error"]["message"]


# -- errors


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("POST", f"/v1beta/models/{SMOKE}:generateContent", b"{", 400),
        ("POST", f"/v1beta/models/{SMOKE}:generateContent", {"contents": 5}, 400),
        ("POST", f"/v1beta/models/{SMOKE}:generateContent", b"x" * (2**20 + 1), 413),
        ("POST", f"/v1beta/models/{SMOKE}:countTokens", b"{", 400),
        ("POST", f"/v1beta/models/{SMOKE}:embedContent", {"content": {"parts": [{"text": "hi"}]}}, 400),
        ("POST", f"/v1beta/models/{SMOKE}:predict", {"contents": HI}, 404),
        ("POST", f"/v1beta/models/{SMOKE}", {"contents": HI}, 404),
        ("POST", "/v1beta/models/nobody:generateContent", {"contents": HI}, 404),
        ("POST", "/v1beta/models/nobody:countTokens", {"contents": HI}, 404),
        ("GET", "/v1beta/models/nobody", None, 404),
        ("GET", "/v1beta/nothing", None, 404),
        ("PUT", f"/v1beta/models/{SMOKE}:generateContent", None, 405),
        ("DELETE", "/v1beta/models", None, 405),
    ],
)
def test_errors_are_googles(flock: Flock, method: str, path: str, value: Any, status: int) -> None:
    told = call(flock.port, method, path, flock.key, value)
    assert told.status == status, told.body
    error = told.json["error"]
    assert (error["code"], bool(error["message"]), error["status"].isupper()) == (status, True, True)


def test_errors_before_an_array_stand_in_one(flock: Flock) -> None:
    told = asked(flock, "nobody", "streamGenerateContent")
    assert (told.status, told.json[0]["error"]["code"]) == (404, 404)
    told = asked(flock, SMOKE, "streamGenerateContent", key="sk-orc-wrong")
    assert (told.status, told.json[0]["error"]["code"]) == (401, 401)


@pytest.mark.parametrize("model", ["dies-midway", "ends-early"])
def test_a_stream_that_breaks_is_never_whole(engines: Flock, model: str) -> None:
    told = asked(engines, model, "streamGenerateContent?alt=sse")
    assert "error" in json.loads(told.events[-1])
    told = asked(engines, model, "streamGenerateContent")
    assert "error" in told.json[-1]
    assert explained(engines, told.id)["outcome"] == "partial"


# -- lists


def test_the_list_in_three_shapes(engines: Flock) -> None:
    google = call(engines.port, "GET", "/v1beta/models?pageSize=1000", engines.key).json["models"]
    methods = {row["name"]: row["supportedGenerationMethods"] for row in google}
    assert "generateContent" in methods[f"models/{CODED}"]
    assert methods["models/vectors"] == ["embedContent", "batchEmbedContents"]
    assert methods["models/mouth"] == []
    openai = call(engines.port, "GET", "/v1/models", engines.key).json["data"]
    assert {row["id"] for row in openai} == {name.removeprefix("models/") for name in methods}
    headers = {"anthropic-version": "2023-06-01"}
    anthropic = call(engines.port, "GET", "/v1/models?limit=1000", engines.key, headers=headers).json["data"]
    names = {row["id"] for row in anthropic}
    assert {CODED, f"claude-flock-{CODED}", "vectors"} <= names
    # a tool that only sees such names looks for models that chat
    assert "claude-flock-vectors" not in names


@pytest.mark.parametrize("path", [f"/v1beta/models/{CODED}", "/v1beta/models/qwen%2Fqwen3%3A8b-q4_K_M"])
def test_one_model(engines: Flock, path: str) -> None:
    assert call(engines.port, "GET", path, engines.key).json["name"] == f"models/{CODED}"


def test_the_default_is_one_that_chats(tasks: int) -> None:
    """Before models of which nothing is known, whichever was there first."""
    with fake_upstream() as port, flock_home(**environment()) as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "unknown")
        flock.ok("engine", "attach", f"http://127.0.0.1:{tasks}", "--name", "tasks")
        assert flock.json("model", "ls")[0]["id"] == "talks"
        assert flock.json("model", "ls")[0]["default"]
        assert flock.json("status")["default_model"] == "talks"
        assert '"model":"talks"' in flock.json("up")["curl"]
        nameless = {"messages": [{"role": "user", "content": "hi"}]}
        assert explained(flock, ask(flock.port, flock.key, nameless).id)["model"] == "talks"
