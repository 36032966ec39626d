"""One question that only an engine which generates can answer, and what came back.

Owns the asking and the reading of the answer; the question itself is the driver's (`Engine.canary`). A server may
answer /health with its generation thread dead, so nothing else counts. Called by watchdog.py, checks.py and watched.py.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import aiohttp

from flock.engines.engine import Canary

# An answer is a few hundred bytes; half a second of silence as speech is 30 kB.
_BODY_MAX = 2**20


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine said. `state` is "ok" (it generates), "refused" (it answers, and takes no such question), "failed"
    (it answers that it failed, or takes no connection) or "silent"; `seconds` is how long that took.
    """

    state: str
    sentence: str
    seconds: float


async def ask(
    session: aiohttp.ClientSession, url: str, key: str, canary: Canary, seconds: float, prefix: str = ""
) -> Heard:
    """Ask the engine at `url` its canary and wait at most so many seconds. Never raises."""
    headers = {"Content-Type": canary.content_type, **({"Authorization": f"Bearer {key}"} if key else {})}
    # bounds an engine whose generation has stopped while its HTTP threads go on
    limit = aiohttp.ClientTimeout(total=seconds)
    began = time.monotonic()

    def heard(state: str, sentence: str) -> Heard:
        return Heard(state, sentence, time.monotonic() - began)

    try:
        target = f"{url}{prefix}{canary.path}"
        async with session.post(target, data=canary.body, headers=headers, timeout=limit) as answer:
            body = await answer.content.read(_BODY_MAX)
    except TimeoutError:
        return heard("silent", f"no token in {_told(seconds)}")
    except (aiohttp.ClientError, OSError) as error:
        return heard("failed", f"it does not answer: {getattr(error, 'strerror', None) or type(error).__name__}")
    said = " ".join(body.decode("utf-8", "replace").split())[:200]
    if answer.status == 200 and body:
        return heard("ok", "it generates")
    if answer.status == 200:
        return heard("failed", "it answers with nothing")
    return heard("failed" if answer.status >= 500 else "refused", f"it answers HTTP {answer.status}: {said}")


async def accepts(host: str, port: int) -> bool:
    """Return whether somebody takes a connection there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"
