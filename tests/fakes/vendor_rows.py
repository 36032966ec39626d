"""The vendors that tests/fakes/vendor.py can be: where exactly each answers, how it is shown a key, what it has.

Written after the vendors' own references and not after flock's catalog, so that a path joined wrongly meets a 404.
vendor.md says where every row comes from.
"""

import re
from dataclasses import dataclass

PATHS = {
    "chat": "POST {}/chat/completions",
    "responses": "POST {}/responses",
    "messages": "POST {}/messages",
    "count_tokens": "POST {}/messages/count_tokens",
    "embeddings": "POST {}/embeddings",
    "rerank": "POST {}/rerank",
    "images": "POST {}/images/generations",
    "transcriptions": "POST {}/audio/transcriptions",
    "translations": "POST {}/audio/translations",
    "speech": "POST {}/audio/speech",
    "models": "GET {}/models",
    "check": "GET {}/key",
    "generate": "POST {}/models/{{model}}:generateContent",
    "stream": "POST {}/models/{{model}}:streamGenerateContent",
    "count": "POST {}/models/{{model}}:countTokens",
    "embed": "POST {}/models/{{model}}:embedContent",
    "embed_batch": "POST {}/models/{{model}}:batchEmbedContents",
}


def at(base: str, *tasks: str) -> dict[str, str]:
    """Return "METHOD path" → task, for tasks that lie below one base."""
    return {PATHS[task].format(base): task for task in tasks}


@dataclass(frozen=True)
class Row:
    """One vendor. `shape`: whose way its errors are spelled in; `listed`: whose its list of models; `usage`: what its
    usage says of the prompt's cache. `bearers`: paths that begin so take a bearer token, whatever `auth` says.
    `manners`: whose way to refuse what others take (vendor_manners.py), "" for one of which nothing is known.
    """

    auth: str
    routes: dict[str, str]
    models: tuple[str, ...]
    shape: str = "openai"
    listed: str = "openai"
    usage: str = "openai"
    bearers: str = ""
    open: tuple[str, ...] = ()
    manners: str = ""

    def task(self, method: str, path: str) -> tuple[str, str]:
        """Return (task, model in the path) of a request, ("", "") where there is nothing."""
        for route, task in self.routes.items():
            wanted, _, place = route.partition(" ")
            pattern = "([^/]+)".join(map(re.escape, place.split("{model}")))
            found = re.fullmatch(pattern, path) if wanted == method else None
            if found:
                return task, found.group(1) if found.groups() else ""
        return "", ""

    def auth_of(self, path: str) -> str:
        """Return how a key is shown at a path."""
        return "bearer" if self.bearers and path.startswith(self.bearers) else self.auth


_AUDIO = ("transcriptions", "translations", "speech")
_DEPLOYMENT = "/openai/deployments/{model}"

ROWS: dict[str, Row] = {
    "anthropic": Row(
        "x-api-key", at("/v1", "messages", "count_tokens", "models"), ("claude-sonnet-4-5", "claude-haiku-4-5"),
        shape="anthropic", listed="anthropic", usage="anthropic",
    ),
    "openai": Row(
        "bearer", at("/v1", "chat", "responses", "embeddings", "images", *_AUDIO, "models"),
        ("gpt-5", "gpt-4o-mini", "text-embedding-3-small", "whisper-1", "gpt-4o-transcribe", "tts-1", "gpt-image-1"),
        manners="openai",
    ),
    "gemini": Row(
        "x-goog-api-key",
        at("/v1beta", "generate", "stream", "count", "embed", "embed_batch", "models")
        | at("/v1beta/openai", "chat", "embeddings", "models"),
        ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001"),
        shape="gemini", listed="gemini", bearers="/v1beta/openai/",
    ),
    "openrouter": Row(
        "bearer", at("/api/v1", "chat", "messages", "responses", "embeddings", "models", "check"),
        ("openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "openrouter/auto"),
        shape="openrouter", listed="openrouter", usage="openrouter", open=("models",),
    ),
    "groq": Row(
        "bearer", at("/openai/v1", "chat", "responses", *_AUDIO, "models"),
        ("llama-3.3-70b-versatile", "openai/gpt-oss-120b", "whisper-large-v3", "playai-tts"),
        shape="groq", manners="groq", listed="groq", usage="groq",
    ),
    "together": Row(
        "bearer", at("/v1", "chat", "embeddings", "rerank", "images", *_AUDIO, "models"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "BAAI/bge-base-en-v1.5", "Salesforce/Llama-Rank-V1"),
        shape="together", listed="together",
    ),
    "fireworks": Row(
        "bearer", at("/inference/v1", "chat", "messages", "responses", "embeddings", "rerank", "models"),
        ("accounts/fireworks/models/deepseek-v3", "nomic-ai/nomic-embed-text-v1.5"),
        shape="fireworks", listed="fireworks",
    ),
    "cohere": Row(
        "bearer", at("/compatibility/v1", "chat", "embeddings") | at("/v2", "rerank") | at("/v1", "rerank", "models"),
        ("command-a-03-2025", "embed-v4.0", "rerank-v3.5"),
        shape="cohere", manners="cohere", listed="cohere", usage="none",
    ),
    "mistral": Row(
        "bearer", at("/v1", "chat", "embeddings", "transcriptions", "models"),
        ("mistral-large-latest", "codestral-latest", "mistral-embed"),
        shape="mistral", manners="mistral", listed="mistral", usage="none",
    ),
    "perplexity": Row(
        "bearer", at("", "chat") | {"GET /async/chat/completions": "check"}, ("sonar", "sonar-pro"),
        shape="perplexity", manners="perplexity", usage="perplexity",
    ),
    "deepseek": Row(
        "bearer", at("", "chat", "models") | at("/v1", "chat", "models") | at("/anthropic/v1", "messages"),
        ("deepseek-chat", "deepseek-reasoner"), shape="deepseek", usage="deepseek",
    ),
    "x-ai": Row(
        "bearer", at("/v1", "chat", "responses", "messages", "models"), ("grok-4", "grok-3-mini"),
        shape="x-ai", manners="x-ai",
    ),
    "azure": Row(
        "api-key",
        at(_DEPLOYMENT, "chat", "embeddings", "images", *_AUDIO)
        | at("/openai", "models") | at("/openai/v1", "chat", "responses", "embeddings", "models"),
        ("my-gpt", "my-embeddings", "my-whisper"), shape="azure", listed="azure",
    ),
    "github": Row(
        "bearer", at("/inference", "chat", "embeddings") | {"GET /catalog/models": "models"},
        ("openai/gpt-4o-mini", "openai/text-embedding-3-small"), shape="github", listed="github",
    ),
    "qwen": Row(
        "bearer",
        at("/compatible-mode/v1", "chat", "embeddings", "models") | at("/apps/anthropic/v1", "messages"),
        ("qwen-plus", "qwen3-max", "text-embedding-v4"), shape="qwen",
    ),
    "cerebras": Row("bearer", at("/v1", "chat", "models"), ("gpt-oss-120b", "qwen-3-235b"), shape="cerebras"),
    "nvidia": Row(
        "bearer", at("/v1", "chat", "embeddings", "models"), ("meta/llama-3.3-70b-instruct",), open=("models",)
    ),
}  # fmt: skip
