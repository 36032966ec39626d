"""`flock model search`: the one verb of the catalog that has more to say when it finds nothing.

Owns the sentence with the nearest ids, for people; programs get an empty list. Called by `deliver.py`.
"""

from flock.cli import out
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.cli.words import distance, either
from flock.contract.catalog import CatalogModel, SearchCatalog

# how far a word may be from the beginning of an id, as a share of its letters
_NEAR = 0.5


def run(op: SearchCatalog, given: Given, perform: Perform) -> int:
    """Search; where nothing is found, say which ids are spelled almost like what was asked for."""
    answer = perform(op, given.yes)
    if answer.value or given.json or given.quiet:
        present(op, given, answer)
        return 0
    found: list[CatalogModel] = perform(SearchCatalog(), given.yes).value
    near = nearest(op.query, [model.id for model in found])
    limits = " with these limits" if op.fits or op.since or op.capability else ""
    out.say(f"no model of the catalog is called {op.query!r}{limits}" if op.query else f"no model is there{limits}")
    if near and op.query:
        out.say(f"near it: {either(near)}")
    out.say("all of them: flock model search")
    return 0


def nearest(words: str, ids: list[str]) -> list[str]:
    """Return at most three ids that begin almost as the words do, the nearest first."""
    low = words.lower().strip()
    if not low:
        return []
    ranked = sorted((min(distance(low, known[:end]) for end in _ends(low, known)), known) for known in ids)
    return [known for slips, known in ranked if slips <= _NEAR * len(low)][:3]


def _ends(words: str, known: str) -> set[int]:
    """Return where an id may be cut to be compared: whole, and about as long as the words."""
    return {len(known), min(len(known), len(words)), min(len(known), len(words) + 1)}
