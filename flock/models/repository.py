"""A repository on the hub, and the ways to have what is in it.

Owns the reading of file names: quantisations, split files, image halves, directories of MLX and of transformers,
whisper's and piper's files. Refuses to guess between two files of one quantisation: it names both. Pure. Made by
hub.py; called by core/hub.py and by what adds models; choose.py gets its ways.
"""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from flock.contract.hub import HubFile
from flock.errors import InvalidRequest, NotFound
from flock.models.candidate import Candidate, Way, bits

# what is taken when nobody says: llama.cpp's own default, the best below half of the size of 8 bits
DEFAULT = "Q4_K_M"
_SPLIT = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})$")
# llama.cpp's names of types (ggml's ggml_type_name and llama_ftype), with the marks that people put before them
_QUANT = re.compile(
    r"(?:^|[-._/ ])((?:ud-|i1-)?(?:i?q\d(?:_[a-z0-9]+)*|tq\d_\d|bf16|f16|fp16|f32|mxfp4(?:_moe)?|nvfp4))(?=$|[-._ ])",
    re.IGNORECASE,
)
_MLX_QUANT = re.compile(r"(?:^|[-_])(\dbit(?:-dwq)?|bf16|fp16|mxfp4|mxfp8|nvfp4)(?=$|[-_])", re.IGNORECASE)
_SAFE_QUANT = re.compile(r"(?:^|[-_.])(awq|gptq|fp8|int8|int4|w4a16|w8a8|nvfp4|mxfp4|bf16|fp16)(?=$|[-_.])", re.I)
# what lies beside the weights in a directory that transformers reads: configurations, vocabularies, templates, code
_BESIDE = (".json", ".txt", ".model", ".jinja", ".py", ".tiktoken", ".jsonl")
_KINDS = {
    "feature-extraction": "embedding",
    "sentence-similarity": "embedding",
    "text-ranking": "rerank",
    "automatic-speech-recognition": "transcription",
    "text-to-speech": "speech",
}
_SENSING = ("image-text-to-text", "audio-text-to-text", "video-text-to-text", "any-to-any", "visual-question-answering")
# what a mixture of experts computes with, where its name says so ("Qwen3-30B-A3B")
_ACTIVE = re.compile(r"-A(\d+(?:\.\d+)?)B(?=$|[-_.])", re.IGNORECASE)
_EMBEDDERS = ("bert", "nomic-bert", "jina-bert-v2", "modern-bert", "gemma-embedding", "neo-bert")


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of one: its files at the commit `revision`, the licence's id, whether its terms want accepting.

    `architecture`, `context` and `parameters` are told of its weights where the hub reads them; `task` and `library`
    are the hub's words.
    """

    repo: str
    revision: str
    license: str
    gated: bool
    files: tuple[HubFile, ...]
    tags: tuple[str, ...] = ()
    library: str = ""
    task: str = ""
    architecture: str = ""
    context: int | None = None
    parameters: int | None = None

    @property
    def name(self) -> str:
        """What a model of it is called: the repository's own name, without what says how it is packed."""
        own = re.sub(r"[-_.](gguf|mlx)$", "", self.repo.rpartition("/")[2], flags=re.IGNORECASE)
        return own.lower()

    @property
    def kind(self) -> str:
        """What it is for: a word of profile.KINDS."""
        if self.task in _KINDS:
            return _KINDS[self.task]
        if any(way.format in ("whisper", "piper") for way in ways(self)):
            return "transcription" if ways(self)[0].format == "whisper" else "speech"
        return "embedding" if self.architecture in _EMBEDDERS else "chat"


def candidate(found: Repository) -> Candidate:
    """Return a repository as choose.py takes it."""
    every = ways(found)
    active = _ACTIVE.search(found.repo)
    billions = float(active[1]) if active else found.parameters / 1e9 if found.parameters else None
    return Candidate(
        found.name,
        found.kind,
        every,
        context=found.context,
        active_billions=billions,
        senses=found.task in _SENSING or any(way.projector for way in every),
        family=found.architecture,
    )


