"""Ollama's API at the door: with the model that is built in, and in front of a server that speaks as the real one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.parts import Told, ask, call, environment, explained, settings
from tests.fakes.ollama_process import fake_ollama
from tests.running import Flock, flock_home, wait_for

CHAT, GENERATE, SHOW = "/api/chat", "/api/generate", "/api/show"
HI = [{"role": "user", "content": "hi"}]
ORIGIN = "https://chat.example.org"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LINES = "application/x-ndjson"


@pytest.fixture(scope="module")
def plain() -> Iterator[Flock]:
    """A flock that has nothing but its built-in model."""
    with flock_home(**environment()) as flock:
        settings(flock, f"gateway:\n  cors_origins: {ORIGIN}\nmax_body_bytes: 1MiB\n")
        flock.ok("up")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    """A flock in front of an Ollama."""
    with fake_ollama() as port, flock_home(FLOCK_OLLAMA_ENDPOINT=f"http://127.0.0.1:{port}", **environment()) as flock:
        flock.ok("up")
        wait_for(lambda: any(m["id"] == "thinker:8b" for m in flock.json("model", "ls")), "its models are known")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def chat(flock: Flock, model: str, path: str = CHAT, **fields: Any) -> Told:
    return ask(flock.port, flock.key, {"model": model, "messages": HI, **fields}, path)


def lines(told: Told) -> list[Any]:
    """Return the objects of a stream."""
    return [json.loads(line) for line in told.body.splitlines() if line.strip()]


# -- answers


@pytest.mark.parametrize("path", [CHAT, f"/v1{CHAT}"])
def test_a_chat_in_lines_and_in_one_piece(plain: Flock, path: str) -> None:
    told = chat(plain, "flock-smoke", path)
    assert (told.status, told.headers["content-type"], told.clean) == (200, LINES, True)
    assert [line["done"] for line in lines(told)][-1] is True
    assert all(line["model"] == "flock-smoke" for line in lines(told))
    told = chat(plain, "flock-smoke", path, stream=False)
    assert told.headers["content-type"].startswith("application/json")
    assert (told.json["done"], told.json["message"]["role"]) == (True, "assistant")
    assert told.headers["x-flock-path"] == "translate"


def test_an_answer_of_flocks_own_has_the_streams_type(plain: Flock) -> None:
    told = ask(plain.port, plain.key, {"model": "flock-smoke", "messages": HI, "options": {"num_predict": 1}}, CHAT)
    assert told.headers["content-type"] == LINES


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (CHAT, {"model": "flock-smoke"}, "message"),
        (CHAT, {"model": "flock-smoke", "messages": [], "stream": False}, "message"),
        (GENERATE, {"model": "flock-smoke"}, "response"),
    ],
)
def test_a_model_is_loaded(plain: Flock, path: str, value: dict[str, Any], place: str) -> None:
    told = ask(plain.port, plain.key, value, path)
    assert (told.status, told.headers["x-flock-path"]) == (200, "answered")
    assert (told.json["done"], told.json["done_reason"]) == (True, "load")
    assert place in told.json
    assert "flock-smoke" in [m["name"] for m in call(plain.port, "GET", "/api/ps", plain.key).json["models"]]


@pytest.mark.parametrize("keep", [0, "0s"])
def test_a_model_is_not_unloaded_by_clients(plain: Flock, keep: Any) -> None:
    told = ask(plain.port, plain.key, {"model": "flock-smoke", "keep_alive": keep}, GENERATE)
    assert (told.status, "flock itself decides" in told.json["error"]) == (400, True)


def test_a_load_at_an_ollama_is_its_own(flock: Flock) -> None:
    for value in ({"model": "tiny:1b"}, {"model": "tiny:1b", "stream": False}):
        for path in (CHAT, GENERATE):
            told = ask(flock.port, flock.key, value, path)
            assert told.status == 200, told.body
            (line,) = lines(told)
            assert line["done_reason"] == "load"


def test_relayed_and_recorded(flock: Flock) -> None:
    for stream in (True, False):
        told = chat(flock, "tiny:1b", stream=stream)
        last = lines(told)[-1]
        assert (told.headers["x-flock-path"], last["done"]) == ("splice", True)
        record = explained(flock, told.id)
        assert (record["outcome"], record["endpoint"]) == ("ok", "chat")
        assert record["output_tokens"] == last["eval_count"] > 0
        assert record["input_tokens"] > 0
        assert record["estimated"] is ("prompt_eval_count" not in last)


# -- what its models can do


def test_what_a_model_can_do_is_shown(flock: Flock) -> None:
    def able(name: str) -> set[str]:
        return set(ask(flock.port, flock.key, {"model": name}, SHOW).json["capabilities"])

    assert "thinking" in able("thinker:8b")
    assert "thinking" not in able("tiny:1b")
    assert "vision" not in able("tiny:1b")
    assert able("embedder:latest") == {"embedding"}


@pytest.mark.parametrize("model", ["tiny:1b", "thinker:8b"])
def test_thinking_is_asked_of_models_that_think(flock: Flock, model: str) -> None:
    asked = {"model": model, "messages": HI, "reasoning_effort": "high"}
    told = ask(flock.port, flock.key, asked)
    assert told.status == 200, told.body
    assert ("x-flock-lost" in told.headers) is (model == "tiny:1b")
    assert chat(flock, model, think=True).status == 200


def test_pictures_for_a_model_without_eyes_are_refused_by_its_name(flock: Flock) -> None:
    told = chat(flock, "tiny:1b", messages=[{"role": "user", "content": "see", "images": [PIXEL]}])
    assert (told.status, "tiny:1b does not see pictures" in told.json["error"]) == (400, True)


# -- lists


def test_the_lists(plain: Flock) -> None:
    (row,) = call(plain.port, "GET", "/api/tags", plain.key).json["models"]
    assert (row["name"], row["model"]) == ("flock-smoke", "flock-smoke")
    head = call(plain.port, "HEAD", "/api/tags", plain.key)
    assert (head.status, head.body) == (200, b"")
    for value in ({"model": "flock-smoke"}, {"name": "flock-smoke"}):
        shown = ask(plain.port, plain.key, value, SHOW)
        assert shown.json["capabilities"] == ["completion", "tools"]
    for method in ("GET", "HEAD"):
        assert call(plain.port, method, "/api/version").status == 200


# -- errors


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("POST", CHAT, b"{", 400),
        ("POST", CHAT, {"model": "nobody", "messages": HI}, 404),
        ("POST", CHAT, b"x" * (2**20 + 1), 413),
        ("POST", GENERATE, {"model": 5}, 400),
        ("POST", "/api/embed", {"model": "flock-smoke", "input": "x"}, 400),
        ("POST", "/api/embed", {"input": "x"}, 404),
        ("POST", SHOW, {}, 400),
        ("POST", SHOW, {"model": "nobody"}, 404),
        ("POST", "/api/pull", {"model": "x"}, 400),
        ("DELETE", "/api/delete", {"model": "x"}, 400),
        ("GET", CHAT, None, 405),
        ("PUT", f"/v1{CHAT}", None, 405),
        ("GET", "/api/embed", None, 405),
        ("POST", "/api/nothing", {}, 404),
    ],
)
def test_errors_are_one_sentence(plain: Flock, method: str, path: str, value: Any, status: int) -> None:
    told = call(plain.port, method, path, plain.key, value)
    assert told.status == status, told.body
    assert set(told.json) == {"error"}
    assert isinstance(told.json["error"], str)


@pytest.mark.parametrize("path", [CHAT, GENERATE, "/api/embed", SHOW, "/api/tags", "/api/ps"])
@pytest.mark.parametrize("secret", ["", "sk-orc-wrong"])
def test_without_a_key(plain: Flock, path: str, secret: str) -> None:
    method = "GET" if path in ("/api/tags", "/api/ps") else "POST"
    told = call(plain.port, method, path, secret, None if method == "GET" else {"model": "flock-smoke"})
    assert (told.status, isinstance(told.json["error"], str)) == (401, True)
    assert told.headers["x-should-retry"] == "false"


# -- where a key may stand


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer KEY"},
        {"Authorization": "KEY"},
        {"x-api-key": "KEY"},
        {"x-goog-api-key": "KEY"},
        {"api-key": "KEY"},
        {"X-Flock-Key": "KEY"},
        {"X-Flock-Key": "KEY", "Authorization": "Bearer sk-somebody-elses"},
        {"X-Flock-Key": "", "Authorization": "Bearer KEY"},
    ],
)
@pytest.mark.parametrize("path", ["/api/tags", "/v1/models", "/v1beta/models"])
def test_a_key_is_found_in_every_place(plain: Flock, path: str, headers: dict[str, str]) -> None:
    shown = {name: value.replace("KEY", plain.key) for name, value in headers.items()}
    assert call(plain.port, "GET", path, headers=shown).status == 200


def test_a_key_of_flocks_own_counts_before_all_others(plain: Flock) -> None:
    headers = {"X-Flock-Key": "sk-orc-wrong", "Authorization": f"Bearer {plain.key}"}
    assert call(plain.port, "GET", "/api/tags", headers=headers).status == 401
    assert call(plain.port, "GET", f"/v1beta/models?key={plain.key}").status == 200


# -- pages in a browser


@pytest.mark.parametrize(
    "path", [CHAT, "/api/tags", "/v1beta/models/m:generateContent", "/v1/rerank", "/v1/audio/speech"]
)
def test_a_page_that_may_call(plain: Flock, path: str) -> None:
    wants = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-goog-api-key"}
    told = call(plain.port, "OPTIONS", path, headers={"Origin": ORIGIN, **wants})
    assert (told.status, told.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert told.headers["access-control-allow-headers"] == "x-goog-api-key"
    told = call(plain.port, "OPTIONS", path, headers={"Origin": "https://other.example", **wants})
    assert (told.status, "access-control-allow-origin" in told.headers) == (405, False)
    told = call(plain.port, "POST", path, value={}, headers={"Origin": ORIGIN})
    assert told.headers["access-control-allow-origin"] == ORIGIN
