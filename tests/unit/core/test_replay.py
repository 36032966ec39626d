"""What was asked, replayed through other limits: against sums made by hand, and a file of limits that is wrong."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.contract.limits import SimulatedUser
from flock.core.limits import read_limits
from flock.core.replay import LimitsOf, Replay
from flock.errors import InvalidRequest
from flock.store.asked import AskedRow

# 2026-11-23T00:00:00Z, a Monday
MONDAY = 1795392000.0
DAY = 86400.0


def row(
    number: int,
    at: float,
    *,
    user: str = "ada",
    tokens: tuple[int, int] = (100, 50),
    cost: str | None = None,
    vendor: str = "",
    key: str = "k_1",
    status: int = 200,
) -> AskedRow:
    return AskedRow(number, MONDAY + at, user, key, vendor, *tokens, cost, status)


def replayed(rows: list[AskedRow], everybody: LimitsOf | None = None, **users: LimitsOf) -> dict[str, SimulatedUser]:
    replay = Replay(everybody or LimitsOf(), users)
    replay.feed(rows)
    return {user.user: user for user in replay.users()}


def test_without_limits_nobody_is_refused() -> None:
    found = replayed([row(n, n * 0.001, cost="0.5", vendor="groq") for n in range(1000)])["ada"]
    assert found == SimulatedUser("ada", 1000, {}, 150_000, 0, "500", None, None)


def test_a_quota_by_the_day_counts_what_passed_only() -> None:
    # 150 tokens each: of 400 a day two pass, the third does not, and 40 and 60 still fit
    rows = [row(1, 0), row(2, 1), row(3, 2), row(4, 3, tokens=(40, 0)), row(5, 4, tokens=(60, 0)), row(6, DAY)]
    found = replayed(rows, LimitsOf(quota=400))["ada"]
    assert found.refused == {"quota": 1}
    assert (found.tokens_refused, found.first_refused_at) == (150, "2026-11-23T00:00:02.000Z")


def test_budgets_of_several_windows_all_hold() -> None:
    # Monday: 5 of 6 pass; Tuesday: 5 pass by the day, but the week has 8
    rows = [row(day * 10 + n, day * DAY + n, cost="1", vendor="openai") for day in range(2) for n in range(6)]
    limits = LimitsOf(budgets=(("5", "day"), ("8", "week")))
    found = replayed(rows, limits)["ada"]
    assert found.refused == {"budget/day": 1, "budget/week": 3}
    assert (found.cost_usd, found.cost_refused_usd) == ("12", "4")


def test_requests_a_minute_are_those_of_the_door() -> None:
    # sixty at once pass, then one a second
    rows = [row(n, 0.0) for n in range(70)] + [row(100 + n, 1.0 + n) for n in range(5)]
    found = replayed(rows, LimitsOf(rpm=60))["ada"]
    assert found.refused == {"rpm": 10}


def test_a_request_larger_than_the_minute_is_refused_whatever_the_time() -> None:
    found = replayed([row(1, 0, tokens=(5000, 1)), row(2, 600, tokens=(10, 5000))], LimitsOf(tpm=1000))["ada"]
    assert found.refused == {"request": 1}


def test_each_user_has_limits_of_their_own() -> None:
    rows = [row(n, n * 0.01, user=user) for n, user in enumerate(["ada", "bob", "eve"] * 10)]
    found = replayed(rows, LimitsOf(rpm=5), bob=LimitsOf(rpm=2), eve=LimitsOf())
    assert {user: total.refused for user, total in found.items()} == {"ada": {"rpm": 5}, "bob": {"rpm": 8}, "eve": {}}
    assert list(found) == ["bob", "ada", "eve"]


def test_what_cannot_be_replayed_is_counted() -> None:
    rows = [
        row(1, 0, key="", user="anyone"),
        row(2, 1, vendor="groq"),
        row(3, 2, vendor="groq", user="bob"),
        row(4, 3, status=429, tokens=(0, 0)),
        row(5, 4, vendor="groq", status=400, tokens=(0, 0)),
    ]
    replay = Replay(LimitsOf(rpm=100), {"ada": LimitsOf(budgets=(("1", "day"),)), "anyone": LimitsOf(rpm=1)})
    replay.feed(rows)
    assert (replay.keyless, replay.unpriced, replay.refused_then) == (1, 1, 1)
    assert all(not user.refused for user in replay.users())


def test_a_clock_that_stood_still_or_a_row_of_the_same_moment() -> None:
    found = replayed([row(n, 0.0) for n in range(3)], LimitsOf(rpm=1, quota=10_000))["ada"]
    assert found.refused == {"rpm": 2}


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 40_000), min_size=1, max_size=60),
    quota=st.integers(1, 900),
    cents=st.integers(1, 500),
    seed=st.integers(0, 2**32),
)
def test_days_and_budgets_are_the_sums_of_what_passed(gaps: list[float], quota: int, cents: int, seed: int) -> None:
    dice, at, rows = random.Random(seed), 0.0, list[AskedRow]()
    for number, gap in enumerate(gaps, 1):
        at += gap
        cost = dice.randrange(100)
        rows.append(row(number, at, tokens=(dice.randrange(200), 0), cost=f"{cost / 100}", vendor="groq"))
    budget = f"{cents / 100}"
    used, spent, refused = Counter[int](), Counter[int](), Counter[str]()
    for asked in rows:
        day, cost = int(asked.at // DAY), round(float(asked.cost_usd or 0) * 100)
        if asked.input > quota or cost > cents:
            refused["request"] += 1
        elif used[day] + asked.input > quota:
            refused["quota"] += 1
        elif cost and spent[day] + cost > cents:
            refused["budget/day"] += 1
        else:
            used[day] += asked.input
            spent[day] += cost
            continue
    found = replayed(rows, LimitsOf(quota=quota, budgets=((budget, "day"),)))["ada"]
    big = sum(1 for r in rows if r.input <= quota and round(float(r.cost_usd or 0) * 100) > cents)
    # which of two limits refuses a request that both refuse is the door's to say
    assert sum(found.refused.values()) == sum(refused.values())
    assert big or found.refused == dict(refused)


# -- the file


def test_a_file_is_read() -> None:
    text = """
