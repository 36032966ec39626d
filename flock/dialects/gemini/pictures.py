"""Pictures that Gemini's clients name by a URL: where they stand in a body, and how they are put inline.

Pure. A file of Google's own (files/…, gs://…) is no URL that anybody else could fetch and stays. Called by
dialects/pictures.py.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flock.dialects.ir import Json
from flock.plain import is_array, is_object


def find_urls(body: Json) -> list[tuple[str, str]]:
    """Return (where, URL) of every picture of a body that stands at http or https, in order."""
    return [(where, url) for where, url, _ in _files(body)]


def replace_urls(body: Json, found: Mapping[str, tuple[str, str]]) -> Json:
    """Return a body with the pictures of those URLs inline; `found` holds media type and base64 of each."""
    inline = {id(part): found[url] for _, url, part in _files(body) if url in found}
    if not inline:
        return body
    contents: list[Any] = []
    for content in body["contents"]:
        if is_object(content) and is_array(parts := content.get("parts")):
            contents.append({**content, "parts": [_changed(part, inline) for part in parts]})
        else:
            contents.append(content)
    return {**body, "contents": contents}


def _changed(part: Any, inline: Mapping[int, tuple[str, str]]) -> Any:
    picture = inline.get(id(part))
    if picture is None:
        return part
    kept = {name: value for name, value in part.items() if name != "fileData"}
    return {**kept, "inlineData": {"mimeType": picture[0], "data": picture[1]}}


def _files(body: Json) -> Iterator[tuple[str, str, Json]]:
    contents = body.get("contents")
    for i, content in enumerate(contents if is_array(contents) else ()):
        parts = content.get("parts") if is_object(content) else None
        for j, part in enumerate(parts if is_array(parts) else ()):
            file = part.get("fileData") if is_object(part) else None
            if not is_object(part) or not is_object(file):
                continue
            url, kind = file.get("fileUri"), file.get("mimeType") or ""
            if isinstance(url, str) and url.startswith(("http://", "https://")) and _is_picture(kind):
                yield f"contents[{i}].parts[{j}]", url, part


def _is_picture(kind: object) -> bool:
    return isinstance(kind, str) and (not kind or kind.startswith("image/"))
