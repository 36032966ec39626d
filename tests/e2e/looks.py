"""A command line for every operation that only looks, with ids of things that are there.

Called by the tests that run all of them: in a bare environment, without a daemon.
"""

from pathlib import Path

from flock.contract.op import Op, Risk, Where, ensure_declared
from tests.e2e.parts import ask, body
from tests.running import Flock, wait_for

# They go on until they are stopped, speak to a screen, or hand a connection on
ENDLESS = ("events.follow", "tui.open", "dial.stdio")
# What they say hangs on the caller's PATH or on who called
CALLERS_OWN = ("daemon.version", "daemon.doctor", "connect.ls", "service.status")
_LIMITS = "default:\n  rpm: 5\n"


def looks() -> dict[str, type[Op[object]]]:
    """Return the operations that change nothing and end by themselves, by name."""
    return {n: op for n, op in ensure_declared().items() if op.spec.risk is Risk.READ and n not in ENDLESS}


def needs_daemon(name: str) -> bool:
    """Say whether nothing answers an operation but the daemon."""
    return ensure_declared()[name].spec.where is Where.DAEMON


def prepared(flock: Flock) -> dict[str, tuple[str, ...]]:
    """Let things happen in a flock that serves, and return what follows each operation's words."""
    made = flock.json("token", "create", "ada")
    told = ask(flock.port, made["token"], body("flock-smoke"))
    assert told.status == 200
    request = told.headers["x-flock-request-id"]
    wait_for(lambda: flock.json("request", "ls"), "the request is on record")
    flock.ok("model", "load", "flock-smoke")
    engine = flock.json("engine", "ls")[0]["name"]
    return after(made["id"], request, flock.json("job", "ls")[0]["id"], engine, _file(flock.home.parent))


def after(token: str, request: str, job: str, engine: str, limits: Path) -> dict[str, tuple[str, ...]]:
    """Return what follows each operation's words, with these ids."""
    return {
        "catalog.info": ("qwen3-8b",),
        "config.get": ("listen",),
        "daemon.completion": ("bash",),
        "engine.check": (engine,),
        "engine.logs": (engine,),
        "engine.show": (engine,),
        "hub.search": ("qwen",),
        "hub.show": ("owner/none",),
        "job.show": (job,),
        "limit.simulate": ("--file", str(limits)),
        "model.scan": (str(limits.parent / "empty"),),
        "model.validate": ("flock-smoke",),
        "request.explain": (request,),
        "request.show": (request,),
        "savings.show": ("--compare-with", "openai/gpt-5"),
        "token.show": (token,),
        "top.show": ("--once",),
        "vendor.models": ("groq",),
        "vendor.show": ("groq",),
        "vendor.test": ("groq",),
    }


def _file(directory: Path) -> Path:
    (directory / "empty").mkdir(exist_ok=True)
    file = directory / "limits.yaml"
    file.write_text(_LIMITS)
    return file
