"""Content of messages and of results: input_text, input_image, input_file and their like ⇄ parts of the middle.

Pure. Types nobody knows become Opaque and are never refused. Used by items.py and history.py beside this file.
"""

from typing import Any

from flock.dialects.ir import Audio, File, Image, Json, Opaque, Part, Refusal, Text
from flock.dialects.openai.checks import at, fields_of, named, rest_of, words, wrong
from flock.dialects.responses.words import DIALECT
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array, is_object

_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
# the rest of a text's fields are hints
_NOT_META = ("type", "text", "refusal", "logprobs")
PHASE = "phase"
# In `meta`, notes that are no hints of the client's: whether words stood in `instructions`, and the namespace and own
# name of a call, so that it goes back as it came even when its tool is no longer offered.
PLACE, NAMESPACE, OWN_NAME = "_instructions", "_namespace", "_own_name"
# notes of the halves that read other dialects, told in the words beside them or said by the item itself
_NOTES = frozenset({"role", "id", "tool_reference", "block", "content", "legacy_function"})


def read_content(content: Any, where: str) -> list[Part]:
    """Return the parts of a content: a string, a list of parts, or null. Raises InvalidRequest naming what is wrong."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not is_array(content):
        raise wrong(where, "a string or an array", content)
    return [_read_part(part, f"{where}[{i}]") for i, part in enumerate(content)]


def _read_part(part: Any, where: str) -> Part:
    if not is_object(part):
        raise wrong(where, "an object", part)
    kind = named(part.get("type"), f"{where}.type")
    if kind in _TEXTS:
        text = part.get("text")
        if not isinstance(text, str):
            raise wrong(f"{where}.text", "a string", text)
        return Text(text, _meta(part))
    match kind:
        case "refusal":
            return Refusal(words(part.get("refusal"), f"{where}.refusal"), _meta(part))
        case "input_image":
            return _read_image(part, where)
        case "input_file":
            return _read_file(part, where)
        case "input_audio":
            sound = fields_of(part.get("input_audio"), f"{where}.input_audio")
            return Audio(
                words(sound.get("data"), f"{where}.input_audio.data"),
                words(sound.get("format"), f"{where}.input_audio.format"),
                rest_of(part, "type", "input_audio"),
            )
        case _:
            return Opaque(DIALECT, kind, part)


def _meta(part: Json) -> Json:
    """Return the hints of a text, without what says nothing: empty annotations, and figures nobody sends back."""
    rest = rest_of(part, *_NOT_META)
    if not rest.get("annotations", True):
        del rest["annotations"]
    return rest


def _read_image(part: Json, where: str) -> Image:
    given = part.get("image_url")
    if is_object(given):  # as in chat completions, and clients do mix them up
        given = given.get("url")
    url = words(given, f"{where}.image_url")
    kept = words(part.get("file_id"), f"{where}.file_id")
    if not url and not kept:
        raise InvalidRequest(
            f"{where} has no image_url", hint="give image_url or file_id", details=at(f"{where}.image_url")
        )
    detail = words(part.get("detail"), f"{where}.detail")
    image = Image(
        id=kept,
        detail="" if detail == "auto" else detail,
        meta=rest_of(part, "type", "image_url", "file_id", "detail"),
    )
    inline = split_data_url(url)
    if inline is not None:
        image.media_type, image.data = inline
    else:
        image.url = url
    return image


def _read_file(part: Json, where: str) -> File:
    data = words(part.get("file_data"), f"{where}.file_data")
    file = File(
        data=data,
        url=words(part.get("file_url"), f"{where}.file_url"),
        id=words(part.get("file_id"), f"{where}.file_id"),
        name=words(part.get("filename"), f"{where}.filename"),
        meta=rest_of(part, "type", "file_data", "file_url", "file_id", "filename"),
    )
    if not data and not file.url and not file.id:
        raise InvalidRequest(
            f"{where} has no file", hint="give file_data, file_url or file_id", details=at(f"{where}.file_data")
        )
    inline = split_data_url(data)
    if inline is not None:
        file.media_type, file.data = inline
    return file


def split_data_url(url: str) -> tuple[str, str] | None:
    """Return (media type, base64 data) of a `data:` URL in base64, None for anything else."""
    if not url.startswith("data:"):
        return None
    head, _, data = url[5:].partition(",")
    if not head.endswith(";base64") or not data:
        return None
    return head.removesuffix(";base64"), data


def foreign_hints(meta: Json) -> list[str]:
    """Return the names of another dialect's hints that this one has no place for."""
    return [name for name in meta if name not in _NOTES and not name.startswith("_")]


