"""The sections of the settings: what each is called, its default, its meaning and what is allowed.

Owns the declarations and nothing that reads or writes them (config.py does). The reference in docs/config.md follows
from what stands here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from flock.configvalues import (
    alias_pairs,
    parse_aliases,
    parse_count,
    parse_directory,
    parse_limit,
    parse_memory,
    parse_name,
    parse_origins,
    parse_seconds,
    parse_switch,
    parse_url,
)

Directory = Annotated[str, PlainValidator(parse_directory)]
# a file is spelled as a directory is: absolute, or from the home directory on
File = Directory
Url = Annotated[str, PlainValidator(parse_url)]
Seconds = Annotated[float, PlainValidator(parse_seconds)]
Name = Annotated[str, PlainValidator(parse_name)]


def declare(default: Any, summary: str, allowed: str, variable: str = "", *, example: str, kind: str = "text") -> Any:
    """Declare a setting; `example` is a value that `flock config set` takes, `kind` how words become a value."""
    extra: dict[str, Any] = {"allowed": allowed, "variable": variable, "example": example, "kind": kind}
    return Field(default=default, description=summary, json_schema_extra=extra)


class Section(BaseModel):
    """What all sections have in common: nothing unknown, nothing changed, no value in an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Auth(Section):
    """Who may call."""

    require_keys: Annotated[bool, PlainValidator(parse_switch)] = declare(
        True,
        "whether every request needs an API key; without, flock listens on loopback only",
        "true or false",
        "FLOCK_REQUIRE_KEYS",
        example="true",
        kind="switch",
    )
    bad_keys_per_minute: Annotated[int, PlainValidator(parse_limit)] = declare(
        60,
        "how many wrong keys an address may show in a minute before it has to wait; right keys are let in all the "
        "same; 0: no limit",
        "a whole number from 0 to a million",
        example="60",
        kind="count",
    )


class Records(Section):
    """How long records are kept."""

    usage_days: Annotated[int, PlainValidator(parse_limit)] = declare(
        0,
        "after how many days single requests are forgotten; their sums by the hour stay; 0: never",
        "a whole number from 0 to a million",
        example="400",
        kind="count",
    )
    audit_days: Annotated[int, PlainValidator(parse_limit)] = declare(
        0,
        "after how many days acts of administration are forgotten; 0: never",
        "a whole number from 0 to a million",
        example="0",
        kind="count",
    )


class Prices(Section):
    """What requests cost."""

    tables: Annotated[bool, PlainValidator(parse_switch)] = declare(
        True,
        "whether public tables of prices, which came with flock, are asked for what is not set",
        "true or false",
        "FLOCK_PRICES_TABLES",
        example="true",
        kind="switch",
    )
    compare_with: Name = declare(
        "",
        "the vendor's model that `flock savings` compares with",
        "VENDOR/MODEL (one line)",
        example="anthropic/claude-sonnet-4-5",
    )


class Fallback(Section):
    """What is beyond the team's own machines."""

    enabled: Annotated[bool, PlainValidator(parse_switch)] = declare(
        True,
        "whether requests may go to paid vendors at all; a vendor is on as soon as flock knows a key for it, and takes "
        "requests that name one of its models, of keys that may use it",
        "true or false",
        example="true",
        kind="switch",
    )


class Router(Section):
    """Which model answers."""

    default_model: Name = declare(
        "",
        "the model that answers when a request names none; empty: the first one that was added; auto: for each request "
        "the one that suits it",
        "the id of a model (one line)",
        "FLOCK_DEFAULT_MODEL",
        example="qwen3-8b",
    )
    aliases: Annotated[str, PlainValidator(parse_aliases)] = declare(
        "claude-*=default",
        "names that stand for a model, the first pattern that fits winning; coding tools ask for side models by "
        "their vendors' names; a model's own id always comes first",
        "PATTERN=MODEL between commas, such as claude-*haiku*=qwen3-4b, claude-*=default; empty: none",
        example="claude-*haiku*=qwen3-4b, claude-*=default",
    )

    fallback: Fallback = Fallback()

    def alias_pairs(self) -> list[tuple[str, str]]:
        """Return (pattern, model) of the aliases, in their order."""
        return alias_pairs(self.aliases)


def _seconds(default: float, summary: str, example: str) -> Any:
    return declare(default, summary, "seconds from 0 to 86400", example=example, kind="seconds")


def _path(title: str, variable: str, example: str) -> Any:
    return declare(
        "",
        f"where {title} is; empty: looked for in PATH and among what `flock engine install` brought",
        "an absolute path, or one that begins with ~",
        variable,
        example=example,
    )


def _endpoint(title: str, variable: str, port: int) -> Any:
    return declare(
        "",
        f"the URL of a running {title} to adopt; empty: none",
        f"a URL such as http://127.0.0.1:{port}, without a password in it",
        variable,
        example=f"http://127.0.0.1:{port}",
    )


