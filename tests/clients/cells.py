"""The cells of the matrix: what a client must be able to do through flock, one function each.

A cell returns a note for people and raises AssertionError with what went wrong; `not_applicable` says beforehand where
there is nothing to try. Called by matrix.py and test_matrix.py.
"""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.clients.behind import CHAT, CONTENT, FILE, Backend, Served
from tests.clients.bench import Bench
from tests.clients.client import GEMINI, Client, Place, Ran, run, started
from tests.clients.roster import WAYS
from tests.fakes.scripted_answers import DONE, ORDER
from tests.running import wait_for

ASK = "Please say hello, and nothing else."
# a bad key must not be tried for minutes; some clients take twenty seconds to start and to end on a busy machine
BAD_KEY_SECONDS = 60.0
CELLS_OF_WAYS = ("tool", "tool-plain", "two")
BAD_KEY = "flk_this-key-was-never-made"


@dataclass(frozen=True, slots=True)
class Cell:
    """One client before one back end."""

    bench: Bench
    client: Client
    backend: Backend

    def place(self) -> Place:
        """Return new directories."""
        return self.bench.place(self.backend, self.client)


def turns(served: Served) -> list[dict[str, Any]]:
    """Return the requests with tools on offer: opencode asks for a title of the conversation meanwhile, without."""
    return [request for request in served.seen()["requests"] if request["tools"]]


def spoken(cell: Cell, served: Served) -> None:
    """Assert that a scripted engine was asked in the client's own dialect where it speaks it, else in chat."""
    last = served.seen()["requests"][-1]
    assert last["stream"], "the engine was not asked for a stream"
    wanted = cell.client.path if cell.client.path in served.paths else CHAT
    assert last["path"].partition("?")[0] == wanted


def unstreamed(cell: Cell, served: Served) -> None:
    """Assert that a scripted engine was asked for a whole answer, unless it was asked in another dialect."""
    last = served.seen()["requests"][-1]
    if last["path"].partition("?")[0] == cell.client.path:
        assert not last["stream"], "the engine was asked for a stream"


def text(cell: Cell) -> str:
    """A question, and the streamed answer is printed."""
    served = cell.bench.served(cell.backend)
    ran = run(cell.client, cell.bench.target(served.model(cell.client)), ASK, cell.place())
    ended_well(cell, ran)
    assert served.says in ran.out, told("the answer was not printed", ran)
    if served.port:
        spoken(cell, served)
    return f"{ran.seconds:.1f} s"


def plain(cell: Cell) -> str:
    """The same, and nothing is streamed."""
    served = cell.bench.served(cell.backend)
    ran = run(cell.client, cell.bench.target(served.model(cell.client)), ASK, cell.place(), stream=False)
    ended_well(cell, ran)
    assert served.says in ran.out, told("the answer was not printed", ran)
    unstreamed(cell, served)
    return f"{ran.seconds:.1f} s"


def tool(cell: Cell) -> str:
    """An order to write a file: the client's own tool is called, the file is there, and the result is answered."""
    return written(cell, stream=True)


def tool_plain(cell: Cell) -> str:
    """The same, and nothing is streamed."""
    return written(cell, stream=False)


def written(cell: Cell, *, stream: bool) -> str:
    """Let a client write a file."""
    served = cell.bench.served(cell.backend)
    place = cell.place()
    file = place.work / FILE
    prompt = "Please " + ORDER.format(path=file, content=CONTENT) + "."
    ran = run(cell.client, cell.bench.target(served.model(cell.client)), prompt, place, stream=stream)
    ended_well(cell, ran)
    assert file.is_file(), told("the file was not written", ran)
    assert file.read_text().strip() == CONTENT
    if cell.client.tool:
        assert served.says_after_tool in ran.out, told("the answer to the tool's result was not printed", ran)
    if served.port and cell.client.tool:
        said = [request["said"]["tools"] for request in turns(served)][-2:]
        assert said == [[cell.client.tool], []], said
        (spoken if stream else unstreamed)(cell, served)
    return f"{ran.seconds:.1f} s"


def two(cell: Cell) -> str:
    """The model thinks, and calls the tool twice in one answer: both files are there, both results are answered."""
    served = cell.bench.served(cell.backend)
    place = cell.place()
    files = {place.work / "one.txt": "abcdef", place.work / "two.txt": "ghijkl"}
    prompt = "Please " + ", and ".join(ORDER.format(path=path, content=content) for path, content in files.items())
    ran = run(cell.client, cell.bench.target(f"{served.prefix}scripted-thinks"), prompt + ".", place)
    ended_well(cell, ran)
    for path, content in files.items():
        assert path.is_file(), told(f"{path.name} was not written", ran)
        assert path.read_text().strip() == content
    assert DONE in ran.out, told("the answer to the tools' results was not printed", ran)
    said = [request["said"]["tools"] for request in turns(served)][-2:]
    assert said == [[cell.client.tool] * 2, []], said
    spoken(cell, served)
    if turns(served)[-1]["path"] == CHAT:
        last = [body for body in served.get("/bodies") if body.get("tools")][-1]["messages"][-3:]
        assert [message["role"] for message in last] == ["assistant", "tool", "tool"]
        called, *results = last
        assert [call["id"] for call in called["tool_calls"]] == [result["tool_call_id"] for result in results]
    return f"{ran.seconds:.1f} s"


