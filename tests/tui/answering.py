"""Answers of a model for the chat page: whole, held back by the test, or refused."""

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from textual.pilot import Pilot

from flock.tui.app import FlockApp
from flock.tui.screens.playground import PlaygroundPage
from tests.tui.canned import Canned, Stream, text_of, until

MODEL = "qwen/qwen3:8b"
HEADERS = {"x-flock-request-id": "req_0f3a9c1d2e4b5a68", "x-flock-model": MODEL}
ANSWER = """\
There are **two** ways; the first is `sorted`:

```python
def newest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.at, reverse=True)
```

## Which one

- `sorted` makes a *new* list, which costs memory
- `list.sort` changes the one there is

> Both are stable.
"""


def chunk(**delta: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


def ending(finish: str = "stop", tokens: tuple[int, int] = (48, 9)) -> list[bytes]:
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    last = {"choices": [{"delta": {}, "finish_reason": finish}], "usage": usage}
    return [b"data: " + json.dumps(last).encode() + b"\n\n", b"data: [DONE]\n\n"]


def answering(*deltas: Mapping[str, Any], finish: str = "stop", tokens: tuple[int, int] = (48, 9)) -> Stream:
    return Stream([*(chunk(**delta) for delta in deltas), *ending(finish, tokens)], headers=HEADERS)


class Held:
    """A streamed answer whose lines come when a test says so."""

    def __init__(self) -> None:
        self.status, self.headers = 200, HEADERS
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.lines.get()) is not None:
            yield line

    def read(self) -> bytes:
        return b"".join(self)

    def close(self) -> None:
        self.closed = True
        self.lines.put(None)


class Waiting(Canned):
    """A flock that says nothing before a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.held = Held()

    def send(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Any:
        self.sent.append((method, path, body))
        self.let.wait()
        return self.held


def page_of(app: FlockApp) -> PlaygroundPage:
    assert isinstance(app.page, PlaygroundPage)
    return app.page


async def opened(pilot: Pilot[Any], app: FlockApp) -> None:
    await until(pilot, lambda: "● live" in text_of(app) and MODEL in text_of(app), "the page")


async def say(pilot: Pilot[Any], words: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in words), "enter")


def body(canned: Canned, at: int = -1) -> dict[str, Any]:
    sent = canned.sent[at][2]
    assert sent is not None
    return json.loads(sent)


def roles(canned: Canned) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in body(canned)["messages"]]