def ways(found: Repository) -> tuple[Way, ...]:
    """Return the ways to have what is in a repository, the smallest first; none for one that holds no weights."""
    every = [*_gguf(found), *_directory(found), *_whisper(found), *_piper(found)]
    return tuple(sorted(every, key=lambda way: (way.format != "gguf", way.size_bytes or 0, way.source)))


def files_of(found: Repository, way: Way) -> tuple[HubFile, ...]:
    """Return the files of one way, the one that engines are pointed at first, its image half last.

    Raises NotFound for a way of other files than the repository's.
    """
    there = {file.path: file for file in found.files}
    names = list(way.files) or [file.path for file in _beside_weights(found)]
    names += [way.projector] if way.projector and way.projector not in names else []
    missing = [name for name in names if name not in there]
    if missing or not names:
        what = missing[0] if missing else f"a model for {way.format}"
        raise NotFound(f"{found.repo} has no {what}", hint=f"flock hub show {found.repo}", details={"files": missing})
    return tuple(there[name] for name in names)


def way_named(found: Repository, wanted: str = "") -> Way:
    """Return the way that words behind hf:OWNER/REPO mean: a quantisation, a file's path, or "" for DEFAULT or, where
    that is not there, what comes nearest to it.

    Raises NotFound naming what is there, InvalidRequest where several are meant.
    """
    every = ways(found)
    hint = f"flock hub show {found.repo}"
    if not every:
        raise NotFound(f"{found.repo} holds no model that an engine of flock loads", hint=hint)
    if not wanted:
        return min(every, key=_distance)
    fitting = [way for way in every if wanted in way.files] or _by_name(every, wanted)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(way.files[0] for way in fitting[:4])
        raise InvalidRequest(
            f"{found.repo} has {len(fitting)} files that {wanted} could be: {names}",
            hint=f"flock model add hf:{found.repo}:{fitting[0].files[0]}",
        )
    there = list(dict.fromkeys(way.quant or (way.files or (way.format,))[0] for way in every))
    near = difflib.get_close_matches(wanted.upper(), [name.upper() for name in there], n=1)
    first = next((name for name in there if name.upper() in near), there[0])
    raise NotFound(
        f"{found.repo} has no {wanted}; it has {', '.join(there[:12])}{' …' if len(there) > 12 else ''}",
        hint=f"flock model add hf:{found.repo}:{first}",
        details={"nearest": [first], "there": there},
    )


def file_named(found: Repository, path: str) -> HubFile:
    """Return a file of a repository. Raises NotFound naming those most like it."""
    for file in found.files:
        if file.path == path:
            return file
    near = difflib.get_close_matches(path, [file.path for file in found.files], n=3, cutoff=0.4)
    also = f"; there is {near[0]}" if near else ""
    raise NotFound(
        f"{found.repo} has no file {path}{also}", hint=f"flock hub show {found.repo}", details={"nearest": near}
    )


def _by_name(every: Iterable[Way], wanted: str) -> list[Way]:
    """Return the ways of a quantisation, written in any case, or of a file's bare name."""
    lower = wanted.lower()
    return [
        way for way in every if lower == way.quant.lower() or any(lower == _base(path).lower() for path in way.files)
    ]


