"""The sections of the settings: what each is called, its default, its meaning and what is allowed.

Owns the declarations and nothing that reads or writes them (config.py does). The reference in docs/config.md follows
from what stands here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from flock.configvalues import (
    alias_pairs,
    parse_aliases,
    parse_directory,
    parse_name,
    parse_origins,
    parse_seconds,
    parse_switch,
    parse_url,
)

Directory = Annotated[str, PlainValidator(parse_directory)]
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
        "the model that answers when a request names none; empty: the first one there is",
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

    preferred: Literal["", "llamacpp", "embedded"] = declare(
        "",
        "the engine for added models; empty: llama-server where it is installed, else the embedded one",
        "llamacpp or embedded",
        "FLOCK_ENGINE",
        example="embedded",
    )
    ollama_endpoint: Url = _endpoint("Ollama", "FLOCK_OLLAMA_ENDPOINT", 11434)
    vllm_endpoint: Url = _endpoint("vLLM", "FLOCK_VLLM_ENDPOINT", 8000)
    mlx_endpoint: Url = _endpoint("MLX-LM", "FLOCK_MLX_ENDPOINT", 8100)
    llamacpp_endpoint: Url = _endpoint("llama-server", "FLOCK_LLAMACPP_ENDPOINT", 8089)
    whisper_endpoint: Url = _endpoint("whisper-server", "FLOCK_WHISPER_ENDPOINT", 8081)
    piper_endpoint: Url = _endpoint("piper", "FLOCK_PIPER_ENDPOINT", 5000)


def _seconds(default: float, summary: str, example: str) -> Any:
    return declare(default, summary, "seconds from 0 to 86400", example=example, kind="seconds")


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