def bad_key(cell: Cell) -> str:
    """A key that flock does not know: the client ends at once and says so; the engine hears nothing."""
    served = cell.bench.served(cell.backend)
    before = len(served.seen()["requests"])
    target = cell.bench.target(served.model(cell.client), BAD_KEY)
    with started(cell.client, target, ASK, cell.place()) as running:
        ran = running.wait(BAD_KEY_SECONDS)
    assert ran.code is not None, told(f"it still tries after {BAD_KEY_SECONDS:.0f} s", ran)
    assert ran.code != 0 or cell.client.always_succeeds, told("it ended as if all were well", ran)
    assert "API key" in ran.said, told("it does not speak of the key", ran)
    assert len(served.seen()["requests"]) == before, "the engine was asked"
    return f"exit {ran.code} after {ran.seconds:.1f} s"


def abort(cell: Cell) -> str:
    """The client is killed in the middle of an answer: the engine sees its connection close."""
    served = cell.bench.served(cell.backend)
    before = served.seen()["closed_early"]
    with started(cell.client, cell.bench.target(f"{served.prefix}scripted-endless"), ASK, cell.place()) as running:
        wait_for(lambda: served.seen()["open"] or running.process.poll() is not None, "an answer has begun")
        assert running.process.poll() is None, told("it ended by itself", running.wait(0))
    wait_for(lambda: served.seen()["open"] == 0, "the engine sees that nobody listens")
    assert served.seen()["closed_early"] > before
    wait_for(lambda: status(cell.bench)["requests_running"] == 0, "flock sees it too")
    return ""


def cut(cell: Cell) -> str:
    """The engine dies in the middle of an answer: the client notices, and asks again or says so."""
    served = cell.bench.served(cell.backend)
    served.get("/arm?tools=1" if cell.client.tool else "/arm")  # what has no tools may be a call for a title
    before = served.seen()
    ran = run(cell.client, cell.bench.target(f"{served.prefix}scripted-cut"), ASK, cell.place())
    after = served.seen()
    assert after["cuts"] == before["cuts"] + 1, told("it never came so far", ran)
    asked = len(after["requests"]) - len(before["requests"])
    if ran.code == 0 and served.says in ran.out and asked > 1:
        return f"asked again, {ran.seconds:.1f} s"
    assert ran.code is not None, told("it did not end", ran)
    assert ran.code != 0, told("it took half an answer for a whole one", ran)
    assert "broke off" in ran.said, told("it does not say that the answer broke off", ran)
    return f"says so, exit {ran.code} after {ran.seconds:.1f} s"


CELLS: dict[str, Callable[[Cell], str]] = {
    "text": text, "plain": plain, "tool": tool, "tool-plain": tool_plain, "two": two,
    "bad-key": bad_key, "abort": abort, "cut": cut,
}  # fmt: skip


def not_applicable(name: str, client: Client, backend: Backend) -> str:
    """Return why there is nothing to try, "" where there is."""
    if backend.cells and name not in backend.cells:
        return "this hangs on the client and flock alone: tried with the scripted engine"
    if client.name in WAYS and (name not in CELLS_OF_WAYS or not backend.name.startswith("scripted")):
        return f"the dialects that {client.installed_as} also speaks: {', '.join(CELLS_OF_WAYS)}, with scripted engines"
    if backend.own_dialect and client.path in (CHAT, GEMINI):
        return f"{backend.name} is there for what is relayed; chat is relayed to scripted as well, and Gemini nowhere"
    if client.model and (backend.name != "scripted" or name != "tool"):
        return f"{client.name} insists on {client.model}, which no other engine has and which does not think"
    if name in ("tool-plain", "two") and not client.tool:
        return f"{client.name} has no tools"
    reasons = (backend.without.get(key) for key in (client.name, f"{client.name} {name}", name))
    return next(filter(None, reasons), client.always_streams if "plain" in name else "")


def ended_well(cell: Cell, ran: Ran) -> None:
    """Assert that a run ended by itself and well."""
    assert ran.code is not None, told("it did not end", ran)
    assert ran.code == 0, told(f"it ended with {ran.code}", ran)


def told(what: str, ran: Ran) -> str:
    """Return what went wrong together with what the client printed."""
    return f"{what}; after {ran.seconds:.1f} s it had printed:\n{ran.out[-2000:]}\n--- stderr\n{ran.err[-2000:]}"


def status(bench: Bench) -> Any:
    """Return flock's status."""
    connection = http.client.HTTPConnection("127.0.0.1", bench.flock.port, timeout=10)
    try:
        connection.request("GET", "/admin/v1/status", headers={"Authorization": f"Bearer {bench.flock.key}"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
