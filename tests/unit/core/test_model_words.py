"""Settings of models as users write them: every field's words, its limits, and what leaves a choice to flock again."""

from dataclasses import replace
from pathlib import Path

import pytest

from flock.contract.models import ConfigureModel, ModelConfig
from flock.core.model_words import CHECKS, changed, differences, named, spelled
from flock.errors import InvalidRequest

SET = ModelConfig(context=4096, slots=2, kv_type="q8_0", draft="small", trust_remote_code=True, idle_seconds=5.0)


def test_every_field_of_the_settings_has_a_check_and_an_option() -> None:
    assert set(CHECKS) == set(ModelConfig.__dataclass_fields__)
    assert set(CHECKS) <= set(ConfigureModel.__dataclass_fields__)


@pytest.mark.parametrize(
    ("field", "words", "value"),
    [
        ("context", "32768", 32768),
        ("context", "32k", 32768),
        ("context", "32,768", 32768),
        ("slots", "4", 4),
        ("kv_type", "Q8_0", "q8_0"),
        ("flash_attention", "on", "on"),
        ("gpu_layers", "0", 0),
        ("threads", "8", 8),
        ("draft", "tiny", "tiny"),
        ("draft_tokens", "8", 8),
        ("tool_parser", "qwen3_coder", "qwen3_coder"),
        ("reasoning_parser", "deepseek-r1", "deepseek-r1"),
        ("trust_remote_code", "on", True),
        ("trust_remote_code", "off", False),
        ("engine", "MLX", "mlx"),
        ("idle_seconds", "0", 0.0),
        ("idle_seconds", "12.5", 12.5),
    ],
)
def test_words(field: str, words: str, value: object) -> None:
    op = replace(ConfigureModel(id="m"), **{field: words})
    assert named(op)
    assert changed(ModelConfig(), op) == replace(ModelConfig(), **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("context", "12"),
        ("context", "a lot"),
        ("context", "-1"),
        ("context", "99999999999999999999"),
        ("slots", "0"),
        ("slots", "1000"),
        ("kv_type", "q5_0"),
        ("flash_attention", "maybe"),
        ("gpu_layers", "-1"),
        ("threads", "0"),
        ("draft_tokens", "0"),
        ("template", "relative.jinja"),
        ("tool_parser", "--help"),
        ("reasoning_parser", "a b"),
        ("trust_remote_code", "yes"),
        ("engine", "ollama"),
        ("idle_seconds", "-1"),
        ("idle_seconds", "nan"),
        ("idle_seconds", "soon"),
    ],
)
def test_words_that_are_not_allowed(field: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"--{field.replace('_', '-')} '{words}' is not allowed") as caught:
        changed(ModelConfig(), replace(ConfigureModel(id="m"), **{field: words}))
    nearest = {"q5_0": "--kv-type q8_0", "ollama": "--engine llamacpp"}
    assert caught.value.hint == nearest.get(words, "flock model config --help")


@pytest.mark.parametrize("words", ["auto", "none", "AUTO"])
def test_auto_leaves_a_choice_to_flock(words: str) -> None:
    for field in CHECKS:
        op = replace(ConfigureModel(id="m"), **{field: words})
        assert getattr(changed(SET, op), field) == getattr(ModelConfig(), field)


def test_what_is_not_named_stays() -> None:
    op = ConfigureModel(id="m", slots="3")
    assert changed(SET, op) == replace(SET, slots=3)
    assert not named(ConfigureModel(id="m"))
    assert named(ConfigureModel(id="m", reset=True))
    assert named(ConfigureModel(id="m", preset="x"))


def test_files_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "a.jinja").write_text("{{ messages }}")
    op = ConfigureModel(id="m", template=str(tmp_path / "a.jinja"))
    assert changed(ModelConfig(), op).template == str(tmp_path / "a.jinja")
    for field in ("template", "draft"):
        with pytest.raises(InvalidRequest, match="there is no"):
            changed(ModelConfig(), replace(ConfigureModel(id="m"), **{field: str(tmp_path / "nothing")}))


def test_differences_are_spelled_as_options() -> None:
    after = replace(SET, slots=3, kv_type="")
    assert spelled(differences(SET, after)) == "--slots, --kv-type"
