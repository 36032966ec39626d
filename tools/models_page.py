"""MODELS.md: the catalog of models as a table to pick from, and what suits which machine.

Owns the page and nothing that stands on it: the rows are catalog/models/, which model suits is flock/models/picks.py's,
on imagined machines with llama.cpp installed. Called by tools/docs.py.
"""

from collections.abc import Iterable
from pathlib import Path

from flock import text
from flock.hardware.seen import Seen, simulated
from flock.models.choose import Choice, EngineHere, Wish, choose
from flock.models.entry import Entry
from flock.models.picks import FAST, GENERAL, Pick, picks, strength
from flock.models.shelf import Shelf

ROOT = Path(__file__).resolve().parent.parent
STAR = "★"

_INTRO = f"""
# Models

What `flock model search` lists, from [catalog/models](catalog/models). `flock model add ID` fetches a model, and
`flock model info ID` says everything known of it, also what nobody has confirmed. Any other model is added by its
source: `flock model add hf:OWNER/REPO`, `ollama:TAG`, `file:PATH` or a URL.

{STAR} marks the ones we would pick first. *Size* is what is fetched for llama.cpp, or for another engine where there is
no file for that; with ~ it follows from the number of parameters. *Machine* is the memory a computer is sold with.
*Commercial* is ✓ where money may be made with it without conditions, else the condition.

## Models that chat

| model | {STAR} | code | reasoning | tools | vision | audio | context | size | machine | licence | commercial |
|---|---|---|---|---|---|---|--:|--:|--:|---|---|
""".lstrip()

_SHARDED = """
## Models for several machines

flock does not run one model on several machines yet: these are listed, and adding one says so.

| model | ★ | context | size | memory in all | machines | licence | commercial |
|---|---|--:|--:|--:|--:|---|---|
"""

_OTHERS = """
## Models that embed, rank, hear and speak

| model | what it does | size | machine | licence | commercial |
|---|---|--:|--:|---|---|
"""

_SUITS = """
## Which model for which machine

Recomputed from the catalog; `flock model picks` does the same for your machine. *Window* is the largest, up to 100,000
tokens, that fits for each request, two of them at once where there is room. A Mac gives two thirds to three quarters of
its memory to models. Without a card, models that would answer more slowly than people read come last.

### For yourself

| machine | for everything | window | for code | small and fast |
|---|---|--:|---|---|
"""

_TEAM = """
### For a team of ten

Ten people are rarely more than five requests at once. The strongest model with a window of 32,768 tokens for each of
five, and a fast one for what need not be clever:

| machine | model | memory | beside it |
|---|---|--:|---|
"""

_LARGER = """
### For more

Twenty requests at once, with 32,768 tokens each. Beyond one machine, run flock on several of them: several small models
answer more people than one large one.

| machine | model | memory | beside it |
|---|---|--:|---|
"""

_SOLO = ((8, ""), (16, ""), (24, ""), (32, ""), (64, ""), (128, ""), (16, "apple"), (24, "apple"), (36, "apple"))
_SOLO = (*_SOLO, (64, "apple"), (128, "apple"), (64, "nvidia:12"), (64, "nvidia:16"), (64, "nvidia:24"))
_TEAMS = ((64, "apple"), (96, "apple"), (128, "apple"), (64, "nvidia:24"), (64, "nvidia:32"), (128, "nvidia:48"))
_MORE = ((256, "apple"), (512, "apple"), (256, "nvidia:96"), (512, "nvidia:192"))
_HEADROOM = 2 * 2**30
_GGUF, _WORDS = frozenset({"gguf"}), frozenset({"chat", "embedding", "rerank"})
# llama.cpp loads every entry that a single machine can have, so that the numbers of all rows are of one kind
_ENGINES = (EngineHere("llamacpp", True, "", _GGUF, _WORDS),)


def page() -> str:
    """Return MODELS.md without the line that says who wrote it."""
    entries = sorted(Shelf([ROOT / "catalog"]).read().entries.values(), key=lambda e: (_size(e), e.id))
    chat = [_chat(e) for e in entries if e.kind == "chat" and e.shards == 1]
    sharded = [_shard(e) for e in entries if e.shards > 1]
    others = [_other(e) for e in entries if e.kind != "chat"]
    parts = (
        *(_INTRO + _lines(chat), _SHARDED + _lines(sharded), _OTHERS + _lines(others)),
        _SUITS + _lines(_alone(entries, *machine) for machine in _SOLO),
        _TEAM + _lines(_together(entries, *machine, requests=5) for machine in _TEAMS),
        _LARGER + _lines(_together(entries, *machine, requests=20) for machine in _MORE),
    )
    return "".join(parts)


