"""`flock limit simulate`: what other limits would have done to what was asked.

Owns how the file of limits is read, and every sentence about a wrong one. The replay itself is replay.py's. Called
through the operations table.

    default: {rpm: 60, budgets: [5/day, 100/month]}   limits of everybody
    users:
      alice: {rpm: 0, quota: 200000}                  what is not named is as in `default`; 0 is no limit
"""

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flock.clock import rfc3339
from flock.contract.limits import SimulatedUser, SimulateLimits, Simulation
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.core.replay import LimitsOf, Replay
from flock.core.token_words import read_budgets, read_count
from flock.errors import ConfigInvalid, FlockError, InvalidRequest
from flock.plain import is_array, is_object
from flock.policy.spans import seconds_of
from flock.text import one_line
from flock.yamltext import load

DAY = 86400.0
_SECTIONS, _COUNTS, _BUDGETS = ("default", "users"), ("rpm", "tpm", "quota"), "budgets"
_EXAMPLE = "printf 'default: {rpm: 60, budgets: [5/day]}\\n' > limits.yaml"


@handles(SimulateLimits)
async def simulate_limits(context: Context, op: SimulateLimits, _actor: Actor) -> Simulation:
    """Replay the requests of the last while through the limits of a file; no counter is touched."""
    span = seconds_of(op.over, "--over", "30d")
    if not span:
        raise InvalidRequest(f"--over {op.over}: nothing was asked in no time", hint="--over 30d")
    everybody, users = read_limits(op.limits, op.file or "the file")
    until = context.clock.now()
    since = max(0.0, until - span)
    await context.store.writer.flush()
    replay = Replay(everybody, users)
    async for rows in context.store.asked.rows(since, until):
        await asyncio.to_thread(replay.feed, rows)
    found = replay.users()
    if not found:
        raise InvalidRequest(
            f"nothing was asked since {rfc3339(since)[:16]}Z, so there is nothing to replay",
            hint="flock usage --limit 1",
        )
    return Simulation(
        since=rfc3339(since),
        until=rfc3339(until),
        requests=sum(user.requests for user in found),
        refused=sum(sum(user.refused.values()) for user in found),
        users=found,
        warnings=tuple(_warnings(replay, found, everybody, users, span, context.config.records.usage_days)),
    )


def _warnings(
    replay: Replay,
    found: tuple[SimulatedUser, ...],
    everybody: LimitsOf,
    users: Mapping[str, LimitsOf],
    span: float,
    kept_days: int,
) -> list[str]:
    said: list[str] = []
    known = {user.user for user in found}
    for name in sorted(users.keys() - known):
        near = difflib.get_close_matches(name, known, n=1)
        said.append(f"{name} asked nothing in this time" + (f"; {near[0]} did" if near else ""))
    if kept_days and span > kept_days * DAY:
        said.append(f"usage is forgotten after {kept_days} days: what was asked before is not in this")
    if any(limits.quota or limits.budgets for limits in (everybody, *users.values())):
        said.append("quotas and budgets begin empty: what was used before the time began is not counted")
    if replay.unpriced:
        said.append(
            f"{replay.unpriced:,} requests of users with a budget went to paid vendors at a price nobody knew: they "
            "count as nothing here, and flock would refuse them"
        )
    if replay.keyless:
        said.append(f"{replay.keyless:,} requests came without a key, which no limit holds back")
    if replay.refused_then:
        said.append(
            f"{replay.refused_then:,} requests were refused with 429 then: what they would have used is unknown"
        )
    return said


def read_limits(text: str, name: str) -> tuple[LimitsOf, dict[str, LimitsOf]]:
    """Return the limits of everybody and of single users that a YAML text names. Raises InvalidRequest naming the key
    and what is wrong with it.
    """
    if not text.strip():
        raise InvalidRequest(f"{name} is empty: it says no limits", hint=_EXAMPLE)
    try:
        plain: Any = load(text, name)
    except ConfigInvalid as error:
        raise InvalidRequest(error.sentence, hint=_EXAMPLE) from None
    if not is_object(plain):
        raise InvalidRequest(f"{name} has no sections: it needs `default:`, `users:` or both", hint=_EXAMPLE)
    _known(plain, _SECTIONS, name, "")
    everybody = _limits(plain.get("default"), LimitsOf(), name, "default")
    named: Any = plain.get("users")
    if named is not None and not is_object(named):
        raise InvalidRequest(f"{name}: users holds no names with limits under them", hint=_EXAMPLE)
    users = {str(user): _limits(said, everybody, name, f"users.{user}") for user, said in (named or {}).items()}
    if not any(limits.any for limits in (everybody, *users.values())):
        raise InvalidRequest(f"{name} says no limits", hint=_EXAMPLE)
    return everybody, users


def _limits(said: Any, base: LimitsOf, name: str, where: str) -> LimitsOf:
    """Return limits as a section says them, over those of everybody. Raises InvalidRequest."""
    if said is None:
        return base
    if not is_object(said):
        raise InvalidRequest(f"{name}: {where} is {_shown(said)}, and holds rpm, tpm, quota or budgets", hint=_EXAMPLE)
    _known(said, (*_COUNTS, _BUDGETS), name, f"{where}.")
    found = base
    for key, value in said.items():
        try:
            found = replace(found, **{key: _budgets(value) if key == _BUDGETS else _count(value, key)})
        except FlockError as error:
            raise InvalidRequest(f"{name}: {where}.{key}: {error.sentence}", hint=_EXAMPLE) from None
    return found


def _count(value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequest(f"{_shown(value)} is no whole number")
    return read_count(value, key)


def _budgets(value: Any) -> tuple[tuple[str, str], ...]:
    words: list[Any] = value if is_array(value) else [value]
    wrong = next((word for word in words if not isinstance(word, str)), None)
    if wrong is not None:
        raise InvalidRequest(f"{_shown(wrong)} is no budget such as 5/day")
    return read_budgets(words) if words else ()


def _known(plain: Mapping[Any, Any], keys: Sequence[str], name: str, above: str) -> None:
    """Refuse a key that means nothing. Raises InvalidRequest with the nearest one."""
    for key in plain:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1)
            meant = f"did you mean {above}{near[0]}?" if near else f"it may hold {', '.join(keys)}"
            raise InvalidRequest(f"{name}: {above}{_shown(key)} means nothing; {meant}", hint=_EXAMPLE)


def _shown(value: Any) -> str:
    """Return a value of the file in a few words; what it holds is not walked through: YAML can refer in circles."""
    if is_object(value):
        return "a section"
    return "a list" if is_array(value) else one_line(str(value), 40)
