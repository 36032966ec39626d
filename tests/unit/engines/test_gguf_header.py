"""Headers of model files, whole, odd and damaged. No engine is started."""

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flock.engines.gguf_header import GgufHeader, file_size, model_stem, read_header, read_templates
from flock.errors import FlockError, InvalidRequest, NotFound

FACTS: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "A model",
    "llama.context_length": 131072,
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "tokenizer.ggml.tokens": ["a", "b", "ü"],
    "tokenizer.chat_template": "{{ messages }}",
}


def text(words: str) -> bytes:
    encoded = words.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def pair(key: str, value: Any) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(item) for item in value)
    if isinstance(value, list):
        return text(key) + struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    return text(key) + struct.pack("<II", 4, value)


def gguf(facts: dict[str, Any], tensors: int = 1, version: int = 3, last: str = "") -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, len(facts))
    head += b"".join(pair(key, value) for key, value in facts.items())
    for number in range(tensors):
        name = last if last and number == tensors - 1 else f"t{number}"
        head += text(name) + struct.pack("<IQIQ", 1, 8, 0, 32 * number)
    head += b"\0" * (-len(head) % 32)
    return head + b"\0" * 32 * tensors


def written(directory: Path, content: bytes, name: str = "model.gguf") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def test_facts_of_a_whole_file(tmp_path: Path) -> None:
    content = gguf(FACTS)
    path = written(tmp_path, content)
    # 2 bytes x 32 layers x 8 heads x (128 + 128)
    assert read_header(path) == GgufHeader(
        path,
        "llama",
        "A model",
        131072,
        len(content),
        131072,
        True,
        "chat",
        heads=32,
        embedding=4096,
        vocabulary=3,
        head_size=32,
    )


def test_head_counts_may_differ_per_layer(tmp_path: Path) -> None:
    facts = FACTS | {"llama.block_count": 3, "llama.attention.head_count_kv": [8, 0, 4]}
    assert read_header(written(tmp_path, gguf(facts))).kv_bytes_per_token == 2 * 12 * 256


def test_key_and_value_lengths_that_are_told_win(tmp_path: Path) -> None:
    facts = FACTS | {"llama.attention.key_length": 192, "llama.attention.value_length": 64}
    assert read_header(written(tmp_path, gguf(facts))).kv_bytes_per_token == 2 * 32 * 8 * 256


def test_little_known_model_has_no_window_and_no_template(tmp_path: Path) -> None:
    header = read_header(written(tmp_path, gguf({"general.architecture": "rwkv"})))
    assert (header.context_length, header.kv_bytes_per_token, header.has_chat_template) == (0, 0, False)


@pytest.mark.parametrize(
    ("architecture", "pooling", "last", "kind", "named"),
    [
        ("llama", None, "", "chat", ""),
        ("qwen3", 0, "output.weight", "chat", ""),
        ("bert", 1, "", "embedding", "mean"),
        ("bert", 2, "", "embedding", "cls"),
        ("qwen3", 3, "", "embedding", "last"),  # Qwen3-Embedding
        ("gemma-embedding", 1, "", "embedding", "mean"),
        ("nomic-bert", None, "", "embedding", ""),  # made before files named a pooling
        ("bert", 4, "cls.output.weight", "rerank", "rank"),
        ("qwen3", 4, "cls.output.weight", "rerank", "rank"),  # Qwen3-Reranker
        ("bert", None, "cls.weight", "rerank", ""),  # bge-reranker, made before llama.cpp had that pooling
        ("bert", 1, "cls.weight", "embedding", "mean"),
    ],
)
def test_file_says_what_its_model_is_for(
    tmp_path: Path, architecture: str, pooling: int | None, last: str, kind: str, named: str
) -> None:
    told = {} if pooling is None else {f"{architecture}.pooling_type": pooling}
    path = written(tmp_path, gguf({"general.architecture": architecture} | told, tensors=2, last=last))
    header = read_header(path)
    assert (header.kind, header.pooling) == (kind, named)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello", "is not a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"GGUF", "cut off or damaged"),
        (gguf(FACTS, version=1), "of a version flock does not read"),
        (gguf(FACTS)[:-32], "cut off or damaged"),
        (gguf({}), "does not say which architecture"),
        (gguf({"general.architecture": "clip"}), "mmproj"),
        (gguf({"general.architecture": "llama", "general.type": "adapter"}), "LoRA adapter"),
        (gguf(FACTS, tensors=0), "no weights"),
        (gguf(FACTS | {"llama.block_count": "many"}), "cut off or damaged"),
        (gguf(FACTS | {"split.count": 3, "split.no": 1}), "part 2 of 3"),
    ],
)
def test_what_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InvalidRequest) as caught:
        read_header(path)
    assert str(path) in caught.value.sentence
    assert words in caught.value.sentence
    assert caught.value.hint


@given(cut=st.integers(0, len(gguf(FACTS)) - 32))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_file_cut_before_its_last_tensor_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(InvalidRequest):
        read_header(written(tmp_path, gguf(FACTS)[:cut]))


@given(noise=st.binary(max_size=200))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_noise_is_refused_and_never_a_crash(tmp_path: Path, noise: bytes) -> None:
    path = written(tmp_path, b"GGUF" + struct.pack("<I", 3) + noise)
    with suppress(FlockError):
        read_header(path)


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        read_header(tmp_path / "nothing.gguf")
    with pytest.raises(InvalidRequest, match="is a directory"):
        read_header(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(InvalidRequest, match="not a regular file"):
        read_header(tmp_path / "pipe.gguf")


def test_split_model_is_its_first_part_with_all_others(tmp_path: Path) -> None:
    names = [f"big-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    contents = [gguf((FACTS if n == 0 else {}) | {"split.count": 3, "split.no": n}, tensors=n) for n in range(3)]
    parts = [written(tmp_path, content, name) for content, name in zip(contents, names, strict=True)]
    assert read_header(parts[0]).size_bytes == sum(map(len, contents)) == file_size(parts[0])
    assert model_stem(parts[0]) == "big"
    with pytest.raises(InvalidRequest, match="part 2 of 3") as caught:
        read_header(parts[1])
    assert str(parts[0]) in caught.value.hint
    parts[2].unlink()
    with pytest.raises(InvalidRequest, match=r"big-00003-of-00003\.gguf is missing"):
        read_header(parts[0])
    assert file_size(parts[0]) is None


def test_chat_templates_by_name(tmp_path: Path) -> None:
    more = {"tokenizer.chat_template.tool_use": "{{ tools }}", "tokenizer.chat_templates": ["tool_use"]}
    assert read_templates(written(tmp_path, gguf(FACTS | more))) == {
        "default": "{{ messages }}",
        "tool_use": "{{ tools }}",
    }
    none = {key: value for key, value in FACTS.items() if key != "tokenizer.chat_template"}
    assert read_templates(written(tmp_path, gguf(none))) == {}
    with pytest.raises(InvalidRequest, match="cut off or damaged"):
        read_templates(written(tmp_path, gguf(FACTS)[:200]))
    with pytest.raises(NotFound):
        read_templates(tmp_path / "none.gguf")
