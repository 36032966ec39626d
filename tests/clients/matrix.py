"""Print which clients work through flock with which engines.

Starts a flock of its own in a temporary home; no client reaches anything but 127.0.0.1, and which of them would try
stands in its module. tests/engines/install/clients.sh, llm.sh, langchain.sh, llama_index.sh and pydantic_ai.sh install
them. Cells: PASS, FAIL, and N/A where there is nothing to try; reasons stand below the table, and what a failed client
printed too. A client or an engine that is not installed is a FAIL.
usage: python -m tests.clients.matrix [--clients a,b] [--backends a,b] [--cells a,b]
           [--outside NAME=URL=MODEL=WORDS]   also a server that runs already; WORDS are part of what its model says
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.clients.backends import BACKENDS, outside
from tests.clients.behind import Backend
from tests.clients.bench import Bench, bench
from tests.clients.cells import CELLS, Cell, not_applicable
from tests.clients.client import Client
from tests.clients.roster import ROSTER, WAYS
from tests.conftest import ENGINES

WIDTH = 34
# what is no row of the table: SDKs are tried in more ways than cells have, and one program is too large to install
ELSEWHERE = """
SDKs: tests/e2e/test_openai_sdk.py, test_responses_sdk.py, test_anthropic_sdk.py, test_google_genai_sdk.py,
      test_ollama_sdk.py, test_cohere_sdk.py, test_tasks_*.py (openai's sound and embeddings)
open-webui: N/A, it takes 7.3 GB and six minutes to install; it speaks chat as the openai SDK does
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One field of the table. `reason` says why it is no PASS; `note` what a PASS showed."""

    word: str
    note: str = ""
    reason: str = ""


def outcome(bench: Bench, name: str, client: Client, backend: Backend) -> Outcome:
    """Try one cell."""
    reason = not_applicable(name, client, backend)
    if reason:
        return Outcome("N/A", reason=reason)
    for needed in (client.installed_as, backend.engine):
        if needed and not ENGINES[needed][0]():
            return Outcome("FAIL", reason=f"{needed} is not installed: {ENGINES[needed][1]}")
    try:
        return Outcome("PASS", CELLS[name](Cell(bench, client, backend)))
    except AssertionError as error:
        return Outcome("FAIL", reason=str(error))


def table(rows: dict[tuple[str, str], dict[str, Outcome]], columns: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table and of the reasons below it."""
    reasons: list[str] = []
    yield f"{'':22} {'':10} " + "".join(f"{column:{WIDTH}}" for column in columns).rstrip()
    last = ""
    for (client, cell), found in rows.items():
        if client in WAYS and all(one.word == "N/A" for one in found.values()):
            continue
        fields = []
        for column in columns:
            one = found[column]
            if one.reason and one.reason not in reasons:
                reasons.append(one.reason)
            mark = f" [{reasons.index(one.reason) + 1}]" if one.reason else f" {one.note}"
            fields.append(f"{one.word}{mark}"[: WIDTH - 1].ljust(WIDTH))
        yield f"{client if client != last else '':22} {cell:10} " + "".join(fields).rstrip()
        last = client
    yield ""
    yield from (f"[{number}] {reason}" for number, reason in enumerate(reasons, 1))


def chosen(given: str, known: dict[str, object]) -> list[str]:
    """Return the names in a list with commas, all when it is empty; ends the program for one that nobody knows."""
    names = [name for name in given.split(",") if name] or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def main() -> int:
    """Run what was chosen, print the table, and return 1 when a cell failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="")
    parser.add_argument("--backends", default="")
    parser.add_argument("--cells", default="")
    parser.add_argument("--outside", action="append", default=[], metavar="NAME=URL=MODEL=WORDS")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends too
    backends = [BACKENDS[name] for name in chosen(options.backends, dict(BACKENDS))]
    backends += [outside(*given.split("=", 3)) for given in options.outside]
    clients = [ROSTER[name] for name in chosen(options.clients, dict(ROSTER))]
    names = chosen(options.cells, dict(CELLS))
    begun = time.monotonic()
    rows: dict[tuple[str, str], dict[str, Outcome]] = {(c.name, n): {} for c in clients for n in names}
    with bench() as here:
        for backend in backends:
            for client in clients:
                for name in names:
                    one = outcome(here, name, client, backend)
                    rows[client.name, name][backend.name] = one
                    print(f"{backend.name} {client.name} {name}: {one.word} {one.note}", file=sys.stderr, flush=True)
    for line in table(rows, [backend.name for backend in backends]):
        print(line)
    print(ELSEWHERE.rstrip())
    words = [one.word for row in rows.values() for one in row.values()]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ("PASS", "FAIL", "N/A"))
    print(f"\n{counts}; {(time.monotonic() - begun) / 60:.1f} minutes")
    return 1 if "FAIL" in words else 0


if __name__ == "__main__":
    sys.exit(main())
