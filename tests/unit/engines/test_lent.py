"""Models that an Ollama keeps: under an id here, under their tag there."""

from pathlib import Path
from typing import Any

import pytest

from flock.engines import lent, model_ids
from flock.engines.own_model import OwnModel
from flock.errors import InvalidRequest


def model(tag: str, id: str = "m") -> OwnModel:
    return OwnModel(id, Path(), f"ollama:{tag}", license="MIT")


@pytest.mark.parametrize(
    ("tag", "listed", "id"),
    [
        ("llama3.2:1b", "llama3.2:1b", "llama3.2-1b"),
        ("llama3.2", "llama3.2:latest", "llama3.2"),
        ("qwen3:latest", "qwen3:latest", "qwen3"),
        ("ada/Odd_Name", "ada/Odd_Name:latest", "odd_name"),
        ("host:5000/ada/x", "host:5000/ada/x:latest", "x"),
    ],
)
def test_tags(tag: str, listed: str, id: str) -> None:
    assert lent.tag_of(model(tag)) == listed
    assert model_ids.of_tag(tag) == id


def test_one_that_no_ollama_has_says_how_it_gets_it_again() -> None:
    nobody: list[Any] = []
    assert lent.placements([model("x:1b")], nobody) == []
    (row,) = lent.models([model("x:1b")], nobody)
    assert (row.id, row.state, row.license) == ("m", "unreachable", "MIT")
    assert row.error == "no Ollama that flock knows has x:1b (hint: flock model add ollama:x:1b)"


def test_ids() -> None:
    assert model_ids.slug("My Model (Q4)") == "my-model-q4"
    assert model_ids.slug("...") == "model"
    assert model_ids.checked("Mine-1.0", "file:x") == "mine-1.0"
    assert model_ids.checked("", "file:x") == ""
    with pytest.raises(InvalidRequest, match="no spaces") as caught:
        model_ids.checked("no spaces", "file:my x")
    assert caught.value.hint == "flock model add 'file:my x' --name no-spaces"
    assert model_ids.absolute("~/x").is_absolute()
