"""Pictures in bodies: found by URL, put inline, their types corrected; bodies are never changed in place."""

import base64
import copy
import struct
from typing import Any

import pytest

from flock.dialects import ir
from flock.dialects.pictures import (
    correct_types,
    data_url,
    dimensions,
    find_urls,
    picture_urls,
    replace_urls,
    sniff,
    split_data_url,
)

URL = "http://127.0.0.1/a.png?sig=1"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + b"\xff\xff\xe1\x00\x04ab"
    b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", 480, 640) + b"\x03" + b"\0" * 9
)
GIF = b"GIF89a" + struct.pack("<HH", 640, 480) + b"\0" * 20
WEBP = {
    "lossy": b"VP8 " + b"\0" * 7 + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480),
    "lossless": b"VP8L" + b"\0" * 4 + b"\x2f" + struct.pack("<I", 639 | 479 << 14),
    "extended": b"VP8X" + b"\0" * 8 + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
}
BASE64 = base64.b64encode(PNG).decode()


def riff(form: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + form + b"\0" * 20


def chat(image: Any, role: str = "user") -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": role, "content": [{"type": "text", "text": URL}, image]}]}


CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat": (
        "openai",
        chat({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}),
        "messages[0].content[1]",
    ),
    "chat, short form": ("openai", chat({"type": "image_url", "image_url": URL}), "messages[0].content[1]"),
    "chat, result": (
        "openai",
        chat({"type": "image_url", "image_url": {"url": URL}}, "tool"),
        "messages[0].content[1]",
    ),
    "messages": (
        "anthropic",
        chat({"type": "image", "source": {"type": "url", "url": URL}, "cache_control": {"type": "ephemeral"}}),
        "messages[0].content[1]",
    ),
    "messages, result": (
        "anthropic",
        chat(
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": [{"type": "image", "source": {"type": "url", "url": URL}}],
            }
        ),
        "messages[0].content[1].content[0]",
    ),
    "responses": (
        "responses",
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": URL, "detail": "auto"}]}]},
        "input[0].content[0]",
    ),
    "responses, result": (
        "responses",
        {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": URL}]}]},
        "input[0].output[0]",
    ),
    "responses, screenshot": (
        "responses",
        {"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": URL}}]},
        "input[0].output",
    ),
}


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("case", CASES)
def test_pictures_named_by_url_are_found_and_put_inline(case: str) -> None:
    dialect, body, where = CASES[case]
    before = copy.deepcopy(body)
    assert find_urls(dialect, body) == [(where, URL)]
    inlined = replace_urls(dialect, body, {URL: ("image/png", BASE64)})
    assert body == before, "a body is never changed in place"
    assert find_urls(dialect, inlined) == []
    assert BASE64 in str(inlined)
    assert str(inlined).count(URL) == str(before).count(URL) - 1, "the text that mentions it stays"
    for kept in ("low", "auto", "cache_control", "tool_use_id"):
        assert (kept in str(inlined)) == (kept in str(before))
    assert correct_types(dialect, inlined) == (inlined, [])


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("case", CASES)
def test_a_wrong_media_type_is_corrected(case: str) -> None:
    dialect, body, _ = CASES[case]
    wrong = replace_urls(dialect, body, {URL: ("image/jpeg", BASE64)})
    before = copy.deepcopy(wrong)
    right, edits = correct_types(dialect, wrong)
    assert right == replace_urls(dialect, body, {URL: ("image/png", BASE64)})
    assert edits == ["a picture's media type: image/jpeg → image/png"]
    assert wrong == before


def test_what_is_not_concerned_stays_the_same_object() -> None:
    body = chat({"type": "image_url", "image_url": {"url": data_url(("image/png", BASE64))}})
    assert find_urls("openai", body) == []
    assert replace_urls("openai", body, {URL: ("image/png", BASE64)}) is body
    assert correct_types("openai", body)[0] is body
    mixed = {"messages": [{"role": "user", "content": "words"}, *CASES["chat"][1]["messages"]]}
    inlined = replace_urls("openai", mixed, {URL: ("image/png", BASE64)})
    assert inlined["messages"][0] is mixed["messages"][0]
    for dialect in ("openai", "anthropic", "responses", "ollama"):
        for odd in ({}, {"messages": "x"}, {"messages": [None, 3, {"content": {"type": None}}]}, {"input": "Hello"}):
            assert find_urls(dialect, odd) == []
            assert correct_types(dialect, odd) == (odd, [])


def test_unknown_and_broken_data_stays_as_it_came() -> None:
    for data in ("", "!!!", base64.b64encode(b"<svg/>").decode()):
        body = chat({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
        assert correct_types("anthropic", body) == (body, [])
    body = chat({"type": "image", "source": {"type": "file", "file_id": "file-1"}})
    assert find_urls("anthropic", body) == []
    assert correct_types("anthropic", body) == (body, [])


def test_a_missing_media_type_is_filled_in() -> None:
    body = chat({"type": "image", "source": {"type": "base64", "data": BASE64}})
    right, edits = correct_types("anthropic", body)
    assert right["messages"][0]["content"][1]["source"]["media_type"] == "image/png"
    assert edits == ["a picture's media type: (none) → image/png"]


@pytest.mark.pitfall(33)
def test_types_and_sizes_are_told_by_the_bytes() -> None:
    pictures = {
        "image/png": [PNG],
        "image/jpeg": [JPEG],
        "image/gif": [GIF],
        "image/webp": list(map(riff, WEBP.values())),
    }
    for media_type, samples in pictures.items():
        for data in samples:
            assert sniff(data) == media_type
            assert dimensions(base64.b64encode(data).decode()) == (640, 480)
            assert sniff(data[:12]) == media_type
    for data in (b"", b"<svg", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"BM", b"\0\0\0\x20ftypavif"):
        assert sniff(data) == ""
    for short in (PNG[:20], JPEG[:30], GIF[:7], riff(b"VP8X")[:20], b"\xff\xd8\xff\xe0\0\0\0\0\0\0\0\0\0"):
        assert dimensions(base64.b64encode(short).decode()) is None


def test_data_urls_are_taken_apart() -> None:
    assert split_data_url("data:image/png;base64,AAAA") == ("image/png", "AAAA")
    assert split_data_url("DATA:Image/PNG;name=a.png;BASE64,AAAA") == ("image/png", "AAAA")
    assert split_data_url("data:;base64,AAAA") == ("", "AAAA")
    assert split_data_url("data:image/svg+xml,%3Csvg") is None
    assert split_data_url(URL) is None


def test_pictures_of_a_read_request_are_found_too() -> None:
    image = ir.Image(url=URL)
    result = ir.ToolResult("a", [image, ir.Image(url="http://127.0.0.1/b"), ir.Image(data=BASE64)])
    request = ir.Request(
        "openai", "m", [ir.Message("user", [image, ir.Image(url="data:x")]), ir.Message("tool", [result])]
    )
    assert picture_urls(request) == [URL, "http://127.0.0.1/b"]
