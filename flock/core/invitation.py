"""What an invitation is made of: a key of somebody's own, and a card with what their tools need.

Owns the order of things: everything is checked before the key is made, since a key that nobody was shown would stay
behind. Refuses a URL that only this machine reaches. How a card reads is known by flock/connect/card.py. Called by
inviting.py.
"""

import asyncio

from flock.connect.address import clean_url, is_own, is_public
from flock.connect.card import USUAL, Terms, card, snippet
from flock.connect.render import Values, window
from flock.connect.roster import Roster
from flock.connect.tool import Tool
from flock.contract.connect import FORMATS, Invitation, Invite
from flock.contract.tokens import CreateToken
from flock.core.context import Actor, Context
from flock.core.listing import listed
from flock.core.tokens import create_token
from flock.errors import InvalidRequest, Unsupported
from flock.text import closest, did_you_mean

ALL = "all"


async def invitation(context: Context, op: Invite, actor: Actor) -> Invitation:
    """Make a key and its card. Raises InvalidRequest for a URL of this machine alone, NotFound for an unknown tool,
    and what `flock token create` raises; nothing is made then.
    """
    if op.format not in FORMATS:
        raise InvalidRequest(
            f"--format is {', '.join(FORMATS)}, not {op.format!r}{did_you_mean(op.format, FORMATS)}",
            hint=f"flock invite {op.name} --format {closest(op.format, FORMATS) or FORMATS[0]}",
        )
    url = clean_url(op.base_url or context.config.external_url or context.api_url)
    if is_own(url):
        raise InvalidRequest(
            f"only this machine reaches {url}, so it is of no use to {op.name}; open flock to others first, or say "
            "with --base-url how they reach it",
            hint="flock expose",
        )
    roster = Roster(context.config.catalog_dirs(context.home))
    tools, warnings = await asyncio.to_thread(_tools, roster, op.clients, url)
    model = op.model.strip() or "auto"
    if not model.isprintable():
        raise InvalidRequest(f"{op.model!r} can be no model's id", hint="flock model ls")
    created = await create_token(context, _key(op), actor)
    values = Values(url, created.token, model, window(model, listed(context)))
    snippets = await asyncio.to_thread(lambda: {tool.id: snippet(tool, values) for tool in tools})
    terms = Terms(created.name, _limits(op), created.expires_at or "")
    return Invitation(
        name=created.name,
        token_id=created.id,
        token=created.token,
        scope=created.scope,
        base_url=url,
        model=model,
        quota_daily=op.quota or None,
        created_at=created.created_at,
        expires_at=created.expires_at,
        clients_order=tuple(tool.id for tool in tools),
        snippets=snippets,
        card=card(terms, values, snippets, tools, markdown=op.format != "text"),
        warnings=(*warnings, *created.warnings),
    )


def _key(op: Invite) -> CreateToken:
    return CreateToken(
        name=op.name,
        ttl=op.ttl,
        models=op.models,
        vendors=op.vendors,
        rpm=op.rpm,
        tpm=op.tpm,
        quota=op.quota,
        budget=op.budget,
    )


def _tools(roster: Roster, words: str, url: str) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """Return the tools that are meant, and sentences about those left out; blocking: files are read.

    Raises NotFound with the nearest ids; Unsupported for one that nobody knows a way for.
    """
    named = [word.strip() for word in words.split(",") if word.strip()]
    if ALL in named:
        found = [tool for tool in roster.all().tools if tool.support != "none"]
    else:
        found = [roster.find(word)[0] for word in dict.fromkeys(named or USUAL)]
    warnings: list[str] = []
    if not url.startswith("https://"):
        warnings.append(f"{url} is not encrypted: whoever listens on the way reads the key")
    for tool in found:
        if tool.support == "none":
            raise Unsupported(f"nobody knows a way to connect {tool.name}: {tool.notes[0]}", hint="flock connect ls")
        if tool.public and not is_public(url):
            warnings.append(f"{tool.name} is left out: its own servers would have to reach {url} by https")
    return tuple(tool for tool in found if not tool.public or is_public(url)), tuple(warnings)


def _limits(op: Invite) -> tuple[str, ...]:
    """Return what the key may do, in words, a line each."""
    found = [f"Models: {op.models}" if op.models else "Models: all"]
    found += [f"Paid vendors: {op.vendors}"] if op.vendors else []
    found += [f"Tokens a day: {op.quota:,}"] if op.quota else []
    found += [f"Requests a minute: {op.rpm:,}"] if op.rpm else []
    found += [f"Tokens a minute: {op.tpm:,}"] if op.tpm else []
    found += [f"Dollars: {one}" for one in op.budget]
    return tuple(found)
