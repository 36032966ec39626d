"""What `flock model add` takes, understood: an id of the catalog, or where a model lies.

Owns the grammar: a catalog id, hf:OWNER/REPO[:QUANT or :FILE], ollama:TAG, file:PATH, a URL. Refuses what looks like a
source and is none, each with the command that was probably meant. Pure: nothing is looked up here. Called by
core/adding.py.
"""

import re
from dataclasses import dataclass
from shlex import quote
from urllib.parse import unquote, urlsplit

from flock.errors import InvalidRequest

_HELP = "flock model add --help"
# what the hub allows in both halves of a repository's name (huggingface_hub's validate_repo_id)
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"^{_PART}/{_PART}$")
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
# [host/][namespace/]model[:tag], as Ollama writes them
_TAG = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/-]*(?::[A-Za-z0-9._-]+)?$")
# words at the end of a tag that mean: answered by ollama.com and not here ("gpt-oss:120b-cloud", "glm-4.6:cloud")
_CLOUD = re.compile(r"[:-]cloud$")
_FILE_ENDINGS = (".gguf", ".bin", ".onnx", ".safetensors")
SHA256 = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """A model of the catalog, by its id."""

    id: str


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on the hub. `wanted` is a quantisation ("Q4_K_M"), a file's path in it, or "" for what suits."""

    repo: str
    wanted: str = ""

    @property
    def is_file(self) -> bool:
        """Whether `wanted` names a file."""
        return self.wanted.lower().endswith(_FILE_ENDINGS)


@dataclass(frozen=True, slots=True)
class OllamaSource:
    """A model that an Ollama has, or pulls."""

    tag: str


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file or directory of the user's own, as it was written."""

    path: str


@dataclass(frozen=True, slots=True)
class UrlSource:
    """One file behind a URL."""

    url: str

    @property
    def file_name(self) -> str:
        """The name it has at the end of its path."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]


Source = CatalogSource | HubSource | OllamaSource | FileSource | UrlSource


def parse(words: str) -> Source:
    """Return what the words mean. Raises InvalidRequest naming them, with the command that was probably meant."""
    given = words.strip()
    scheme, colon, rest = given.partition(":")
    kind = scheme.lower() if colon else ""
    if kind in ("http", "https"):
        return _url(given)
    if kind == "catalog" and _ID.match(rest):  # as `flock model ls` writes it
        return CatalogSource(rest.lower())
    if kind == "hf":
        return _hub(rest, given)
    if kind == "ollama":
        return _ollama(rest, given)
    if kind == "file":
        if not rest:
            raise InvalidRequest(f"{given!r} names no file", hint="flock model add file:PATH.gguf")
        return FileSource(rest)
    if not colon and _ID.match(given) and not given.lower().endswith(_FILE_ENDINGS):
        return CatalogSource(given.lower())
    raise _no_source(given)


def _no_source(given: str) -> InvalidRequest:
    """Return the refusal of words without a scheme, with what they most probably mean."""
    if not given:
        return InvalidRequest("an empty word names no model", hint=_HELP)
    repo, _, wanted = given.partition(":")
    if given.startswith(("/", "./", "../", "~")) or given.lower().endswith(_FILE_ENDINGS):
        return InvalidRequest(
            f"{given!r} looks like a file; files are written file:PATH",
            hint=f"flock model add {quote(f'file:{given}')}",
        )
    if _REPO.match(repo) and (wanted or ":" not in given):
        return InvalidRequest(
            f"{given!r} looks like a repository on the hub; those are written hf:OWNER/REPO",
            hint=f"flock model add {quote(f'hf:{given}')}",
        )
    if ":" in given and _TAG.match(given):
        return InvalidRequest(
            f"{given!r} looks like a tag of Ollama; those are written ollama:TAG",
            hint=f"flock model add {quote(f'ollama:{given}')}",
        )
    return InvalidRequest(
        f"{given!r} is no source: a catalog id, hf:OWNER/REPO[:QUANT or FILE], ollama:TAG, file:PATH or a URL",
        hint=_HELP,
    )


def _hub(rest: str, given: str) -> HubSource:
    repo, colon, wanted = rest.partition(":")
    repo = repo.removeprefix("https://huggingface.co/").strip("/")
    if not _REPO.match(repo) or ".." in repo or "--" in repo:
        raise InvalidRequest(
            f"{given!r} names no repository: hf:OWNER/REPO, with :QUANT or :FILE behind it where one is meant",
            hint="flock hub search " + quote(repo.rpartition("/")[2] or "qwen3"),
        )
    if colon and not wanted:
        raise InvalidRequest(f"{given!r} ends where a quantisation or a file is named", hint=f"flock hub show {repo}")
    if wanted.startswith("/") or ".." in wanted.split("/"):
        raise InvalidRequest(f"{wanted!r} is no path within a repository", hint=f"flock hub show {repo}")
    return HubSource(repo, wanted)


def _ollama(tag: str, given: str) -> OllamaSource:
    if not _TAG.match(tag):
        raise InvalidRequest(f"{given!r} names no tag of Ollama", hint="flock model add ollama:llama3.2:1b")
    if _CLOUD.search(tag.lower()):
        raise InvalidRequest(
            f"{tag} is answered by ollama.com and not by this machine, so it cannot be added as a local model",
            hint="flock vendor ls --all",
        )
    return OllamaSource(tag)


def _url(given: str) -> "UrlSource | HubSource":
    parts = urlsplit(given)
    if not parts.hostname or "@" in parts.netloc:
        raise InvalidRequest(
            f"{given!r} is no URL of a file"
            if not parts.hostname
            else "a URL with a name or password in it is not taken",
            hint=_HELP,
        )
    source = UrlSource(given)
    path = [word for word in unquote(parts.path).split("/") if word]
    if parts.hostname in ("huggingface.co", "www.huggingface.co", "hf.co") and len(path) >= 2:
        return _on_the_hub(path, given)
    if not source.file_name.lower().endswith(".gguf"):
        raise InvalidRequest(f"{given!r} does not end in the name of a .gguf file", hint=_HELP)
    return source


def _on_the_hub(path: list[str], given: str) -> HubSource:
    """Return what a page of the hub shows: people copy it from the browser's address bar."""
    repo = "/".join(path[:2])
    # OWNER/REPO/(blob|resolve)/REVISION/FILE; another revision than the main one is not what `hf:` names
    if len(path) > 4 and path[2] in ("blob", "resolve") and path[3] == "main":
        return _hub(f"{repo}:{'/'.join(path[4:])}", given)
    if len(path) in (2, 4) and (len(path) == 2 or path[2] == "tree"):
        return _hub(repo, given)
    raise InvalidRequest(f"{given!r} is no page of a model that can be added", hint=f"flock hub show {repo}")


def checksum(words: str) -> str:
    """Return a SHA-256 as it is compared: lower case, without "sha256:". Raises InvalidRequest."""
    found = words.strip().lower().removeprefix("sha256:")
    if found and not SHA256.match(found):
        raise InvalidRequest(f"{words!r} is no SHA-256: 64 hexadecimal digits", hint="sha256sum FILE")
    return found
