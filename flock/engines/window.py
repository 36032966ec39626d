"""How a model of ours is loaded where nothing was set: its window, how many requests at once, the type of its cache.

Owns that choice: a pure function of the model's header, what was set for it and the memory models may take. What was
set counts, and the rest is chosen around it. Refuses nothing: a model that does not fit is refused elsewhere. Called by
loading.py.

The type of the cache. q8_0 halves it and costs next to nothing: 0.005 of perplexity, the same most likely token in all
but a few of a thousand places (llama.cpp's pull request 7412, table of KL divergences). q4_0 quarters it; it was ten to
eighty times worse (7412; 20995: 2.63 → 2.99 with a model of 1B) until builds of April 2026 rotate what they store
(21038), and still is where they are older. So: f16 while that is a small part of the memory, since it is the fastest on
every device; then q8_0; q4_0 only when nothing else makes a window that agents can work in.
"""

from dataclasses import dataclass, replace

from flock.contract.models import ModelConfig
from flock.engines.gguf_header import GgufHeader
from flock.estimate import LLAMA, MIB, PAGED, PAGED_SLOTS, Load, cache_bytes, estimate, shares
from flock.text import size

# What the largest windows are cut to unasked: beyond it few chats go, and every token takes memory.
WINDOW_MAX = 100_000
# What agents need to work: Claude Code's own prompt is 20,000 tokens. For less than this a smaller cache is worth it.
WINDOW_LARGE = 32_768
# When the model does not tell its window: llama.cpp's own smallest useful one.
WINDOW_UNKNOWN = 4_096
# The least that holds a conversation.
WINDOW_LEAST = 2_048
# Windows are round numbers, so that people can tell them: whole pages of 1,024 tokens.
_STEP = 1_024
# llama.cpp's default of tokens computed at once, of which its buffers follow
MICRO_BATCH = 512
# An encoder takes a text in one piece, and its attention over that piece is held in memory all at once: what bge-m3 and
# most others were trained for.
WHOLE_MAX, WHOLE_UNKNOWN, WHOLE_LEAST = 8_192, 512, 512
# An f16 cache of at most this part of the memory is not worth a smaller type.
_AMPLE = 8
# A window beyond WINDOW_LARGE leaves the other half of the memory to another model.
_SHARED = 2
# Architectures that lose most of their speed with a quantised cache (llama.cpp's issue 15766; theirs is small anyway).
_F16_ONLY = frozenset({"gpt-oss"})


@dataclass(frozen=True, slots=True)
class Room:
    """What models may take in all, in bytes, and whether it is on graphics cards. Not what is free just now: the plan
    for a model must not follow from which others happen to be in memory.
    """

    bytes: int
    card: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """`context` tokens for each of `slots` requests at once, of which the cache holds `windows` whole ones, 0 for all;
    `cache_mib` for prompts kept after their request; 0 for
    `threads`, `batch` and `micro_batch` (tokens computed at once) leaves them to the engine; `kv_type` f16, q8_0 or
    q4_0 and `flash` on or off, "" for the engine's own choice.
    """

    context: int
    slots: int
    cache_mib: int
    threads: int = 0
    batch: int = 0
    micro_batch: int = 0
    kv_type: str = ""
    flash: str = ""
    windows: int = 0


def choose_window(
    header: GgufHeader,
    free_bytes: int,
    config: ModelConfig | None = None,
    kind: str = "llamacpp",
    *,
    card: bool = False,
) -> Window:
    """Return how a model is loaded by a `kind` of engine where models may take `free_bytes` in all.

    `free_bytes` is what there would be for it without other models, so that the same machine makes the same choice
    whatever runs just then. A model that embeds or reranks gets another one: see `_whole`.
    """
    config = config or ModelConfig()
    if kind in PAGED and config.kv_type == "q4_0":  # 8 bits are the least they have
        config = replace(config, kv_type="q8_0")
    if header.kind != "chat":
        chosen = _whole(header, free_bytes)
        context = min(config.context, header.context_length or config.context) if config.context else chosen.context
        return replace(
            chosen,
            context=context,
            slots=config.slots or (PAGED_SLOTS if kind in PAGED else chosen.slots),
            threads=config.threads or 0,
            batch=context,
            micro_batch=context,
            windows=chosen.slots if kind in PAGED else 0,
        )
    context, (slots, windows), kv_type = _fitting(header, free_bytes, config, kind, card)
    if kind not in LLAMA:  # they keep prompts within the cache, whose type is theirs to say where none was set
        windows = windows if windows < slots else 0
        return Window(context, slots, 0, threads=config.threads or 0, kv_type=config.kv_type, windows=windows)
    # a quantised cache of values needs it; else llama.cpp takes it wherever it can
    flash = config.flash_attention or ("on" if kv_type not in ("", "f16") else "")
    chosen = Window(context, slots, 0, threads=config.threads or 0, kv_type=kv_type, flash=flash)
    return replace(chosen, cache_mib=_kept(header, chosen, free_bytes, kind, card))


