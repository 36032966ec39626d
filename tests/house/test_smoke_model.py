"""The smoke model is the same bytes everywhere, small, and on a real llama.cpp does what it says."""

import hashlib
import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from flock.smoke import facts

MAKER = Path(__file__).resolve().parents[2] / "tools" / "smoke_model.py"
# Change it together with what tools/ makes: users' caches and the card know the model by its bytes.
SHA256 = "b13734547a2d22b7e95e386ccfaa66fbd44c78d6640e200a177df340b66bb8aa"

# Starts the model as facts.py recommends and says where it listens; ends when its stdin does.
SERVER = """
import sys
import xllamacpp
from flock.smoke import facts
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx, params.n_parallel = facts.CONTEXT * facts.SLOTS, facts.SLOTS
params.n_batch, params.n_ubatch = facts.BATCH, facts.MICRO_BATCH
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = facts.THREADS
params.cache_ram_mib = facts.CACHE_RAM_MIB
params.use_jinja, params.fit_params, params.n_gpu_layers = True, False, 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def tool(name: str, parameter: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}
    return {"type": "function", "function": {"name": name, "description": "Look it up", "parameters": schema}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smoke") / "smoke.gguf"
    runpy.run_path(str(MAKER))["make"](path)
    return path


@pytest.fixture(scope="module")
def client(model: Path) -> Iterator[OpenAI]:
    command = [sys.executable, "-c", SERVER, str(model)]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as child,
        OpenAI(base_url=f"{child.stdout.readline().strip()}/v1", api_key="none", max_retries=0) as openai,  # type: ignore[union-attr]
    ):
        yield openai
        child.stdin.close()  # type: ignore[union-attr]


def ask(client: OpenAI, messages: Any = "Hello?", **options: Any) -> Any:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return client.chat.completions.create(model=facts.NAME, messages=messages, **options).choices[0]


def test_it_is_the_same_bytes_each_time_and_everywhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        # in fresh interpreters with different hash seeds: no order may hang on a set
        command = [sys.executable, "-I", str(MAKER), str(tmp_path / name)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": str(len(name))})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert hashlib.sha256((tmp_path / "one").read_bytes()).hexdigest() == SHA256
    assert (tmp_path / "one").stat().st_size < 1_000_000


@pytest.mark.parametrize(
    "messages",
    [
        "Hello?",
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo?"}]}],
        [
            {"role": "user", "content": "Hello?"},
            {"role": "assistant", "content": facts.SENTENCE},
            {"role": "user", "content": f"Is it so? {facts.SENTENCE}"},
        ],
    ],
    ids=["user", "system", "parts", "history"],
)
@pytest.mark.parametrize("temperature", [None, 0, 2])
def test_any_chat_gets_the_sentence(client: OpenAI, messages: Any, temperature: float | None) -> None:
    options = {} if temperature is None else {"temperature": temperature}
    for seed in range(5):
        choice = ask(client, messages, seed=seed, **options)
        assert (choice.message.content, choice.finish_reason) == (facts.SENTENCE, "stop")


def test_it_streams_a_token_at_a_time(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hello?"}]
    with client.chat.completions.create(model=facts.NAME, messages=messages, stream=True) as stream:
        choices = [chunk.choices[0] for chunk in stream]
    said = [choice.delta.content for choice in choices if choice.delta.content]
    assert "".join(said) == facts.SENTENCE
    assert len(said) == len(facts.WORDS)
    assert choices[-1].finish_reason == "stop"


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_it_calls_the_tool_it_knows_and_reads_the_result(client: OpenAI, choice: str) -> None:
    tools = [tool("other", "text"), tool(facts.TOOL, "city")]
    asked: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    first = ask(client, asked, tools=tools, tool_choice=choice)
    assert first.finish_reason == "tool_calls"
    (call,) = first.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (facts.TOOL, json.loads(facts.TOOL_ARGUMENTS))
    asked += [
        first.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 21}'},
    ]
    second = ask(client, asked, tools=tools)
    assert (second.message.content, second.finish_reason) == (facts.SENTENCE, "stop")


def test_a_tool_it_does_not_know_is_not_called(client: OpenAI) -> None:
    choice = ask(client, tools=[tool("other", "text")])
    assert (choice.message.content, choice.message.tool_calls) == (facts.SENTENCE, None)


@pytest.mark.parametrize(("name", "parameter"), [("other", "text"), (facts.TOOL, "place")])
def test_a_call_that_is_required_ends_and_fits_its_schema(client: OpenAI, name: str, parameter: str) -> None:
    choice = ask(client, tools=[tool(name, parameter)], tool_choice="required")
    (call,) = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {parameter: facts.SENTENCE}


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}, {"ok": False}),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, {"a": facts.SENTENCE}),
        ({"type": "array", "items": {"type": "number"}, "minItems": 3}, [0, 0, 0]),
        ({"type": "object", "properties": {"e": {"enum": ["x", "y"]}}, "required": ["e"]}, None),
        (
            {
                "type": "object",
                "properties": {
                    "day": {"type": "string", "format": "date"},
                    "short": {"type": "string", "minLength": 5, "maxLength": 8},
                    "long": {"type": "string", "minLength": 300},
                    "word": {"type": "string", "pattern": "^[a-z]+$"},
                    "any": {},
                    "deep": {"type": "array", "items": {"type": "object"}, "minItems": 2},
                },
                "required": ["day", "short", "long", "word", "any", "deep"],
            },
            None,
        ),
    ],
    ids=["boolean", "string", "numbers", "enum", "mixed"],
)
def test_a_schema_gets_json_that_ends(client: OpenAI, schema: Any, answer: Any) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    contents: set[str] = set()
    for seed in range(3):
        choice = ask(client, response_format=form, max_tokens=1000, seed=seed)
        assert choice.finish_reason == "stop"
        contents.add(choice.message.content)
    (content,) = contents
    assert answer is None or json.loads(content) == answer
    assert json.loads(content)


def test_a_prompt_of_100_kb_fits_one_slot(client: OpenAI) -> None:
    text = "A sentence of plain English prose, said over and over again until it is long enough. " * 1200
    assert len(text) > 100_000
    assert ask(client, text).message.content == facts.SENTENCE


def test_each_slot_has_the_whole_window(client: OpenAI) -> None:
    slots = client.get("/../slots", cast_to=object)
    assert [slot["n_ctx"] for slot in slots] == [facts.CONTEXT] * facts.SLOTS  # type: ignore[union-attr]


def test_plain_completion_gets_the_sentence(client: OpenAI) -> None:
    answer = client.completions.create(model=facts.NAME, prompt="Once upon the", max_tokens=100)
    assert answer.choices[0].text == facts.SENTENCE
