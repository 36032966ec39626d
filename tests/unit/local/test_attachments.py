"""What goes along with a prompt, by its content: text in fences, pictures as data URLs, everything else refused."""

import base64
from pathlib import Path

import pytest

from flock.errors import FlockError, NotAllowed, NotFound, UsageError
from flock.local.attachments import PICTURE_BYTES, TEXT_BYTES, picture_type, said

HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n....",
    "image/jpeg": b"\xff\xd8\xff\xe0....",
    "image/gif": b"GIF89a....",
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
}


@pytest.mark.parametrize("kind", sorted(HEADS))
def test_a_picture_is_known_by_its_first_bytes_and_goes_as_it_is(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "named.txt"
    file.write_bytes(HEADS[kind])
    found = said("look", b"", [str(file)])
    assert found.words == "look"
    assert found.pictures == (f"data:{kind};base64,{base64.b64encode(HEADS[kind]).decode()}",)
    assert said("", HEADS[kind], []).pictures == found.pictures


def test_what_only_begins_like_a_picture_is_none() -> None:
    for data in (b"", b"GIF", b"RIFF1234WAVE", b"\x89PNG", b"plain"):
        assert picture_type(data) == ""


@pytest.mark.parametrize(
    ("text", "fence"), [("x = 1\n", "```"), ("x", "```"), ("", "```"), ("```py\n````\n", "`````"), ("`` ` ``", "```")]
)
def test_a_text_stands_below_its_name_in_a_fence_that_it_cannot_end(text: str, fence: str, tmp_path: Path) -> None:
    file = tmp_path / "a b.md"
    file.write_text(text)
    end = "" if text.endswith("\n") or not text else "\n"
    assert said("Review", b"", [str(file)]).words == f"Review\n\n{file}:\n{fence}\n{text}{end}{fence}"


def test_prompt_standard_input_and_files_in_this_order(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("file\n")
    assert said("prompt", b"input\n", [str(file)]).words == f"prompt\n\ninput\n\n\n{file}:\n```\nfile\n```"
    assert said("", b"input", []).words == "input"
    assert said("prompt", b" \n", []).words == "prompt"


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_how_a_text_is_spelled(coding: str, tmp_path: Path) -> None:
    assert said("", "Grüße".encode(coding), []).words == "Grüße"


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"\x00\x01", UsageError, "neither text in UTF-8 nor a picture"),
        ("Grüße".encode("latin-1"), UsageError, "neither text"),
        (b"x" * (TEXT_BYTES + 1), UsageError, "larger than 8.0 MB"),
        (HEADS["image/png"] + b"x" * PICTURE_BYTES, UsageError, "larger than 20.0 MB"),
    ],
)
def test_what_cannot_be_sent_is_refused(data: bytes, error: type[FlockError], words: str, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(data)
    for stdin, files in ((data, []), (b"", [str(file)])):
        with pytest.raises(error, match=words) as caught:
            said("x", stdin, files)
        assert caught.value.hint


def test_files_that_are_not_there_or_no_files(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text("x")
    locked.chmod(0)
    found: list[tuple[str, type[FlockError]]] = [
        (str(tmp_path / "absent"), NotFound),
        ("-", NotFound),
        ("", NotFound),
        (str(tmp_path), UsageError),
        ("a\0b", UsageError),
        (str(locked / "below"), UsageError),
    ]
    try:
        locked.read_bytes()
    except PermissionError:  # root reads everything
        found.append((str(locked), NotAllowed))
    for path, error in found:
        with pytest.raises(error):
            said("x", b"", [path])
