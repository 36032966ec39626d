"""The lists of models, as ollama-python reads them: nothing of a model is invented."""

import json

import pytest
from ollama import ListResponse, ProcessResponse, ShowResponse

from flock.dialects.ollama.listing import Row, capabilities, digest, write_ps, write_show, write_tags, write_version

ROWS = [
    Row("qwen3-8b", 5_200_000_000, "chat", 40960, loaded=True, created=1_700_000_000, thinking=True, family="qwen3"),
    Row("nomic-embed", kind="embedding"),
]


def test_tags() -> None:
    told = ListResponse.model_validate_json(write_tags(ROWS))
    first, second = told.models
    assert (first.model, first.size, first.digest) == ("qwen3-8b", 5_200_000_000, digest("qwen3-8b"))
    assert first.modified_at is not None
    assert first.modified_at.timestamp() == 1_700_000_000
    assert first.details is not None
    assert (first.details.family, first.details.families) == ("qwen3", ["qwen3"])
    assert second.size is None
    plain = json.loads(write_tags(ROWS))["models"]
    assert [model["name"] for model in plain] == ["qwen3-8b", "nomic-embed"]
    assert "size" not in plain[1]
    assert plain[1]["details"] == {
        "parent_model": "",
        "format": "",
        "family": "",
        "families": [],
        "parameter_size": "",
        "quantization_level": "",
    }
    assert json.loads(write_tags([])) == {"models": []}


def test_ps_has_what_is_loaded() -> None:
    told = ProcessResponse.model_validate_json(write_ps(ROWS))
    (model,) = told.models
    assert (model.name, model.model, model.context_length, model.size_vram) == ("qwen3-8b", "qwen3-8b", 40960, None)
    assert model.expires_at is not None
    assert model.expires_at.year == 2318
    bare = ProcessResponse.model_validate_json(write_ps([Row("m", loaded=True)]))
    assert bare.models[0].context_length is None


def test_show() -> None:
    told = ShowResponse.model_validate_json(write_show(ROWS[0]))
    assert told.modelinfo is not None
    assert told.modelinfo[f"{told.modelinfo['general.architecture']}.context_length"] == 40960
    assert told.modelinfo["general.architecture"] == "qwen3"
    assert told.capabilities == ["completion", "tools", "thinking"]
    assert told.parameters == "num_ctx 40960"
    bare = ShowResponse.model_validate_json(write_show(ROWS[1]))
    assert bare.modelinfo is not None
    assert not any(name.endswith("context_length") for name in bare.modelinfo)
    assert (bare.capabilities, bare.parameters) == (["embedding"], "")


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (Row("m"), ["completion", "tools"]),
        (Row("m", kind="chat", vision=True), ["completion", "tools", "vision"]),
        (Row("m", kind="embedding", vision=True), ["embedding"]),
        (Row("m", kind="image"), ["image"]),
        (Row("m", kind="rerank"), []),
        (Row("m", kind="speech"), []),
    ],
)
def test_capabilities(row: Row, found: list[str]) -> None:
    assert capabilities(row) == found


def test_a_digest_is_the_same_for_ever() -> None:
    assert digest("m") == "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"


def test_version() -> None:
    version = json.loads(write_version())["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)
    assert json.loads(write_version("1.2.3")) == {"version": "1.2.3"}
