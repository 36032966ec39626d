"""Sentences for what the children of fetching tell: why a repository or a file cannot be had, and what helps.

Owns the words. Refuses to repeat a token or the query of a URL, which may be one. Pure. Called by hub.py and fetch.py.
"""

import difflib
from typing import Any

from flock.errors import FlockError, NotAllowed, NotFound, SourceUnreachable, StorageFailed, UpstreamError
from flock.text import duration, size

HUB = "https://huggingface.co"


def of_hub(facts: dict[str, Any], endpoint: str, repo: str, again: str) -> FlockError:
    """Return the error for what the hub said: of `repo`, or of a search where that is "". `again` asks once more."""
    kind = facts.get("kind")
    if kind == "gated":
        return gated(repo, bool(facts.get("token")), endpoint)
    if kind == "not_found":
        names: list[str] = facts.get("near") or []
        near = difflib.get_close_matches(repo, names, n=3, cutoff=0.0)
        meant = f"; there is {' and '.join(near[:2])}" if near else ""
        private = "" if facts.get("token") else ", or it is private and no token was sent (HF_TOKEN)"
        return NotFound(
            f"there is no repository {repo} on the hub{private}{meant}",
            hint=f"flock hub show {near[0]}" if near else f"flock hub search {repo.rpartition('/')[2]}",
            details={"nearest": near},
        )
    return _of_host(facts, again)


def of_file(facts: dict[str, Any], name: str, repo: str, endpoint: str, again: str) -> FlockError:
    """Return the error for a file that could not be had; `again` is the command that goes on with it."""
    kind = facts.get("kind")
    if kind == "gated":
        return gated(repo, bool(facts.get("token")), endpoint)
    if kind == "not_found":
        where = f"{repo} on the hub" if repo else facts.get("host")
        return NotFound(f"{name} is not there: {where} answers HTTP {facts.get('status')}", hint=_look(repo, again))
    if kind == "mismatch":
        return UpstreamError(
            f"{name} has another checksum than it should: SHA-256 {facts['expected']} was expected and {facts['got']} "
            f"came; it lies in quarantine at {facts['path']} and is used by nobody",
            hint=again,
            details={"expected": facts["expected"], "got": facts["got"]},
        )
    if kind == "size":
        return UpstreamError(
            f"{name} has {facts['got']:,} bytes at {facts.get('host')} and should have {facts['expected']:,}",
            hint=again,
        )
    return of_disk(facts, again) or _of_host(facts, again)


def of_disk(facts: dict[str, Any], again: str) -> FlockError | None:
    """Return the error for what this machine's disk said, None when it was not the disk."""
    path = facts.get("path", "")
    match facts.get("kind"):
        case "no_room":
            return no_room(facts["needed"], facts["free"], path)
        case "disk_full":
            return StorageFailed(
                f"the disk became full while {path} was fetched; what is there stays, and the same command goes on",
                hint=f"df -h {path.rpartition('/')[0] or '.'}",
            )
        case "shut":
            return StorageFailed(f"{path} cannot be written: {facts['why']}", hint=f"ls -ld {path.rpartition('/')[0]}")
        case "link":
            leads = f" leads to {facts['leads']} and" if facts.get("leads") else ""
            return StorageFailed(
                f"{path} is a link{' that' if leads else ''}{leads} is not written through; only what lies directly in "
                "the models' directory may be a link to another disk",
                hint=f"ls -l {path}",
            )
        case "disk":
            return StorageFailed(f"{path} cannot be written: {facts['why']}", hint=again)
        case _:
            return None


def no_room(needed: int, free: int, path: str) -> StorageFailed:
    """Return the refusal to begin what would not fit on the disk; bytes."""
    return StorageFailed(
        f"{size(needed)} are still to be fetched and {size(free)} are free at {path}",
        hint="flock cache prune",
        details={"needed": needed, "free": free},
    )


def gated(repo: str, token: bool, endpoint: str) -> NotAllowed:
    """Return the refusal of a repository whose terms nobody has accepted; `token` is whether one was sent."""
    page = f"{endpoint or HUB}/{repo}"
    sentence = (
        f"{repo} is gated, and the token that was sent has no access to it yet"
        if token
        else f"{repo} is gated: its terms are to be accepted first, and a token shows that they were"
    )
    then = "" if token else "; then HF_TOKEN in the daemon's environment, or the file that `hf auth login` writes"
    return NotAllowed(sentence, hint=f"accept the terms at {page}{then}")


def _of_host(facts: dict[str, Any], again: str) -> FlockError:
    host, kind = facts.get("host") or "the hub", facts.get("kind")
    if kind == "limited":
        seconds = facts.get("seconds")
        when = f"may be asked again in {duration(seconds)}" if seconds else "does not say when it may be asked again"
        return SourceUnreachable(
            f"{host} has had too many requests from here and {when}",
            hint=again,
            details={"retry_after": seconds} if seconds else {},
        )
    if kind == "refused" and facts["status"] >= 500:
        return SourceUnreachable(f"{host} fails with HTTP {facts['status']}", hint=again)
    if kind == "refused":
        return UpstreamError(f"{host} refuses this with HTTP {facts.get('status')}", hint=again)
    there = facts.get("done")
    kept = f"; {size(there)} are here, and the same command goes on from there" if there else ""
    return SourceUnreachable(f"{host} does not answer: {facts.get('why') or 'no cause is known'}{kept}", hint=again)


def _look(repo: str, again: str) -> str:
    return f"flock hub show {repo}" if repo else again
