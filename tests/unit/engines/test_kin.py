"""What a family adds to a model's settings when its load is planned."""

from pathlib import Path

import pytest

from flock.catalog import load_families
from flock.contract.models import ModelConfig
from flock.engines.engine import LaunchSpec
from flock.engines.kin import Kin
from flock.engines.llamacpp import LlamaCpp
from flock.engines.loading import plan
from flock.engines.own_model import OwnModel
from flock.profile import NO_FAMILY
from tests.unit.engines.test_gguf_header import FACTS, gguf, written

CATALOG = Path(__file__).parents[3] / "catalog"
KIN = Kin(load_families([CATALOG])[0], (CATALOG,))
WITHOUT = {key: value for key, value in FACTS.items() if key != "tokenizer.chat_template"}


def planned(path: Path, config: ModelConfig | None = None, kin: Kin | None = KIN) -> LaunchSpec:
    model = OwnModel("m", path, "file:x", config=config or ModelConfig())
    return plan(model, LlamaCpp(), 16 * 10**9, lambda _: None, kin).spec


def test_a_template_is_filled_in_where_the_file_holds_none(tmp_path: Path) -> None:
    path = written(tmp_path, gguf(WITHOUT), "Qwen3-8B-Q4_K_M.gguf")
    own = CATALOG / "templates" / "chatml-tools-thinking.jinja"
    assert planned(path).template == own
    # also where a parser is set for tool calls: the one has nothing to do with the other
    assert planned(path, ModelConfig(tool_parser="hermes")).template == own
    # what the user set wins, and without the families nothing is filled in
    assert planned(path, ModelConfig(template="/mine.jinja")).template == Path("/mine.jinja")
    assert planned(path, kin=None).template is None


def test_a_template_in_the_file_is_the_models_own(tmp_path: Path) -> None:
    assert planned(written(tmp_path, gguf(FACTS), "Qwen3-8B-Q4_K_M.gguf")).template is None


def test_an_unknown_family_gets_nothing(tmp_path: Path) -> None:
    assert planned(written(tmp_path, gguf(WITHOUT), "nobody-knows.gguf")).template is None
    assert KIN.of(("", "nobody-knows")) is NO_FAMILY
    assert KIN.of(("", "nobody-knows", "qwen3-8b")).name == "qwen3"


@pytest.mark.parametrize(("kind", "told"), [("vllm", ("hermes", "qwen3")), ("mlx", ("", "")), ("llamacpp", ("", ""))])
def test_parsers_are_for_engines_that_must_be_told(kind: str, told: tuple[str, str]) -> None:
    filled = KIN.filled(ModelConfig(context=4096), KIN.of(("qwen3-8b",)), kind, has_template=True)
    assert (filled.tool_parser, filled.reasoning_parser) == told
    assert (filled.context, filled.template) == (4096, "")
