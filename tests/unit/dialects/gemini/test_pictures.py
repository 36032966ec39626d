"""Pictures that Gemini's clients name by a URL, found and put inline."""

import copy
from typing import Any

from flock.dialects.pictures import find_urls, replace_urls

URL = "https://example.com/cat.png"
PNG = ("image/png", "iVBORw0K")


def body(*parts: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "what is it?"}, *parts]}]}


def test_a_picture_at_a_url_is_put_in_and_nothing_else_changes() -> None:
    before = body({"fileData": {"mimeType": "image/jpeg", "fileUri": URL}, "mediaResolution": "LOW"})
    kept = copy.deepcopy(before)
    assert find_urls("gemini", before) == [("contents[0].parts[1]", URL)]
    after = replace_urls("gemini", before, {URL: PNG})
    assert after["contents"][0]["parts"][1] == {
        "mediaResolution": "LOW",
        "inlineData": {"mimeType": "image/png", "data": "iVBORw0K"},
    }
    assert after["contents"][0]["parts"][0] is before["contents"][0]["parts"][0]
    assert before == kept


def test_googles_own_files_and_other_kinds_stay() -> None:
    for file in (
        {"mimeType": "image/png", "fileUri": "gs://bucket/cat.png"},
        {"mimeType": "image/png", "fileUri": "files/abc"},
        {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"},
        {"fileUri": 5},
        "none",
    ):
        one = body({"fileData": file})
        assert find_urls("gemini-array", one) == []
        assert replace_urls("gemini", one, {URL: PNG}) is one


def test_a_file_without_a_type_is_looked_at() -> None:
    assert find_urls("gemini", body({"fileData": {"fileUri": URL}})) == [("contents[0].parts[1]", URL)]


def test_bodies_that_are_none_hold_no_pictures() -> None:
    for odd in ({}, {"contents": "hi"}, {"contents": ["hi", {"parts": "hi"}, {"parts": ["hi", None]}]}):
        assert find_urls("gemini", odd) == []