class Engines(Section):
    """What generates."""

    preferred: Literal["", "llamacpp", "embedded", "mlx", "vllm", "sglang", "ollama"] = declare(
        "",
        "the engine for models that several could serve; empty: what suits model and machine best",
        "llamacpp, embedded, mlx, vllm, sglang or ollama",
        "FLOCK_ENGINE",
        example="embedded",
    )
    ollama_endpoint: Url = _endpoint("Ollama", "FLOCK_OLLAMA_ENDPOINT", 11434)
    vllm_endpoint: Url = _endpoint("vLLM", "FLOCK_VLLM_ENDPOINT", 8000)
    mlx_endpoint: Url = _endpoint("MLX-LM", "FLOCK_MLX_ENDPOINT", 8100)
    llamacpp_endpoint: Url = _endpoint("llama-server", "FLOCK_LLAMACPP_ENDPOINT", 8089)
    whisper_endpoint: Url = _endpoint("whisper-server", "FLOCK_WHISPER_ENDPOINT", 8081)
    piper_endpoint: Url = _endpoint("piper", "FLOCK_PIPER_ENDPOINT", 5000)
    llamacpp_path: File = _path("llama-server", "FLOCK_LLAMACPP_PATH", "~/llama.cpp/build/bin/llama-server")
    mlx_path: File = _path("mlx_lm.server", "FLOCK_MLX_PATH", "~/mlx/bin/mlx_lm.server")
    vllm_path: File = _path("vllm", "FLOCK_VLLM_PATH", "~/vllm/bin/vllm")
    sglang_path: File = _path("the Python that has SGLang", "FLOCK_SGLANG_PATH", "~/sglang/bin/python")
    whisper_path: File = _path("whisper-server", "FLOCK_WHISPER_PATH", "~/whisper.cpp/build/bin/whisper-server")
    piper_path: File = _path("the Python that has piper-tts[http]", "FLOCK_PIPER_PATH", "~/piper/bin/python")
    ollama_path: File = _path("ollama", "FLOCK_OLLAMA_PATH", "/usr/local/bin/ollama")
    memory: Annotated[int, PlainValidator(parse_memory)] = declare(
        0,
        "what models may take in memory in all; empty: what the machine has, less the headroom",
        "a size such as 48GiB, or 0",
        "FLOCK_ENGINE_MEMORY",
        example="48GiB",
    )
    headroom: Annotated[int, PlainValidator(parse_memory)] = declare(
        2 * 2**30,
        "how much memory is left to everybody else",
        "a size such as 2GiB, or 0",
        "FLOCK_ENGINE_HEADROOM",
        example="2GiB",
    )
    models_dir: Directory = declare(
        "",
        "where fetched models lie; empty: models/ in the data directory",
        "an absolute directory, or one that begins with ~",
        "FLOCK_MODELS_DIR",
        example="/srv/models",
    )
    hub_endpoint: Url = declare(
        "",
        "where models are fetched from; empty: huggingface.co",
        "the URL of a mirror of Hugging Face",
        "HF_ENDPOINT",
        example="https://hub.example.org",
    )
    probe_seconds: Seconds = _seconds(
        30.0, "how often an engine of flock's own is asked whether it still generates; 0: never", "30"
    )
    probe_failures: Annotated[int, PlainValidator(parse_count)] = declare(
        3,
        "after how many silences in a row it is ended and started again",
        "a whole number from 1 to 1000000",
        example="3",
        kind="count",
    )


class Loading(Section):
    """When models enter and leave memory."""

    jit: Annotated[bool, PlainValidator(parse_switch)] = declare(
        True,
        "whether a model loads with the first request for it; otherwise only by `flock model load`",
        "true or false",
        "FLOCK_JIT",
        example="true",
        kind="switch",
    )
    idle_seconds: Seconds = _seconds(300.0, "after how long without a request a model leaves memory; 0: never", "300")
    bound_seconds: Seconds = _seconds(
        30.0, "how long a model in memory may keep requests for another one waiting that does not fit beside it", "30"
    )
    queue_limit: Annotated[int, PlainValidator(parse_count)] = declare(
        256,
        "how many requests may wait for one model; beyond it they are refused with the time to come back",
        "a whole number from 1 to 1000000",
        example="256",
        kind="count",
    )
    exclusive: Annotated[bool, PlainValidator(parse_switch)] = declare(
        False,
        "whether only one model is in memory at a time",
        "true or false",
        "FLOCK_EXCLUSIVE",
        example="false",
        kind="switch",
    )


class Gateway(Section):
    """How long flock waits for engines, and what clients see meanwhile."""

    keepalive_seconds: Seconds = _seconds(10.0, "how often a silent stream gets a keep-alive comment; 0: never", "10")
    first_token_seconds: Seconds = _seconds(900.0, "how long an engine may take to its first token; 0: no limit", "900")
    stall_seconds: Seconds = _seconds(120.0, "how long an engine may fall silent in mid-answer; 0: no limit", "120")
    connect_seconds: Seconds = _seconds(3.0, "how long a connection to an engine may take; 0: no limit", "3")
    cors_origins: Annotated[str, PlainValidator(parse_origins)] = declare(
        "",
        "web pages that may call flock from a browser; empty: none",
        "origins such as https://chat.example.org between commas, or * for every page",
        example="https://chat.example.org",
    )


def _switch(summary: str, *, default: bool = True) -> Any:
    return declare(default, summary, "true or false", example="true", kind="switch")


class Translation(Section):
    """What flock may change about requests and answers on their way; `flock explain` names every change."""

    prefix_normaliser: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether words that coding tools change with every turn are frozen, so that engines reuse their prompt cache"
    )
    context_scaling: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether Claude Code is told its usage in proportion to the model's real window, so that it compacts in time"
    )
    think_tags: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether thinking between tags is taken out of a model's text where its engine leaves it in"
    )
    tool_rescue: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether tool calls written as text become calls, if their tool was offered, where the engine leaves them"
    )
    raise_max_tokens: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether the limit of an answer is raised by what the model thinks, where thinking would eat it"
    )
    lower_max_tokens: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether the limit of an answer is lowered to what the model's window has room for, which engines may refuse"
    )
    drop_duplicate_tools: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether a vendor's own tool is left out where the client offers one of the same name itself"
    )
    fetch_images: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether flock fetches pictures that requests name by a public URL; otherwise such requests are refused"
    )
    answer_noops: Annotated[bool, PlainValidator(parse_switch)] = _switch(
        "whether flock itself answers calls of coding tools that need no model: warm-ups and titles of conversations",
        default=False,
    )
