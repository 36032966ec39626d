"""Files that go along with a prompt: what kind each is, by its content, and how it stands in the conversation.

Owns which files may be sent and how large. Refuses what is neither text nor a picture that models are shown, with the
command that makes it one where there is one. Called by `prompts.py`.
"""

import os
import re
import shlex
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from flock.errors import NotAllowed, NotFound, UsageError
from flock.text import size

# More text than any window of a model holds: a million tokens are about 4 MB.
TEXT_BYTES = 8_000_000
# What OpenAI's and Anthropic's APIs take at most of one picture is 20 and 10 MB; which it is to be is theirs to say.
PICTURE_BYTES = 20_000_000

_FENCE = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says with all that goes along: the words, and pictures as data URLs."""

    words: str
    pictures: tuple[str, ...] = ()


def said(prompt: str, stdin: bytes, files: Sequence[str]) -> Said:
    """Return a prompt with standard input and files behind it: text files each in a fence below their name.

    Raises UsageError for what is no text and no picture, or too large; NotFound and NotAllowed for a file.
    """
    words, pictures = [prompt] if prompt.strip() else [], list[str]()
    for name, data in [("", stdin), *((path, _read(path)) for path in files)]:
        if media_type := picture_type(data):
            _check(name, len(data), PICTURE_BYTES)
            pictures.append(f"data:{media_type};base64,{b64encode(data).decode('ascii')}")
        elif name or data:
            text = _text(name, data)
            if name:
                words.append(_fenced(name, text))
            elif text.strip():
                words.append(text)
    return Said("\n\n".join(words), tuple(pictures))


def picture_type(data: bytes) -> str:
    """Return the media type of a picture by its first bytes, "" for what is none: png, jpeg, gif and webp."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            # a little more than is allowed tells that it is too large: a device has no end
            data = file.read(PICTURE_BYTES + 1)
    except FileNotFoundError:
        hint = "standard input needs no -f: flock run 'the prompt' < FILE" if path == "-" else f"ls {_folder(path)}"
        raise NotFound(f"there is no file {path!r}", hint=hint) from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory: name the files in it", hint=f"ls {shlex.quote(path)}") from None
    except PermissionError:
        raise NotAllowed(f"{path} may not be read", hint=f"ls -l {shlex.quote(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path!r} cannot be read: {why}", hint=f"ls -l {shlex.quote(path)}") from None
    return data


def _folder(path: str) -> str:
    return shlex.quote(os.path.dirname(path) or ".")


def _check(name: str, found: int, most: int) -> None:
    if found > most:
        what = name or "standard input"
        raise UsageError(f"{what} is larger than {size(most)}, the most that is sent along", hint="send a part of it")


def _text(name: str, data: bytes) -> str:
    _check(name, len(data), TEXT_BYTES)
    coding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    what = name or "standard input"
    try:
        words = data.decode(coding)
    except UnicodeDecodeError:
        words = "\0"
    if "\0" in words:
        spelled = f"iconv -f latin1 -t utf-8 {shlex.quote(name)}" if name else "iconv -f latin1 -t utf-8"
        raise UsageError(
            f"{what} is neither text in UTF-8 nor a picture (png, jpeg, gif, webp)",
            hint=f"if it is text in another encoding: {spelled}",
        )
    return words


def _fenced(name: str, words: str) -> str:
    """Return a file's text below its name, in a fence that is longer than any in it."""
    fence = "`" * max([3, *(len(found[0]) + 1 for found in _FENCE.finditer(words))])
    end = "" if words.endswith("\n") or not words else "\n"
    return f"{name}:\n{fence}\n{words}{end}{fence}"
