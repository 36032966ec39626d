"""Which family a model is of, and what is known of the families."""

from pathlib import Path

import pytest

from flock.catalog import load_families
from flock.dialects.families import begins_as_thinking, family_of, parsers
from flock.dialects.ir import Reasoning
from flock.profile import NO_FAMILY, Family

FAMILIES, _ = load_families([Path(__file__).parents[3] / "catalog"])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen3-8B", "qwen3"),
        ("qwen3", "qwen3"),
        ("qwen3:8b", "qwen3"),
        ("QWEN3:LATEST", "qwen3"),
        ("qwen3:30b-a3b-thinking-2507-q4_K_M", "qwen3-thinking"),
        ("qwen3:30b-a3b-instruct-2507-q4_K_M", "qwen3-instruct"),
        ("Qwen/Qwen3-Next-80B-A3B-Thinking", "qwen3-thinking"),
        ("hf.co/unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M", "qwen3-coder"),
        ("qwen3.5:9b", "qwen3.5"),
        ("qwen3.5:0.8b", "qwen3.5-small"),
        ("Qwen2.5-Coder-7B-Instruct", "qwen2.5"),
        ("QwQ-32B", "qwq"),
        ("deepseek-r1:7b", "deepseek-r1"),
        ("unsloth/DeepSeek-R1-Distill-Llama-8B-GGUF", "deepseek-r1"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-v3"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "deepseek-v3.1"),
        ("deepseek-ai/DeepSeek-V4-Flash", "deepseek-v4"),
        ("deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-v3.2"),
        ("stepfun-ai/Step-3.7-Flash", "step-3.5"),
        ("LiquidAI/LFM2.5-8B-A1B", "lfm2.5-8b"),
        ("gpt-oss:20b", "gpt-oss"),
        ("openai/gpt-oss-120b", "gpt-oss"),
        ("mistral", "mistral"),
        ("mistralai/Devstral-Small-2507", "mistral"),
        ("mistralai/Ministral-3-14B-Reasoning-2512", "magistral"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", "nemotron-llama"),
        ("nvidia/NVIDIA-Nemotron-Nano-9B-v2", "nemotron-nano-2"),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B", "nemotron-3"),
        ("llama3.2:1b", "llama-3"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3"),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama-4"),
        ("phi4-mini", "phi-4-mini"),
        ("microsoft/Phi-4-mini-reasoning", "phi-4-reasoning"),
        ("kimi-k2:1t-cloud", "kimi-k2"),
        ("moonshotai/Kimi-K2-Thinking", "kimi-k2-thinking"),
        ("moonshotai/Kimi-K2.5", "kimi-k2.5"),
        ("/models/Qwen3-8B-Q4_K_M.gguf", "qwen3"),
        ("C:\\models\\gemma-4-31B-it.gguf", "gemma-4"),
        ("localhost:5000/glm-4.6", "glm-4.5"),
        ("lmstudio-community/GLM-4.7-Flash-MLX-6bit", "glm-4.7"),
        ("MiniMaxAI/MiniMax-M2.1", "minimax-m2"),
        ("MiniMaxAI/MiniMax-M3", "minimax-m3"),
        ("ByteDance-Seed/Seed-OSS-36B-Instruct", "seed-oss"),
        ("ibm-granite/granite-4.0-h-tiny", "granite-4"),
        ("granite3.2:8b", "granite-3.2"),
        ("LiquidAI/LFM2-1.2B", "lfm2"),
        ("HuggingFaceTB/SmolLM3-3B", "smollm3"),
        ("text-embedding-3-small", ""),
        ("my-qwen3", ""),
        ("", ""),
    ],
)
def test_the_family_of_a_model(model: str, name: str) -> None:
    assert family_of(FAMILIES, model).name == name


