"""The official SDKs for what is asked beside chat, as clients of a flock: each goes to it directly and tries once.

Called by the tests of tasks beside this file.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from tests.running import Flock

with warnings.catch_warnings():
    # what they import warns of deprecations that are theirs to mend
    warnings.simplefilter("ignore")
    import cohere
    import ollama
    from google import genai
    from google.genai import types as gemini


def openai_client(flock: Flock, kind: str, **options: Any) -> OpenAI | AsyncOpenAI:
    """Return openai's client, "sync" or "async"."""
    options = {"base_url": f"{flock.url}/v1", "api_key": flock.key, "max_retries": 0, **options}
    if kind == "sync":
        return OpenAI(http_client=DefaultHttpxClient(trust_env=False), **options)
    return AsyncOpenAI(http_client=DefaultAsyncHttpxClient(trust_env=False), **options)


@contextlib.contextmanager
def cohere_v1(flock: Flock, key: str = "") -> Iterator[cohere.Client]:
    """Yield Cohere's first client, which speaks /v1."""
    with httpx.Client(trust_env=False) as client:
        yield cohere.Client(key or flock.key, base_url=flock.url, httpx_client=client)


@contextlib.contextmanager
def cohere_v2(flock: Flock, key: str = "") -> Iterator[cohere.ClientV2]:
    """Yield Cohere's second client, which speaks /v2."""
    with httpx.Client(trust_env=False) as client:
        yield cohere.ClientV2(key or flock.key, base_url=flock.url, httpx_client=client)


@contextlib.contextmanager
def ollama_client(flock: Flock) -> Iterator[ollama.Client]:
    """Yield Ollama's client."""
    with ollama.Client(flock.url, headers={"Authorization": f"Bearer {flock.key}"}, trust_env=False) as client:
        yield client


@contextlib.contextmanager
def gemini_client(flock: Flock, version: str) -> Iterator[genai.Client]:
    """Yield Gemini's client, which speaks below /v1 or /v1beta."""
    with httpx.Client(trust_env=False) as client:
        options = gemini.HttpOptions(base_url=flock.url, api_version=version, httpx_client=client)
        made = genai.Client(api_key=flock.key, http_options=options)
        yield made
        made.close()
