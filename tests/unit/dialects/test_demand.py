"""What a request may take: its prompt's tokens and the answer's, in every dialect and for every task."""

import base64
import struct
import zlib
from typing import Any

import orjson
import pytest

from flock.dialects.ask import Ask
from flock.dialects.demand import ANSWER, demand, prompt_tokens
from flock.dialects.table import SERVERS
from flock.dialects.tasks.table import TASKS

TEXT = "The quick brown fox jumps over the lazy dog. " * 40
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
    "ollama": "/api/chat",
}


def bodies(limit: int | None) -> dict[str, dict[str, Any]]:
    said = {"role": "user", "content": TEXT}
    few = {} if limit is None else {"max_tokens": limit}
    return {
        "openai": {"model": "m", "messages": [said], **few},
        "anthropic": {"model": "m", "messages": [said], "max_tokens": limit},
        "responses": {"model": "m", "input": TEXT, **({"max_output_tokens": limit} if limit else {})},
        "gemini": {
            "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
            **({"generationConfig": {"maxOutputTokens": limit}} if limit else {}),
        },
        "ollama": {"model": "m", "messages": [said], **({"options": {"num_predict": limit}} if limit else {})},
    }


def ask(dialect: str, body: dict[str, Any], path: str = "") -> Ask:
    return SERVERS[dialect].read_ask(orjson.dumps(body), path or PATHS[dialect])


def task(name: str, path: str, body: dict[str, Any]) -> Ask:
    return TASKS[name].read_ask(orjson.dumps(body), path, "application/json")


@pytest.mark.parametrize("dialect", PATHS)
def test_the_answers_limit_counts_where_the_client_sets_one(dialect: str) -> None:
    found = demand(ask(dialect, bodies(300)[dialect]))
    assert (found.answer, found.said) == (300, True)
    assert 350 < found.prompt < 500


@pytest.mark.parametrize("dialect", [dialect for dialect in PATHS if dialect != "anthropic"])
def test_without_a_limit_an_answer_is_a_modest_one_within_the_window(dialect: str) -> None:
    asked = ask(dialect, bodies(None)[dialect])
    found = demand(asked)
    assert (found.answer, found.said) == (ANSWER, False)
    assert demand(asked, found.prompt + 1000).answer == 1000
    assert demand(asked, found.prompt).answer > 0  # the estimate may be wrong: an answer always has some room


def test_several_answers_take_so_much_each() -> None:
    body = bodies(100)["openai"]
    assert demand(ask("openai", {**body, "n": 3})).answer == 300
    found = demand(ask("openai", {**body, "n": 3, "max_tokens": 50_000}), 8192)
    assert found.answer == 3 * (8192 - found.prompt)
    two = {"model": "m", "prompt": [TEXT, TEXT], "max_tokens": 10, "n": 2}
    assert demand(ask("openai", two, "/v1/completions")).answer == 40
    tokens = demand(ask("openai", {"model": "m", "prompt": [1, 2, 3], "max_tokens": 10}, "/v1/completions"))
    assert (tokens.prompt, tokens.answer) == (3, 10)


def picture(width: int, height: int) -> str:
    """Return a PNG whose bytes do not shrink: noise, as photographs are."""
    noise = bytes(zlib.crc32(n.to_bytes(4, "big")) & 0xFF for n in range(900_000))
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return base64.b64encode(head + noise).decode()


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
def test_an_inlined_picture_is_a_picture_and_no_text(dialect: str) -> None:
    data = picture(1024, 768)
    bodies: dict[str, dict[str, Any]] = {
        "openai": {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}],
                }
            ]
        },
        "anthropic": {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
                    ],
                }
            ],
        },
        "gemini": {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}]},
    }
    body = bodies[dialect] if dialect == "gemini" else {"model": "m", **bodies[dialect]}
    assert 900 < prompt_tokens(ask(dialect, body)) < 1200


def test_what_cannot_be_read_counts_by_its_length_and_data_by_the_piece() -> None:
    found = demand(ask("openai", {"model": "m", "messages": [{"role": "user", "content": [{"type": "oracle"}]}]}))
    assert 0 < found.prompt < 100
    long = {"type": "oracle", "text": TEXT, "data": "A" * 400_000}
    found = demand(ask("openai", {"model": "m", "messages": [{"role": "nobody", "content": [long]}]}))
    assert 1300 < found.prompt < 1800


# -- tasks


def test_vectors_have_no_answer() -> None:
    one = demand(task("embeddings", "/v1/embeddings", {"model": "m" * 5000, "input": TEXT}))
    two = demand(task("embeddings", "/v1/embeddings", {"model": "m", "input": [TEXT, TEXT]}))
    assert (one.answer, two.answer) == (0, 0)
    assert 350 < one.prompt < 500
    assert 2 * one.prompt - 10 < two.prompt < 2 * one.prompt + 10
    assert demand(task("embeddings", "/v1/embeddings", {"model": "m", "input": [[1, 2], [3, 4, 5]]})).prompt == 5
    gemini = {"content": {"parts": [{"text": TEXT}]}}
    assert abs(demand(task("embeddings", "/v1beta/models/m:embedContent", gemini)).prompt - one.prompt) < 10


def test_the_query_is_read_beside_every_document() -> None:
    few = demand(task("rerank", "/v1/rerank", {"model": "m", "query": TEXT, "documents": ["a", "b"]}))
    more = demand(task("rerank", "/v1/rerank", {"model": "m", "query": TEXT, "documents": ["a", "b", "c", "d"]}))
    assert more.prompt > 1.8 * few.prompt
    assert more.answer == 0


def test_speech_and_pictures_answer_with_more_than_they_are_asked() -> None:
    spoken = demand(task("speech", "/v1/audio/speech", {"model": "m", "input": TEXT, "voice": "alloy"}))
    assert spoken.answer == 6 * spoken.prompt
    drawn = demand(task("images", "/v1/images/generations", {"model": "m", "prompt": "a cat", "n": 2}))
    cheap = demand(
        task("images", "/v1/images/generations", {"model": "m", "prompt": "a cat", "n": 2, "quality": "low"})
    )
    assert (drawn.answer, cheap.answer) == (12_480, 816)


def test_a_recording_counts_by_its_seconds() -> None:
    sound = b"RIFF" + bytes(32_000 * 60)
    boundary = "b"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    ).encode()
    raw = parts + sound + f"\r\n--{boundary}--\r\n".encode()
    found = demand(
        TASKS["transcriptions"].read_ask(raw, "/v1/audio/transcriptions", f"multipart/form-data; boundary={boundary}")
    )
    assert 1490 < found.prompt < 1520  # a minute at 25 tokens a second
    assert 240 < found.answer < 260


def test_no_depth_of_a_body_and_no_count_below_one_is_too_much() -> None:
    depth = 990
    deep = b'{"model":"m","prompt":' + b"[" * depth + b'"a"' + b"]" * depth + b"}"
    assert demand(SERVERS["openai"].read_ask(deep, "/v1/completions")).prompt == 1
    few = demand(ask("openai", {**bodies(300)["openai"], "n": -3}))
    assert few.answer == 300
