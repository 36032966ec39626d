"""Following a job to its end: one line of progress on a terminal, JSON lines with `--json`, and the exit code.

Owns how far-away work is watched: what is drawn while it runs, what a failure becomes, that Ctrl-C leaves it alone.
Refuses to start anything. Called by the verbs whose answer is a job.
"""

from typing import Any

from flock import text
from flock.cli import out
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.jobs import Job, ShowJob
from flock.contract.op import Op
from flock.contract.plans import AddPlan
from flock.errors import Cancelled, FlockError, from_plain
from flock.show import job as show

# How long the daemon may hold one question for the next change of a job
WAIT_SECONDS = 10.0


def run(op: Op[Any], given: Given, perform: Perform, answer: Answer) -> int:
    """Follow the job of an answer to its end and show how it went; return the exit code.

    Raises the error that ended it, as the class the daemon raised; Cancelled.
    """
    try:
        answer = until_ended(answer, given, perform)
    except KeyboardInterrupt:
        out.progress("")
        job_id = answer.value.id
        left = f"it goes on; stop it: flock job cancel {job_id}; see how far it is: flock job show {job_id}"
        out.say(out.command(left))
        raise
    job: Job = answer.value
    if job.state == "failed":
        raise failure(job)
    if job.state == "cancelled":
        raise Cancelled(f"the job for {job.target} was cancelled", hint=f"flock job show {job.id}")
    if not given.json:
        present(op, given, answer)
    return 0


def until_ended(answer: Answer, given: Given, perform: Perform) -> Answer:
    """Ask for a job's next state until it has ended, telling of each; return the last answer."""
    said: tuple[str, ...] = ()
    while True:
        job: Job = answer.value
        if given.json:
            out.data(answer.body)
        if job.state != "running":
            out.progress("")
            return answer
        if not given.json and not given.quiet:
            said = _told(job, said)
            out.progress(show.under_way(job))
        answer = perform(ShowJob(id=job.id, after=job.revision, wait_seconds=WAIT_SECONDS), False)


def failure(job: Job) -> FlockError:
    """Return the error that ended a job as the class it was, so that the exit code is that of its kind."""
    plain = {"code": job.code, "message": job.error or f"the job for {job.target} failed"}
    return from_plain(plain | {"hint": job.hint or f"flock job show {job.id}"})


def _told(job: Job, said: "tuple[str, ...]") -> "tuple[str, ...]":
    """Say what was decided, and a plan's warnings, each once; return what was said so far."""
    if job.plan is None:
        return said
    for words in (_decided(job.plan), *(f"note: {warning}" for warning in job.plan.warnings)):
        if words not in said:
            out.progress("")
            out.say(words, "warn" if words.startswith("note: ") else "dim")
            said = (*said, words)
    return said


def _decided(plan: AddPlan) -> str:
    """Return a plan in one line: what comes from where, for which engine, and what it takes."""
    large = f" ({text.size(plan.size_bytes)})" if plan.size_bytes is not None else ""
    return f"{plan.id}: {plan.source}{large} for {plan.engine}; {plan.verdict}"
