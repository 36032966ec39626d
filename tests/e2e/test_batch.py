"""`flock batch` from the outside: real processes, a vendor that remembers what it was asked, and kill -9 at any moment.

What holds: every request reaches the vendor at most once whatever is killed, every line has one answer in the end, and
no more is spent than was said.
"""

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flock.paths import user_name
from tests.e2e.vendor_standing import Standing, standing
from tests.running import PATIENCE, Flock, wait_for

MODEL, UNPRICED = "gpt-4o-mini", "gpt-5"
# a thousand dollars for a million tokens of answer: 100 of them are 10 cents
PRICE = ("--input", "100", "--output", "1000")


@pytest.fixture(scope="module")
def vendor() -> Iterator[Standing]:
    with standing("openai") as found:
        found.flock.ok("price", "set", f"openai/{MODEL}", *PRICE)
        yield found


@pytest.fixture
def on(vendor: Standing) -> Standing:
    vendor.forget()
    return vendor


class Files:
    """A batch's files in a directory of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.input, self.output = folder / "in.jsonl", folder / "out.jsonl"
        self.journal = folder / "out.jsonl.journal"

    def write(self, count: int, model: str = MODEL, **body: Any) -> None:
        """Write so many requests, each of which says who it is."""
        self.lines([request(f"line {n}", model, **body) for n in range(count)])

    def lines(self, lines: list[Any]) -> None:
        self.input.write_text("".join(json.dumps(line) + "\n" for line in lines))

    @property
    def argv(self) -> tuple[str, str, str]:
        return "batch", str(self.input), str(self.output)

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    @property
    def kinds(self) -> Counter[str]:
        """How many answers there are of each kind."""
        return Counter(a["error"]["code"] if a["error"] else str(a["response"]["status_code"]) for a in self.answers)


def request(name: str, model: str = MODEL, **body: Any) -> dict[str, Any]:
    said = {"model": model, "messages": [{"role": "user", "content": name}], "max_tokens": 50, **body}
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": said}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def asked(on: Standing) -> Counter[str]:
    """How often the vendor was asked each line."""
    return Counter(seen["body"]["messages"][-1]["content"] for seen in on.seen("openai"))


def began(flock: Flock, *words: str) -> subprocess.Popen[str]:
    """Start the command line and leave it running."""
    argv = [sys.executable, "-P", "-m", "flock", *words]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(argv, **pipes, text=True, env=flock.environment, cwd=flock.home.parent)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def test_every_line_has_one_answer_and_costs_what_the_usage_says(on: Standing, files: Files) -> None:
    files.write(40)
    done = on.flock.json(*files.argv, "--concurrency", "8")
    assert (done["state"], done["total"], done["done"], done["left"]) == ("done", 40, 40, 0)
    assert sorted(a["custom_id"] for a in files.answers) == sorted(f"line {n}" for n in range(40))
    assert len({a["id"] for a in files.answers}) == 40
    assert set(asked(on).values()) == {1}
    rows = [on.row(a["response"]["request_id"]) for a in files.answers]
    assert {(row["user"], row["key_id"], row["vendor"]) for row in rows} == {(user_name(), "", "openai")}
    assert Decimal(done["cost_usd"]) == sum(Decimal(row["cost_usd"]) for row in rows) > 0
    assert done["output_tokens"] == sum(row["output_tokens"] for row in rows)
    for answer in files.answers:
        assert answer["response"]["body"]["object"] == "chat.completion"
    again = on.flock.run(*files.argv)
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    assert on.flock.json(*files.argv, "--resume") | {"seconds": 0} == done | {"seconds": 0}
    assert sum(asked(on).values()) == 40


def test_killed_at_any_moment_nothing_is_asked_twice_and_every_line_is_accounted_for(
    on: Standing, files: Files
) -> None:
    files.write(150)
    chance = random.Random(7)
    kills = 0
    while True:
        process = began(on.flock, *files.argv, "--resume", "--concurrency", "8", "--json")
        until = sum(asked(on).values()) + chance.randint(1, 25)
        wait_for(lambda p=process, n=until: p.poll() is not None or sum(asked(on).values()) >= n, "asked")
        if process.poll() is None:
            process.kill()
            kills += 1
        code, out, err = ended(process)
        if code >= 0:
            break
    assert code in (0, 1), err
    assert kills >= 3
    done = json.loads(out)
    assert (done["state"], done["left"], done["failed"]) == ("done", 0, 0)
    assert done["done"] + done["unknown"] == 150
    assert Counter(a["custom_id"] for a in files.answers) == Counter(f"line {n}" for n in range(150))
    assert files.kinds == Counter({"200": done["done"]}) + Counter({"unknown_outcome": done["unknown"]})
    assert max(asked(on).values()) == 1
    # what was never asked can only be one that was written down and not sent any more
    never = {f"line {n}" for n in range(150)} - set(asked(on))
    assert never <= {a["custom_id"] for a in files.answers if a["error"]}
    assert (code == 1) == bool(done["unknown"])


def test_no_more_is_spent_than_was_said(on: Standing, files: Files) -> None:
    """Each may cost 5 cents and a little; of a quarter of a dollar several fit one after the other, never more."""
    files.write(60)
    first = on.flock.run(*files.argv, "--max-cost", "0.25", "--concurrency", "4", "--json")
    done = json.loads(first.stdout)
    assert (first.returncode, done["state"]) == (75, "stopped")
    assert 0 < Decimal(done["cost_usd"]) <= Decimal("0.25")
    assert 3 <= done["done"] < 60
    assert done["left"] == 60 - done["done"]
    assert sum(asked(on).values()) == done["done"]
    second = on.flock.run(*files.argv, "--resume", "--max-cost", "0.25", "--json")
    assert (second.returncode, json.loads(second.stdout)["cost_usd"]) == (75, done["cost_usd"])
    third = on.flock.json(*files.argv, "--resume", "--max-cost", "100")
    assert (third["state"], third["done"], third["failed"]) == ("done", 60, 0)
    assert Decimal(third["cost_usd"]) > Decimal(done["cost_usd"])
    assert set(asked(on).values()) == {1}


def test_a_model_whose_price_nobody_knows_is_not_asked_where_a_limit_is_set(on: Standing, files: Files) -> None:
    files.lines([request("dear", UNPRICED), request("priced")])
    done = on.flock.run(*files.argv, "--max-cost", "5", "--json")
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (1, 1)
    assert asked(on) == Counter(["priced"])
    (refused,) = [a["response"] for a in files.answers if a["custom_id"] == "dear"]
    assert refused["status_code"] == 400
    assert f"nobody knows what openai/{UNPRICED} costs" in refused["body"]["error"]["message"]
    assert "flock price set" in refused["body"]["error"]["hint"]


def test_a_refusal_is_waited_out_and_asked_again_and_a_failure_is_not(on: Standing, files: Files) -> None:
    on.faults("openai", {"kind": "rate", "times": 1, "retry_after": "1"}, "failed")
    files.write(6)
    done = on.flock.run(*files.argv, "--concurrency", "1", "--json")
    assert (done.returncode, files.kinds) == (1, Counter({"200": 5, "502": 1}))
    assert sorted(asked(on).values()) == [1, 1, 1, 1, 1, 2]


def test_ctrl_c_ends_between_two_answers_and_says_how_to_go_on(on: Standing, files: Files) -> None:
    files.write(400)
    process = began(on.flock, *files.argv, "--concurrency", "2")
    wait_for(lambda: sum(asked(on).values()) >= 5, "some were asked")
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, "interrupted" in out) == (75, True)
    assert "--resume" in err
    assert files.kinds == Counter({"200": sum(asked(on).values())})
    before = sum(asked(on).values())
    process = began(on.flock, *files.argv, "--resume")
    wait_for(lambda: sum(asked(on).values()) > before, "it goes on")
    process.terminate()  # what cron and systemd send is heeded in the same way
    assert ended(process)[0] == 75
    assert on.flock.json(*files.argv, "--resume", "--concurrency", "16")["done"] == 400
    assert set(asked(on).values()) == {1}


def test_a_daemon_that_goes_down_and_comes_back_is_waited_for(on: Standing, files: Files) -> None:
    files.write(300)
    process = began(on.flock, *files.argv, "--concurrency", "3", "--json")
    wait_for(lambda: sum(asked(on).values()) >= 10, "some were asked")
    on.flock.ok("down", "--grace", "10")
    on.flock.ok("up")
    code, out, err = ended(process)
    done = json.loads(out)
    assert (code, done["done"] + done["unknown"], done["failed"]) == (1 if done["unknown"] else 0, 300, 0), err
    assert max(asked(on).values()) == 1


def test_a_daemon_that_was_killed_leaves_no_doubt_that_is_not_told(on: Standing, files: Files) -> None:
    files.write(300)
    process = began(on.flock, *files.argv, "--concurrency", "3", "--json")
    wait_for(lambda: sum(asked(on).values()) >= 10, "some were asked")
    os.kill(on.flock.pid, signal.SIGKILL)
    on.flock.ok("up")
    code, out, _ = ended(process)
    done = json.loads(out)
    assert (done["state"], done["done"] + done["unknown"]) == ("done", 300)
    assert done["unknown"] <= 3
    assert code == (1 if done["unknown"] else 0)
    assert max(asked(on).values()) == 1


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([request("a"), request("b"), request("a")], 'in.jsonl:3: custom_id "a" is that of line 1 too'),
        ([request("a"), {"url": "/v1/embeddings", "body": {}}], "in.jsonl:2: custom_id is missing"),
        ([request("a") | {"url": "/v1/files"}], "in.jsonl:1: url must be one of"),
        ([request("a") | {"method": "GET"}], "in.jsonl:1: method must be POST"),
        ([request("a", stream=True)], "in.jsonl:1: body.stream"),
        ([request("a") | {"body": "x"}], "in.jsonl:1: body must be an object"),
        (["words"], "in.jsonl:1: not an object"),
        ([], "has no requests in it"),
    ],
)
def test_a_file_that_is_wrong_anywhere_is_refused_before_anything_is_sent(
    on: Standing, files: Files, lines: list[Any], words: str
) -> None:
    files.lines(lines)
    refused = on.flock.run("batch", files.input.name, str(files.output), cwd=files.input.parent)
    assert (refused.returncode, words in refused.stderr) == (2, True), refused.stderr
    assert asked(on) == Counter()
    assert not files.output.exists()
    assert not files.journal.exists()


def test_what_is_not_json_is_named_by_its_line(on: Standing, files: Files) -> None:
    files.input.write_text(json.dumps(request("a")) + '\n\n{"custom_id": "b",\n')
    refused = on.flock.run(*files.argv)
    assert (refused.returncode, f"{files.input}:3: not JSON" in refused.stderr) == (2, True)
    assert not files.output.exists()


def test_another_input_another_output_and_two_at_once_are_refused(on: Standing, files: Files) -> None:
    files.write(3)
    on.flock.ok(*files.argv)
    files.write(4)
    changed = on.flock.run(*files.argv, "--resume")
    assert (changed.returncode, "is not the one that" in changed.stderr) == (1, True)
    files.write(3)
    with files.journal.open() as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        twice = on.flock.run(*files.argv, "--resume")
        assert (twice.returncode, "another flock batch writes" in twice.stderr) == (1, True)
    files.journal.unlink()
    lost = on.flock.run(*files.argv, "--resume")
    assert (lost.returncode, "no journal" in lost.stderr) == (1, True)
    same = on.flock.run("batch", str(files.input), str(files.input), "--resume")
    assert (same.returncode, "where the requests are" in same.stderr) == (2, True)
    assert sum(asked(on).values()) == 3


def test_a_torn_last_line_is_taken_away_and_its_request_is_not_sent_again(on: Standing, files: Files) -> None:
    files.write(5)
    on.flock.ok(*files.argv, "--concurrency", "1")
    whole = files.output.read_bytes()
    files.output.write_bytes(whole[:-20])
    with files.journal.open("ab") as journal:
        journal.write(b"d 5 1")
    done = on.flock.run(*files.argv, "--resume", "--json")
    assert (done.returncode, json.loads(done.stdout)["unknown"]) == (1, 1)
    assert files.kinds == Counter({"200": 4, "unknown_outcome": 1})
    assert set(asked(on).values()) == {1}


def test_requests_come_from_a_pipe_and_go_to_another_model(on: Standing, files: Files) -> None:
    files.write(3, "nobody/knows")
    done = json.loads(
        on.flock.ok("batch", "-", str(files.output), "-m", MODEL, "--json", stdin=files.input.read_text())
    )
    assert (done["done"], done["input"]) == (3, "-")
    assert {seen["body"]["model"] for seen in on.seen("openai")} == {MODEL}


def test_every_dialect_may_stand_in_one_file(on: Standing, files: Files) -> None:
    said = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    files.lines(
        [
            request("chat"),
            {"custom_id": "messages", "method": "POST", "url": "/v1/messages", "body": said},
            {
                "custom_id": "responses",
                "method": "POST",
                "url": "/v1/responses",
                "body": {"model": MODEL, "input": "x"},
            },
            {"custom_id": "embed", "url": "/v1/embeddings", "body": {"model": "text-embedding-3-small", "input": "x"}},
        ]
    )
    done = on.flock.json(*files.argv)
    assert done["done"] == 4, files.answers
    by = {a["custom_id"]: a["response"]["body"] for a in files.answers}
    assert by["messages"]["type"] == "message"
    assert by["responses"]["object"] == "response"
    assert by["embed"]["object"] == "list"
    assert done["input_tokens"] > 0


def test_an_engine_that_is_gone_uses_up_no_more_than_a_few_lines(on: Standing, files: Files) -> None:
    files.write(300, "no/such-model")
    done = on.flock.run(*files.argv, "--json")
    value = json.loads(done.stdout)
    assert (done.returncode, value["state"]) == (75, "interrupted")
    assert 20 <= value["failed"] < 30
    assert "20 requests failed one after the other" in value["why"]


def test_without_a_daemon_nothing_is_begun(on: Standing, files: Files, tmp_path: Path) -> None:
    files.write(3)
    nobody = Flock(tmp_path / "nobody", 1)
    done = nobody.run(*files.argv)
    assert (done.returncode, "flock is not running" in done.stderr) == (3, True)
    assert not files.output.exists()
    assert not files.journal.exists()


def test_a_full_disk_ends_it_and_what_was_answered_is_kept(on: Standing, files: Files) -> None:
    """The shell's limit of a file's size stands in for the disk."""
    files.write(200)
    script = f'ulimit -f 64; trap "" XFSZ; exec {sys.executable} -P -m flock {" ".join(files.argv)} --concurrency 2'
    done = subprocess.run(
        ["bash", "-c", script],
        env=on.flock.environment,
        cwd=on.flock.home.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, "cannot write" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    answered = len(files.answers)
    assert 0 < answered < 200
    more = on.flock.run(*files.argv, "--resume", "--json")
    value = json.loads(more.stdout)
    assert (value["state"], value["done"] + value["unknown"]) == ("done", 200)
    assert max(asked(on).values()) == 1


def test_two_hundred_and_fifty_six_at_once(on: Standing, files: Files) -> None:
    files.write(600)
    done = on.flock.json(*files.argv, "--concurrency", "256")
    assert done["done"] == 600
    refused = on.flock.run(*files.argv, "--resume", "--concurrency", "257")
    assert (refused.returncode, "from 1 to 256" in refused.stderr) == (2, True)
