"""What the files of a model tell of what it can do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flock.contract.models import ModelConfig
from flock.engines import loading
from flock.engines.embedded import Embedded
from flock.engines.engine import Engine
from flock.engines.gguf_header import read_senses
from flock.engines.kin import Kin
from flock.engines.mlx import Mlx
from flock.engines.own_model import OwnModel
from flock.engines.vllm import Vllm
from flock.errors import InvalidRequest
from flock.profile import Family
from tests.unit.engines.test_formats import LLAMA, directory
from tests.unit.engines.test_gguf_header import FACTS, gguf, written

GB = 2**30
PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}"
TOOLS = PLAIN + "{% if tools %}{{ tools | tojson }}{% endif %}"
CLIP = {"general.architecture": "clip"}


def able(model: OwnModel, engine: Engine | None = None, kin: Kin | None = None) -> frozenset[str] | None:
    return loading.plan(model, engine or Embedded(), 64 * GB, lambda _: None, kin).able


def model(path: Path, template: str | None = PLAIN, **facts: Any) -> OwnModel:
    told = {**FACTS, **facts}
    told.pop("tokenizer.chat_template")
    if template is not None:
        told["tokenizer.chat_template"] = template
    return OwnModel("m", written(path, gguf(told)), "file:m")


@pytest.mark.parametrize(
    ("template", "found"),
    [
        (None, set[str]()),
        (PLAIN, set[str]()),
        (TOOLS, {"tools"}),
        (PLAIN + "{% if enable_thinking %}{% endif %}", {"thinking"}),
        (PLAIN + "{% if thinking is defined %}{% endif %}", {"thinking"}),
        (TOOLS + "{% if add_generation_prompt %}{{ '<think>\\n' }}{% endif %}", {"tools", "thinking"}),
        # thinking of earlier turns is taken out, which says nothing of this one
        ("{{ c.split('</think>') }}{{ '<think>' }}{% if add_generation_prompt %}{% endif %}", set[str]()),
    ],
)
def test_what_a_template_asks_about(tmp_path: Path, template: str | None, found: set[str]) -> None:
    assert able(model(tmp_path, template)) == found


def test_a_template_for_tools_beside_the_usual_one(tmp_path: Path) -> None:
    assert able(model(tmp_path, **{"tokenizer.chat_template.tool_use": TOOLS})) == {"tools"}


def test_the_template_that_was_set_counts_and_that_of_the_family_fills_in(tmp_path: Path) -> None:
    own = tmp_path / "own.jinja"
    own.write_text(TOOLS)
    bare = model(tmp_path, None)
    assert able(replace(model(tmp_path, PLAIN), config=ModelConfig(template=str(own)))) == {"tools"}
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "kin.jinja").write_text(TOOLS + "{{ enable_thinking }}")
    kin = Kin((Family("kin", ("m",), template="kin.jinja"),), (tmp_path,))
    assert able(replace(bare, path=model(tmp_path, None).path), kin=kin) == {"tools", "thinking"}


def test_a_template_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    missing = replace(model(tmp_path), config=ModelConfig(template=str(tmp_path / "gone.jinja")))
    assert able(missing) is None


def test_only_models_that_chat_are_asked(tmp_path: Path) -> None:
    assert able(model(tmp_path, TOOLS, **{"general.architecture": "bert", "bert.pooling_type": 1})) is None


@pytest.mark.parametrize(
    ("told", "senses"),
    [
        ({}, {"vision"}),
        ({"clip.has_vision_encoder": 1}, {"vision"}),
        ({"clip.has_vision_encoder": 0, "clip.has_audio_encoder": 1}, {"audio"}),
        ({"clip.has_vision_encoder": 1, "clip.has_audio_encoder": 1}, {"vision", "audio"}),
    ],
)
def test_what_the_other_half_is_for(tmp_path: Path, told: dict[str, int], senses: set[str]) -> None:
    half = written(tmp_path, gguf(CLIP | told), "mmproj.gguf")
    assert read_senses(half) == senses
    assert able(replace(model(tmp_path, TOOLS), projector=half)) == {"tools"} | senses


def test_another_half_that_is_damaged_tells_nothing(tmp_path: Path) -> None:
    half = written(tmp_path, b"GGUF", "mmproj.gguf")
    with pytest.raises(InvalidRequest):
        read_senses(half)
    assert able(replace(model(tmp_path), projector=half)) is None


# -- directories


def test_a_directory_of_transformers(tmp_path: Path) -> None:
    path = directory(tmp_path / "sees", **LLAMA, vision_config={}, image_token_id=7)
    own = OwnModel("m", path, "file:m", kind="chat")
    assert able(own, Vllm()) == {"vision"}
    assert able(own, Mlx()) == set()  # whose server takes text alone
    (path / "chat_template.jinja").write_text(TOOLS)
    assert able(own, Vllm()) == {"vision", "tools"}
    assert able(replace(own, path=directory(tmp_path / "hears", **LLAMA, audio_config={})), Vllm()) == {"audio"}


@pytest.mark.parametrize("written", [TOOLS, [{"name": "default", "template": PLAIN}, {"name": "t", "template": TOOLS}]])
def test_templates_in_a_tokenizers_configuration(tmp_path: Path, written: Any) -> None:
    path = directory(tmp_path / "m", **LLAMA)
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": written}))
    assert able(OwnModel("m", path, "file:m", kind="chat"), Vllm()) == {"tools"}
    (path / "tokenizer_config.json").write_text("{")
    assert able(OwnModel("m", path, "file:m", kind="chat"), Vllm()) == set()
