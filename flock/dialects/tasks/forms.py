"""multipart/form-data (RFC 7578) in memory: read into parts, and written again.

Owns the limits. The body is whole before it is looked at, so that splitting at the boundary is all there is to parsing;
a push parser would only copy it once more. Refuses what is not clearly a form: no guess is made about where a part
ends. Used by the tasks that take files.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from flock.dialects.ask import Upload
from flock.dialects.openai.checks import at
from flock.errors import InvalidRequest

# OpenAI's own forms have below 30 parts; 16 pictures and as many settings are the most any of them takes.
MOST_PARTS = 128
# of one part: a Content-Disposition with a long file name, a Content-Type, and what some clients add
MOST_HEADERS = 8192
# of a field that is no file: known_speaker_references are sounds in base64, ten seconds each
MOST_FIELD = 8 * 1024 * 1024
FORM = "multipart/form-data"

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_OPTION = re.compile(r';\s*([a-zA-Z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a field, or a file when it has a `filename`."""

    name: str
    data: bytes
    filename: str | None = None
    media_type: str = ""

    @property
    def text(self) -> str:
        """The value of a field. Raises InvalidRequest for one that is no UTF-8."""
        if len(self.data) > MOST_FIELD:
            raise InvalidRequest(
                f"{self.name} is longer than {MOST_FIELD} bytes", hint="send it as a file", details=at(self.name)
            )
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequest(f"{self.name} is no UTF-8", hint="encode it", details=at(self.name)) from None


