"""Whatever a client sends and an upstream answers: served, or refused in words. Nothing else may come out."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.tasks.forms import Part
from flock.dialects.tasks.table import PATHS, TASKS
from flock.dialects.tasks.task import Sent
from flock.errors import FlockError, InvalidRequest, Unsupported, UpstreamError
from tests.unit.dialects.tasks.recorded import field, form
from tests.unit.dialects.tasks.test_forms import PARTS

SHAPES = ("openai", "vllm", "ollama", "gemini", "cohere", "whisper", "whisper-openai", "piper")
FIELDS = (
    *(
        "model",
        "input",
        "encoding_format",
        "dimensions",
        "requests",
        "content",
        "parts",
        "text",
        "outputDimensionality",
    ),
    *("task_type", "prompt", "query", "documents", "texts", "top_n", "return_documents", "rank_fields", "voice", "id"),
    *(
        "speed",
        "response_format",
        "stream_format",
        "instructions",
        "n",
        "stream",
        "truncate",
        "temperature",
        "language",
    ),
)
ANSWERS = (
    *("data", "index", "embedding", "embeddings", "values", "float", "usage", "prompt_tokens", "meta", "billed_units"),
    *("input_tokens", "usageMetadata", "promptTokenCount", "prompt_eval_count", "results", "relevance_score", "text"),
    *("segments", "words", "word", "start", "tokens", "duration", "id", "model"),
)
PLAIN = st.none() | st.booleans() | st.integers(-2, 2**63) | st.floats(allow_nan=False) | st.text(max_size=5)
WORDS = st.sampled_from(["json", "text", "srt", "vtt", "verbose_json", "wav", "pcm", "mp3", "sse", "base64", "float"])


def trees(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return values made of the fields that the code looks at."""
    keys = st.sampled_from(names)
    return st.recursive(
        PLAIN | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


CONCRETE = [(path.replace("{model}", "m"), task) for path, (_, task) in PATHS.items()]


def usages(sent: Sent, answer: bytes) -> None:
    """Look for the usage of answers that pass on: none may keep them from that."""
    try:
        for cut in (answer, answer[:-1], b'"usage" "usageMetadata" "prompt_eval_count" "meta" ' + answer):
            sent.usage_of(cut)
    except FlockError as error:
        raise AssertionError("an answer that passes on was refused") from error


def outcome(task: str, path: str, raw: bytes, content_type: str, answer: bytes) -> None:
    """Go the whole way; whatever is raised but a refusal fails the test."""
    refused = (InvalidRequest, Unsupported, UpstreamError)
    with contextlib.suppress(InvalidRequest):
        asked = TASKS[task].read_ask(raw, path, content_type)
        for shape in SHAPES:
            with contextlib.suppress(*refused):
                sent = TASKS[task].write(asked, "real", shape)
                assert sent.path.startswith("/")
                assert sent.body
                sent.refusal(400, answer)
                sent.refusal(500, answer)
                usages(sent, answer)
                if sent.finish is not None:
                    assert sent.finish(answer, "application/json").content_type


@pytest.mark.parametrize(("path", "task"), CONCRETE)
@given(body=st.dictionaries(st.sampled_from(FIELDS), trees(FIELDS), max_size=6), answer=trees(ANSWERS))
@settings(max_examples=12, deadline=None)
def test_any_json(path: str, task: str, body: Any, answer: Any) -> None:
    outcome(task, path, orjson.dumps(body), "application/json", orjson.dumps(answer))


GOOD: dict[str, Any] = {
    "embeddings": {"model": "m", "input": ["a", "b"], "prompt": "a", "content": {"parts": [{"text": "a"}]}},
    "rerank": {"model": "m", "query": "a", "documents": ["a", "b"], "return_documents": True},
    "speech": {"model": "m", "input": "a", "voice": "v"},
    "images": {"model": "m", "prompt": "a"},
}


@pytest.mark.parametrize(("path", "task"), [(path, task) for path, task in CONCRETE if task in GOOD])
@given(more=st.dictionaries(st.sampled_from(FIELDS), trees(FIELDS), max_size=2), answer=trees(ANSWERS) | st.binary())
@settings(max_examples=12, deadline=None)
def test_a_good_body_with_any_fields(path: str, task: str, more: Any, answer: Any) -> None:
    raw = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    outcome(task, path, orjson.dumps({**GOOD[task], **more}), "application/json", raw)


# a file for each task that needs one
FILES = (Part("file", b"RIFFxxxxWAVE", "a.wav"), Part("image", b"\x89PNG", "a.png"))


@pytest.mark.parametrize("task", ["transcriptions", "translations", "images"])
@given(
    parts=st.lists(PARTS, max_size=2),
    fields=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=5) | WORDS, max_size=4),
    answer=trees(ANSWERS) | st.binary(max_size=30),
)
@settings(max_examples=25, deadline=None)
def test_any_form(task: str, parts: Any, fields: dict[str, str], answer: Any) -> None:
    raw, content_type = form(*FILES, *parts, *(field(name, value) for name, value in fields.items()))
    path = "/v1/images/edits" if task == "images" else f"/v1/audio/{task}"
    outcome(task, path, raw, content_type, answer if isinstance(answer, bytes) else orjson.dumps(answer))
