"""The drift detector: which byte of a session's prompt was the first to differ from the turn before, and its price.

An engine keeps what it has computed of a prompt up to the first byte that differs, and computes the rest again. Owns
the last prompt of each session as it was sent, in memory and bounded by bytes, and the last drifts found. Refuses to
guess for requests that name no session, and to keep more of a prompt than the last turn. Fed by core/inference.py once
for each request that an engine took, and when it is settled; read by core/cache.py.

Prompts are kept as plain bytes: level 1 of zlib takes 0.8 ms for 100 kB, where all the rest of a turn takes 0.05, to
keep twice as many sessions, of which only those of the last minutes matter.
"""

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.prompt import Path, Prompt, prompt_of, spelled
from flock.dialects.session import session_of

LIMIT_BYTES = 16 * 2**20
DRIFTS_KEPT = 100
# conversations within one session: the main one, and the sub-agents that run beside it under the same id
_THREADS = 8
# a part costs its bytes, and about this much as objects
_PART_OVERHEAD = 120
_SHOWN = 40
# read around the place before anything is cut off: half a key is still a key
_LOOKED_AT = 200

_SECRETS = re.compile(
    r"(?i:bearer|basic)\s+[\w.~+/=-]{8,}|\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[a-z]|hf|AKIA)[-_]?[A-Za-z0-9_-]{12,}"
    r"|\bey[\w-]{10,}\.[\w-]{10,}[\w.-]*|(?i:(?<=password)|(?<=passwd)|(?<=secret)|(?<=token)|(?<=api_key))"
    r"[\"']?\s*[:=]\s*\S+|\b[A-Za-z0-9+/_-]{40,}={0,2}"
)

Key = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Turn:
    """A request as it is about to be sent. `owner`: the id of the API key; `model`: as the client named it."""

    request: str
    session: str
    owner: str
    client: str
    model: str
    at: float
    prompt: Prompt


def turn_of(ask: Ask, request: str, owner: str, at: float, dialect: str, sent: dict[str, Any]) -> Turn | None:
    """Return the turn that a request is; None, at the cost of a few look-ups, where it names no session.

    `sent` is the body as it goes to the engine and `dialect` what that is spelled in (`Plan.sent`, `Plan.dialect`);
    `at` is epoch seconds.
    """
    session = session_of(ask.headers, ask.body)
    if not session:
        return None
    client = ask.headers.get("user-agent", "").partition(" ")[0]
    return Turn(request, session, owner, client, ask.model, at, prompt_of(sent, dialect))


@dataclass(slots=True)
class Drift:
    """A turn whose prompt differs from the turn before within what the engine had already read.

    `path` and `offset` say where, in the body as sent; `kept` and `size` are bytes of the prompt before, up to the
    difference and in all; `same` are the bytes just before it, `was` and `now` those from it on. `again_tokens` and
    `seconds` are estimates, known once the request is settled; None where nothing tells.
    """

    request: str
    session: str
    client: str
    model: str
    at: float
    path: str
    offset: int
    kept: int
    size: int
    same: str
    was: str
    now: str
    prompt_size: int
    again_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float | None = None

    @property
    def again(self) -> int:
        """Bytes the engine had read before and has to read again."""
        return self.size - self.kept


@dataclass(slots=True)
class _Thread:
    """One conversation: its last prompt, and how its turns went."""

    prompt: Prompt
    turns: int = 0


@dataclass(slots=True)
class _Session:
    threads: list[_Thread] = field(default_factory=list[_Thread])
    bytes: int = 0


