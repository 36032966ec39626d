"""Pictures in a request: what their bytes are, how large they are, where a body names them by URL, how they get inline.

Owns the walk over the places in which each dialect keeps pictures. Refuses to fetch (outbound/images.py does), to
change pixels and to judge formats it does not know: those stay as they came. Pure; a body is never changed, what
comes back shares everything that stayed the same. Called by core/inference.py before a plan is made, by estimate.py for
sizes and by outbound/images.py for `sniff`.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flock.dialects import ir
from flock.dialects.gemini import pictures as gemini
from flock.plain import is_array, is_object

Json = dict[str, Any]
# a media type and base64 text
Picture = tuple[str, str]

# What vision models and their servers take; anything else is no picture to flock.
MEDIA_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# The type of a part that is a picture, by dialect.
_KINDS = {"openai": "image_url", "anthropic": "image", "responses": "input_image"}
# Where messages, results of tools and their contents nest: messages[].content[], content[].content[] of an Anthropic
# result, input[].content[] and input[].output[] of Responses. Nothing nests deeper.
_INNER = ("content", "output")
_DEPTH = 6
# Enough base64 for every signature that `sniff` knows (12 bytes) and for the sizes of all but JPEG (30 bytes).
_HEAD = 64
# A JPEG's sizes stand behind its metadata, which cameras fill with previews of up to 64 kB a segment.
_SIZES_WITHIN = 256 * 1024
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)


def sniff(data: bytes) -> str:
    """Return the media type of a picture by its first bytes (12 are enough), "" when it is none of MEDIA_TYPES."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def dimensions(text: str) -> tuple[int, int] | None:
    """Return width and height in pixels of a picture in base64, None when its first 256 kB do not tell."""
    data = _head(text, _HEAD)
    kind = sniff(data)
    try:
        match kind:
            case "image/png":
                return struct.unpack(">II", data[16:24])
            case "image/gif":
                return struct.unpack("<HH", data[6:10])
            case "image/webp":
                return _webp(data)
            case "image/jpeg":
                return _jpeg(_head(text, _SIZES_WITHIN))
            case _:
                return None
    except (struct.error, IndexError):
        return None


def _webp(data: bytes) -> tuple[int, int] | None:
    """Read the three forms of RFC 9649: lossy (section 2.5), lossless (2.6), extended (2.7)."""
    form = data[12:16]
    if form == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if form == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the frame header (ITU T.81, B.2.2), whose markers are C0 to CF but for C4, C8 and CC."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def data_url(picture: Picture) -> str:
    """Return a picture as a data: URL."""
    return f"data:{picture[0]};base64,{picture[1]}"


def split_data_url(url: str) -> Picture | None:
    """Return the declared media type and the base64 text of a data: URL; None when it is none or not base64."""
    found = _DATA_URL.match(url)
    if found is None or ";base64" not in found[2].lower():
        return None
    return found[1].strip().lower(), url[found.end() :]


def picture_urls(request: ir.Request) -> list[str]:
    """Return the URLs, other than data: ones, of the pictures of a request: each once, in order."""
    found: dict[str, None] = {}

    def look(parts: list[ir.Part]) -> None:
        for part in parts:
            if isinstance(part, ir.Image) and part.url and not _is_data(part.url):
                found[part.url] = None
            elif isinstance(part, ir.ToolResult):
                look(part.parts)

    for message in request.messages:
        look(message.parts)
    return list(found)


def find_urls(dialect: str, body: Json) -> list[tuple[str, str]]:
    """Return (where, url) of every picture a body names by a URL other than a data: one, in order.

    `where` is the place as errors name it: "messages[0].content[1]". `dialect` is a key of `table.SERVERS`.
    """
    if dialect.startswith("gemini"):
        return gemini.find_urls(body)
    found: list[tuple[str, str]] = []
    for top in ("messages", "input"):
        for where, part in _parts(body.get(top), top, _KINDS.get(dialect, "-"), 0):
            url = _url(part)
            if url and not _is_data(url):
                found.append((where, url))
    return found


