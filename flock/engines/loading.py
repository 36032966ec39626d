"""How a model of flock's own is going to be loaded: its window, its settings, the memory it will take.

Owns what follows from the model's files, what was set for it and the machine's memory: a pure plan, made before the
load so that the scheduler knows what it must make room for. Refuses to start anything. Called by supervisor.py;
blocking, for a thread, since it reads the files' headers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flock.engines import abilities
from flock.engines.engine import Engine, LaunchSpec
from flock.engines.formats import recognised_stem
from flock.engines.gguf_header import GgufHeader, file_size, read_header
from flock.engines.kin import Kin
from flock.engines.own_model import OwnModel
from flock.engines.window import Room, Window, choose_window, load_of
from flock.errors import InvalidRequest, NotFound
from flock.estimate import Load, cache_bytes, estimate
from flock.plain import is_object

# Files of a directory that are weights: vLLM's and MLX-LM's.
_WEIGHTS = ("*.safetensors", "*.npz", "*.bin")

FindModel = Callable[[str], Path | None]


@dataclass(frozen=True, slots=True)
class Loading:
    """How a model will be loaded: `spec` lacks only port and key; `need_bytes` is the estimate of the memory it will
    take; `mark` names the settings that decide it, so that what was measured with others does not count. `able` is what
    the model can do beside writing text (upstream.ABILITIES), None when its files do not tell.
    """

    spec: LaunchSpec
    size_bytes: int
    need_bytes: int
    mark: str
    able: frozenset[str] | None = None


def plan(
    model: OwnModel, engine: Engine, memory_bytes: int, find: FindModel, kin: Kin | None = None, *, card: bool = False
) -> Loading:
    """Return how a model will be loaded where models may take so much memory, on a `card` or not; `find` gives the file
    of another model's id, `kin` what is known of its family.

    Blocking, up to 0.2 s. Raises NotFound and InvalidRequest, each naming the file that is missing or damaged.
    """
    header, room = describe(model, engine), Room(memory_bytes, card)
    window, config = _window(model, header, room, engine.kind), model.config
    if kin is not None and header.kind == "chat":
        family = kin.of((model.family, recognised_stem(model.path), model.id))
        config = kin.filled(config, family, engine.kind, header.has_chat_template)
    draft = _draft(model, find)
    extra = sum(file_size(path) or 0 for path in (model.projector, draft) if path is not None)
    load = load_of(header, window, engine.kind, extra, card=room.card)
    need = estimate(load).total
    spec = LaunchSpec(
        model_id=model.id,
        model_path=model.path,
        context=window.context,
        slots=window.slots,
        port=0,
        key="",
        cache_mib=window.cache_mib,
        threads=window.threads,
        batch=window.batch,
        micro_batch=window.micro_batch,
        kind=header.kind,
        pooling="mean" if header.kind == "embedding" and not header.pooling else "",
        kv_type=window.kv_type,
        flash=window.flash,
        gpu_layers=config.gpu_layers,
        draft=draft,
        draft_tokens=config.draft_tokens or 0,
        template=Path(config.template) if config.template else None,
        projector=model.projector,
        tool_parser=config.tool_parser,
        reasoning_parser=config.reasoning_parser,
        trust_remote_code=config.trust_remote_code,
        memory_bytes=need,
        windows=window.windows,
        cache_bytes=cache_bytes(load),
    )
    layers = "all" if spec.gpu_layers is None else spec.gpu_layers
    many = f"{window.slots}/{window.windows}" if window.windows else window.slots
    shape = f"{many}x{window.context} {spec.kv_type or 'f16'} {spec.flash or 'auto'} gpu {layers}"
    mark = f"{engine.kind} {shape} {header.size_bytes + extra}"
    return Loading(spec, header.size_bytes, need, mark, abilities.of(header, spec, engine.kind))


def rough_need(model: OwnModel, engine: Engine) -> int:
    """Return what a model will take at least, by the size of its file alone; for a model that could not be planned."""
    return estimate(Load(engine.kind, file_size(model.path) or 0)).total


def describe(model: OwnModel, engine: Engine) -> GgufHeader:
    """Return what a model's file, or the directory of its files, says of it. Raises what `plan` raises."""
    path = model.path
    if path.is_dir():
        return _directory(model, path)
    if "gguf" in engine.formats:
        return read_header(path)
    found = file_size(path)
    if found is None:
        raise NotFound(f"there is no file {path}", hint=f"flock model remove {model.id}")
    if found == 0:
        raise InvalidRequest(f"{path} is empty, not a model", hint="download it again")
    kind = model.kind or next(iter(engine.kinds), "")
    return GgufHeader(path, "", path.stem, 0, found, 0, False, kind=kind)


def _directory(model: OwnModel, path: Path) -> GgufHeader:
    """Read the config.json that transformers writes: names of its fields as in its PretrainedConfig."""
    try:
        facts: Any = json.loads((path / "config.json").read_bytes())
    except OSError as error:
        raise NotFound(f"{path} has no readable config.json: {error.strerror}", hint=f"ls -l '{path}'") from None
    except ValueError:
        raise InvalidRequest(f"{path}/config.json is no JSON", hint="download it again") from None
    if not is_object(facts):
        raise InvalidRequest(f"{path}/config.json is no JSON object", hint="download it again")
    inner = facts.get("text_config")
    text: dict[str, Any] = {**facts, **inner} if is_object(inner) else dict(facts)

    def number(name: str, otherwise: int = 0) -> int:
        value = text.get(name)
        return value if isinstance(value, int) and value > 0 else otherwise

    heads = number("num_attention_heads")
    width = number("head_dim", number("hidden_size") // heads if heads else 0)
    # keys and values, 2 bytes each
    cache = 2 * 2 * number("num_hidden_layers") * number("num_key_value_heads", heads) * width
    weights = sum(file.stat().st_size for pattern in _WEIGHTS for file in path.glob(pattern))
    if not weights:
        raise InvalidRequest(f"{path} holds no weights ({', '.join(_WEIGHTS)})", hint=f"ls -l '{path}'")
    return GgufHeader(
        path,
        str(text.get("model_type", "")),
        path.name,
        number("max_position_embeddings"),
        weights,
        cache,
        abilities.has_template(path),
        kind=model.kind or "chat",
        heads=heads,
        templates=abilities.templates_in(path),
    )


def _window(model: OwnModel, header: GgufHeader, room: Room, kind: str) -> Window:
    """Return the window: the built-in model's is settled, and what was set for a model counts."""
    config = model.config
    if model.window is None:
        return choose_window(header, room.bytes, config, kind, card=room.card)
    return replace(
        model.window,
        context=config.context or model.window.context,
        slots=config.slots or model.window.slots,
        threads=config.threads or model.window.threads,
        kv_type=config.kv_type,
        flash=config.flash_attention,
    )


def _draft(model: OwnModel, find: FindModel) -> Path | None:
    if not model.config.draft:
        return None
    named = find(model.config.draft) or Path(model.config.draft).expanduser()
    if not named.is_absolute() or not named.exists():
        raise NotFound(
            f'the draft model "{model.config.draft}" of {model.id} is neither a model\'s id nor a file that is there',
            hint=f"flock model config {model.id} --draft none",
        )
    return named
