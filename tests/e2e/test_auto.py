"""The model "auto" on real llama.cpp: each request goes to the model that has what it uses, in every dialect.

Five real models: one that only talks, one whose template knows tools, one with a large window, one that sees, one that
embeds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.parts import Told, ask, call, environment, explained, settings
from tests.fakes.hub_process import fake_hub
from tests.models import make
from tests.models.sight import PREFIX, write_sight
from tests.running import Flock, flock_home, wait_for

chain = make.chain_model
PLAIN = (
    "{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\\n' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}"
    "{%- for part in message.content -%}{{- part.text -}}{%- endfor -%}{%- endif -%}"
    "{{- '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)
CALL = [chain.CALL, f'\n{{"name": "{make.TOOL}", "arguments": ', make.TOOL_ARGUMENTS, "}\n</tool_call>"]
REPO = "ada/Sees-GGUF"
# a picture of one pixel
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI, ANTHROPIC, RESPONSES, OLLAMA = "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat"
GEMINI = "/v1beta/models/auto:generateContent"


def write_plain(path: Path, window: int) -> Path:
    """Write a model whose template knows no tools."""
    chain.write_chain_model(path, path.stem, make.WORDS, CALL, make.TOOL, chain.Shape(window, layers=2), (), PLAIN)
    return path


@pytest.fixture(scope="module")
def flock(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flock]:
    place = tmp_path_factory.mktemp("auto")
    sees, half = write_plain(place / "sees.gguf", 8192), place / f"{PREFIX}sees.gguf"
    write_sight(half)
    with fake_hub(place / "hub") as hub:
        header = {"total": 1_000_000, "architecture": "llama", "context_length": 8192}
        hub.put(REPO, {"Sees-F32.gguf": sees.read_bytes(), f"{PREFIX}Sees-F32.gguf": half.read_bytes()}, gguf=header)
        told = {"HF_ENDPOINT": hub.url, "HF_HOME": str(place / "hf"), "FLOCK_ENGINE": "embedded"}
        with flock_home(**{**environment(), **told}) as flock:
            flock.ok("up")
            flock.ok("model", "add", f"file:{write_plain(place / 'talks.gguf', 4096)}")
            flock.ok("model", "add", f"file:{models['tiny-script']}", "--name", "calls")
            flock.ok("model", "add", f"file:{write_plain(place / 'long.gguf', 65536)}", "--no-load")
            flock.ok("model", "add", f"hf:{REPO}", "--name", "sees")
            flock.ok("model", "add", f"file:{models['tiny-embed']}", "--name", "embeds")
            wait_for(lambda: "sees" in route(flock, PICTURES[OPENAI])[0], "what the models can is known")
            yield flock
            assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def asked(path: str, **fields: Any) -> dict[str, Any]:
    """Return a request that says hello in the dialect of a path."""
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    if path == RESPONSES:
        body = {"model": "auto", "input": "hi"}
    elif path == GEMINI:
        body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    elif path == ANTHROPIC:
        body["max_tokens"] = 100
    return body | fields


def said(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


DATA = f"data:image/png;base64,{PIXEL}"
SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}
TOOL = {"name": make.TOOL, "description": "tells the weather"}
PICTURES: dict[str, Any] = {
    OPENAI: said({"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": DATA}}),
    ANTHROPIC: said({"type": "text", "text": "what?"}, {"type": "image", "source": SOURCE}),
    RESPONSES: {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": DATA}]}]},
    OLLAMA: {"messages": [{"role": "user", "content": "what?", "images": [PIXEL]}]},
    GEMINI: {"contents": [{"parts": [{"text": "?"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]}]},
}
TOOLS: dict[str, Any] = {
    OPENAI: {"tools": [{"type": "function", "function": {**TOOL, "parameters": SCHEMA}}]},
    ANTHROPIC: {"tools": [{**TOOL, "input_schema": SCHEMA}]},
    RESPONSES: {"tools": [{"type": "function", **TOOL, "parameters": SCHEMA}]},
    OLLAMA: {"tools": [{"type": "function", "function": {**TOOL, "parameters": SCHEMA}}]},
    GEMINI: {"tools": [{"functionDeclarations": [{**TOOL, "parameters": SCHEMA}]}]},
}


def send(flock: Flock, path: str, fields: dict[str, Any]) -> Told:
    told = ask(flock.port, flock.key, asked(path, **fields), path)
    assert told.status == 200, told.body
    return told


def route(flock: Flock, fields: dict[str, Any], path: str = OPENAI) -> tuple[str, str]:
    """Return which model answered, and why."""
    told = send(flock, path, fields)
    record = explained(flock, told.id)
    assert record["model"] == told.headers["x-flock-model"]
    (why,) = [note for note in record["notes"] if note.startswith("auto: ")]
    return record["model"], why.removeprefix("auto: ")


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC, RESPONSES, OLLAMA, GEMINI])
def test_each_request_goes_to_the_model_that_has_what_it_uses(flock: Flock, path: str) -> None:
    assert route(flock, {}, path) == ("talks", "talks, loaded")
    assert route(flock, TOOLS[path], path) == ("calls", "calls, loaded, has tools")
    told = send(flock, path, TOOLS[path])
    assert make.TOOL.encode() in told.body
    assert route(flock, PICTURES[path], path) == ("sees", "sees, loaded, has vision")


def test_a_stream_and_an_effort(flock: Flock) -> None:
    assert route(flock, {"stream": True}) == ("talks", "talks, loaded")
    record = explained(flock, send(flock, OPENAI, {"model": "auto-high"}).id)
    assert record["model"] == "talks"
    assert "alias *-high: auto-high → talks" in record["notes"]
    assert send(flock, OPENAI, {"model": "claude-flock-auto:floor"}).headers["x-flock-model"] == "talks"


def test_a_long_prompt_goes_where_it_fits_and_loads_it(flock: Flock) -> None:
    prompt = "0123456789" * 700  # these models have a token for every digit
    fields = {"messages": [{"role": "user", "content": prompt}]}
    wait_for(lambda: "a window of" in route(flock, fields)[1], "the windows are known")
    model, why = route(flock, fields)
    assert model == "long"
    assert "a window of 65536 for about " in why
    assert route(flock, {})[0] == "talks", "the default comes first of those in memory"


def test_the_model_that_can_is_loaded_where_it_is_not(flock: Flock) -> None:
    flock.ok("model", "unload", "sees")
    assert route(flock, PICTURES[OPENAI]) == ("sees", "sees, the only one that fits, has vision")


def test_every_kind(flock: Flock) -> None:
    for path in ("/v1/embeddings", "/api/embed"):
        told = ask(flock.port, flock.key, {"model": "auto", "input": "hello"}, path)
        assert (told.status, told.headers["x-flock-model"]) == (200, "embeds")
    told = ask(flock.port, flock.key, {"model": "auto", "query": "a", "documents": ["b"]}, "/v1/rerank")
    assert told.status == 404
    assert told.json["message"] == 'no model for rerank is installed that "auto" could mean'


def test_what_no_model_here_has_is_said(flock: Flock) -> None:
    sound = said({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})
    told = ask(flock.port, flock.key, asked(OPENAI, **sound))
    assert (told.status, told.error["message"].split(" (")[0]) == (400, "no model here deals with sound")


def test_it_is_counted_and_shown_and_not_listed(flock: Flock) -> None:
    told = ask(flock.port, flock.key, asked(ANTHROPIC), "/v1/messages/count_tokens")
    assert told.json["input_tokens"] > 0
    listed = [row["id"] for row in call(flock.port, "GET", "/v1/models", flock.key).json["data"]]
    assert sorted(listed) == ["calls", "embeds", "long", "sees", "talks"]
    one = call(flock.port, "GET", "/v1/models/auto", flock.key)
    assert (one.status, one.json["id"]) == (200, "auto")


def test_an_alias_called_auto_is_meant_by_it(flock: Flock) -> None:
    flock.ok("down")
    settings(flock, "router:\n  aliases: auto=calls\n")
    flock.ok("up")
    told = send(flock, OPENAI, {})
    assert told.headers["x-flock-model"] == "calls"
    assert "alias auto: auto → calls" in explained(flock, told.id)["notes"]