def replace_urls(dialect: str, body: Json, found: Mapping[str, Picture]) -> Json:
    """Return a body with the pictures of those URLs inline; `found` holds media type and base64 of each URL.

    The same object when nothing is to be replaced. What else a part says (detail, cache_control) stays.
    """

    if dialect.startswith("gemini"):
        return gemini.replace_urls(body, found)

    def inline(part: Json) -> Json:
        picture = found.get(_url(part))
        return part if picture is None else _with(part, picture)

    return _changed(body, _KINDS.get(dialect, "-"), inline) if found else body


def correct_types(dialect: str, body: Json) -> tuple[Json, list[str]]:
    """Return a body whose inline pictures declare what they are, and what was corrected, in words.

    Vendors refuse a picture whose declared media type is wrong, and clients take the type from a file's name. Looks at
    the first bytes only; what is no picture that flock knows stays as it is. The same object when nothing was wrong.
    """
    edits: list[str] = []

    def correct(part: Json) -> Json:
        declared = _inline(part)
        if declared is None:
            return part
        real = sniff(_head(declared[1], _HEAD))
        if not real or declared[0] == real:
            return part
        edits.append(f"a picture's media type: {declared[0] or '(none)'} → {real}")
        return _with(part, (real, declared[1]))

    return _changed(body, _KINDS.get(dialect, "-"), correct), edits


# -- where each dialect keeps what


def _url(part: Json) -> str:
    """Return the URL of a picture's part, "" when it has none."""
    held: Any = part.get("image_url")
    if held is None:
        source: Any = part.get("source")
        held = source if is_object(source) and source.get("type") == "url" else None
    if is_object(held):  # chat: {"url", "detail"}; Anthropic: {"type": "url", "url"}
        held = held.get("url")
    return held if isinstance(held, str) else ""


def _inline(part: Json) -> Picture | None:
    """Return what a part says of a picture it carries: declared media type and base64; None when it carries none."""
    source: Any = part.get("source")
    if is_object(source) and source.get("type") == "base64":
        declared, data = source.get("media_type"), source.get("data")
        return (declared if isinstance(declared, str) else "", data) if isinstance(data, str) else None
    return split_data_url(_url(part))


def _with(part: Json, picture: Picture) -> Json:
    """Return a part with a picture inline in place of the one it has."""
    if "source" in part:
        return {**part, "source": {"type": "base64", "media_type": picture[0], "data": picture[1]}}
    held: Any = part.get("image_url")
    url = data_url(picture)
    return {**part, "image_url": {**held, "url": url} if is_object(held) else url}


def _parts(node: Any, where: str, kind: str, depth: int) -> Iterator[tuple[str, Json]]:
    if depth > _DEPTH:
        return
    if is_array(node):
        for i, item in enumerate(node):
            yield from _parts(item, f"{where}[{i}]", kind, depth + 1)
    elif is_object(node):
        if _is_picture(node, kind):
            yield where, node
            return
        for key in _INNER:
            if key in node:
                yield from _parts(node[key], f"{where}.{key}", kind, depth + 1)


def _changed(body: Json, kind: str, change: Callable[[Json], Json]) -> Json:
    tops = {top: _walked(body[top], kind, change, 0) for top in ("messages", "input") if top in body}
    return body if all(value is body[top] for top, value in tops.items()) else {**body, **tops}


def _walked(node: Any, kind: str, change: Callable[[Json], Json], depth: int) -> Any:
    """Return a node with every picture below it changed: the same object when none was."""
    if depth > _DEPTH:
        return node
    if is_array(node):
        items = [_walked(item, kind, change, depth + 1) for item in node]
        return node if all(new is old for new, old in zip(items, node, strict=True)) else items
    if not is_object(node):
        return node
    if _is_picture(node, kind):
        return change(node)
    inner = {key: _walked(node[key], kind, change, depth + 1) for key in _INNER if key in node}
    return node if all(value is node[key] for key, value in inner.items()) else {**node, **inner}


def _is_picture(node: Json, kind: str) -> bool:
    # the screenshot of a computer is what a computer_call_output's output is, in Responses alone
    return node.get("type") == kind or (kind == "input_image" and node.get("type") == "computer_screenshot")


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _head(text: str, size: int) -> bytes:
    """Return the first bytes of base64 text, b"" when it is none."""
    try:
        return base64.b64decode(text[: size // 4 * 4])
    except (binascii.Error, ValueError):
        return b""