def _distance(way: Way) -> tuple[bool, bool, float, str]:
    width, best = bits(way.quant.lower().removeprefix("ud-")), bits(DEFAULT) or 0.0
    return (way.format != "gguf", way.quant != DEFAULT, abs((width or 64.0) - best), way.source)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _sum(files: Iterable[HubFile]) -> int | None:
    sizes = [file.size_bytes for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def quant_of(path: str) -> str:
    """Return the quantisation that a GGUF file's name ends in ("UD-Q4_K_XL"), "" when it names none."""
    stem = _base(path).rpartition(".")[0]
    split = _SPLIT.match(stem)
    found = _QUANT.findall(split["stem"] if split else stem)
    return str(found[-1]).upper() if found else ""


def _gguf(found: Repository) -> list[Way]:
    groups: dict[str, list[HubFile]] = defaultdict(list)
    counts: dict[str, int] = {}
    for file in found.files:
        base = _base(file.path).lower()
        if not base.endswith(".gguf") or "mmproj" in base or "imatrix" in base:
            continue
        split = _SPLIT.match(file.path.rpartition(".")[0])
        group = split["stem"] if split else file.path
        counts[group] = int(split["count"]) if split else 1
        groups[group].append(file)
    projector = _projector(found)
    made: list[Way] = []
    for group, files in groups.items():
        if len(files) != counts[group]:
            continue  # a split file without all of its parts loads nowhere
        names = tuple(sorted(file.path for file in files))
        size = _sum([*files, *([projector] if projector else [])])
        half = projector.path if projector else ""
        made.append(Way("gguf", quant_of(names[0]), found.repo, names, size_bytes=size, projector=half))
    return made


def _projector(found: Repository) -> HubFile | None:
    """Return the image half: in f16, as llama.cpp's own are, else the smallest."""
    halves = [f for f in found.files if f.path.lower().endswith(".gguf") and "mmproj" in _base(f.path).lower()]
    ranked = sorted(halves, key=lambda f: (quant_of(f.path) not in ("F16", "FP16"), f.size_bytes or 0, f.path))
    return ranked[0] if ranked else None


def _weights(found: Repository) -> list[HubFile]:
    """Return the safetensors of a directory that transformers reads: those at the top, without a second copy."""
    every = [file for file in found.files if file.path.endswith(".safetensors") and "/" not in file.path]
    # Mistral's repositories hold the same weights twice, for two programs
    once = [file for file in every if not file.path.startswith("consolidated")]
    return once or every


def _beside_weights(found: Repository) -> list[HubFile]:
    """Return what a directory for MLX-LM or vLLM is made of, config.json first."""

    def belongs(file: HubFile) -> bool:
        place = PurePosixPath(file.path)
        # sentence-transformers keep how vectors are made in 1_Pooling/; other directories hold other formats
        at_home = "/" not in file.path or file.path.startswith("1_Pooling/")
        return at_home and place.suffix in _BESIDE and not file.path.startswith("consolidated")

    small = [file for file in found.files if belongs(file)]

    def first(file: HubFile) -> tuple[bool, str]:
        return file.path != "config.json", file.path

    return sorted(small, key=first) + _weights(found)


def _directory(found: Repository) -> list[Way]:
    weights = _weights(found)
    if not weights or not any(file.path == "config.json" for file in found.files):
        return []
    own = found.repo.rpartition("/")[2]
    is_mlx = found.library == "mlx" or "mlx" in found.tags or found.repo.startswith("mlx-community/")
    named = (_MLX_QUANT if is_mlx else _SAFE_QUANT).search(own)
    quant = named[1].lower() if named else "bf16"
    size = _sum(_beside_weights(found))
    return [Way("mlx" if is_mlx else "safetensors", quant, found.repo, size_bytes=size)]


def _whisper(found: Repository) -> list[Way]:
    files = [f for f in found.files if re.fullmatch(r"(.*/)?ggml-[^/]+\.bin", f.path)]
    return [
        Way("whisper", _base(f.path)[5:-4], found.repo, (f.path,), size_bytes=f.size_bytes)
        for f in files
        if "encoder" not in f.path
    ]


def _piper(found: Repository) -> list[Way]:
    there = {file.path: file for file in found.files}
    voices = [path for path in there if path.endswith(".onnx") and f"{path}.json" in there]
    return [
        Way("piper", _base(p)[:-5], found.repo, (p, f"{p}.json"), size_bytes=_sum([there[p], there[f"{p}.json"]]))
        for p in voices
    ]
