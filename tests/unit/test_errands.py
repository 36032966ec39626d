"""Which variables a child is started with."""

from flock.errands import without_secrets
from flock.models.hub import child_environment

SECRETS = (
    *("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "GROQ_API_KEYS", "GITHUB_MODELS_TOKEN", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_APPLICATION_CREDENTIALS", "PGPASSWORD", "FLOCK_TOKEN"),
    *("UV_INDEX_MINE_PASSWORD", "FLOCK_HOME"),
)
PLAIN = (
    *("PATH", "HOME", "HTTPS_PROXY", "SSL_CERT_FILE", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HF_HOME"),
    *("TOKENIZERS_PARALLELISM", "MAX_TOKENS", "VLLM_ATTENTION_BACKEND", "OLLAMA_HOST"),
)
ALL = dict.fromkeys((*SECRETS, *PLAIN, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"), "x")


def test_no_secret_goes_along() -> None:
    assert without_secrets(ALL).keys() == {*PLAIN, "HF_ENDPOINT"}
    assert without_secrets(ALL, ("UV_",)).keys() == {*PLAIN, "HF_ENDPOINT", "UV_INDEX_MINE_PASSWORD"}


def test_the_hubs_child_has_the_hubs_token_and_no_other() -> None:
    found = child_environment(ALL, "")
    assert set(SECRETS) & found.keys() == {"FLOCK_HOME"}  # whose child it is
    assert {*PLAIN, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} < found.keys()
    assert "HF_ENDPOINT" not in found
