"""How many tokens a prompt has: the engine's word, else that of a tokenizer on this machine, else an estimate.

Owns the order of the three ways and their limits. Refuses to wait for generation (what is asked answers beside it) and
to fail: a prompt that nobody can count is estimated, and the answer says so. Called by core/inference.py for
/v1/messages/count_tokens and wherever a prompt's size must be known before it is sent.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import aiohttp

from flock.clock import Clock
from flock.dialects import ir
from flock.dialects.ask import Ask
from flock.dialects.estimate import Prompt, prompt_of, text_tokens
from flock.engines import counts
from flock.upstream import Upstream

log = logging.getLogger(__name__)

# Bounds an engine that hangs, or that has no thread left for a question while all of them hold streams. llama-server
# 0.7.0 answers in 3 to 15 ms while 40 streams wait for 2 slots, and 40 questions at once in 75 to 220 ms; a prompt of
# 20 000 tokens takes it 12 ms.
ANSWER_SECONDS = 1.0
# For how long an engine that did not answer is not asked again: of a burst of 50 questions only the first wait.
SILENCE_SECONDS = 30.0
# Claude Code asks about every tool and message by itself, up to 50 at a time, and about most of them again.
KEPT = 512

How = Literal["engine", "tokenizer", "estimate"]


@dataclass(frozen=True, slots=True)
class Count:
    """A prompt's tokens, and who counted: the engine, a tokenizer of the model on this machine, or nobody."""

    tokens: int
    how: How


class Tokenizers(Protocol):
    """Tokenizers on this machine; flock.engines.tokenizers.Tokenizers is the real one."""

    async def count(self, model: str, text: str) -> int | None:
        """Return a text's tokens for a model, None when its tokenizer is not at hand. Never raises."""
        ...


class Counter:
    """Counts prompts. `session` is the one for control traffic; without `tokenizers` none are looked for; `seconds` is
    how long an engine may take.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        tokenizers: Tokenizers | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._session = session
        self._clock = clock
        self._tokenizers = tokenizers
        self._seconds = seconds
        self._silent_until: dict[str, float] = {}
        self._kept: OrderedDict[bytes, int] = OrderedDict()

    async def count(self, ask: Ask, request: ir.Request, upstream: Upstream, chat_body: Mapping[str, Any]) -> Count:
        """Return a prompt's tokens, at least 1. Takes about a second at worst for each way, and never raises.

        `ask` is what the client sent, `request` the same as read, `chat_body` what a chat engine would be sent for it,
        with the engine's own name of the model. Pictures, sound and documents are estimated, except where an engine
        counts them itself.
        """
        prompt = prompt_of(request)
        asked = counts.question(ask, upstream.profile.counts, chat_body)
        if asked is not None:
            found = await self._from_engine(upstream, asked)
            if found is not None:
                return _count(found + (0 if asked.media else prompt.media), "engine")
        found = await self._from_tokenizer(str(chat_body.get("model") or ""), prompt)
        if found is not None:
            return _count(found + prompt.marks + prompt.media, "tokenizer")
        return _count(round(text_tokens(prompt.text)) + prompt.marks + prompt.media, "estimate")

    async def _from_engine(self, upstream: Upstream, asked: counts.Question) -> int | None:
        key = _key(upstream.name, asked.body)
        if (kept := self._recall(key)) is not None:
            return kept
        now = self._clock.monotonic()
        if self._silent_until.get(upstream.name, now) > now:
            return None
        try:
            async with asyncio.timeout(self._seconds):
                return self._keep(key, await counts.count(self._session, upstream, asked))
        except (counts.NoAnswer, TimeoutError) as error:
            why = str(error) or f"no answer within {self._seconds:g} s"
            log.info("%s does not count tokens, so they are estimated for a while: %s", upstream.name, why)
            self._silent_until[upstream.name] = self._clock.monotonic() + SILENCE_SECONDS
        except counts.Refused as error:
            log.info("%s does not count a prompt: %s", upstream.name, error)
        return None

    async def _from_tokenizer(self, model: str, prompt: Prompt) -> int | None:
        if self._tokenizers is None or not model:
            return None
        key = _key(model, prompt.text.encode("utf-8", "surrogatepass"))
        if (kept := self._recall(key)) is not None:
            return kept
        found = await self._tokenizers.count(model, prompt.text)
        return None if found is None else self._keep(key, found)

    def _recall(self, key: bytes) -> int | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: bytes, tokens: int) -> int:
        self._kept[key] = tokens
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return tokens


def _key(name: str, what: bytes) -> bytes:
    digest = hashlib.blake2b(what, digest_size=16, key=hashlib.sha256(name.encode()).digest())
    return digest.digest()


def _count(tokens: int, how: How) -> Count:
    return Count(max(1, tokens), how)
