"""Which way to have a model on a machine: the engine, the source, the quantisation, the window, and whether it fits.

Owns the rules, a pure function of what is known of the model, the machine and the engines that are here. Refuses
nothing: what does not fit, or cannot be served at all, comes back as a choice that says so. Called by core/ for the
catalog, the hub and `flock model add`, and by picks.py.

The rules. What fits comes before what does not; then the engine the user prefers; then what is installed before what
could be; then MLX on Apple silicon (for models that see or hear, last: MLX-LM takes words only), vLLM with an NVIDIA
card that holds the model, llama.cpp, Ollama. Of several quantisations for one engine the usual one (Q4_K_M, or another
of four bits) is taken where it fits, else the largest that fits, but none above 8 bits while there are others; for what
embeds or ranks, which is small and loses more, the largest. The window is that of engines/window.py, which chooses it
once the files are here: the largest up to 100,000 tokens that fits, for two requests at once, beyond 32,768 within half
the memory, with a cache of 8 bits a value, or of 4 where nothing else makes room for an agent's work.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flock import text
from flock.contract.catalog import Variant
from flock.estimate import Need
from flock.hardware.seen import Seen, memory_class
from flock.models.candidate import Candidate, Way, Wish, bits
from flock.models.window import need_least, window_here

USUAL = "Q4_K_M"
_EIGHT_BITS = 9.0  # Q8_0 and its likes have 8.5
_FOUR_BITS = (4.0, 5.2)

# engines that take words only, whatever the model can (lacks in catalog/engines.yaml)
_BLIND = frozenset({"mlx"})
# engines that keep a model on a graphics card, as a whole
_ON_CARDS = {"vllm": "vLLM", "sglang": "SGLang"}
# what `flock engine install` brings
_BROUGHT = frozenset({"embedded", "mlx", "piper", "vllm"})
# engines for a machine, best first
_APPLE = ("whisper", "piper", "mlx", "llamacpp", "embedded", "ollama", "vllm", "sglang")
_NVIDIA = ("whisper", "piper", "vllm", "sglang", "llamacpp", "embedded", "ollama", "mlx")
_OTHER = ("whisper", "piper", "llamacpp", "embedded", "ollama", "vllm", "sglang", "mlx")
# weights as they were trained: the only ones made for others that MLX-LM loads
_PLAIN_WEIGHTS = ("", "bf16", "f16", "fp16")


@dataclass(frozen=True, slots=True)
class EngineHere:
    """A kind of engine on this machine: whether it is `ready`, the command that brings it (`hint`) where it is not,
    what it loads (`formats`: gguf, mlx, safetensors, whisper, piper, ollama) and the `kinds` of models it serves.
    `problem` says why one that is here cannot be used (too old), "" where it simply is not here.
    """

    kind: str
    ready: bool
    hint: str
    formats: frozenset[str]
    kinds: frozenset[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model would be had here.

    `way` and `engine` are None and "" where nothing here can serve it. `need` is the memory with the window that was
    chosen, None where the size is not known; `least_bytes` with a modest one: by that it `fits`. `context` is None for
    models without a window. `why` is the verdict in words; `variants` are all ways, the chosen one marked.
    """

    way: Way | None
    engine: str
    ready: bool
    hint: str
    context: int | None
    slots: int
    kv_type: str
    need: Need | None
    least_bytes: int | None
    fits: bool
    why: str
    variants: tuple[Variant, ...] = ()

    @property
    def variant(self) -> Variant | None:
        """The variant that was chosen."""
        return next((variant for variant in self.variants if variant.chosen), None)


@dataclass(frozen=True, slots=True)
class _Option:
    """A way with an engine that takes it: what it needs with a modest window, and why it does not fit ("")."""

    way: Way
    here: EngineHere
    least: Need | None
    wrong: str

    @property
    def fits(self) -> bool:
        return not self.wrong


