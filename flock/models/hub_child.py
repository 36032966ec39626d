"""The hub's own process: search Hugging Face, or look at one repository, and end.

It is a process of its own since huggingface_hub takes 40 MB and blocks. Owns one question; the user's token is found by
huggingface_hub itself (HF_TOKEN, or the file that `hf auth login` writes) and goes to the hub alone. Imports nothing of
flock. Started by hub.py as `python -P hub_child.py`, asked by one line of JSON on standard input, answers by one.
"""

import importlib
import itertools
import json
import os
import sys
import threading
from typing import Any

import httpx2

Plain = dict[str, Any]

# Bounds a hub that accepts no connection, and one that has gone silent; its slowest answers, of repositories with
# thousands of files, take some seconds.
CONNECT_SECONDS, SILENT_SECONDS = 10.0, 30.0
# How many names are looked at for those like the one that is not there
NEAR = 30


class Unreached(Exception):
    """The hub was not reached. It is none of the errors that huggingface_hub tries again, for up to half a minute."""


class Client(httpx2.Client):
    """A client that takes the first answer for the answer: somebody waits for it, and huggingface_hub would wait for as
    long as a rate limit says, up to five minutes.
    """

    def send(self, *given: Any, **options: Any) -> httpx2.Response:
        """Send a request. Raises Unreached, and HfHubHTTPError for what huggingface_hub would try again."""
        constants: Any = importlib.import_module("huggingface_hub.constants")
        if constants.is_offline_mode():
            raise Unreached("HF_HUB_OFFLINE is set in the daemon's environment")
        try:
            answer = super().send(*given, **options)
        except httpx2.TransportError as error:
            raise Unreached(why(error)) from error
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            utils: Any = importlib.import_module("huggingface_hub.utils")
            utils.hf_raise_for_status(answer)
        return answer


def main() -> int:
    """Answer the question on standard input."""
    task = json.loads(_line())
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    hub: Any = importlib.import_module("huggingface_hub")
    limit = httpx2.Timeout(CONNECT_SECONDS, read=SILENT_SECONDS)
    hub.set_client_factory(lambda: Client(follow_redirects=True, timeout=limit))
    api = hub.HfApi(library_name="flock")
    try:
        answer = search(api, task) if task["ask"] == "search" else repository(api, task)
    except hub.errors.HfHubHTTPError as error:
        answer = {"failed": refused(hub, api, task, error)}
    except (Unreached, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        answer = {"failed": {"kind": "unreachable", "host": httpx2.URL(api.endpoint).host, "why": why(error)}}
    with open(1, "wb", closefd=False) as out:
        out.write(json.dumps(answer).encode() + b"\n")
    return 1 if "failed" in answer else 0


def _line() -> bytes:
    words = b""
    while not words.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(1)
        words += more
    return words


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; when it is killed, the kernel closes that end
    while os.read(0, 4096):
        pass
    os._exit(1)


def search(api: Any, task: Plain) -> Plain:
    """Return the models whose names have the words in them, the most downloaded first."""
    found = api.list_models(search=" ".join(task["words"]), sort="downloads", limit=task["limit"], full=True)
    return {"models": [_row(model) for model in found]}


def _row(model: Any) -> Plain:
    return {
        "repo": model.id,
        "downloads": model.downloads,
        "likes": model.likes,
        "updated": model.last_modified.strftime("%Y-%m-%dT%H:%M:%SZ") if model.last_modified else "",
        "gated": bool(model.gated),
        "tags": model.tags or [],
    }


def repository(api: Any, task: Plain) -> Plain:
    """Return what a repository holds at its newest commit."""
    model: Any = api.model_info(task["repo"], files_metadata=True)
    siblings: list[Any] = model.siblings or []
    header: Plain = model.gguf or {}
    tags: list[str] = model.tags or []
    card: Any = model.card_data
    named = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
    license = (getattr(card, "license_name", None) if named in ("", "other") else None) or named
    facts = {
        "repo": model.id,
        "revision": model.sha or "",
        "license": str(license or getattr(card, "license", None) or ""),
        "gated": bool(model.gated),
        "tags": tags,
        "library": model.library_name or "",
        "task": model.pipeline_tag or "",
        "architecture": str(header.get("architecture") or ""),
        "context": header.get("context_length"),
        "parameters": header.get("total") or getattr(model.safetensors, "total", None),
    }
    files = [
        {"path": file.rfilename, "size_bytes": file.size, "sha256": file.lfs.sha256 if file.lfs else ""}
        for file in siblings
    ]
    return {"repository": {**facts, "files": files}}


def refused(hub: Any, api: Any, task: Plain, error: Any) -> Plain:
    """Return what an answer other than the one that was asked for means."""
    host, status = error.response.url.host, error.response.status_code
    if isinstance(error, hub.errors.GatedRepoError):
        return {"kind": "gated", "repo": task["repo"], "token": bool(hub.get_token())}
    if isinstance(error, hub.errors.RepositoryNotFoundError) and "repo" in task:
        return {"kind": "not_found", "near": near(api, task["repo"]), "token": bool(hub.get_token())}
    if status == 429:
        limit = importlib.import_module("huggingface_hub.utils").parse_ratelimit_headers(error.response.headers)
        return {"kind": "limited", "host": host, "seconds": limit.reset_in_seconds if limit else None}
    return {"kind": "refused", "host": host, "status": status}


def near(api: Any, repo: str) -> list[str]:
    """Return names on the hub that have the repository's own name, or the beginning of it, in them, and where none has,
    because the slip is in its first word, what else its owner has.
    """
    owner, _, name = repo.rpartition("/")
    words = name.split("-")
    try:
        for count in range(len(words), 0, -1):
            found = api.list_models(search="-".join(words[:count]), sort="downloads", limit=NEAR)
            if names := [model.id for model in itertools.islice(found, NEAR)]:
                return names
        found = api.list_models(author=owner, sort="downloads", limit=NEAR) if owner else ()
        return [model.id for model in itertools.islice(found, NEAR)]
    except Exception:  # what was asked has its answer; without this it is only less of a help
        return []


def why(error: Exception) -> str:
    """Return the cause of a failed connection in few words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror and "[" not in cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    silent = {"ConnectTimeout": "it takes no connection", "ReadTimeout": "it fell silent"}
    return silent.get(type(error).__name__) or str(error) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
