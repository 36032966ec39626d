"""The hub of models: searching it, and showing what a repository holds and how it could be served here.

Called by daemon/control.py.
"""

from flock.contract.hub import HubModel, HubRepository, SearchHub, ShowHubRepository
from flock.core.context import Actor, Context
from flock.core.files import repository_of
from flock.core.fitting import here
from flock.core.operations import handles
from flock.errors import InvalidRequest
from flock.models.choose import Wish, choose
from flock.models.repository import candidate

# what the hub gives in one answer
_MOST = 100


@handles(SearchHub)
async def search_hub(context: Context, op: SearchHub, _actor: Actor) -> list[HubModel]:
    """Return the models whose names have the words, the most downloaded first."""
    words = [word for words in op.words for word in words.split()]
    if not words:
        raise InvalidRequest("there is nothing to search for", hint="flock hub search qwen3 gguf")
    if not 1 <= op.limit <= _MOST:
        raise InvalidRequest(f"--limit is a number from 1 to {_MOST}, not {op.limit}", hint="flock hub search --help")
    return await context.hub.search(words, op.limit)


@handles(ShowHubRepository)
async def show_repository(context: Context, op: ShowHubRepository, _actor: Actor) -> HubRepository:
    """Return a repository's files, and the ways to have a model of it, as they fit this machine."""
    found = await context.hub.repository(repository_of(op.repo))
    around = await here(context)
    wish = Wish(preferred=around.preferred)
    choice = choose(candidate(found), around.seen, around.budget_bytes, around.engines, wish)
    return HubRepository(found.repo, found.license, found.gated, found.files, choice.variants)
