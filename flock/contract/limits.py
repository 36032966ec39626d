"""Limits: what other limits would have done."""

from dataclasses import dataclass

from flock.contract.op import Op, flag, inner, operation


@dataclass(frozen=True, slots=True)
class SimulatedUser:
    """What other limits would have done to one user. `refused` counts requests that would have been refused, by
    limit's name; costs are decimal strings, null when unknown.
    """

    user: str
    requests: int
    refused: dict[str, int]
    tokens: int
    tokens_refused: int
    cost_usd: str | None
    cost_refused_usd: str | None
    first_refused_at: str | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """What other limits would have done to the requests from `since` to `until` (RFC 3339 UTC)."""

    since: str
    until: str
    requests: int
    refused: int
    users: tuple[SimulatedUser, ...]
    warnings: tuple[str, ...]


@operation(
    "limit.simulate",
    "limit simulate",
    "POST /admin/v1/limits/simulate",
    examples=("limit simulate --file limits.yaml --over 30d",),
    watch=False,
)
class SimulateLimits(Op[Simulation]):
    """Replay what was asked through other limits: who would have been refused, and when. Nothing is changed.

    The file has limits for each user under `default:` and for some by name under `users:`: rpm, tpm, quota and budgets
    as `flock token create` takes them. What a user's entry does not name is as in `default:`; 0 is no limit. What would
    have been refused does not count as used afterwards.
    """

    file: str = flag("the YAML file with the limits")
    over: str = flag("how far back, such as 30d", default="30d")
    limits: str = inner("")