class Spelling:
    """Writes parts as content, and gathers what was left out (`lost`) or said in another way (`edits`).

    `own`: the request came in this dialect, so its hints are put back; those of another are dropped and reported.
    `files`: ids of kept files mean something to this vendor.
    """

    def __init__(self, dialect: str) -> None:
        self.own = dialect == DIALECT
        self.files = dialect in (DIALECT, "openai")
        self.lost: list[str] = []
        self.edits: list[str] = []

    def meta(self, meta: Json) -> Json:
        """Return the hints of a part that may be sent."""
        if self.own:
            return {key: value for key, value in meta.items() if key != PHASE}
        self.lost += foreign_hints(meta)
        return {}

    def content(self, parts: list[Part], *, spoken: bool = False) -> list[Json]:
        """Return parts as a content; `spoken` by the assistant. Raises Unsupported naming what has no equivalent."""
        found = [self._part(part, spoken) for part in parts]
        return [one for one in found if one is not None]

    def _part(self, part: Part, spoken: bool) -> Json | None:
        match part:
            case Text() if spoken:
                return {"type": "output_text", "text": part.text, "annotations": [], **self.meta(part.meta)}
            case Text():
                return {"type": "input_text", "text": part.text, **self.meta(part.meta)}
            case Refusal() if spoken:
                return {"type": "refusal", "refusal": part.text, **self.meta(part.meta)}
            case Refusal():
                return {"type": "input_text", "text": part.text}
            case Opaque():
                return self.opaque(part)
            case Image() | File() | Audio() if spoken and not self.own:
                kind = type(part).__name__.lower()
                raise Unsupported(
                    f"a part of type {kind} in a turn of the assistant cannot be sent to this engine",
                    hint="leave it out of the history",
                )
            case Image():
                return self._image(part)
            case File():
                return self._file(part)
            case Audio():
                sound = {"data": part.data, "format": part.format}
                return {"type": "input_audio", "input_audio": sound, **self.meta(part.meta)}
            case _:
                return None

    def opaque(self, part: Opaque) -> Json | None:
        """Return the value of a part that only its own dialect understands, None for another's."""
        if part.dialect == DIALECT:
            return part.value
        self.lost.append(part.type)
        return None

    def _image(self, part: Image) -> Json:
        written: Json = {"type": "input_image", "detail": part.detail or "auto"}
        if part.id:
            self._check_kept("image")
            written["file_id"] = part.id
        if part.data:
            written["image_url"] = f"data:{part.media_type};base64,{part.data}"
        elif part.url:
            written["image_url"] = part.url
        return {**written, **self.meta(part.meta)}

    def _file(self, part: File) -> Json:
        if part.text:  # every engine takes words; few take files
            self.edits.append("a document of plain text was sent as text")
            self.meta(part.meta)
            return {"type": "input_text", "text": f"{part.name}\n\n{part.text}" if part.name else part.text}
        written: Json = {"type": "input_file"}
        if part.id:
            self._check_kept("file")
            written["file_id"] = part.id
        if part.data:
            written["file_data"] = f"data:{part.media_type};base64,{part.data}" if part.media_type else part.data
            if not part.name and not self.own:
                written["filename"] = "document"  # the vendor refuses data without a name
        if part.url:
            written["file_url"] = part.url
        if part.name:
            written["filename"] = part.name
        return {**written, **self.meta(part.meta)}

    def _check_kept(self, kind: str) -> None:
        if not self.files:
            raise Unsupported(
                f"a part of type {kind} names a file kept by another vendor", hint="send its data in the request"
            )
