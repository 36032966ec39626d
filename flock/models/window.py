"""How large a window a model that is not here yet will have, and what it takes in memory with it.

Owns that promise: the rules of engines/window.py, which chooses once the files are here, as far as they follow from
what is known before. Refuses nothing. Pure. Called by choose.py.
"""

from flock.estimate import KV_SHARE, LLAMA, PAGED, Load, Need, estimate, shares
from flock.hardware.seen import Seen
from flock.models.candidate import Candidate, Way, Wish

# What agents work well with; a larger cache takes memory that most conversations never use.
WINDOW_MOST = 100_000
# What is to fit at least before a model counts as fitting; a text that is embedded or reranked has no more.
WINDOW_MODEST = 8_192
# What agents need to work (engines/window.py); for less than this a cache of 4 bits is worth it.
WINDOW_LARGE = 32_768
_STEP = 1_024
# a cache as it is computed, of 16 bits, is the fastest: it is taken where it is at most this part of the memory
_AMPLE = 8
# families that a smaller cache slows down (engines/window.py)
_F16_ONLY = frozenset({"gpt-oss"})


def need_least(candidate: Candidate, way: Way, engine: str, seen: Seen) -> Need | None:
    """Return what a model takes with a modest window for one request, None where its size is not known."""
    window = min(candidate.context or WINDOW_MODEST, WINDOW_MODEST)
    return _need(candidate, way, engine, seen, (window, 1, _types(candidate, engine)[-2:][0]))


def _types(candidate: Candidate, engine: str) -> tuple[str, ...]:
    """Return the types of cache an engine keeps for a model, best first; the others decide themselves, as computed."""
    if engine not in LLAMA:
        return ("",)
    return ("f16",) if candidate.family in _F16_ONLY else ("f16", "q8_0", "q4_0")


def _need(candidate: Candidate, way: Way, engine: str, seen: Seen, window: tuple[int, int, str]) -> Need | None:
    if way.size_bytes is None:
        return None
    return estimate(
        Load(
            engine=engine,
            weights_bytes=way.size_bytes,
            kv_bytes_per_token=candidate.cache_per_token,
            context=window[0],
            slots=window[1],
            kv_type=window[2] or "f16",
            card=seen.pool == "gpu" and engine in LLAMA,
        )
    )


def window_here(
    candidate: Candidate, way: Way, engine: str, budget: int, seen: Seen, wish: Wish
) -> tuple[int | None, int, str, Need | None]:
    """Return context (None for models without a window), slots, type of the cache, and the need with them."""
    if candidate.kind not in ("", "chat"):
        whole = min(candidate.context or WINDOW_MODEST, WINDOW_MODEST)
        need = _need(candidate, way, engine, seen, (whole, 1, "f16"))
        return whole if candidate.kind in ("embedding", "rerank") else None, 1, "", need
    bare = _need(candidate, way, engine, seen, (0, 1, ""))
    left = max(budget - bare.total, 0) if bare else budget
    context, (slots, windows), kv_type = _fitting(candidate, engine, budget, left, wish)
    return context, slots, kv_type, _need(candidate, way, engine, seen, (context, windows, kv_type))


def _fitting(candidate: Candidate, engine: str, budget: int, left: int, wish: Wish) -> tuple[int, tuple[int, int], str]:
    """Return context, slots with the whole windows for them, and type of the cache, as engines/window.py will choose
    once the files are here.
    """
    whole = wish.context or min(candidate.context or WINDOW_MODEST, WINDOW_MOST)
    set_type = "q8_0" if engine in PAGED and wish.kv_type == "q4_0" else wish.kv_type
    types = (set_type,) if set_type else _types(candidate, engine)
    ours = engine in (*LLAMA, *PAGED, "mlx")  # the others, an Ollama, divide what they have themselves
    choices = shares(engine, wish.slots or (0 if ours else 1), alone=wish.kv_type not in ("", "f16"))
    token = candidate.cache_per_token
    best = (min(whole, WINDOW_MODEST), choices[-1], types[-2:][0])
    if token * whole * choices[0][1] <= budget // _AMPLE:
        return whole, choices[0], types[0]
    for choice in choices:
        for kv_type in types[1:] or types:
            rate = token * KV_SHARE.get(kv_type or "f16", 1.0) * choice[1]
            context = wish.context or _largest(whole, rate, left, min(left, budget // 2))
            if context >= min(whole, WINDOW_LARGE):
                return context, choice, kv_type
            best = max(best, (context, choice, kv_type), key=lambda window: window[0])
    return best


def _largest(whole: int, rate: float, left: int, shared: int) -> int:
    """Return the largest window at `rate` bytes a token; beyond WINDOW_LARGE it leaves half the memory to others."""
    if rate * whole <= shared:
        return whole
    beyond = int(shared / rate) // _STEP * _STEP
    return beyond if beyond > WINDOW_LARGE else min(whole, WINDOW_LARGE, int(left / rate) // _STEP * _STEP)
