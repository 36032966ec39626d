"""Where a model comes from: what a source that `flock model add` takes turns out to be, looked up and checked.

Owns the look-ups: the catalog, the hub, an Ollama, the disk, a URL. What is there is known before anything is fetched:
a repository that is not there is refused, one that is gated says how it is opened, and a hub that does not answer keeps
nobody from what the catalog knows. Refuses to choose between ways to have a model. Called by core/adding.py.
"""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from flock.contract.models import AddModel
from flock.core.context import Context
from flock.engines import formats, model_ids
from flock.errors import InvalidRequest, NotFound, SourceUnreachable
from flock.models import repository as hub_repository
from flock.models import sources
from flock.models.candidate import Candidate, Way
from flock.models.entry import Entry, read_entry
from flock.models.repository import Repository
from flock.models.wanted import without_query

# A look at the hub while somebody waits at a command line, whose own limit is a minute: a hub that is slow for longer
# is treated as one that does not answer.
LOOK_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Origin:
    """A source understood. `source` is contract.models.Model.source; `candidate` what choose.py takes; `repository`
    what the hub says of it, None where it was not asked; `local` what lies here already; `again` the word that adds it.
    """

    source: str
    again: str
    candidate: Candidate
    name: str = ""
    license: str = ""
    commercial: str = ""
    note: str = ""
    repository: Repository | None = None
    local: formats.Recognised | None = None
    url: str = ""
    warnings: tuple[str, ...] = ()


async def find(context: Context, op: AddModel) -> Origin:
    """Return what an addition is of.

    Raises InvalidRequest for what is no source or no model, NotFound with what is near, NotAllowed for what hides
    behind its terms, SourceUnreachable, ConfigInvalid for an entry that is wrong.
    """
    source = sources.parse(op.source)
    if op.entry and not isinstance(source, sources.CatalogSource):
        raise InvalidRequest(
            "--from names a catalog entry of your own, and the source is then the id in it",
            hint=f"flock model add ID --from {quote(op.entry)}",
        )
    match source:
        case sources.CatalogSource(id):
            return of_entry(op, await _entry(context, op, id))
        case sources.HubSource():
            return await _of_hub(context, op, source)
        case sources.OllamaSource(tag):
            return _of_ollama(op, tag)
        case sources.FileSource(path):
            return await asyncio.to_thread(_of_file, op, path)
        case sources.UrlSource():
            return _of_url(op, source)


async def look(context: Context, repo: str) -> Repository:
    """Return what the hub says of a repository. Raises what Hub.repository raises; a slow hub does not answer."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await context.hub.repository(repo)
    except TimeoutError:
        raise SourceUnreachable(
            f"the hub did not say within {LOOK_SECONDS:.0f} s what {repo} holds", hint=f"flock hub show {repo}"
        ) from None


async def _entry(context: Context, op: AddModel, model_id: str) -> Entry:
    if not op.entry:
        return await context.shelf.find(model_id)
    path = Path(op.entry)
    if not path.is_absolute():
        raise InvalidRequest(
            f"{op.entry!r} is not an absolute path", hint=f'flock model add {model_id} --from "$PWD/…"'
        )
    if not path.is_file():
        raise NotFound(f"there is no file {path}", hint=f"ls -l '{path.parent}'")
    entry = await asyncio.to_thread(read_entry, path)
    if entry.id != model_id:
        raise InvalidRequest(
            f"{path} describes {entry.id}, not {model_id}", hint=f"flock model add {entry.id} --from {quote(op.entry)}"
        )
    return entry


def of_entry(op: AddModel, entry: Entry) -> Origin:
    """Return a model of the catalog as an origin, with what a user should know of it before."""
    warnings: list[str] = []
    if entry.superseded_by:
        warnings.append(f"there is a newer one of its kind: {entry.superseded_by}")
    if entry.commercial not in ("", "yes"):
        words = "its licence does not allow commercial use" if entry.commercial == "no" else entry.commercial
        where = f" ({entry.license_url})" if entry.license_url else ""
        warnings.append(f"licence {entry.license or 'of its own'}: {words}{where}")
    warnings += [f"not confirmed: {field} ({source})" for field, source in entry.unsure.items()]
    return Origin(
        source=f"catalog:{entry.id}",
        again=op.source,
        candidate=entry.candidate,
        name=entry.id,
        license=entry.license,
        commercial=entry.commercial,
        note=entry.note,
        warnings=tuple(warnings),
    )


async def _of_hub(context: Context, op: AddModel, source: sources.HubSource) -> Origin:
    found = await look(context, source.repo)
    way = hub_repository.way_named(found, source.wanted)  # also where it is not wanted: it says what is missing
    candidate = hub_repository.candidate(found)
    if source.wanted:
        candidate = replace(candidate, ways=(way,))
    warnings = [f"{found.repo} is gated: its terms must have been accepted for the token in use"] if found.gated else []
    return Origin(
        source=f"hf:{source.repo}",
        again=op.source,
        candidate=candidate,
        name=found.name,
        license=found.license,
        repository=found,
        warnings=tuple(warnings),
    )


def _of_ollama(op: AddModel, tag: str) -> Origin:
    # an Ollama says what a tag is once it has it
    candidate = Candidate(model_ids.of_tag(tag), "", (Way("ollama", tag=tag),))
    return Origin(source=f"ollama:{tag}", again=op.source, candidate=candidate, name=tag)


def _of_file(op: AddModel, words: str) -> Origin:
    """Look at a file or directory of the user's own; blocking."""
    expanded = Path(words).expanduser()
    if not expanded.is_absolute():
        raise InvalidRequest(f"{words!r} is not an absolute path", hint=f'flock model add "file:$PWD/{words}"')
    path = model_ids.absolute(words)
    found = formats.recognise(path)
    way = Way(found.format, quant=found.quant, size_bytes=found.size_bytes)
    candidate = Candidate(
        id=model_ids.slug(found.stem),
        kind=found.kind,
        ways=(way,),
        context=found.context or None,
        kv_bytes_per_token=found.kv_bytes_per_token,
    )
    return Origin(f"file:{path}", f"file:{path}", candidate, name=found.stem, local=found)


def _of_url(op: AddModel, source: sources.UrlSource) -> Origin:
    stem = source.file_name.rpartition(".")[0]
    way = Way("gguf", quant=formats.quant_of(stem), files=(source.file_name,))
    candidate = Candidate(model_ids.slug(stem), "", (way,))
    note = "its size is not known before it is fetched, so whether it fits is not known either"
    plain = without_query(source.url)
    return Origin(plain, op.source, candidate, name=stem, url=source.url, warnings=(note,))
