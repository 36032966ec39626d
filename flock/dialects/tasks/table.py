"""The tasks by name, and the paths they are asked for at. Read by the plan and the door."""

from collections.abc import Mapping

from flock.dialects.tasks import embedding_clients, embeddings, images, rerank, speech, transcriptions
from flock.dialects.tasks.task import Task

TASKS: Mapping[str, Task] = {
    "embeddings": embeddings,
    "rerank": rerank,
    "transcriptions": transcriptions.TRANSCRIPTIONS,
    "translations": transcriptions.TRANSLATIONS,
    "speech": speech,
    "images": images,
}
# path → (the client's dialect, the task); "{model}" stands for a model's name in it
PATHS: Mapping[str, tuple[str, str]] = {
    embeddings.OPENAI: ("openai", "embeddings"),
    "/v1beta/models/{model}:embedContent": ("gemini", "embeddings"),
    "/v1beta/models/{model}:batchEmbedContents": ("gemini", "embeddings"),
    "/v1/models/{model}:embedContent": ("gemini", "embeddings"),
    "/v1/models/{model}:batchEmbedContents": ("gemini", "embeddings"),
    embedding_clients.OLLAMA_EMBED: ("ollama", "embeddings"),
    embedding_clients.OLLAMA_EMBEDDINGS: ("ollama", "embeddings"),
    rerank.V1: ("cohere", "rerank"),
    rerank.V2: ("cohere", "rerank"),
    transcriptions.TRANSCRIPTIONS.path: ("openai", "transcriptions"),
    transcriptions.TRANSLATIONS.path: ("openai", "translations"),
    speech.PATH: ("openai", "speech"),
    images.GENERATIONS: ("openai", "images"),
    images.EDITS: ("openai", "images"),
    images.VARIATIONS: ("openai", "images"),
}