def choose(
    candidate: Candidate, seen: Seen, budget_bytes: int, engines: Sequence[EngineHere], wish: Wish | None = None
) -> Choice:
    """Return the best way to have a model on a machine whose models may take `budget_bytes` in all."""
    wish = wish or Wish()
    options = list(_options(candidate, seen, budget_bytes, engines, wish))
    if not options:
        return _nothing(candidate, engines, wish)
    order = {kind: place for place, kind in enumerate(_order(seen))}

    def rank(o: _Option) -> tuple[bool, bool, bool, int, bool, int]:
        blind = candidate.senses and o.here.kind in _BLIND
        place = order.get(o.here.kind, len(order))
        return not o.fits, o.least is None, o.here.kind != wish.preferred, _trouble(o.here), blind, place

    options.sort(key=rank)
    best = options[0]
    best = _quantisation([option for option in options if option.here.kind == best.here.kind], candidate.kind)
    sharded = candidate.shards > 1
    context, slots, kv_type, need = window_here(candidate, best.way, best.here.kind, budget_bytes, seen, wish)
    why = f"needs {candidate.shards} machines: not built yet" if sharded else best.wrong
    if not why and need is not None and need.total > budget_bytes:  # with the window that the user set
        why = f"needs {_of(need.total, budget_bytes)}"
    return Choice(
        way=best.way,
        engine=best.here.kind,
        ready=best.here.ready,
        hint="" if best.here.ready else best.here.hint,
        context=context,
        slots=slots,
        kv_type=kv_type,
        need=need,
        least_bytes=best.least.total if best.least else None,
        fits=not why,
        why=why or _fine(need, budget_bytes),
        variants=_variants(candidate, options, best),
    )


def _trouble(here: EngineHere) -> int:
    """Return how much has to be done before an engine serves: nothing, one command of flock's, something else."""
    return 0 if here.ready else 1 if here.kind in _BROUGHT else 2


def _options(
    candidate: Candidate, seen: Seen, budget: int, engines: Sequence[EngineHere], wish: Wish
) -> Iterable[_Option]:
    for here in engines:
        if wish.engine and here.kind != wish.engine:
            continue
        elsewhere = "" if wish.engine else _elsewhere(here, seen)
        for way in candidate.ways:
            if not _takes(here, way, candidate) or not _meant(way, wish.quant):
                continue
            least = need_least(candidate, way, here.kind, seen)
            wrong = elsewhere or _wrong(candidate, way, here.kind, seen, budget, least)
            yield _Option(way, here, least, wrong)


def _elsewhere(here: EngineHere, seen: Seen) -> str:
    """Return why an engine that is not installed does not belong on this machine, "" when it does."""
    if here.ready:
        return ""
    if here.kind in _ON_CARDS and not _nvidia(seen):
        return f"{_ON_CARDS[here.kind]} wants an NVIDIA card, and there is none"
    if here.kind == "mlx" and not _apple(seen):
        return "MLX-LM is made for Apple silicon"
    return ""


def _apple(seen: Seen) -> bool:
    return any(gpu.vendor == "apple" for gpu in seen.gpus)


def _takes(here: EngineHere, way: Way, candidate: Candidate) -> bool:
    """Whether an engine loads that format, and serves that kind of model; "" for a kind that is not known."""
    if way.format not in here.formats or (candidate.kind and candidate.kind not in here.kinds):
        return False
    foreign = way.quant.lower() not in _PLAIN_WEIGHTS or candidate.senses
    return here.kind != "mlx" or way.format != "safetensors" or not foreign


def _meant(way: Way, quant: str) -> bool:
    """Whether a way is what the user named: a quantisation or a file."""
    words = quant.lower()
    return not words or words == way.quant.lower() or words in (file.lower() for file in way.files)


def _nvidia(seen: Seen) -> int:
    """Return the memory of the largest NVIDIA card, 0 for none."""
    return max((gpu.total_bytes for gpu in seen.gpus if gpu.vendor == "nvidia"), default=0)


def _order(seen: Seen) -> tuple[str, ...]:
    if _apple(seen):
        return _APPLE
    return _NVIDIA if _nvidia(seen) else _OTHER