def load_of(header: GgufHeader, window: Window, kind: str, extra_bytes: int = 0, *, card: bool = False) -> Load:
    """Return what an estimate of the memory for a model and a window is made of; on a `card` kept prompts do not count,
    since they lie in the machine's memory.
    """
    return Load(
        engine=kind,
        weights_bytes=header.size_bytes,
        kv_bytes_per_token=header.kv_bytes_per_token,
        context=window.context,
        slots=window.slots,
        kv_type=window.kv_type or "f16",
        batch=window.micro_batch or min(MICRO_BATCH, window.batch or MICRO_BATCH),
        embedding=header.embedding,
        vocabulary=header.vocabulary,
        extra_bytes=extra_bytes,
        feed_forward=header.feed_forward,
        heads=header.heads,
        sliding_bytes_per_token=header.sliding_bytes_per_token,
        sliding_window=header.sliding_window,
        flash=window.flash,
        card=card,
        kept_bytes=0 if card else window.cache_mib * MIB,
        windows=window.windows,
    )


def told(context: int, slots: int, kv_type: str, need_bytes: int, room_bytes: int, windows: int = 0) -> str:
    """Return what was chosen in words: "2 x 32,768 tokens, cache q8_0, 3.1 GB of 17.8 GB"."""
    cache = f", cache {kv_type}" if kv_type else ""
    many = f"{windows} x {context:,} tokens for {slots} requests" if windows else f"{slots} x {context:,} tokens"
    return f"{many}{cache}, {size(need_bytes)} of {size(room_bytes)}"


def _fitting(
    header: GgufHeader, free: int, config: ModelConfig, kind: str, card: bool
) -> tuple[int, tuple[int, int], str]:
    """Return context, slots with their whole windows, and the type of the cache, the first of these in which the window
    is large enough.
    """
    choices = shares(kind, config.slots or 0, alone=bool(config.draft or config.kv_type not in ("", "f16")))
    first = choices[0]
    if not header.kv_bytes_per_token + header.sliding_bytes_per_token:
        # nothing is known of the cache, or there is none
        whole = min(header.context_length or WINDOW_UNKNOWN, WINDOW_LARGE)
        return config.context or whole, first, config.kv_type
    kinds = [config.kv_type] if config.kv_type else _kinds(header, config, kind)
    whole = config.context or min(header.context_length or WINDOW_UNKNOWN, WINDOW_MAX)
    weights = estimate(load_of(header, Window(0, 0, 0), kind, card=card)).total
    left = max(free - weights, 0)
    ample = cache_bytes(load_of(header, Window(whole, first[1], 0), kind)) <= free // _AMPLE
    if ample and "f16" in kinds:
        return whole, first, "f16"
    wanted = config.context or min(whole, WINDOW_LARGE)
    shared = left if config.context else min(left, free // _SHARED)
    found = 0, choices[-1], kinds[-1]
    for choice in choices:
        for kv_type in kinds[1:] or kinds:  # f16 was ample, or is no more: see above
            context = _largest(header, whole, choice[1], kv_type, left, shared)
            if context >= wanted:
                return context, choice, kv_type
            found = max(found, (context, choice, kv_type), key=lambda tried: tried[0])
    context, choice, kv_type = found
    return config.context or max(context, min(whole, WINDOW_LEAST)), choice, kv_type


def _kinds(header: GgufHeader, config: ModelConfig, kind: str) -> list[str]:
    """Return the types of cache a model can have, best first; blocks of quantised ones are 32 values of one head."""
    plain = kind not in LLAMA or header.architecture in _F16_ONLY or header.head_size % 32 > 0
    return ["f16"] if plain or config.flash_attention == "off" else ["f16", "q8_0", "q4_0"]


def _largest(header: GgufHeader, whole: int, windows: int, kv_type: str, left: int, shared: int) -> int:
    """Return the largest window whose cache fits into what is left, and beyond WINDOW_LARGE into the shared part."""

    def fits(context: int) -> bool:
        room = left if context <= WINDOW_LARGE else shared
        load = load_of(header, Window(context, windows, 0, kv_type=kv_type), "llamacpp")
        return cache_bytes(load) + 2 * load.context * load.batch <= room

    if fits(whole):
        return whole
    low, high = 0, -(-whole // _STEP)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle * _STEP) else (low, middle)
    return low * _STEP


def _kept(header: GgufHeader, window: Window, free: int, kind: str, card: bool) -> int:
    """Return the MiB of prompts that are kept after their requests: a sixteenth of the memory, no more than the cache
    itself, and what is left beside the model.

    llama.cpp's own default of 8 GiB would not fit on small machines.
    """
    load = load_of(header, window, kind)
    if card:  # they lie in the machine's memory, of which there is about as much
        return min(free // 16, cache_bytes(load) or free, 2048 * MIB) // MIB
    room = max(free - estimate(load).total, 0)
    cache = cache_bytes(load) or free
    return min(free // 16, cache, room, 2048 * MIB) // MIB


def _whole(header: GgufHeader, memory_bytes: int) -> Window:
    """Return the window of a model that embeds or reranks, with batches as large as a whole text.

    llama.cpp refuses a text longer than a micro batch for these ("input is too large to process"). What it holds then
    is a 4-byte number per head and pair of tokens where it has no flash attention: at most a quarter of the memory.
    They keep no prompts after their request.
    """
    context = min(header.context_length or WHOLE_UNKNOWN, WHOLE_MAX)
    while context > WHOLE_LEAST and 4 * max(header.heads, 1) * context**2 > memory_bytes // 4:
        context = max(context // 2, WHOLE_LEAST)
    slots = next((n for n in (4, 2) if context * n * header.kv_bytes_per_token <= memory_bytes // 4), 1)
    return Window(context, slots, 0, batch=context, micro_batch=context)
