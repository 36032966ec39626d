"""The fixed answers to the operations of keys; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.op import Op, Scope
from flock.contract.tokens import (
    Budget,
    CreateToken,
    EditToken,
    ExpireToken,
    ListTokens,
    Me,
    Meter,
    RenewToken,
    RevokeToken,
    RotateToken,
    ShowMe,
    ShowToken,
    Token,
    TokenCreated,
    TokenDetails,
    TokenEdited,
)

# NOW of values.py is 2026-11-21T12:00:00Z
AT = "2026-11-21T11:58:30Z"
DAY_BEFORE = "2026-11-20T10:00:00Z"

TOKEN = Token(
    "k_3f9c2a71b2c4",
    "ada",
    Scope.ADMIN,
    "x7Qz",
    DAY_BEFORE,
    AT,
    None,
    ("*",),
    requests_today=1_234,
    tokens_today=5_600_000,
    cost_today_usd="0.0042",
)
REVOKED = Token("k_000000000001", "old", Scope.USER, "abcd", DAY_BEFORE, None, AT, state="revoked", requests_today=0)
LIMITED = Token(
    "k_00000000000b",
    "bob",
    Scope.USER,
    "b0B_",
    DAY_BEFORE,
    AT,
    None,
    ("groq", "open*"),
    owner="robert",
    note="the build server",
    expires_at="2026-11-28T12:00:00Z",
    models=("qwen3-8b", "claude-*"),
    rpm=60,
    tpm=100_000,
    quota=2_000_000,
    budgets=(Budget("5", "day"), Budget("100", "month")),
    tags=("env=prod", "team=web"),
    share=3,
    old_until="2026-11-21T12:30:00Z",
    requests_today=12,
    tokens_today=1_500_000,
    cost_today_usd="1.25",
)
METERS = (
    Meter("rpm", "60", "12", "3", "2026-11-21T12:00:12Z"),
    Meter("tpm", "100000", "0", "0", None),
    Meter("quota", "2000000", "1500000", "0", "2026-11-22T00:00:00Z"),
    Meter("budget/day", "5", "1.25", "0.5", "2026-11-22T00:00:00Z"),
    Meter("budget/month", "100", "120.000000001", "0", "2026-12-01T00:00:00Z"),
)
EXPIRED = replace(LIMITED, state="expired", expires_at=AT, old_until=None)
CREATED = TokenCreated("k_1", "ci", Scope.USER, "sk-orc-SECRET", AT)
UNTOLD = replace(LIMITED, requests_today=None, tokens_today=None, cost_today_usd=None)
ME = Me(LIMITED, METERS, ("qwen3-8b", "claude-sonnet-5"), 12, 1_500_000, "1.25", 345, 20_000_000, "120.000000001")
NEW_ME = Me(replace(TOKEN, scope=Scope.USER, last_used_at=None), (), (), 0, 0, None, 1, 30, None)

TOKEN_CASES: dict[str, tuple[Op[Any], Any]] = {
    "me.show": (ShowMe(), ME),
    "me.show-new": (ShowMe(), NEW_ME),
    "token.create": (CreateToken(name="ci"), CREATED),
    "token.create-warned": (
        CreateToken(name="ci", ttl="7d", models="claude-*"),
        replace(CREATED, expires_at="2026-11-28T12:00:00Z", warnings=("no model here has a name like 'claude-*' now",)),
    ),
    "token.edit": (EditToken(id=LIMITED.id, rpm=60), TokenEdited(UNTOLD)),
    "token.edit-warned": (
        EditToken(id=TOKEN.id, models="x"),
        TokenEdited(replace(TOKEN, models=("x",)), ("no model here has a name like 'x' now",)),
    ),
    "token.expire": (ExpireToken(id=LIMITED.id), EXPIRED),
    "token.expire-later": (ExpireToken(id=LIMITED.id, after="7d"), UNTOLD),
    "token.ls": (ListTokens(all=True), [TOKEN, LIMITED, EXPIRED, REVOKED]),
    "token.ls-none": (ListTokens(), []),
    "token.renew": (RenewToken(id=LIMITED.id, ttl="7d"), UNTOLD),
    "token.renew-for-ever": (RenewToken(id=TOKEN.id, ttl="never"), TOKEN),
    "token.revoke": (RevokeToken(id="k_1"), REVOKED),
    "token.rotate": (RotateToken(id="k_1"), replace(CREATED, old_until="2026-11-21T13:00:00Z")),
    "token.rotate-now": (
        RotateToken(id="k_1", grace="0"),
        replace(
            CREATED, warnings=("this is the key of /home/ada/.config/flock/admin.key, which has the new secret now",)
        ),
    ),
    "token.show": (ShowToken(id=LIMITED.id), TokenDetails(LIMITED, METERS)),
    "token.show-unlimited": (ShowToken(id=TOKEN.id), TokenDetails(TOKEN, ())),
}
