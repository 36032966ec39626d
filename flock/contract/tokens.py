"""API keys ("tokens"): what each may do and how much, created once, stored as a hash, revoked at once."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Scope, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Budget:
    """Dollars that a key may spend in each `window` (day, week or month, in UTC); `usd` is a decimal string."""

    usd: str
    window: str


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of one limit is used.

    `name` is rpm, tpm, quota, or budget/day, budget/week, budget/month. `limit`, `used` and `reserved` are decimal
    strings: requests, tokens or dollars; `reserved` is what running requests hold. `resets_at` is when `used` is 0
    again if nothing more comes, RFC 3339 UTC.
    """

    name: str
    limit: str
    used: str
    reserved: str
    resets_at: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """A key without its secret. `hint` is the last four characters; times RFC 3339 UTC or null.

    `state` is active, expired or revoked. `vendors` are globs of the paid vendors it may use, `models` globs of the
    models it may ask for, empty for all of them; an admin's key may use all vendors. `rpm` and `tpm` are requests and
    tokens a minute, `quota` tokens a day, null for no limit. `share` is its weight where requests wait for an engine
    (1 to 100). `old_until` is when the secret before the last rotation ends. What it used since midnight (UTC) stands
    in the answers to `ls` and `show`, null in others; `cost_today_usd` is null where nothing with a price was asked.
    """

    id: str
    name: str
    scope: Scope
    hint: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None
    vendors: tuple[str, ...] = ()
    state: str = "active"
    owner: str = ""
    note: str = ""
    expires_at: str | None = None
    models: tuple[str, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    quota: int | None = None
    budgets: tuple[Budget, ...] = ()
    tags: tuple[str, ...] = ()
    share: int = 1
    old_until: str | None = None
    requests_today: int | None = None
    tokens_today: int | None = None
    cost_today_usd: str | None = None


@dataclass(frozen=True, slots=True)
class TokenEdited:
    """A key as it is now. `warnings` are sentences: of globs that fit nothing there is, for example."""

    token: Token
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenDetails:
    """A key and how much of its limits is used."""

    token: Token
    meters: tuple[Meter, ...]


@dataclass(frozen=True, slots=True)
class TokenCreated:
    """A new key, or a key's new secret; `token` is shown here and never again.

    `warnings` are sentences: of globs that fit nothing there is, for example.
    """

    id: str
    name: str
    scope: Scope
    token: str
    created_at: str
    expires_at: str | None = None
    old_until: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Me:
    """What the holder of a key may know of it: its limits, how much is used, and what it used today and this month.

    `models` are the ids it may ask for; `cost_usd` is null where nothing with a price was asked.
    """

    token: Token
    meters: tuple[Meter, ...]
    models: tuple[str, ...]
    requests_today: int
    tokens_today: int
    cost_today_usd: str | None
    requests_month: int
    tokens_month: int
    cost_month_usd: str | None


@operation(
    "token.create",
    "token create",
    "POST /admin/v1/tokens",
    risk=Risk.CHANGE,
    examples=(
        "token create alice",
        "token create ci --admin --json",
        "token create bob --vendors openai,groq --budget 5/day --budget 100/month",
        "token create guest --ttl 7d --models qwen3-8b,gemma* --rpm 20 --quota 200000",
    ),
)
class CreateToken(Op[TokenCreated]):
    """Create an API key; it is shown once."""

    name: str = arg("whose key this is", default="default")
    admin: bool = flag("may also administer flock", default=False)
    vendors: str = flag("paid vendors its requests may go to, globs between commas; '*': all", default="")
    owner: str = flag("who it belongs to, where that is not its name", default="")
    note: str = flag("what it is for", default="")
    ttl: str = flag("how long it is good for, such as 12h, 7d or 4w; empty: for ever", default="")
    models: str = flag("models it may ask for, ids and globs between commas; empty: all", default="")
    rpm: int = flag("requests a minute; 0: no limit", default=0)
    tpm: int = flag("tokens a minute; 0: no limit", default=0)
    quota: int = flag("tokens a day (UTC); 0: no limit", default=0)
    budget: tuple[str, ...] = flag("dollars in a day, week or month, such as 5/day; several all count", default=())
    tag: tuple[str, ...] = flag("KEY=VALUE to find it by", default=())
    share: int = flag("its weight where requests wait for an engine, 1 to 100", default=1)


@operation("token.ls", "token ls", "GET /admin/v1/tokens", examples=("token ls", "token ls --tag team=web --json"))
class ListTokens(Op[list[Token]]):
    """List API keys, newest first."""

    all: bool = flag("also revoked and expired ones", default=False)
    tag: str = flag("only those with this tag, KEY or KEY=VALUE", default="")


@operation("token.show", "token show", "GET /admin/v1/tokens/{id}", examples=("token show k_3f9c2a71b2c4",))
class ShowToken(Op[TokenDetails]):
    """Show one API key, its limits and how much of them is used."""

    id: str = arg("the key's id or a name that only one active key has, from `flock token ls`")


@operation(
    "token.edit",
    "token edit",
    "PATCH /admin/v1/tokens/{id}",
    risk=Risk.CHANGE,
    examples=(
        "token edit k_3f9c2a71b2c4 --rpm 60 --budget 20/month",
        "token edit k_3f9c2a71b2c4 --models qwen3-8b --add-models 'gemma*'",
        "token edit k_3f9c2a71b2c4 --budget none",
    ),
)
class EditToken(Op[TokenEdited]):
    """Change what an API key may do and how much; what is not named stays. Running requests are not touched."""

    id: str = arg("the key's id or a name that only one active key has, from `flock token ls`")
    name: str | None = flag("another name", default=None)
    owner: str | None = flag("who it belongs to; empty: its name", default=None)
    note: str | None = flag("what it is for", default=None)
    vendors: str | None = flag("paid vendors it may use, globs between commas; empty: none", default=None)
    models: str | None = flag("models it may ask for, ids and globs between commas; empty: all", default=None)
    add_models: str = flag("more models it may ask for", default="")
    remove_models: str = flag("models it may no longer ask for, as they stand in its list", default="")
    rpm: int | None = flag("requests a minute; 0: no limit", default=None)
    tpm: int | None = flag("tokens a minute; 0: no limit", default=None)
    quota: int | None = flag("tokens a day (UTC); 0: no limit", default=None)
    budget: tuple[str, ...] = flag("all its budgets anew, such as 5/day; none: no budget", default=())
    tag: tuple[str, ...] = flag("KEY=VALUE; KEY= takes one away", default=())
    share: int | None = flag("its weight where requests wait for an engine, 1 to 100", default=None)


@operation(
    "token.renew",
    "token renew",
    "POST /admin/v1/tokens/{id}/renew",
    risk=Risk.CHANGE,
    examples=("token renew k_3f9c2a71b2c4 --ttl 30d", "token renew k_3f9c2a71b2c4 --ttl never"),
)
class RenewToken(Op[Token]):
    """Let an API key be good for longer, from now on; an expired one works again."""

    id: str = arg("the key's id or a name that only one key has, from `flock token ls --all`")
    ttl: str = flag("for how long from now, such as 12h or 30d; never: for ever")


@operation(
    "token.expire",
    "token expire",
    "POST /admin/v1/tokens/{id}/expire",
    risk=Risk.CHANGE,
    examples=("token expire k_3f9c2a71b2c4", "token expire k_3f9c2a71b2c4 --after 2h"),
)
class ExpireToken(Op[Token]):
    """Let an API key end, now or after a while; `flock token renew` takes that back."""

    id: str = arg("the key's id or a name that only one active key has, from `flock token ls`")
    after: str = flag("after how long, such as 2h; empty: now", default="")


@operation(
    "token.rotate",
    "token rotate",
    "POST /admin/v1/tokens/{id}/rotate",
    risk=Risk.CHANGE,
    examples=("token rotate k_3f9c2a71b2c4", "token rotate k_3f9c2a71b2c4 --grace 24h"),
)
class RotateToken(Op[TokenCreated]):
    """Give an API key a new secret, shown once; the old one goes on for the grace. Limits and records stay."""

    id: str = arg("the key's id or a name that only one active key has, from `flock token ls`")
    grace: str = flag("how long the old secret still works, such as 1h; 0: not at all", default="1h")


@operation(
    "token.revoke",
    "token revoke",
    "DELETE /admin/v1/tokens/{id}",
    risk=Risk.CHANGE,
    examples=("token revoke k_3f9c2a71b2c4",),
)
class RevokeToken(Op[Token]):
    """Revoke an API key; its running streams end within a second. The last admin's key stays."""

    id: str = arg("the key's id or a name that only one active key has, from `flock token ls`")


@operation("me.show", "me", "GET /admin/v1/me", scope=Scope.USER, examples=("me", "me --json"))
class ShowMe(Op[Me]):
    """Show your own key: its limits, how much of them is used, and what you used.

    The key is FLOCK_TOKEN's; without it, that of this machine's admin.
    """
