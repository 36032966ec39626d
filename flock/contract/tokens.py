"""API keys ("tokens"): created once, stored as a hash, revoked at once."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Scope, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Token:
    """A key without its secret. `hint` is the last four characters; times RFC 3339 UTC or null.

    `vendors` are globs of the paid vendors it may use; an admin's key may use all.
    """

    id: str
    name: str
    scope: Scope
    hint: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None
    vendors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenCreated:
    """A new key; `token` is shown here and never again."""

    id: str
    name: str
    scope: Scope
    token: str
    created_at: str


@operation(
    "token.create",
    "token create",
    "POST /admin/v1/tokens",
    risk=Risk.CHANGE,
    examples=("token create alice", "token create ci --admin --json", "token create bob --vendors openai,groq"),
)
class CreateToken(Op[TokenCreated]):
    """Create an API key; it is shown once."""

    name: str = arg("whose key this is", default="default")
    admin: bool = flag("may also administer flock", default=False)
    vendors: str = flag("paid vendors its requests may go to, globs between commas; '*': all", default="")


@operation("token.ls", "token ls", "GET /admin/v1/tokens", examples=("token ls", "token ls --json"))
class ListTokens(Op[list[Token]]):
    """List API keys, newest first."""

    all: bool = flag("also revoked ones", default=False)


@operation(
    "token.revoke",
    "token revoke",
    "DELETE /admin/v1/tokens/{id}",
    risk=Risk.CHANGE,
    examples=("token revoke k_3f9c2a71b2c4",),
)
class RevokeToken(Op[Token]):
    """Revoke an API key; its running streams end within a second."""

    id: str = arg("the key's id, from `flock token ls`")
