"""The doors of tasks in front of an engine with faults: whose error it is, how streams of sound end, who leaves."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.e2e.parts import Client, Told, ask, call, environment, explained, seen, settings, usage
from tests.fakes.tasks import SOUND
from tests.running import ROOT, Flock, flock_home, wait_for

EMBED, SPEECH, HEAR, RERANK = "/v1/embeddings", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/rerank"
EVENTS = "text/event-stream"


@pytest.fixture(scope="module")
def engine() -> Iterator[int]:
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
def flock(engine: int) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        lines = [
            "router:",
            '  aliases: "text-embedding-*=default, tts-*=mouth, whisper-*=ears"',
            "max_body_bytes: 1MiB",
        ]
        settings(flock, "\n".join(lines) + "\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def form(model: str, **fields: str) -> tuple[bytes, dict[str, str]]:
    """Return a form with a file and its Content-Type."""
    mark = uuid.uuid4().hex
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n']
    for name, value in {"model": model, **fields}.items():
        if value:
            parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n')
    body = "".join(parts) + f"--{mark}--\r\n"
    return body.encode(), {"Content-Type": f"multipart/form-data; boundary={mark}"}


def embed(flock: Flock, model: str = "vectors", text: Any = "hello", **fields: Any) -> Told:
    return ask(flock.port, flock.key, {"model": model, "input": text, **fields}, EMBED)


def speak(flock: Flock, model: str) -> Told:
    return ask(flock.port, flock.key, {"model": model, "input": "hello", "voice": "alloy"}, SPEECH)


# -- names and kinds


@pytest.mark.parametrize("name", ["", "text-embedding-3-small", "vectors"])
def test_an_empty_name_and_an_alias_mean_the_model_for_embeddings(flock: Flock, name: str) -> None:
    told = embed(flock, name)
    assert told.status == 200, told.body
    assert told.json["model"] == (name or "vectors")
    record = explained(flock, told.id)
    assert (record["model"], record["endpoint"], record["outcome"]) == ("vectors", "embeddings", "ok")
    assert (record["input_tokens"], record["output_tokens"], record["estimated"]) == (3, 0, False)


@pytest.mark.parametrize(("path", "value"), [(SPEECH, {"input": "hi"}), (EMBED, {"input": "hi"})])
def test_a_request_that_names_no_model_is_served(flock: Flock, path: str, value: dict[str, Any]) -> None:
    assert ask(flock.port, flock.key, {**value, "voice": "alloy"}, path).status == 200


def test_a_name_with_slashes_and_colons(flock: Flock) -> None:
    assert embed(flock, "org/vectors:small").json["model"] == "org/vectors:small"
    for path in ("/v1/models/org/vectors:small", "/v1/models/org%2Fvectors%3Asmall"):
        assert call(flock.port, "GET", path, flock.key).json["id"] == "org/vectors:small"


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        (EMBED, {"model": "talks", "input": "hi"}, "use vectors"),
        (SPEECH, {"model": "vectors", "input": "hi", "voice": "a"}, "use mouth"),
        ("/v1/chat/completions", {"model": "vectors", "messages": [{"role": "user", "content": "hi"}]}, "use talks"),
    ],
)
def test_a_wrong_kind_is_refused_with_one_of_the_right(flock: Flock, path: str, value: Any, hint: str) -> None:
    told = ask(flock.port, flock.key, value, path)
    assert (told.status, told.json["error"]["code"]) == (400, "wrong_model_kind")
    assert hint in json.dumps(told.json)


def test_rerank_says_its_errors_as_cohere_does(flock: Flock) -> None:
    wrong = {"model": "talks", "query": "q", "documents": ["a"]}
    for path in (RERANK, "/v2/rerank"):
        told = ask(flock.port, flock.key, wrong, path)
        assert (told.status, told.json["code"]) == (400, "wrong_model_kind")
        assert told.json["id"] == told.id
    told = ask(flock.port, flock.key, {"query": "q", "documents": ["a"]}, RERANK)
    assert (told.status, "no model for rerank is installed" in told.json["message"]) == (404, True)
    assert "message" in ask(flock.port, "", wrong, RERANK).json
    assert ask(flock.port, "", wrong, RERANK).status == 401
    told = call(flock.port, "GET", RERANK, flock.key)
    assert (told.status, told.headers["allow"], "message" in told.json) == (405, "POST", True)


# -- errors


@pytest.mark.parametrize("path", [EMBED, SPEECH, HEAR])
def test_a_body_that_is_too_large_or_none(flock: Flock, path: str) -> None:
    told = ask(flock.port, flock.key, b"x" * (2**20 + 1), path)
    assert (told.status, told.json["error"]["code"]) == (413, "request_too_large")
    told = ask(flock.port, flock.key, b"{", path)
    assert (told.status, told.json["error"]["type"]) == (400, "invalid_request_error")


def test_when_to_come_again_is_told(flock: Flock) -> None:
    told = speak(flock, "mouth-busy")
    assert (told.status, told.headers["retry-after"]) == (429, "17")
    assert "too many voices" in told.json["error"]["message"]


@pytest.mark.parametrize("path", [EMBED, SPEECH, HEAR, "/v1/images/generations"])
def test_other_methods(flock: Flock, path: str) -> None:
    for method in ("GET", "PUT"):
        told = call(flock.port, method, path, flock.key)
        assert (told.status, told.headers["allow"]) == (405, "POST")
        assert told.json["error"]["message"]


# -- streams of sound


def test_sound_passes_on_as_it_comes(flock: Flock) -> None:
    told = speak(flock, "mouth")
    assert (told.status, told.body, told.clean) == (200, SOUND, True)
    assert told.headers["content-type"] == "audio/mpeg"
    record = explained(flock, told.id)
    assert (record["outcome"], record["estimated"], record["output_tokens"]) == ("ok", False, 0)
    assert not usage(flock)[told.id]["estimated"]


def test_sound_that_breaks_off_never_ends_well(flock: Flock) -> None:
    told = speak(flock, "mouth-breaks")
    assert (told.status, told.clean, told.body) == (200, False, SOUND)
    record = explained(flock, told.id)
    assert (record["outcome"], record["error"]) == ("partial", "upstream_error")


def test_sound_of_nothing_is_an_error(flock: Flock) -> None:
    assert speak(flock, "mouth-silent").status == 502


def hear(flock: Flock, model: str, stream: str = "") -> Client:
    data, headers = form(model, stream=stream)
    return Client(flock.port, flock.key).send(data, HEAR, headers)


def test_a_transcription_in_one_piece_and_in_events(flock: Flock) -> None:
    with closing(hear(flock, "ears")) as client:
        assert client.tell().json == {"text": "hello"}
    with closing(hear(flock, "ears", "true")) as client:
        told = client.tell()
    assert (told.headers["content-type"].partition(";")[0], told.clean) == (EVENTS, True)
    assert json.loads(told.events[-1])["type"] == "transcript.text.done"
    record = explained(flock, told.id)
    assert (record["input_tokens"], record["output_tokens"], record["estimated"]) == (5, 2, False)


def test_a_stream_that_is_waited_for_is_one_of_events_before_it_begins(flock: Flock, engine: int) -> None:
    before = seen(engine)["open"]
    with closing(hear(flock, "ears-wait", "true")) as client:
        told = client.head()  # a comment brought it
        assert told.headers["content-type"].partition(";")[0] == EVENTS
        assert client.until(b"\n\n").startswith(b":")
        assert seen(engine)["open"] == before + 1
        call(engine, "GET", "/go")
        client.rest(told)
    assert told.clean
    assert json.loads(told.events[-1])["text"] == "hello"


# -- clients that leave


@pytest.mark.parametrize(
    "task", ["embedding", "half an embedding", "transcription", "transcription in events", "speech", "speech begun"]
)
def test_a_client_that_leaves_ends_the_engines_work(flock: Flock, engine: int, task: str) -> None:
    before = seen(engine)["closed_early"]
    match task:
        case "embedding":
            client = Client(flock.port, flock.key).send({"model": "vectors-wait", "input": "x"}, EMBED)
        case "half an embedding":
            client = Client(flock.port, flock.key).send({"model": "vectors-half", "input": "x"}, EMBED)
        case "transcription":
            client = hear(flock, "ears-wait")
        case "transcription in events":
            client = hear(flock, "ears-wait", "true")
        case _:
            model = "mouth-waits" if task == "speech" else "mouth-endless"
            client = Client(flock.port, flock.key).send({"model": model, "input": "x", "voice": "alloy"}, SPEECH)
    if task == "speech begun":
        assert client.head().headers["content-type"] == "audio/mpeg"
        client.until(SOUND)
    wait_for(lambda: seen(engine)["open"] == 1, "the engine works on it")
    client.close()
    wait_for(lambda: seen(engine)["closed_early"] == before + 1, "the engine's connection is closed")
    row = wait_for(
        lambda: next(iter(call(flock.port, "GET", "/admin/v1/requests?limit=1", flock.key).json), None), "it"
    )
    assert explained(flock, row["id"])["outcome"] == "cancelled"


def test_a_key_that_is_revoked_ends_the_sound(flock: Flock, engine: int) -> None:
    made = flock.json("token", "create", "leaver")
    client = Client(flock.port, made["token"])
    with closing(client.send({"model": "mouth-endless", "input": "x", "voice": "alloy"}, SPEECH)):
        told = client.head()
        client.until(SOUND)
        flock.ok("token", "revoke", made["id"])
        client.rest(told)
    assert not told.clean
    record = explained(flock, told.id)
    assert (record["outcome"], record["error"]) == ("partial", "key_revoked")
    wait_for(lambda: seen(engine)["open"] == 0, "the engine has stopped")


def test_while_it_goes_down_each_dialect_is_sent_away_in_its_own_words(engine: int) -> None:
    with flock_home(**environment()) as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "fake")
        client = Client(flock.port, flock.key)
        client.send({"model": "mouth-endless", "input": "x", "voice": "alloy"}, SPEECH).head()
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "flock", "down", "--grace", "60"], env=flock.environment
        ) as down:
            wait_for(lambda: call(flock.port, "GET", "/readyz").json["status"] == "draining", "it drains")
            for path in (EMBED, RERANK, "/api/embed", "/api/chat", "/v1beta/models/m:generateContent"):
                told = ask(flock.port, flock.key, {"model": "vectors", "input": "x"}, path)
                assert (told.status, int(told.headers["retry-after"]) > 0) == (503, True)
                error = told.json.get("error", told.json["message"] if path == RERANK else None)
                assert "going down" in (error if isinstance(error, str) else error["message"])
            client.close()
            assert down.wait() == 0


def test_without_keys_anybody_may_ask(engine: int) -> None:
    with flock_home(**environment()) as flock:
        settings(flock, "auth:\n  require_keys: false\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "fake")
        assert ask(flock.port, "", {"input": "x"}, EMBED).status == 200
        for path in ("/v1/models", "/v1beta/models", "/api/tags"):
            assert call(flock.port, "GET", path).status == 200
        # a key that is shown must be good
        assert ask(flock.port, "sk-orc-wrong", {"input": "x"}, EMBED).status == 401
        assert call(flock.port, "GET", "/api/tags", headers={"X-Flock-Key": "sk-orc-wrong"}).status == 401


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models", "/v1/models/vectors", "/v1beta/models/vectors"])
def test_a_list_and_a_model_have_a_head(flock: Flock, path: str) -> None:
    told = call(flock.port, "HEAD", path, flock.key)
    assert (told.status, told.body) == (200, b"")
    assert call(flock.port, "HEAD", path).status == 401
