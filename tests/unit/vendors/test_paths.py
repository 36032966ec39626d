"""Where each path is at each vendor: exact URLs for every row, and the version once whatever a base looks like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.vendors import azure, paths
from flock.vendors.listed import Listed
from flock.vendors.row import VendorRow, overlaid
from tests.unit.vendors.standing import At, catalog

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
COUNT = "/v1/messages/count_tokens"
EMBEDDINGS, RERANK, RERANK_2, SPEECH = "/v1/embeddings", "/v1/rerank", "/v2/rerank", "/v1/audio/speech"
GEMINI = "/v1beta/models/{model}:streamGenerateContent?alt=sse"
MODELS = "models"

GOOGLE = "https://generativelanguage.googleapis.com"
QWEN = "https://dashscope-intl.aliyuncs.com"
AZURE = "https://box.openai.azure.com"
DATE = "?api-version=2024-10-21"

# every row of the catalog, each path that is its own, and where it is
EXPECTED = {
    "anthropic": {
        MESSAGES: "https://api.anthropic.com/v1/messages",
        COUNT: "https://api.anthropic.com/v1/messages/count_tokens",
        MODELS: "https://api.anthropic.com/v1/models?limit=1000",
    },
    "openai": {
        CHAT: "https://api.openai.com/v1/chat/completions",
        RESPONSES: "https://api.openai.com/v1/responses",
        EMBEDDINGS: "https://api.openai.com/v1/embeddings",
        SPEECH: "https://api.openai.com/v1/audio/speech",
        MODELS: "https://api.openai.com/v1/models",
    },
    "gemini": {
        GEMINI: f"{GOOGLE}/v1beta/models/m:streamGenerateContent?alt=sse",
        "/v1beta/models/{model}:batchEmbedContents": f"{GOOGLE}/v1beta/models/m:batchEmbedContents",
        MODELS: f"{GOOGLE}/v1beta/models?pageSize=1000",
    },
    "openrouter": {
        CHAT: "https://openrouter.ai/api/v1/chat/completions",
        MESSAGES: "https://openrouter.ai/api/v1/messages",
        MODELS: "https://openrouter.ai/api/v1/models",
    },
    "groq": {
        CHAT: "https://api.groq.com/openai/v1/chat/completions",
        SPEECH: "https://api.groq.com/openai/v1/audio/speech",
        MODELS: "https://api.groq.com/openai/v1/models",
    },
    "together": {
        CHAT: "https://api.together.xyz/v1/chat/completions",
        EMBEDDINGS: "https://api.together.xyz/v1/embeddings",
        RERANK: "https://api.together.xyz/v1/rerank",
        MODELS: "https://api.together.xyz/v1/models",
    },
    "fireworks": {
        CHAT: "https://api.fireworks.ai/inference/v1/chat/completions",
        MESSAGES: "https://api.fireworks.ai/inference/v1/messages",
        EMBEDDINGS: "https://api.fireworks.ai/inference/v1/embeddings",
        MODELS: "https://api.fireworks.ai/inference/v1/models",
    },
    "cohere": {
        CHAT: "https://api.cohere.com/compatibility/v1/chat/completions",
        EMBEDDINGS: "https://api.cohere.com/compatibility/v1/embeddings",
        RERANK_2: "https://api.cohere.com/v2/rerank",
        MODELS: "https://api.cohere.com/v1/models?page_size=1000",
    },
    "mistral": {
        CHAT: "https://api.mistral.ai/v1/chat/completions",
        EMBEDDINGS: "https://api.mistral.ai/v1/embeddings",
        MODELS: "https://api.mistral.ai/v1/models",
    },
    "perplexity": {CHAT: "https://api.perplexity.ai/chat/completions", MODELS: ""},
    "deepseek": {
        CHAT: "https://api.deepseek.com/v1/chat/completions",
        MESSAGES: "https://api.deepseek.com/anthropic/v1/messages",
        MODELS: "https://api.deepseek.com/v1/models",
    },
    "x-ai": {
        CHAT: "https://api.x.ai/v1/chat/completions",
        RESPONSES: "https://api.x.ai/v1/responses",
        MODELS: "https://api.x.ai/v1/models",
    },
    "azure": {
        CHAT: f"{AZURE}/openai/deployments/m/chat/completions{DATE}",
        EMBEDDINGS: f"{AZURE}/openai/deployments/m/embeddings{DATE}",
        MODELS: f"{AZURE}/openai/models{DATE}",
    },
    "github": {
        CHAT: "https://models.github.ai/inference/chat/completions",
        EMBEDDINGS: "https://models.github.ai/inference/embeddings",
        MODELS: "https://models.github.ai/catalog/models",
    },
    "qwen": {
        CHAT: f"{QWEN}/compatible-mode/v1/chat/completions",
        MESSAGES: f"{QWEN}/apps/anthropic/v1/messages",
        EMBEDDINGS: f"{QWEN}/compatible-mode/v1/embeddings",
        MODELS: f"{QWEN}/compatible-mode/v1/models",
    },
    "cerebras": {CHAT: "https://api.cerebras.ai/v1/chat/completions", MODELS: "https://api.cerebras.ai/v1/models"},
    "nvidia": {
        CHAT: "https://integrate.api.nvidia.com/v1/chat/completions",
        EMBEDDINGS: "https://integrate.api.nvidia.com/v1/embeddings",
        MODELS: "https://integrate.api.nvidia.com/v1/models",
    },
    "openai-compatible": {
        CHAT: "https://box.example/v1/chat/completions",
        RESPONSES: "https://box.example/v1/responses",
        EMBEDDINGS: "https://box.example/v1/embeddings",
        RERANK: "https://box.example/v1/rerank",
        MODELS: "https://box.example/v1/models",
    },
    "anthropic-compatible": {
        MESSAGES: "https://box.example/v1/messages",
        COUNT: "https://box.example/v1/messages/count_tokens",
        MODELS: "https://box.example/v1/models?limit=1000",
    },
    "gemini-compatible": {
        GEMINI: "https://box.example/v1beta/models/m:streamGenerateContent?alt=sse",
        MODELS: "https://box.example/v1beta/models?pageSize=1000",
    },
}
CASES = [(name, path, url) for name, found in EXPECTED.items() for path, url in found.items()]


def listed(row: VendorRow) -> Listed:
    return Listed(row, [], At(), lambda _: True)


def vendor(name: str) -> Listed:
    row = catalog()[name]
    base = AZURE if row.layout == "azure" else "https://box.example"
    return listed(row if row.base else overlaid(row, {"base": base}))


def test_every_row_of_the_catalog_is_looked_at() -> None:
    assert set(EXPECTED) == set(catalog())


@pytest.mark.parametrize(("name", "path", "url"), CASES)
def test_the_exact_url(name: str, path: str, url: str) -> None:
    found = vendor(name)
    assert (found.list_url() if path == MODELS else found.channel.url(path, "m")) == url


@pytest.mark.parametrize("name", list(EXPECTED))
def test_every_dialect_and_task_of_a_row_has_a_url_with_one_version(name: str) -> None:
    row, found = catalog()[name], vendor(name)
    spoken = {"openai": CHAT, "anthropic": MESSAGES, "responses": RESPONSES, "gemini": GEMINI}
    tasks = {"embeddings": EMBEDDINGS, "rerank": RERANK_2, "speech": SPEECH}
    wanted = [spoken[dialect] for dialect in row.profile.dialects]
    wanted += [path for task, path in tasks.items() if task in row.profile.tasks]
    for path in wanted:
        url = found.channel.url(path, "m")
        versions = [part for part in url.partition("?")[0].split("/") if paths.is_version(part)]
        assert len(versions) == (0 if row.layout == "azure" or not row.versioned else 1), url
        assert "//" not in url.removeprefix("https://")


BASES = [
    ("https://h.example", CHAT, "https://h.example/v1/chat/completions"),
    ("https://h.example/", CHAT, "https://h.example/v1/chat/completions"),
    ("https://h.example/v1", CHAT, "https://h.example/v1/chat/completions"),
    ("https://h.example/v1/", CHAT, "https://h.example/v1/chat/completions"),
    ("https://h.example/openai/v1", CHAT, "https://h.example/openai/v1/chat/completions"),
    ("https://h.example/openai", CHAT, "https://h.example/openai/v1/chat/completions"),
    ("https://h.example:8443/a//b/", CHAT, "https://h.example:8443/a/b/v1/chat/completions"),
    ("https://h.example/v1beta", CHAT, "https://h.example/v1beta/chat/completions"),
    ("https://h.example/v1beta/openai/", CHAT, "https://h.example/v1beta/openai/chat/completions"),
    ("https://h.example/v1/team/openai", CHAT, "https://h.example/v1/team/openai/chat/completions"),
    ("https://h.example/v1/team/anthropic", MESSAGES, "https://h.example/v1/team/anthropic/v1/messages"),
    ("https://h.example/anthropic", MESSAGES, "https://h.example/anthropic/v1/messages"),
    ("https://h.example/v1", MESSAGES, "https://h.example/v1/messages"),
    ("https://h.example/v1", COUNT, "https://h.example/v1/messages/count_tokens"),
    ("https://h.example", RERANK_2, "https://h.example/v2/rerank"),
    ("https://h.example/v2/", RERANK_2, "https://h.example/v2/rerank"),
    ("https://h.example/v1?team=a", CHAT, "https://h.example/v1/chat/completions?team=a"),
    ("https://h.example", "/v1beta/models/m:generateContent", "https://h.example/v1beta/models/m:generateContent"),
    ("https://h.example/v1beta/", "/v1/models/m:countTokens", "https://h.example/v1beta/models/m:countTokens"),
]


@pytest.mark.parametrize(("base", "path", "url"), BASES)
def test_the_version_is_neither_doubled_nor_lost(base: str, path: str, url: str) -> None:
    assert paths.join(base, path) == url


@given(
    st.lists(st.sampled_from(["openai", "api", "v1", "v1beta", "inference"]), max_size=4),
    st.sampled_from([CHAT, MESSAGES, RESPONSES, EMBEDDINGS]),
    st.booleans(),
)
def test_there_is_always_a_version_and_never_two_in_a_row(segments: list[str], path: str, slash: bool) -> None:
    base = "/".join(["https://h.example", *segments]) + ("/" if slash else "")
    parts = paths.join(base, path).removeprefix("https://h.example/").split("/")
    assert any(map(paths.is_version, parts))
    added = parts[len(segments) :]
    assert not (segments and paths.is_version(segments[-1]) and paths.is_version(added[0]))
    assert parts[: len(segments)] == segments
    assert "/".join(added).endswith(path.removeprefix("/v1/"))


def test_a_vendor_without_versions_gets_none() -> None:
    assert paths.join("https://h.example", CHAT, versioned=False) == "https://h.example/chat/completions"
    assert paths.join("https://h.example/x/", CHAT, versioned=False) == "https://h.example/x/chat/completions"


def test_a_models_name_is_quoted_in_a_path() -> None:
    row = catalog()["gemini"]
    url = listed(row).channel.url("/v1beta/models/{model}:generateContent", "a b/c?d")
    assert url.endswith("/models/a%20b/c%3Fd:generateContent")


# -- Azure


@pytest.mark.parametrize(
    ("pasted", "base", "query"),
    [
        (f"{AZURE}/", AZURE, {}),
        (f"{AZURE}/openai", f"{AZURE}/openai", {}),
        (f"{AZURE}/openai/v1/", f"{AZURE}/openai/v1", {}),
        (f"{AZURE}/openai/v1/chat/completions", f"{AZURE}/openai/v1", {}),
        (
            f"{AZURE}/openai/deployments/prod/chat/completions?api-version=2025-01-01-preview",
            f"{AZURE}/openai/deployments/prod",
            {"api-version": "2025-01-01-preview"},
        ),
    ],
)
def test_what_the_portal_shows_is_a_base(pasted: str, base: str, query: dict[str, str]) -> None:
    assert azure.read(pasted) == (base, query)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        (AZURE, CHAT, f"{AZURE}/openai/deployments/prod-4o/chat/completions?api-version=D"),
        (f"{AZURE}/openai", CHAT, f"{AZURE}/openai/deployments/prod-4o/chat/completions?api-version=D"),
        (f"{AZURE}/openai/deployments/x", CHAT, f"{AZURE}/openai/deployments/x/chat/completions?api-version=D"),
        (f"{AZURE}/openai/v1", CHAT, f"{AZURE}/openai/v1/chat/completions"),
        (f"{AZURE}/openai/v1/", RESPONSES, f"{AZURE}/openai/v1/responses"),
        (AZURE, RESPONSES, f"{AZURE}/openai/responses?api-version=D"),
        (AZURE, SPEECH, f"{AZURE}/openai/deployments/prod-4o/audio/speech?api-version=D"),
        (
            "https://gw.example/azure",
            CHAT,
            "https://gw.example/azure/openai/deployments/prod-4o/chat/completions?api-version=D",
        ),
    ],
)
def test_both_layouts_of_azure(base: str, path: str, url: str) -> None:
    assert azure.url(base, path, "gpt-4o", {"api-version": "D"}, {"gpt-4o": "prod-4o"}) == url


def test_a_deployment_is_called_like_its_model_and_quoted() -> None:
    assert azure.url(AZURE, CHAT, "a/b", {}, {}) == f"{AZURE}/openai/deployments/a%2Fb/chat/completions"
