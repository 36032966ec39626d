"""The team's keys in turn, before anything has reached the client; and the caller's own, which is never mixed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from flock.clock import SystemClock
from flock.core.egress import Egress
from flock.core.record import Record
from flock.dialects.ask import Ask
from flock.dialects.plan import RELAY, Plan
from flock.errors import BudgetExceeded, EngineUnreachable, SecretsLocked
from flock.outbound.exchange import Exchange, Sink
from flock.profile import Profile
from flock.routing.health import Health
from flock.upstream import Credential, Upstream

PROFILE = Profile("groq", "Groq", frozenset({"openai"}))
MADE = Plan(RELAY, "openai", "/v1/chat/completions", b"{}", {}, headers={"X-Of": "the dialect"}, model="llama")


@dataclass
class Answer:
    """An answer without a connection."""

    status: int
    said: bytes = b""
    retry_after: bytes = b""
    content_type: bytes = b"application/json"
    released: bool = False
    complete: bool = False
    untouched: bool = False

    async def body(self) -> bytes:
        return self.said

    async def more(self) -> bytes:
        return self.said

    def taken(self) -> bytes:
        return b""

    def stream_to(self, sink: Sink) -> None:
        """Nothing comes."""

    def pause(self) -> None:
        """Nothing comes."""

    def resume(self) -> None:
        """Nothing comes."""

    def release(self) -> None:
        self.released = True


@dataclass
class Post:
    """Answers as told, one after another; keeps what was sent."""

    answers: list[Answer | OSError]
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list[tuple[str, Mapping[str, str], bytes]])

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        self.sent.append((url, headers, body))
        answer = self.answers[len(self.sent) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer


@dataclass
class Key:
    """One key; keeps what it hears."""

    name: str
    heard: list[tuple[int, float | None]] = field(default_factory=list[tuple[int, float | None]])
    good: int = 0

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.name}"}

    def failed(self, status: int, retry_after: float | None) -> None:
        self.heard.append((status, retry_after))

    def served(self) -> None:
        self.good += 1


@dataclass
class Channel:
    """A vendor with keys; lends the caller's own where it is told to."""

    keys: list[Key]
    lends: bool = False
    locked: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: {"X-Vendor": "1", "X-Of": "the vendor"})

    def url(self, path: str, model: str) -> str:
        return f"https://vendor.example{path}?{model}"

    async def credentials(self) -> Sequence[Credential]:
        if self.locked:
            raise SecretsLocked("locked", hint="flock secret unlock")
        return self.keys

    def refuses(self, status: int, body: bytes) -> bool:
        return status in (401, 403) or b"key" in body

    def lend(self, headers: dict[str, str]) -> Credential | None:
        return Key(headers["authorization"]) if self.lends and "authorization" in headers else None


def ask(**credentials: str) -> Ask:
    return Ask("openai", "chat", "/x", b"{}", {}, "m", stream=False, wants_usage=False, credentials=credentials)


class Case:
    """One request to a vendor with two keys."""

    def __init__(self, *answers: Answer | OSError, keys: int = 2, lends: bool = False, locked: bool = False) -> None:
        self.post = Post(list(answers))
        self.keys = [Key(f"KEY_{n}") for n in range(1, keys + 1)]
        self.channel = Channel(self.keys, lends, locked)
        self.health = Health(SystemClock())
        self.record = Record("chat", 0.0, 0.0)
        # how many had been sent when dollars were reserved
        self.reserves: list[int] = []
        self.spent = False

    async def reserve(self, record: Record, _ask: Ask) -> None:
        assert record is self.record
        self.reserves.append(len(self.post.sent))
        if self.spent:
            raise BudgetExceeded("spent")

    async def send(self, **credentials: str) -> Exchange:
        upstream = Upstream("vendor:groq", "groq", "vendor.example", 443, PROFILE, False, channel=self.channel)
        egress = Egress(self.post, self.health, SystemClock(), self.reserve)
        return await egress.send(self.record, upstream, MADE, ask(**credentials))

    @property
    def shown(self) -> list[str]:
        return [headers["Authorization"] for _, headers, _ in self.post.sent]