default: {rpm: 60, budgets: [100/month, 5/day]}
users:
  ada: {rpm: 0, quota: 2000}
  bob:
  7: {budgets: 1/day}
"""
    everybody, users = read_limits(text, "limits.yaml")
    assert everybody == LimitsOf(rpm=60, budgets=(("5", "day"), ("100", "month")))
    assert users == {
        "ada": LimitsOf(quota=2000, budgets=everybody.budgets),
        "bob": everybody,
        "7": LimitsOf(rpm=60, budgets=(("1", "day"),)),
    }
    assert read_limits("default: {rpm: 5}\nusers: {ada: {budgets: none}}", "f")[1]["ada"] == LimitsOf(rpm=5)
    assert read_limits("default: {rpm: 5, budgets: []}", "f")[0] == LimitsOf(rpm=5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "f is empty"),
        (" \n# nothing\n", "f has no sections"),
        ("default:\n", "f says no limits"),
        ("default: {}\nusers: {ada: {rpm: 0}}", "f says no limits"),
        ("- 1", "f has no sections"),
        ("rpm: 5", "f: rpm means nothing; it may hold default, users"),
        ("defaults: {rpm: 5}", "f: defaults means nothing; did you mean default?"),
        ("default: {rmp: 5}", "f: default.rmp means nothing; did you mean default.rpm?"),
        ("default: {budget: 5/day}", "f: default.budget means nothing; did you mean default.budgets?"),
        ("default: 5", "f: default is 5, and holds rpm, tpm, quota or budgets"),
        ("default: [rpm]", "f: default is a list"),
        ("default: {rpm: '5'}", "f: default.rpm: 5 is no whole number"),
        ("default: {rpm: true}", "f: default.rpm: True is no whole number"),
        ("default: {rpm: 1.5}", "f: default.rpm: 1.5 is no whole number"),
        ("default: {rpm: -1}", "f: default.rpm: rpm -1"),
        ("users: {ada: {quota: 1e3}}", "f: users.ada.quota: 1000.0 is no whole number"),
        ("users: [ada]", "f: users holds no names"),
        ("default: {budgets: [5]}", "f: default.budgets: 5 is no budget"),
        ("default: {budgets: [5/year]}", "f: default.budgets: --budget '5/year' has the unknown window 'year'"),
        ("default: {budgets: [/day]}", "has no amount"),
        ("default: {budgets: [1/day, 2/day]}", "two budgets of one day"),
        ("default: {rpm: 5}\ndefault: {rpm: 6}", "f"),
        ("default: {rpm: [", "f:"),
        ("default: &a {rpm: *a}", "f"),
        ("\x00", "f"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_limits(text, "f")
    assert words in refused.value.sentence
    assert refused.value.hint


def test_a_file_that_refers_to_itself_is_not_walked_through() -> None:
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)), "default: *a39"]
    with pytest.raises(InvalidRequest):
        read_limits("\n".join(lines), "f")
    with pytest.raises(InvalidRequest, match="default is a list"):
        read_limits("default: &a [*a]", "f")
