"""`flock model add`: long work that is followed to its end, and can be left alone.

Owns the following of a job. Called by `deliver.py`.
"""

import dataclasses
import os

from flock.cli import out
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.jobs import Job, ShowJob
from flock.contract.models import AddModel
from flock.errors import Cancelled, EngineFailed, FlockError

# How long the daemon may hold one question for the next change of a job
WAIT_SECONDS = 10.0


def run(op: AddModel, given: Given, perform: Perform) -> int:
    """Start adding a model and follow its job. Raises FlockError with the job's words when it fails."""
    answer = perform(dataclasses.replace(op, source=absolute(op.source)), given.yes)
    try:
        answer = follow(answer, given, perform)
    except KeyboardInterrupt:
        out.progress("")
        out.say(f"left alone; it goes on: {out.command(f'flock job show {answer.value.id}')}")
        raise
    job: Job = answer.value
    if job.state == "failed":
        raise _failure(job)
    if job.state == "cancelled":
        raise Cancelled(f"adding {job.target} was cancelled", hint=f"flock job show {job.id}")
    if not given.json:
        present(op, given, answer)
    return 0


def follow(answer: Answer, given: Given, perform: Perform) -> Answer:
    """Ask for a job's next state until it has ended, telling of each; return the last answer."""
    while True:
        job: Job = answer.value
        if given.json:
            out.data(answer.body)
        if job.state != "running":
            out.progress("")
            return answer
        if not given.json and not given.quiet:
            share = "" if job.progress is None else f" {job.progress:.0%}"
            out.progress(f"{job.target}:{share} {job.message}")
        answer = perform(ShowJob(id=job.id, after=job.revision, wait_seconds=WAIT_SECONDS), False)


def absolute(source: str) -> str:
    """Return the source with its path made absolute: the daemon stands in another directory, and shells do not expand
    the "~" of "file:~/a.gguf".
    """
    scheme, colon, path = source.partition(":")
    if scheme != "file" or not colon or not path or path.startswith("//"):
        return source
    return "file:" + os.path.abspath(os.path.expanduser(path))


def _failure(job: Job) -> FlockError:
    # a job tells its error's sentence and hint, not its class; what remains to fail after validation is the engine
    return EngineFailed(job.error or f"adding {job.target} failed", hint=job.hint or f"flock job show {job.id}")
