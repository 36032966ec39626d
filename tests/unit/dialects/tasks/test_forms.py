"""Forms: read as browsers and libraries write them, refused when it is not clear where a part ends, written again."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.tasks import forms
from flock.dialects.tasks.forms import FORM, MOST_PARTS, Part
from flock.errors import InvalidRequest
from tests.unit.dialects.tasks.recorded import BOUNDARY, recorded

TYPE = f"{FORM}; boundary=ab12"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# a backslash in a name is read as browsers of old wrote it, an escape; none of today writes one
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\%"), min_size=1, max_size=12)
PARTS = st.builds(Part, NAME, st.binary(max_size=60), st.none() | NAME, st.sampled_from(["", "audio/wav"]))


def parts(raw: bytes, content_type: str = TYPE) -> list[Part]:
    return forms.read(forms.trimmed(raw, content_type))


@given(st.lists(PARTS, min_size=1, max_size=6))
def test_what_is_written_is_read(some: list[Part]) -> None:
    raw, content_type = forms.write(some, b"x9-boundary-that-no-part-holds")
    assert parts(raw, content_type) == some


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_refused(junk: bytes) -> None:
    for raw in (junk, b"--ab12\r\n" + junk, b"--ab12\r\n" + junk + b"\r\n--ab12--\r\n"):
        with contextlib.suppress(InvalidRequest):
            assert all(part.name for part in parts(raw))


def test_every_cut_of_a_form_is_refused() -> None:
    raw = recorded("transcriptions.openai_sdk.words.form")
    boundary = raw[2 : raw.index(b"\r\n")]
    whole = parts(raw, forms.content_type(boundary))
    assert [part.name for part in whole][-1] == "file"
    end = raw.rindex(b"--")  # from here on the last boundary is whole
    for cut in range(end):
        with pytest.raises(InvalidRequest):
            parts(raw[:cut], forms.content_type(boundary))


def test_fields_and_files_of_the_sdk() -> None:
    raw = recorded("transcriptions.openai_sdk.stream.form")
    found = parts(raw, f'{FORM}; charset=utf-8; boundary="{forms.boundary_of(raw).decode()}"')
    assert forms.fields(found) == {
        "model": "m",
        "stream": "true",
        "chunking_strategy[type]": "server_vad",
        "chunking_strategy[threshold]": "0.5",
    }
    upload = forms.uploads(found)["file"]
    assert (upload.name, upload.media_type, upload.data) == ("ä.wav", "audio/x-wav", b"RIFFxx")


def test_names_that_come_twice_or_end_in_brackets_are_lists() -> None:
    some = [Part("a[]", b"1"), Part("a[]", b"2"), Part("b", b"1"), Part("b", b"2"), Part("c", b"1")]
    assert forms.fields(some) == {"a": ["1", "2"], "b": ["1", "2"], "c": "1"}
    files = [Part("image[]", b"1", "a.png"), Part("image[]", b"2", "b.png"), Part("mask", b"3", "c.png")]
    assert {name: upload.data for name, upload in forms.uploads(files).items()} == {
        "image": b"1",
        "image 2": b"2",
        "mask": b"3",
    }


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('form-data; name="a"; filename="b c.wav"', "a", "b c.wav"),
        ("form-data; name=a; filename=b.wav", "a", "b.wav"),
        ("Form-Data; Name=\"a\"; filename*=UTF-8''%C3%A4.wav", "a", "ä.wav"),
        ('form-data; name="a"; filename="x\\"y.wav"', "a", 'x"y.wav'),
        ('form-data; name="a%22b"; filename=""', 'a"b', ""),
        ('form-data; filename="b;name=c.wav"; name="a"', "a", "b;name=c.wav"),
    ],
)
def test_the_ways_of_naming(disposition: str, name: str, filename: str) -> None:
    raw = f"--ab12\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--ab12--".encode()
    (part,) = parts(raw)
    assert (part.name, part.filename, part.data) == (name, filename, b"x")


def test_a_preamble_an_epilogue_and_blanks_behind_the_boundary_are_no_parts() -> None:
    part = b'content-disposition: form-data; name="a"\r\n\r\nx\r\n'
    assert parts(b"hello\r\n--ab12 \r\n" + part + b"--ab12--\r\nbye") == [Part("a", b"x")]


@pytest.mark.parametrize(
    ("raw", "content_type", "words"),
    [
        (b"{}", "application/json", "not 'application/json'"),
        (b"{}", "", "has no Content-Type"),
        (b"--ab12--", f"{FORM}", "names no boundary"),
        (b"--ab12--", f"{FORM}; boundary=ä", "no ASCII"),
        (b"--other\r\n", TYPE, "not in the body"),
        (b"--ab12--\r\n", TYPE, "no parts"),
        (b"--ab123\r\n", TYPE, "does not end its line"),
        (b"--ab12\r\nContent-Disposition: form-data; name=a\r\n\r\nx", TYPE, "was cut"),
        (b"--ab12\r\nContent-Disposition: form-data; name=a\r\n\r\n--ab12--", TYPE, "do not end"),
        (b"--ab12\r\nContent-Type: a/b\r\n\r\nx\r\n--ab12--", TYPE, "no Content-Disposition"),
        (b"--ab12\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--ab12--", TYPE, "no Content-Disposition"),
        (b"--ab12\r\nContent-Disposition: form-data\r\n\r\nx\r\n--ab12--", TYPE, "has no name"),
        (b"--ab12\r\nContent-Disposition: form-data; name=a\nx\r\n--ab12--", TYPE, "do not end"),
        (
            b"--ab12\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--ab12--",
            TYPE,
            "encoded once more",
        ),
    ],
)
def test_what_is_no_form_is_refused_in_words(raw: bytes, content_type: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        parts(raw, content_type)
    assert caught.value.hint


def test_sizes_are_bounded() -> None:
    many, content_type = forms.write([Part("a", b"1")] * (MOST_PARTS + 1), BOUNDARY)
    with pytest.raises(InvalidRequest, match="more than 128 parts"):
        parts(many, content_type)
    assert len(parts(*forms.write([Part("a", b"1")] * MOST_PARTS, BOUNDARY))) == MOST_PARTS
    with pytest.raises(InvalidRequest, match="do not end within"):
        parts(*forms.write([Part("a" * forms.MOST_HEADERS, b"1")], BOUNDARY))
    with pytest.raises(InvalidRequest, match="is longer than"):
        forms.fields([Part("a", bytes(forms.MOST_FIELD + 1))])
    with pytest.raises(InvalidRequest, match="a is no UTF-8"):
        forms.fields([Part("a", b"\xff")])


def test_one_field_is_set_and_all_else_stays() -> None:
    raw = recorded("transcriptions.openai_sdk.words.form")
    content_type = forms.content_type(forms.boundary_of(raw))
    before, after = parts(raw, content_type), parts(forms.spliced(raw, "model", "other"), content_type)
    assert [p for p in after if p.name != "model"] == [p for p in before if p.name != "model"]
    assert [p.data for p in after if p.name == "model"] == [b"other"]