def _wrong(candidate: Candidate, way: Way, engine: str, seen: Seen, budget: int, least: Need | None) -> str:
    """Return why a model does not fit here in this way, "" when it does."""
    card = _nvidia(seen)
    if engine in _ON_CARDS and card and max(way.gpu_bytes, least.total if least else 0) > card:
        return f"needs {_of(max(way.gpu_bytes, least.total if least else 0), card)} on one graphics card"
    if least is not None and least.total > budget:
        return f"needs {_of(least.total, budget)}"
    # vLLM's own figure says more than a floor that was meant for four bits
    floor, has, what = candidate.min_memory_gb, seen.memory_class_gb, "memory"
    if seen.pool == "gpu":
        floor, has = (0 if way.gpu_bytes else candidate.min_gpu_gb), memory_class(seen.pool_total_bytes)
        what = "graphics memory"
    if floor > has:
        return f"wants a machine with {floor:g} GB of {what}, and this one has {has} GB"
    return ""


def _of(need: int, free: int) -> str:
    """Return "21.4 GB, 17.8 free"; the second unit stands there only where it differs."""
    words, unit = text.size(free).split()
    return f"{text.size(need)}, {words if text.size(need).endswith(f' {unit}') else f'{words} {unit}'} free"


def _fine(need: Need | None, budget: int) -> str:
    return f"needs {_of(need.total, budget)}" if need else "its size is not known before it is fetched"


# -- the quantisation


def _quantisation(options: list[_Option], kind: str) -> _Option:
    """Return the option of one engine whose quantisation is best: see the head of this file."""
    fitting = [option for option in options if option.fits]
    if kind not in ("", "chat"):
        return max(fitting or options, key=_bytes)
    small = [option for option in fitting or options if _width(option) <= _EIGHT_BITS] or fitting or options
    if not fitting:  # the verdict is then about the smallest
        return min(small, key=_bytes)
    usual = [option for option in small if _name(option) == USUAL]
    usual = usual or [option for option in small if _FOUR_BITS[0] <= _width(option) < _FOUR_BITS[1]]
    return max(usual or small, key=_bytes)


def _width(option: _Option) -> float:
    return bits(option.way.quant) or 0


def _bytes(option: _Option) -> int:
    return option.way.size_bytes or 0


def _name(option: _Option) -> str:
    return option.way.quant.upper().removeprefix("UD-")


# -- in words

_NOBODY = "nothing here loads it"


def _nothing(candidate: Candidate, engines: Sequence[EngineHere], wish: Wish) -> Choice:
    """Return the choice of a model that nothing here serves."""
    formats = sorted({way.format for way in candidate.ways if _meant(way, wish.quant)})
    if wish.quant and not formats:
        had = ", ".join(sorted({way.quant for way in candidate.ways if way.quant})) or "none that is named"
        why = f"there is no {wish.quant} of it; there is {had}"
    elif wish.engine and any(here.kind == wish.engine for here in engines):
        why = f"{wish.engine} cannot serve it: it comes as {', '.join(formats)}"
    elif wish.engine:
        why = f"{wish.engine} is not here"
    else:
        why = f"nothing here serves it: it comes as {', '.join(formats)}"
    why = f"needs {candidate.shards} machines: not built yet" if candidate.shards > 1 else why
    variants = tuple(_variant(way, "", None, False, _NOBODY) for way in candidate.ways)
    return Choice(None, "", False, "", None, 1, "", None, None, False, why, variants)


def _variants(candidate: Candidate, options: list[_Option], best: _Option) -> tuple[Variant, ...]:
    """Return every way once, with the best engine for it, as the options are ordered; the chosen one first, and last
    those that nothing here loads.
    """
    found: dict[Way, _Option] = {best.way: best}
    for option in options:
        found.setdefault(option.way, option)
    told = [
        replace(
            _variant(way, o.here.kind, o.least.total if o.least else None, o.fits and candidate.shards == 1, _note(o)),
            chosen=way is best.way,
        )
        for way, o in found.items()
    ]
    told += [_variant(way, "", None, False, _NOBODY) for way in candidate.ways if way not in found]
    return tuple(told)


def _note(option: _Option) -> str:
    notes = [option.wrong] if option.wrong else []
    notes += [] if option.here.ready else [f"first: {option.here.hint}"]
    notes += ["size by the number of parameters"] if option.way.guessed else []
    return "; ".join(notes)


def _variant(way: Way, engine: str, needs: int | None, fits: bool, note: str) -> Variant:
    return Variant(engine, way.source, way.quant, way.size_bytes, needs, fits, note=note)