def test_the_first_family_that_fits_counts() -> None:
    rows = (Family("a", ("x-*",)), Family("b", ("*",)))
    assert family_of(rows, "X-1").name == "a"
    assert family_of(rows, "y").name == "b"
    assert family_of((), "x") is NO_FAMILY


ASKED = Reasoning("on", budget=1000)
OFF = Reasoning("off")


@pytest.mark.pitfall(48)
@pytest.mark.pitfall(50)
@pytest.mark.parametrize(
    ("model", "reasoning", "expected"),
    [
        ("qwen3:8b", None, False),  # it writes the opener itself
        ("qwen3.5:27b", None, True),
        ("qwen3.5:27b", Reasoning(), True),
        ("qwen3.5:27b", Reasoning(effort="high"), True),
        ("qwen3.5:27b", OFF, False),
        ("qwen3.5:27b", Reasoning(effort="none"), False),
        ("qwen3.5:2b", None, False),
        ("qwen3.5:2b", ASKED, True),
        ("deepseek-r1:7b", OFF, True),  # it cannot be told
        ("DeepSeek-V3.1", None, False),
        ("DeepSeek-V3.1", Reasoning("adaptive"), True),
        ("MiniMax-M3", OFF, False),
        ("llama3.2", ASKED, False),
    ],
)
def test_whether_a_text_begins_as_thinking(model: str, reasoning: Reasoning | None, expected: bool) -> None:
    assert begins_as_thinking(family_of(FAMILIES, model), reasoning) is expected


@pytest.mark.pitfall(30)
@pytest.mark.pitfall(54)
def test_what_is_not_known_is_left_at_what_is_safe() -> None:
    unknown = family_of(FAMILIES, "a-model-nobody-knows")
    assert (unknown.late_system, unknown.history_thinking, unknown.tool_formats) == ("user", False, ())
    assert not begins_as_thinking(unknown, ASKED)


@pytest.mark.pitfall(30)
@pytest.mark.pitfall(48)
@pytest.mark.pitfall(54)
def test_what_the_rows_say() -> None:
    rows = {family.name: family for family in FAMILIES}
    assert rows["qwen3.5"].late_system == "user"  # "System message must be at the beginning"
    assert rows["qwen3"].late_system == "keep"
    assert rows["deepseek-v3.1"].thinking_off == {"thinking": False}
    assert rows["glm-4.7"].thinking_off == {"enable_thinking": False}
    assert rows["minimax-m3"].thinking_off == {"thinking_mode": "disabled"}
    assert {name for name, row in rows.items() if row.history_thinking} >= {"gpt-oss", "minimax-m2", "kimi-k2-thinking"}
    assert not rows["qwen3"].history_thinking


def test_every_glob_is_reached() -> None:
    # no glob stands behind one of another family that takes everything it fits
    for family in FAMILIES:
        for glob in family.models:
            assert family_of(FAMILIES, glob.replace("*", "")).name == family.name


@pytest.mark.parametrize(
    ("model", "kind", "told"),
    [
        ("Qwen/Qwen3-8B", "vllm", ("hermes", "qwen3")),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "vllm", ("hermes", "")),
        ("Qwen/Qwen3.6-27B", "vllm", ("qwen3_coder", "qwen3")),
        ("google/gemma-4-31B-it", "vllm", ("gemma4", "gemma4")),
        ("openai/gpt-oss-20b", "vllm", ("openai", "openai_gptoss")),
        ("nobody/knows-this", "vllm", ("", "")),
        ("Qwen/Qwen3-8B", "mlx", ("", "")),
        ("Qwen/Qwen3-8B", "llamacpp", ("", "")),
    ],
)
def test_what_an_engine_is_told_to_read_a_family(model: str, kind: str, told: tuple[str, str]) -> None:
    family = family_of(FAMILIES, model)
    assert parsers(family, kind) == told
    # what was set for the model wins, one by one
    assert parsers(family, kind, tool="mine") == ("mine", told[1])
    assert parsers(family, kind, reasoning="mine") == (told[0], "mine")
