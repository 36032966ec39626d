"""Pictures, documents and foreign blocks as parts of a chat message.

Does no I/O: nothing is fetched here. Refuses, with Unsupported naming the block, what no chat engine takes; turns into
words what is words anyway. `turns.py` calls it.
"""

import base64
import binascii
from typing import Any

from flock.dialects.history import media_type
from flock.dialects.ir import File, Image, Opaque
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array, is_object

_TEXTUAL = ("application/json", "application/xml", "application/x-yaml", "application/yaml", "application/javascript")
_ELSEWHERE = "use a model whose engine takes it: flock model ls"


def write_image(image: Image) -> dict[str, Any]:
    """Return a picture as an `image_url` part.

    Raises Unsupported for one that only its own vendor has, InvalidRequest for one that is not there.
    """
    if image.url:
        shown = {"url": image.url}
    elif image.data:
        shown = {"url": f"data:{media_type(image.data, image.media_type)};base64,{image.data}"}
    else:
        if not image.id:
            raise InvalidRequest("an image comes without data", hint="send its data")
        raise Unsupported(f"an image kept as file {image.id!r} cannot be sent to this engine", hint="send its data")
    if image.detail:
        shown["detail"] = image.detail
    return {"type": "image_url", "image_url": shown}


def own_file(file: File) -> dict[str, Any]:
    """Return a document of a client of this dialect as it came: whether the engine takes it is the engine's to say."""
    inside = {"filename": file.name, "file_id": file.id}
    if file.data:
        inside["file_data"] = f"data:{file.media_type};base64,{file.data}" if file.media_type else file.data
    return {"type": "file", "file": {name: value for name, value in inside.items() if value}, **file.meta}


def write_file(file: File) -> dict[str, Any]:
    """Return a document as a text part. Raises Unsupported for one that is no text, naming its kind."""
    text = file.text
    if not text and file.data and (file.media_type.startswith("text/") or file.media_type in _TEXTUAL):
        try:
            text = base64.b64decode(file.data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
    if not text:
        kind = file.media_type or ("url" if file.url else f"file id {file.id}" if file.id else "empty")
        raise Unsupported(f"a document block ({kind}) cannot be sent to this engine", hint="send its text")
    name = f' name="{file.name}"' if file.name else ""
    return {"type": "text", "text": f"<document{name}>\n{text}\n</document>"}


def as_text(part: Opaque) -> dict[str, Any]:
    """Return the words in a block of another dialect. Raises Unsupported naming its type where it has none."""
    match part.type:
        case "search_result":
            text = _search_result(part.value)
        case "web_search_tool_result":
            text = _web_results(part.value)
        case "server_tool_use" | "web_search_call":  # what the vendor looked for; the results follow
            inside = part.value.get("input") or part.value.get("action")
            query = inside.get("query") if is_object(inside) else None
            text = f"[web search: {query}]" if isinstance(query, str) else "[web search]"
        case _:
            raise Unsupported(f"a block of type {part.type!r} cannot be sent to this engine", hint=_ELSEWHERE)
    return {"type": "text", "text": text}


def _search_result(value: dict[str, Any]) -> str:
    content = value.get("content")
    said = [str(one.get("text", "")) for one in content if is_object(one)] if is_array(content) else []
    head = f"{value.get('title') or ''} ({value.get('source') or ''})".strip()
    return "\n".join([f"[search result: {head}]", *said])


def _web_results(value: dict[str, Any]) -> str:
    content = value.get("content")
    if is_object(content):
        return f"[web search failed: {content.get('error_code') or 'unknown'}]"
    found = [one for one in content if is_object(one)] if is_array(content) else []
    # the pages themselves are encrypted for their vendor
    return "\n".join(["[web search results]", *(f"{one.get('title') or ''} {one.get('url') or ''}" for one in found)])
