"""Prompts that do not fit: recognised in the exact words of every engine, and nothing else taken for it."""

import json

import pytest

from flock.dialects.openai.upstream import read_overflow
from tests.unit.dialects.openai.corpus import PLACE

# (prompt tokens, window) of every body under tests/corpus/openai/errors
TOLD: dict[str, tuple[int | None, int | None]] = {
    "deepseek": (70000, 65536),
    "llamacpp": (36019, 1024),  # recorded from the real server
    "llamacpp-old": (5000, 4096),
    "llamacpp-older": (None, None),
    "lmstudio-bare": (None, None),
    "lmstudio-keep": (10136, 7866),
    "lmstudio-nkeep": (13055, 4096),
    "lmstudio-truncate": (15028, 7424),
    "ollama": (None, None),
    "ollama-input": (None, None),
    "openai": (8545, 8192),
    "openai-window": (None, None),
    "openrouter": (10000, 8192),
    "sglang": (85050, 32768),
    "vllm-at-least": (31617, 48000),
    "vllm-decoder": (12324, 8192),
    "vllm-input-length": (195071, 131072),
    "vllm-max-tokens": (2104, 4096),
    "vllm-old": (112946, 16384),
    "vllm-passed": (2401, 2048),
    "vllm-passed-characters": (None, 2048),
    "vllm-recorded": (2049, 2048),  # from the real server, 0.32
    "vllm-request": (59360, 32768),
}


@pytest.mark.pitfall(62)
@pytest.mark.parametrize("name", sorted(path.stem for path in (PLACE / "errors").glob("*.json")))
def test_every_engine_is_understood(name: str) -> None:
    body = (PLACE / "errors" / f"{name}.json").read_bytes()
    assert read_overflow(400, body) == TOLD[name]
    assert read_overflow(500, body) == TOLD[name]  # Ollama and LM Studio say it with other statuses


@pytest.mark.pitfall(62)
@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error"])
def test_a_code_says_it_alone(code: str) -> None:
    for name in ("code", "type"):
        assert read_overflow(400, json.dumps({"error": {"message": "no", name: code}}).encode()) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"error":{"message":"tools[0].function.name is too long"}}',
        b'{"error":{"message":"max_tokens must be at least 1","code":400}}',
        # the prompt may well fit: vLLM 0.32 looks at this first
        b'{"error":{"message":"max_tokens=8000 cannot be greater than max_model_len=2048. Please request fewer output '
        b'tokens. (parameter=max_tokens, value=8000)","type":"BadRequestError","param":"max_tokens","code":400}}',
        b'{"error":{"message":"The model `x` does not exist.","code":"model_not_found"}}',
        b'{"error":{"message":"Rate limit reached: 30000 tokens per min. Limit: 20000","code":"rate_limit_exceeded"}}',
        b'{"error":{"message":"input must have less than 512 tokens","code":7,"type":3}}',
        b"<html>502</html>",
    ],
)
def test_other_errors_are_none(body: bytes) -> None:
    assert read_overflow(400, body) is None


def test_an_answer_is_no_error() -> None:
    said = json.dumps({"choices": [{"message": {"content": "the model's context length is 5 tokens"}}]})
    assert read_overflow(200, said.encode()) is None
