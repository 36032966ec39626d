"""Claude Code at the edge of a window much smaller than the one it assumes: real ones, driven by a scripted engine.

The engine makes it call its shell again and again, each time for four thousand tokens, until several windows are full.
"""

import contextlib
import json
import re
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.behind import CONTENT, FILE, spawned
from tests.clients.claude_code import ClaudeCode
from tests.clients.client import RUN_SECONDS, Ran, Target, new_place, run
from tests.fakes.scripted_answers import DONE, ORDER
from tests.running import PATIENCE, Flock, flock_home, wait_for

pytestmark = [pytest.mark.engine("claude-code"), pytest.mark.timeout(RUN_SECONDS + 2 * PATIENCE)]

# Claude Code's own prompt has 12,200 of these tokens, a round 4,145, the order for a summary 1,630, the summary 5,000
WINDOW, ROUNDS, GROWTH, SUMMARY = 60_000, 14, 16_000, 20_000
MODEL = "claude-flock-windowed"
ASSUMED, MARGIN = 1_000_000, 33_000


@dataclass(frozen=True, slots=True)
class Bench:
    """A flock with the engine attached, and where the engine tells what it has seen."""

    flock: Flock
    key: str
    port: int
    top: Path

    @property
    def file(self) -> Path:
        """Where the file of the final work is to be."""
        return self.top / "client/work" / FILE

    def ran(self) -> Ran:
        """Run Claude Code to its end."""
        prompt = "Please " + ORDER.format(path=self.file, content=CONTENT) + "."
        target = Target(self.flock.url, self.key, MODEL, WINDOW)
        return run(ClaudeCode(), target, prompt, new_place(self.top / "client"))

    def seen(self) -> list[dict[str, Any]]:
        """Return what the engine has seen, request by request."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/seen", timeout=10) as answer:
            return json.load(answer)

    def counted(self, agent: str) -> int:
        """Return what flock answers a client that asks for the tokens of a prompt."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": "How long is this? " * 200}]}
        headers = {"x-api-key": self.key, "user-agent": agent, "anthropic-version": "2023-06-01"}
        url = f"{self.flock.url}/v1/messages/count_tokens?beta=true"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
            return json.load(answer)["input_tokens"]


@contextlib.contextmanager
def bench(top: Path, *, scaling: bool) -> Iterator[Bench]:
    """Yield a bench; afterwards nothing of it is left."""
    with contextlib.ExitStack() as stack:
        flock = stack.enter_context(flock_home())
        log = top / "windowed.log"
        options = {"--window": WINDOW, "--rounds": ROUNDS, "--growth": GROWTH, "--summary": SUMMARY}
        argv = [str(word) for option in options.items() for word in option]
        spawned(stack, [sys.executable, "-m", "tests.fakes.windowed", *argv], log)
        port = int(wait_for(lambda: re.match(r"PORT (\d+)\n", log.read_text()), "the engine listens")[1])
        if not scaling:
            flock.ok("config", "set", "translation.context_scaling", "false")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "windowed")
        yield Bench(flock, flock.json("token", "create", "clients")["token"], port, top)
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def finished(here: Bench, ran: Ran) -> list[dict[str, Any]]:
    """Assert that a run did all of its work and ended well; return what the engine saw."""
    assert ran.code == 0, f"{ran.code} after {ran.seconds:.1f} s:\n{ran.said[-2000:]}"
    assert here.file.read_text().strip() == CONTENT
    assert DONE in ran.out
    seen = here.seen()
    done = [one["done"] for one in seen]
    assert (done.count("grow"), done.count("write")) == (ROUNDS, 1)
    return seen


def usage(here: Bench) -> list[tuple[int, int]]:
    """Return (tokens in, tokens out) of what flock has kept of every answered request, the first one first."""
    rows = [row for row in here.flock.json("usage", "--limit", "100") if row["status"] == 200]
    return [(row["input_tokens"], row["output_tokens"]) for row in reversed(rows)]


def test_it_compacts_before_the_window_is_full(tmp_path: Path) -> None:
    """The engine refuses nothing and has room for the whole summary; what flock keeps are the engine's own figures."""
    with bench(tmp_path, scaling=True) as here:
        seen = finished(here, here.ran())
        done = [one["done"] for one in seen]
        assert "refuse" not in done
        assert done.count("sum up") >= 1
        assert not any(one["cut"] for one in seen)
        before, after = seen[done.index("sum up") - 1], seen[done.index("sum up") + 1]
        assert before["tokens"] > WINDOW * 2 // 3, "it compacted although there was much room"
        assert after["tokens"] < before["tokens"] // 2
        answered = [(one["tokens"], one["said"]) for one in seen]
        wait_for(lambda: usage(here) == answered, "flock has kept the figures as the engine told them")
        explained = here.flock.ok("explain", "last")
        found = re.search(r"usage told as (\d+) for 1000, so that Claude Code compacts within (\d+) tokens", explained)
        assert found, explained
        assert int(found[2]) == WINDOW
        factor = int(found[1]) / 1000
        # what it was told when it did compact, and when it did not yet; it adds what the shell has printed since, by an
        # estimate of its own that is not in proportion
        earlier = seen[done.index("sum up") - 2]
        assert (earlier["tokens"] + earlier["said"]) * factor < ASSUMED - MARGIN
        assert (before["tokens"] + before["said"]) * factor + GROWTH // 2 >= ASSUMED - MARGIN
        claude, other = here.counted("claude-cli/2.1.329 (external, cli)"), here.counted("somebody/1.0")
        assert claude == pytest.approx(other * factor, rel=0.01)


def test_told_the_truth_it_runs_into_the_end_of_the_window(tmp_path: Path) -> None:
    """It does not know the window, so that only a refusal stops it.

    flock's words for it are ones it understands: it drops the last round and compacts. But what is left of the window
    is left by chance, so that its summary may be cut off; then it is refused again and asks for another.
    """
    with bench(tmp_path, scaling=False) as here:
        seen = finished(here, here.ran())
        done = [one["done"] for one in seen]
        assert "refuse" in done
        assert done[done.index("refuse") + 1] in ("sum up", "refuse")
        assert done.index("refuse") < done.index("sum up"), "it compacted by itself"
        assert "usage told" not in here.flock.ok("explain", "last")
        refused = [row for row in here.flock.json("usage", "--limit", "100") if row["status"] != 200]
        assert len(refused) == done.count("refuse")
        assert {row["status"] for row in refused} == {400}
        agents = ("claude-cli/2.1.329 (external, cli)", "somebody/1.0")
        assert len({here.counted(agent) for agent in agents}) == 1