class Drifts:
    """Sessions by (id, key, model, tools), least recently used first."""

    def __init__(self, limit: int = LIMIT_BYTES, kept: int = DRIFTS_KEPT) -> None:
        self._limit = limit
        self._sessions: OrderedDict[Key, _Session] = OrderedDict()
        self._bytes = 0
        self._open: dict[str, Drift] = {}
        self.found: deque[Drift] = deque(maxlen=kept)
        self.turns = 0

    @property
    def sessions(self) -> int:
        """How many sessions are remembered."""
        return len(self._sessions)

    def observe(self, turn: Turn) -> Drift | None:
        """Compare a turn with the one before it in its conversation, and remember it in its place.

        Returns the drift, None where there is none or nothing to compare. A request that names no session is ignored.
        """
        prompt = turn.prompt
        if not turn.session or not prompt.parts:
            return None
        key = (turn.session, turn.owner, turn.model, prompt.tools)
        session = self._sessions.setdefault(key, _Session())
        self._sessions.move_to_end(key)
        thread = _thread_of(session, prompt)
        drift = None
        if thread is None:
            self._begin(session, prompt)
        else:
            self.turns += 1
            drift = _compare(thread.prompt, turn)
            self._replace(session, thread, prompt)
        self._shrink()
        if drift is not None:
            self.found.append(drift)
            self._open[turn.request] = drift
        return drift

    def settled(self, request: str, tokens: int, cached: int | None, seconds: float) -> None:
        """Price the drift of a request that has ended; one without a drift costs a look-up.

        `tokens` is its whole prompt by the engine's count (0 unknown), `cached` those of it the engine did not compute
        again (None unknown), `seconds` the time from sending it to its first token (0.0 unknown).
        """
        drift = self._open.pop(request, None)
        if drift is None:
            return
        whole = tokens or drift.prompt_size // 4
        again = min(drift.again, drift.prompt_size - drift.kept)
        drift.again_tokens = round(whole * again / max(1, drift.prompt_size))
        drift.cached_tokens = cached
        if tokens and seconds:
            computed = max(tokens - (cached or 0), 1)  # what the engine read in that time
            drift.seconds = seconds * min(1.0, drift.again_tokens / computed)

    def _begin(self, session: _Session, prompt: Prompt) -> None:
        session.threads.append(_Thread(prompt))
        self._weigh(session, _weight(prompt))
        if len(session.threads) > _THREADS:
            self._weigh(session, -_weight(session.threads.pop(0).prompt))

    def _replace(self, session: _Session, thread: _Thread, prompt: Prompt) -> None:
        self._weigh(session, _weight(prompt) - _weight(thread.prompt))
        thread.prompt = prompt
        thread.turns += 1
        session.threads.remove(thread)
        session.threads.append(thread)

    def _weigh(self, session: _Session, difference: int) -> None:
        session.bytes += difference
        self._bytes += difference

    def _shrink(self) -> None:
        """Forget the sessions that were used longest ago until the rest fits."""
        while self._bytes > self._limit and self._sessions:
            _, session = self._sessions.popitem(last=False)
            self._bytes -= session.bytes


def _weight(prompt: Prompt) -> int:
    return prompt.size + _PART_OVERHEAD * len(prompt.parts)


def _thread_of(session: _Session, prompt: Prompt) -> _Thread | None:
    """Return the conversation a prompt goes on: one that began with the same words, or got the same first answer.

    The newest first. What else is in front may change, and that is what is looked for; a conversation that begins anew
    (a sub-agent, a summary in place of the history) has no turn before it.
    """
    for thread in reversed(session.threads):
        before = thread.prompt
        if before.opening and before.opening == prompt.opening:
            return thread
        if before.answer and before.answer == prompt.answer:
            return thread
    return None


def _compare(before: Prompt, turn: Turn) -> Drift | None:
    """Return where a turn's prompt leaves the one before it; None where it only goes on, or ends sooner."""
    kept = 0
    now = turn.prompt.parts
    last = len(before.parts) - 1
    for number, ((_, old), (path, new)) in enumerate(zip(before.parts, now, strict=False)):
        if old == new:
            kept += len(old)
            continue
        same = _common(old, new)
        if number == last and same == len(old):
            return None
        return _drift(before, turn, path, same, kept, old, new)
    return None


def _drift(before: Prompt, turn: Turn, path: Path, same: int, kept: int, old: bytes, new: bytes) -> Drift:
    words = _shown(old, new, same)
    return Drift(
        request=turn.request,
        session=turn.session,
        client=turn.client,
        model=turn.model,
        at=turn.at,
        path=spelled(path),
        offset=same,
        kept=kept + same,
        size=before.size,
        same=words[0],
        was=words[1],
        now=words[2],
        prompt_size=turn.prompt.size,
    )


def _common(a: bytes, b: bytes) -> int:
    """Return the length of the common prefix; by halves, since comparing slices is the fast thing here."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _shown(old: bytes, new: bytes, at: int) -> tuple[str, str, str]:
    """Return at most 40 characters each of what is the same up to a place, and of both parts from it on.

    Secrets are blotted out. What is the same is looked at with either end, since half a key is no key by its looks.
    """
    left = old[max(0, at - _LOOKED_AT) : at].decode("utf-8", "ignore")
    was, now = (data[at : at + _LOOKED_AT].decode("utf-8", "ignore") for data in (old, new))
    one, other = _blotted(left + was), _blotted(left + now)
    same = "".join("*" if "*" in pair else pair[0] for pair in zip(one[: len(left)], other, strict=False))
    return same[-_SHOWN:], one[len(left) :][:_SHOWN], other[len(left) :][:_SHOWN]


def _blotted(words: str) -> str:
    return _SECRETS.sub(lambda found: "*" * len(found[0]), words)