async def test_the_first_key_is_enough() -> None:
    case = Case(Answer(200))
    assert (await case.send()).status == 200
    assert case.shown == ["Bearer KEY_1"]
    assert (case.keys[0].good, case.keys[1].heard, case.record.notes, case.record.lent) == (1, [], [], False)
    url, headers, body = case.post.sent[0]
    assert (url, body) == ("https://vendor.example/v1/chat/completions?llama", b"{}")
    # the dialect knows better than the vendor's row
    assert (headers["X-Vendor"], headers["X-Of"], headers["Content-Type"]) == ("1", "the dialect", "application/json")


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500, 502, 503, 504, 529])
async def test_a_refusal_that_another_key_may_not_share_tries_the_next(status: int) -> None:
    first = Answer(status, retry_after=b"7")
    case = Case(first, Answer(200))
    assert (await case.send()).status == 200
    assert case.shown == ["Bearer KEY_1", "Bearer KEY_2"]
    assert case.keys[0].heard == [(status, 7.0)]
    assert first.released
    assert case.record.notes == [f"groq answered {status} to KEY_1: the next key is tried"]


@pytest.mark.parametrize("status", [200, 404, 413, 422])
async def test_the_requests_own_fault_is_no_keys(status: int) -> None:
    case = Case(Answer(status))
    assert (await case.send()).status == status
    assert len(case.post.sent) == 1
    assert case.keys[0].heard == []


async def test_a_400_may_refuse_the_key_or_the_request() -> None:
    case = Case(Answer(400, b"bad key"), Answer(400, b"bad request"))
    exchange = await case.send()
    assert case.keys[0].heard == [(401, None)]
    assert case.keys[1].good == 1
    assert (exchange.status, await exchange.body()) == (400, b"bad request")


async def test_the_last_keys_refusal_is_the_answer() -> None:
    last = Answer(429)
    case = Case(Answer(401), last)
    assert await case.send() is last
    assert not last.released
    assert [key.heard for key in case.keys] == [[(401, None)], [(429, None)]]


async def test_a_vendor_that_does_not_answer_is_named_and_no_further_key_is_shown() -> None:
    case = Case(OSError("no route"))
    with pytest.raises(EngineUnreachable, match="the vendor groq does not answer: no route") as caught:
        await case.send()
    assert caught.value.hint == "flock vendor test groq"
    assert case.shown == ["Bearer KEY_1"]
    assert case.keys[0].heard == [(0, None)]
    assert case.health.suspect("vendor:groq")


async def test_a_callers_own_key_is_the_only_one_that_is_shown() -> None:
    case = Case(Answer(401), lends=True)
    assert (await case.send(authorization="Bearer mine")).status == 401
    assert case.shown == ["Bearer Bearer mine"]
    assert case.record.lent
    assert [key.heard for key in case.keys] == [[], []]


async def test_without_a_key_of_its_own_the_teams_are_used() -> None:
    case = Case(Answer(200), lends=True)
    await case.send()
    assert case.shown == ["Bearer KEY_1"]
    assert not case.record.lent


async def test_locked_secrets_are_said_and_nobody_is_asked() -> None:
    case = Case(locked=True)
    with pytest.raises(SecretsLocked):
        await case.send()
    assert case.post.sent == []


async def test_dollars_are_reserved_once_and_before_anybody_is_asked() -> None:
    case = Case(Answer(429), Answer(200))
    await case.send()
    assert case.reserves == [0]
    refused = Case(Answer(200))
    refused.spent = True
    with pytest.raises(BudgetExceeded):
        await refused.send()
    assert refused.post.sent == []


async def test_for_a_callers_own_key_nothing_is_reserved() -> None:
    case = Case(Answer(200), lends=True)
    await case.send(authorization="Bearer mine")
    assert case.reserves == []
