"""What each driver says of its engine: command lines, environments, questions, progress; nothing is started."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flock.catalog import load_profiles
from flock.engines.drivers import drivers
from flock.engines.embedded import Embedded
from flock.engines.engine import Engine, EngineSettings, LaunchSpec
from flock.engines.llamacpp import LlamaCpp, build_of
from flock.engines.mlx import Mlx
from flock.engines.ollama_server import CASK, OllamaServer, default_url, lacks_runner
from flock.engines.piper import Piper
from flock.engines.search import Search
from flock.engines.sglang import Sglang
from flock.engines.vllm import Vllm
from flock.engines.whisper import Whisper
from flock.profile import KINDS

ROOT = Path(__file__).resolve().parents[3]
SPEC = LaunchSpec("m", Path("/models/m"), 8192, 4, 8500, "the-key", threads=2, cache_mib=64)
EVERY: list[Callable[..., Engine]] = [Embedded, LlamaCpp, Mlx, Vllm, Sglang, Whisper, Piper, OllamaServer]
EACH = pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)


def venv(folder: Path, program: str, *packages: str) -> Path:
    """Make what looks like an environment of Python with packages, and return its program."""
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    python, script = folder / "bin/python", folder / "bin" / program
    python.symlink_to("/bin/sh")
    if not script.exists():
        script.write_text(f"#!{python}\nprint()\n")
    script.chmod(0o755)
    for package in packages:
        (folder / f"lib/python3.11/site-packages/{package}.dist-info").mkdir(parents=True)
        (folder / f"lib/python3.11/site-packages/{package}.dist-info/METADATA").touch()
    return script


def at(kind: str, path: Path) -> Search:
    return Search({kind: str(path)})


def value(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


@EACH
def test_every_driver_has_its_row_its_words_and_its_own_port(make: Callable[..., Engine]) -> None:
    engine = make()
    profiles, _ = load_profiles([ROOT / "catalog"])
    assert engine.kind in profiles
    assert engine.kinds <= KINDS
    assert engine.formats <= {"gguf", "safetensors", "mlx", "whisper", "piper", "ollama"}
    assert engine.first_port not in (8080, 8000, 8081, 5000, 11434, 30000)
    assert engine.missing_hint().split()[0] in ("flock", "brew", "make")
    assert engine.ready_path.startswith("/")
    assert engine.loaded("something else") is None


@EACH
def test_no_command_line_holds_the_key_and_everything_stays_on_loopback(make: Callable[..., Engine]) -> None:
    engine = make()
    argv = engine.argv(SPEC)
    assert "the-key" not in " ".join(argv)
    assert "0.0.0.0" not in " ".join(argv)
    if engine.kind not in ("embedded", "ollama"):  # the one knows no other place, the other has it in its environment
        assert value(argv, "--host") == "127.0.0.1"
    keyed = "the-key" in engine.environment(SPEC).values()
    assert keyed == (engine.kind in ("embedded", "llamacpp", "vllm"))


@EACH
def test_every_canary_is_a_question_that_needs_an_answer_of_the_model(make: Callable[..., Engine]) -> None:
    engine = make()
    canary = engine.canary(SPEC)
    if canary.content_type != "application/json":
        assert (engine.kind, canary.path) == ("whisper", "/inference")
        assert b"RIFF" in canary.body
        assert len(canary.body) > 16000  # half a second
        return
    asked: dict[str, Any] = json.loads(canary.body)
    assert asked.get("model", "") in ("m", "default_model", "/models/m", "")
    assert asked.get("max_tokens", 1) == 1
    if "embedding" in engine.kinds and engine.kind != "ollama":
        assert engine.canary(replace(SPEC, kind="embedding")).path == "/v1/embeddings"


def test_the_order_puts_what_is_installed_everywhere_last() -> None:
    kinds = [engine.kind for engine in drivers(EngineSettings(), None)]
    assert kinds[0] == "llamacpp"
    assert kinds[-1] == "embedded"
    assert kinds.index("vllm") < kinds.index("sglang") < kinds.index("mlx")


def test_llamacpp_and_the_embedded_one_get_the_same_settings() -> None:
    parts = {"draft": Path("/d.gguf"), "template": Path("/t.jinja"), "projector": Path("/p.gguf")}
    full = replace(SPEC, **parts, draft_tokens=5, kv_type="q4_0", gpu_layers=7)
    argv, more = LlamaCpp().argv(full), LlamaCpp().environment(full)
    assert value(argv, "--model-draft") == "/d.gguf"
    assert value(argv, "--chat-template-file") == "/t.jinja"
    assert value(argv, "--mmproj") == "/p.gguf"
    # values of 4 bits are refused without flash attention
    assert more["LLAMA_ARG_FLASH_ATTN"] == "on"
    assert (more["LLAMA_ARG_CACHE_TYPE_K"], more["LLAMA_ARG_CACHE_TYPE_V"]) == ("q4_0", "q4_0")
    assert (more["LLAMA_ARG_N_GPU_LAYERS"], more["LLAMA_ARG_SPEC_DRAFT_N_MAX"]) == ("7", "5")
    line = Embedded().argv(full)
    for words in ("--draft=/d.gguf", "--template=/t.jinja", "--projector=/p.gguf", "--draft-tokens=5", "--flash=on"):
        assert words in line
    assert "--flash=off" in Embedded().argv(replace(full, flash="off"))
    assert not [word for word in Embedded().argv(SPEC) if word.startswith(("--draft", "--template", "--projector"))]


def test_mlx_gets_its_draft_its_template_and_a_small_cache() -> None:
    full = replace(SPEC, draft=Path("/d"), draft_tokens=3, template=Path("/t.jinja"), kv_type="q4_0")
    argv = Mlx().argv(full)
    assert argv.index("--template=/t.jinja") < argv.index("--") < argv.index("--model")
    assert (value(argv, "--draft-model"), value(argv, "--num-draft-tokens"), value(argv, "--kv-bits")) == (
        "/d",
        "3",
        "4",
    )
    assert (value(argv, "--max-tokens"), value(argv, "--decode-concurrency")) == ("8192", "4")
    assert value(Mlx().argv(replace(SPEC, cache_bytes=123)), "--prompt-cache-bytes") == "123"
    assert "--trust-remote-code" not in argv
    assert Mlx().argv(replace(SPEC, trust_remote_code=True))[-1] == "--trust-remote-code"
    assert Mlx().served(SPEC) == "default_model"
    assert Mlx().loaded("Loading weights: 42%") == 0.42


def test_vllm_gets_parsers_beside_a_template_and_code_of_others_only_when_it_may() -> None:
    full = replace(SPEC, tool_parser="hermes", reasoning_parser="qwen3", template=Path("/t.jinja"))
    argv = Vllm().argv(full)
    assert "--enable-auto-tool-choice" in argv
    assert (value(argv, "--tool-call-parser"), value(argv, "--reasoning-parser")) == ("hermes", "qwen3")
    # a template that was filled in stays beside the parser: the two have nothing to do with each other there
    assert value(argv, "--chat-template") == "/t.jinja"
    assert "--trust-remote-code" not in argv
    assert "--trust-remote-code" in Vllm().argv(replace(full, trust_remote_code=True))
    embeds = Vllm().argv(replace(full, kind="embedding"))
    assert value(embeds, "--runner") == "pooling"
    assert "--tool-call-parser" not in embeds
    guess = json.loads(value(Vllm().argv(replace(full, draft=Path("/d"), draft_tokens=4)), "--speculative-config"))
    assert guess == {"model": "/d", "num_speculative_tokens": 4}


def test_vllm_takes_what_it_may_have_and_no_more(tmp_path: Path) -> None:
    weights = tmp_path / "model"
    weights.mkdir()
    (weights / "model.safetensors").touch()
    os.truncate(weights / "model.safetensors", 3 * 2**30)
    wanted = replace(SPEC, model_path=weights, memory_bytes=10 * 2**30, kv_type="q8_0")
    card = Vllm(at("vllm", venv(tmp_path / "card", "vllm", "vllm-0.33.0")))
    assert value(card.argv(wanted), "--kv-cache-memory-bytes") == str(6 * 2**30)
    assert value(card.argv(wanted), "--kv-cache-dtype") == "fp8"
    assert "--enforce-eager" not in card.argv(wanted)
    assert "VLLM_CPU_KVCACHE_SPACE" not in card.environment(wanted)
    processor = Vllm(at("vllm", venv(tmp_path / "cpu", "vllm", "vllm-0.32.0+cpu")))
    assert processor.environment(wanted)["VLLM_CPU_KVCACHE_SPACE"] == "6"
    assert processor.environment(replace(wanted, memory_bytes=0))["VLLM_CPU_KVCACHE_SPACE"] == "4"
    assert "--kv-cache-memory-bytes" not in processor.argv(wanted)
    assert processor.argv(wanted)[-1] == "--enforce-eager"


def test_vllm_tells_how_many_of_its_files_are_read() -> None:
    # as it wrote it: one line for all the states of the bar
    line = (
        "\rLoading safetensors checkpoint shards:   0% Completed | 0/3 [00:00<?, ?it/s]"
        "\rLoading safetensors checkpoint shards:  33% Completed | 1/3 [00:01<00:02,  1.00s/it]"
    )
    assert Vllm().loaded(line) == 0.33
    assert Vllm().loaded("(Worker pid=1) INFO Loading weights took 0.01 seconds") is None


def test_sglang_command_line() -> None:
    full = replace(SPEC, tool_parser="qwen25", reasoning_parser="qwen3", template=Path("/t.jinja"), kv_type="q8_0")
    argv = Sglang().argv(full)
    assert argv[1:5] == ["-m", "sglang.launch_server", "--model-path", "/models/m"]
    assert (value(argv, "--context-length"), value(argv, "--max-running-requests")) == ("8192", "4")
    assert value(argv, "--max-total-tokens") == str(4 * 8192)
    shared = Sglang().argv(replace(SPEC, slots=32, windows=2))
    assert (value(shared, "--max-running-requests"), value(shared, "--max-total-tokens")) == ("32", str(2 * 8192))
    assert (value(argv, "--tool-call-parser"), value(argv, "--reasoning-parser")) == ("qwen25", "qwen3")
    assert (value(argv, "--chat-template"), value(argv, "--kv-cache-dtype")) == ("/t.jinja", "fp8_e5m2")
    assert "--api-key" not in argv
    assert "--is-embedding" in Sglang().argv(replace(SPEC, kind="embedding"))


def test_whisper_and_piper_command_lines() -> None:
    assert "--no-gpu" in Whisper().argv(replace(SPEC, gpu_layers=0))
    assert "--inference-path" not in Whisper().argv(SPEC)
    voice = replace(SPEC, model_path=Path("/voices/en_US-amy-low.onnx"))
    assert value(Piper().argv(voice), "--data-dir") == "/voices"
    assert Piper().served(voice) == "en_US-amy-low"


def test_an_ollama_of_flocks_own_listens_beside_the_users() -> None:
    tag = replace(SPEC, model_path=Path("hf.co/ada/tiny:Q4_K_M"), kv_type="q8_0", flash="on")
    environment = OllamaServer().environment(tag)
    assert environment["OLLAMA_HOST"] == "127.0.0.1:8500"
    assert (environment["OLLAMA_CONTEXT_LENGTH"], environment["OLLAMA_NUM_PARALLEL"]) == ("8192", "4")
    assert (environment["OLLAMA_KV_CACHE_TYPE"], environment["OLLAMA_FLASH_ATTENTION"]) == ("q8_0", "1")
    assert "OLLAMA_MODELS" not in environment
    assert OllamaServer().served(tag) == "hf.co/ada/tiny:Q4_K_M"


def test_an_ollama_for_all_its_models_is_left_its_choices() -> None:
    anything = replace(SPEC, context=0, slots=0)
    environment = OllamaServer(keep_seconds=300).environment(anything)
    assert environment["OLLAMA_KEEP_ALIVE"] == "300s"
    assert not {"OLLAMA_CONTEXT_LENGTH", "OLLAMA_NUM_PARALLEL"} & environment.keys()
    assert OllamaServer().environment(anything)["OLLAMA_KEEP_ALIVE"] == "-1"


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        (":9000", "http://127.0.0.1:9000"),
        (" http://localhost:9000/ ", "http://127.0.0.1:9000"),
        ("http://localhost", "http://127.0.0.1:80"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("[::]", "http://[::1]:11434"),
        ("gpu-box:11434", ""),
        ("https://127.0.0.1", ""),
        ("127.0.0.1:99999", ""),
        ("127.0.0.1:x", ""),
        ("a b:c:d", ""),
    ],
)
def test_where_ollamas_own_variable_says_that_it_is(said: str, url: str) -> None:
    assert default_url(said) == url


def test_an_ollama_without_its_runner_is_known_by_its_words() -> None:
    assert lacks_runner("error starting llama-server: llama-server binary not found (checked: /opt/…)")
    assert not lacks_runner("model not found")
    assert "--cask" in CASK


@pytest.mark.parametrize(
    ("lines", "build"),
    [
        (("version: 0.7.0 (build 11669, commit Debian)", "built with GNU 16.2.0 for Linux x86_64"), 11669),
        (("version: 6325 (4d74393b)", "built with cc"), 6325),
        (("load_backend: loaded CPU", "version: 7001 (abc)"), 7001),
        (("hello",), 0),
    ],
)
def test_builds_of_llamacpp(lines: tuple[str, ...], build: int) -> None:
    assert build_of(lines) == build


def test_dots_of_older_llamacpp_are_hundredths_and_other_dots_are_none() -> None:
    assert LlamaCpp().loaded("." * 42) == 0.42
    assert LlamaCpp().loaded("load_tensors: loading model tensors, this can take a while...") is None
    assert LlamaCpp().loaded("sched_reserve: reserving ...") is None