def _lines(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _size(entry: Entry) -> int:
    """Return the size of the first way whose size is known: the ways are in the order of the formats."""
    return next((way.size_bytes for way in entry.ways if way.size_bytes), 0)


def _told(entry: Entry) -> str:
    way = next((way for way in entry.ways if way.size_bytes), None)
    return "-" if way is None or way.size_bytes is None else ("~" if way.guessed else "") + text.size(way.size_bytes)


def _flags(entry: Entry, *capabilities: str) -> tuple[str, ...]:
    return tuple("•" if capability in entry.capabilities else "" for capability in capabilities)


def _licence(entry: Entry) -> tuple[str, str]:
    commercial = {"yes": "✓", "no": "no"}.get(entry.commercial, entry.commercial)
    return f"[{entry.license}]({entry.license_url})", commercial


def _star(entry: Entry) -> str:
    return STAR if entry.top else ""


def _context(entry: Entry) -> str:
    return f"{entry.context:,}" if entry.context else "-"


def _chat(entry: Entry) -> tuple[str, ...]:
    flags = _flags(entry, "code", "reasoning", "tools", "vision", "audio")
    floor = f"{entry.min_memory_gb:g} GB"
    return (f"`{entry.id}`", _star(entry), *flags, _context(entry), _told(entry), floor, *_licence(entry))


def _shard(entry: Entry) -> tuple[str, ...]:
    floor = f"{entry.min_memory_gb:g} GB"
    name = (f"`{entry.id}`", _star(entry))
    return (*name, _context(entry), _told(entry), floor, str(entry.shards), *_licence(entry))


def _other(entry: Entry) -> tuple[str, ...]:
    does = ", ".join(word for word in entry.capabilities if word != "audio")
    return (f"`{entry.id}`", does, _told(entry), f"{entry.min_memory_gb:g} GB", *_licence(entry))


def _machine(gigabytes: int, gpu: str) -> tuple[str, Seen, int]:
    seen = simulated(gigabytes, gpu)
    vendor, _, card = gpu.partition(":")
    name = {"": f"{gigabytes} GB, no card", "apple": f"Mac with {gigabytes} GB"}.get(vendor, f"card of {card} GB")
    return name, seen, seen.pool_total_bytes - _HEADROOM


def _alone(entries: list[Entry], gigabytes: int, gpu: str) -> tuple[str, ...]:
    name, seen, budget = _machine(gigabytes, gpu)
    found = picks(entries, seen, budget, _ENGINES)
    by_purpose: dict[str, Pick] = {}
    for pick in found:
        by_purpose.setdefault(pick.purpose, pick)
    cells = [_of(by_purpose.get(purpose)) for purpose in (GENERAL, "for code", FAST)]
    window = found[0].choice.context if found else None
    return name, cells[0], f"{window:,}" if window else "-", *cells[1:]


def _of(pick: Pick | None) -> str:
    return f"`{pick.entry.id}`" if pick else "-"


def _together(entries: list[Entry], gigabytes: int, gpu: str, *, requests: int) -> tuple[str, ...]:
    """Return the strongest model with a window for so many requests at once, and a fast one that fits beside it."""
    name, seen, budget = _machine(gigabytes, gpu)
    first = _strongest(entries, seen, budget, requests)
    if first is None or first[1].need is None:
        return name, "-", "-", "-"
    entry, choice = first
    taken = first[1].need.total
    fast = [e for e in entries if (e.active_billions or e.params_billions or 99) <= 4 and e.id != entry.id]
    second = _strongest(fast, seen, budget - taken, requests)
    beside = f"`{second[0].id}`, {text.size(second[1].need.total)}" if second and second[1].need else "-"
    return name, f"`{entry.id}`", text.size(choice.need.total if choice.need else 0), beside


def _strongest(entries: list[Entry], seen: Seen, budget: int, requests: int) -> tuple[Entry, Choice] | None:
    wish = Wish(context=32_768, slots=requests, kv_type="q8_0")
    able = [e for e in entries if e.kind == "chat" and e.shards == 1 and {"tools"} <= set(e.capabilities)]
    found = [(e, choose(e.candidate, seen, budget, _ENGINES, wish)) for e in able if (e.context or 0) >= 32_768]
    return max(((e, c) for e, c in found if c.fits), key=lambda pair: strength(pair[0]), default=None)
