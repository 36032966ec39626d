"""What `model add` takes, and what it makes of what it does not."""

import pytest

from flock.errors import InvalidRequest
from flock.models.sources import (
    CatalogSource,
    FileSource,
    HubSource,
    OllamaSource,
    Source,
    UrlSource,
    checksum,
    parse,
)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("qwen3-8b", CatalogSource("qwen3-8b")),
        ("  Qwen3.6-27B ", CatalogSource("qwen3.6-27b")),
        ("catalog:qwen3-8b", CatalogSource("qwen3-8b")),
        ("hf:o/r", HubSource("o/r")),
        ("HF:o/r:Q4_K_M", HubSource("o/r", "Q4_K_M")),
        ("hf:o/r:dir/a-00001-of-00002.gguf", HubSource("o/r", "dir/a-00001-of-00002.gguf")),
        ("ollama:llama3.2:1b", OllamaSource("llama3.2:1b")),
        ("ollama:library/llama3.2", OllamaSource("library/llama3.2")),
        ("file:/a b/c.gguf", FileSource("/a b/c.gguf")),
        ("file:./c", FileSource("./c")),
        ("https://example.org/a/b%20c.gguf?download=true", UrlSource("https://example.org/a/b%20c.gguf?download=true")),
        ("https://huggingface.co/o/r", HubSource("o/r")),
        ("https://huggingface.co/o/r/tree/main", HubSource("o/r")),
        ("https://huggingface.co/o/r/blob/main/q/a.gguf", HubSource("o/r", "q/a.gguf")),
        ("https://huggingface.co/o/r/resolve/main/a.gguf?download=true", HubSource("o/r", "a.gguf")),
    ],
)
def test_sources(words: str, meant: Source) -> None:
    assert parse(words) == meant


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("", "an empty word", "flock model add --help"),
        ("bartowski/Q-GGUF", "looks like a repository on the hub", "flock model add hf:bartowski/Q-GGUF"),
        ("o/r:Q4_K_M", "looks like a repository on the hub", "flock model add hf:o/r:Q4_K_M"),
        ("llama3.2:1b", "looks like a tag of Ollama", "flock model add ollama:llama3.2:1b"),
        ("my models/a.gguf", "looks like a file", "flock model add 'file:my models/a.gguf'"),
        ("a.gguf", "looks like a file", "flock model add file:a.gguf"),
        ("~/models", "looks like a file", "flock model add 'file:~/models'"),
        ("what is this", "is no source", "flock model add --help"),
        ("file:", "names no file", "flock model add file:PATH.gguf"),
        ("hf:", "names no repository", "flock hub search qwen3"),
        ("hf:owner", "names no repository", "flock hub search owner"),
        ("hf:a/b/c", "names no repository", "flock hub search c"),
        ("hf:o/r:", "ends where a quantisation", "flock hub show o/r"),
        ("hf:o/r:../../etc/passwd", "is no path within", "flock hub show o/r"),
        ("ollama:", "names no tag", "flock model add ollama:llama3.2:1b"),
        ("ollama:gpt-oss:120b-cloud", "is answered by ollama.com", "flock vendor ls --all"),
        ("ollama:glm-4.6:cloud", "is answered by ollama.com", "flock vendor ls --all"),
        ("https://example.org/", "does not end in the name", "flock model add --help"),
        ("https://me:secret@example.org/a.gguf", "with a name or password", "flock model add --help"),
        ("http:///a.gguf", "is no URL", "flock model add --help"),
        ("https://huggingface.co/o/r/discussions/3", "is no page of a model", "flock hub show o/r"),
    ],
)
def test_what_is_no_source(words: str, said: str, hint: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        parse(words)
    assert caught.value.hint == hint
    assert "secret" not in caught.value.sentence


def test_file_names() -> None:
    assert UrlSource("https://example.org/a/b%20c.gguf?x=1").file_name == "b c.gguf"
    assert HubSource("o/r", "a/B.GGUF").is_file
    assert not HubSource("o/r", "Q4_K_M").is_file


def test_checksums() -> None:
    assert checksum("sha256:" + "AB" * 32) == "ab" * 32
    assert checksum("") == ""
    with pytest.raises(InvalidRequest, match="64 hexadecimal digits"):
        checksum("abc")
