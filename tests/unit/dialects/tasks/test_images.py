"""Pictures: passed on, with the model's name changed, as JSON and as forms."""

from typing import Any

import orjson
import pytest

from flock.dialects.ir import Usage
from flock.dialects.tasks.forms import Part
from flock.dialects.tasks.images import EDITS, GENERATIONS, VARIATIONS, write
from flock.errors import InvalidRequest, Unsupported
from tests.unit.dialects.tasks.recorded import ask, field, form, sent_parts

PNG = Part("image[]", b"\x89PNG1", "a.png", "image/png")
SECOND = Part("image[]", b"\x89PNG2", "b.png", "image/png")


def test_json_passes_with_the_models_name() -> None:
    raw = orjson.dumps({"model": "m", "prompt": "a cat", "n": 2, "stream": True, "partial_images": 1})
    asked = ask("images", GENERATIONS, raw)
    assert asked.stream
    sent = write(asked, "m", "openai")
    assert (sent.kind, sent.path, sent.body, sent.streams) == ("relay", GENERATIONS, raw, True)
    assert orjson.loads(write(asked, "real", "openai").body) == {**orjson.loads(raw), "model": "real"}
    answer = b'{"data": [{"b64_json": "AA=="}], "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}}'
    assert sent.usage_of(answer) == Usage(input=5, output=7)


def test_forms_pass_with_all_their_pictures() -> None:
    raw, content_type = form(field("prompt", "a cat"), field("model", "m"), PNG, SECOND)
    asked = ask("images", EDITS, raw, content_type)
    assert list(asked.uploads) == ["image", "image 2"]
    assert (write(asked, "m", "openai").body, write(asked, "m", "openai").content_type) == (raw, content_type)
    sent = write(asked, "real", "openai")
    assert (sent.kind, sent.path) == ("splice", EDITS)
    assert sent.body.count(b"\x89PNG") == 2
    assert sent_parts(sent)["model"].text == "real"
    raw, content_type = form(Part("image", b"\x89PNG", "a.png"))
    assert ask("images", VARIATIONS, raw, content_type).model == ""


def test_edits_may_come_as_json() -> None:
    body = {"model": "m", "prompt": "a cat", "images": [{"image_url": "https://example.com/a.png"}]}
    assert write(ask("images", EDITS, body), "real", "openai").path == EDITS


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "prompt"), ({"prompt": ""}, "prompt"), ({"prompt": 5}, "prompt"), ({"prompt": "a", "n": "2"}, "n")],
)
def test_a_field_of_json_that_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask("images", GENERATIONS, body)
    assert caught.value.details["param"] == param


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([field("prompt", "a")], "image"),
        ([PNG], "prompt"),
        ([field("prompt", "a"), Part("image", b"", "a.png")], "image"),
        ([field("prompt", "a"), PNG, field("model", "a"), field("model", "b")], "model"),
    ],
)
def test_a_field_of_a_form_that_is_wrong_is_named(parts: list[Part], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask("images", EDITS, *form(*parts))
    assert caught.value.details["param"] == param


def test_a_shape_that_is_not_openais_is_refused() -> None:
    with pytest.raises(Unsupported):
        write(ask("images", GENERATIONS, {"prompt": "a"}), "m", "comfyui")
