"""Ranking: every order has its reason, and nothing is ever dropped."""

from flock.clock import Clock
from flock.profile import Profile
from flock.routing.choose import choose
from flock.routing.health import SUSPECT_SECONDS, Health
from flock.upstream import Placement, Upstream

PROFILE = Profile(kind="x", title="X", dialects=frozenset({"openai"}))


def place(name: str, state: str = "ready", own: bool = False) -> Placement:
    upstream = Upstream(name=name, engine=name, host="127.0.0.1", port=1, profile=PROFILE, own=own)
    return Placement(model="m", name=name, engine=name, own=own, state=state, upstream=upstream)


def order(*places: Placement, running: dict[str, int] | None = None, suspect: tuple[str, ...] = ()) -> list[str]:
    return [r.placement.name for r in choose(places, running or {}, lambda n: n in suspect)]


def test_ready_goes_before_everything_else() -> None:
    names = order(
        place("e", "unreachable"), place("d", "failed"), place("c", "stopped"), place("b", "starting"), place("a")
    )
    assert names == ["a", "b", "c", "d", "e"]


def test_fewest_in_flight_then_own_then_name() -> None:
    assert order(place("a"), place("b"), running={"a": 2}) == ["b", "a"]
    assert order(place("a"), place("b", own=True)) == ["b", "a"]
    assert order(place("b"), place("a")) == ["a", "b"]


def test_a_suspect_is_last_of_its_class() -> None:
    assert order(place("a"), place("b"), running={"b": 5}, suspect=("a",)) == ["b", "a"]


def test_the_only_one_is_kept_whatever_its_state() -> None:
    ranked = choose((place("a", "unreachable"),), {}, lambda _: True)
    assert ranked[0].reason == "the only engine with this model, unreachable"


class Virtual(Clock):
    time = 100.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def test_suspicion_ends_by_itself_and_by_success() -> None:
    clock = Virtual()
    health = Health(clock)
    health.failed("a")
    assert health.suspect("a")
    clock.time += SUSPECT_SECONDS + 0.1
    assert not health.suspect("a")
    health.failed("a")
    health.served("a")
    assert not health.suspect("a")