def trimmed(raw: bytes, content_type: str) -> bytes:
    """Return a form without what stands before its first boundary, so that `boundary_of` can tell its boundary.

    Raises InvalidRequest when the Content-Type is no form's, or the body does not hold its boundary.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        said = f"not {content_type.partition(';')[0]!r}" if content_type else "and has no Content-Type"
        raise InvalidRequest(f"the body must be {FORM}, {said}", hint="send the file in a form: curl -F file=@NAME")
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InvalidRequest("the form's Content-Type names no boundary", hint="let the HTTP library set Content-Type")
    try:
        mark = b"--" + (found[1] or found[2]).encode("ascii")
    except UnicodeEncodeError:
        raise _broken("its boundary is no ASCII") from None
    start = 0 if raw.startswith(mark) else raw.find(b"\r\n" + mark) + 2
    if start == 1:
        raise _broken("its boundary is not in the body")
    end = raw.find(b"\r\n", start)
    line = raw[start:end] if end >= 0 else raw[start:]
    if line == mark and end >= 0:
        return raw[start:] if start else raw
    if line.rstrip(b" \t") == mark and end >= 0:
        return mark + raw[end:]
    raise _broken("it has no parts" if line.startswith(mark + b"--") else "its first boundary does not end its line")


def boundary_of(raw: bytes) -> bytes:
    """Return the boundary of a form that `trimmed` made."""
    return raw[2 : raw.index(b"\r\n")]


def read(raw: bytes) -> list[Part]:
    """Return the parts of a form that `trimmed` made, in order. Raises InvalidRequest for what is no form."""
    return [_part(raw, start, end) for start, end in _spans(raw)]


def _spans(raw: bytes) -> list[tuple[int, int]]:
    """Return where each part begins, right behind its boundary, and where it ends. Nothing is copied."""
    mark = b"\r\n--" + boundary_of(raw)
    found: list[tuple[int, int]] = []
    start = len(mark) - 2
    while (end := raw.find(mark, start)) >= 0:
        found.append((start, end))
        if len(found) > MOST_PARTS:
            raise InvalidRequest(f"the form has more than {MOST_PARTS} parts", hint="send fewer")
        start = end + len(mark)
        if raw.startswith(b"--", start):
            return found
    raise _broken("its last boundary is missing: it was cut")


def _part(raw: bytes, start: int, end: int) -> Part:
    line = raw.find(b"\r\n", start, min(end, start + MOST_HEADERS))
    if line < 0 or raw[start:line].strip(b" \t"):
        raise _broken("something stands behind a boundary")
    blank = raw.find(b"\r\n\r\n", line, min(end, line + MOST_HEADERS))
    if blank < 0:
        raise _broken(f"the headers of a part do not end within {MOST_HEADERS} bytes")
    name, filename, media_type = _headers(raw[line + 2 : blank])
    return Part(name, raw[blank + 4 : end], filename, media_type)


def _headers(lines: bytes) -> tuple[str, str | None, str]:
    disposition, media_type = "", ""
    for line in lines.split(b"\r\n"):
        key, _, value = line.partition(b":")
        word = key.strip().lower()
        if word == b"content-disposition":
            disposition = value.decode("utf-8", "replace").strip()
        elif word == b"content-type":
            media_type = value.decode("latin-1").strip()
        elif word == b"content-transfer-encoding" and value.strip().lower() not in (b"binary", b"8bit", b"7bit"):
            raise _broken("a part is encoded once more; RFC 7578 forbids that")
    if not disposition.lower().startswith("form-data"):
        raise _broken("a part has no Content-Disposition: form-data")
    options = {m[1].lower(): m[3] if m[2] is None else _unquoted(m[2]) for m in _OPTION.finditer(disposition)}
    name = options.get("name")
    if not name:
        raise _broken("a part has no name")
    filename = options.get("filename")
    extended = options.get("filename*", "")  # RFC 7578 forbids it, and some libraries send nothing else
    if filename is None and extended.lower().startswith("utf-8''"):
        filename = unquote(extended[7:], errors="replace")
    return name, filename, media_type


def _unquoted(value: str) -> str:
    plain = re.sub(r"\\([\"\\])", r"\1", value)
    return plain.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _broken(words: str) -> InvalidRequest:
    return InvalidRequest(f"the form cannot be read: {words}", hint="let the HTTP library make the form")


def write(parts: Iterable[Part], boundary: bytes) -> tuple[bytes, str]:
    """Return a form and its Content-Type; `boundary` must occur in no part."""
    pieces: list[bytes] = []
    for part in parts:
        head = f'Content-Disposition: form-data; name="{part.name.translate(_QUOTED)}"'
        if part.filename is not None:
            head += f'; filename="{part.filename.translate(_QUOTED)}"'
        if part.media_type:
            head += f"\r\nContent-Type: {part.media_type}"
        pieces += [b"--", boundary, b"\r\n", head.encode("utf-8"), b"\r\n\r\n", part.data, b"\r\n"]
    pieces += [b"--", boundary, b"--\r\n"]
    return b"".join(pieces), content_type(boundary)


def content_type(boundary: bytes) -> str:
    """Return the Content-Type of a form; quoted only where it must be, since not every server reads quotes."""
    word = boundary.decode("ascii")
    return f"{FORM}; boundary={word}" if _TOKEN.fullmatch(word) else f'{FORM}; boundary="{word}"'


def spliced(raw: bytes, name: str, value: str) -> bytes:
    """Return a form that `trimmed` made with one field set, all else as it came, byte for byte."""
    mark = b"--" + boundary_of(raw)
    front, _ = write([Part(name, value.encode("utf-8"))], boundary_of(raw))
    kept = memoryview(raw)
    pieces: list[bytes | memoryview] = [front[: -len(mark) - 4]]
    for start, end in _spans(raw):
        headers_end = raw.find(b"\r\n\r\n", start)
        if _headers(raw[raw.find(b"\r\n", start) + 2 : headers_end])[0] != name:
            pieces += [kept[start - len(mark) : end + 2]]
    return b"".join([*pieces, mark, b"--\r\n"])


def fields(parts: Sequence[Part]) -> dict[str, str | list[str]]:
    """Return the fields by name, "[]" left off; a list for one whose name ends in "[]" or that comes twice."""
    found: dict[str, str | list[str]] = {}
    for part in parts:
        if part.filename is not None:
            continue
        name = part.name.removesuffix("[]")
        before = found.get(name)
        if before is None:
            found[name] = [part.text] if name != part.name else part.text
        else:
            found[name] = [*(before if isinstance(before, list) else [before]), part.text]
    return found


def uploads(parts: Sequence[Part]) -> dict[str, Upload]:
    """Return the files by the name of their field, "[]" left off; further ones of a name as "image 2", "image 3"."""
    found: dict[str, Upload] = {}
    for part in parts:
        if part.filename is None:
            continue
        name = key = part.name.removesuffix("[]")
        count = 1
        while key in found:
            count += 1
            key = f"{name} {count}"
        found[key] = Upload(part.filename, part.media_type, part.data)
    return found
