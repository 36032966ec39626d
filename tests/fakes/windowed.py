"""A chat engine with a small window whose client is made to fill it, round by round.

Prints "PORT n" once it listens. It counts a prompt by one rule, `counted` below, tells that count as its usage and
refuses with llama.cpp's words what does not fit. A prompt that orders a file is answered by `--rounds` calls of the
client's shell, each of which prints `--growth` bytes, then by the call that writes the file; a client that wants the
conversation summed up gets a summary. `GET /seen` returns what happened, request by request.
usage: python -m tests.fakes.windowed --window TOKENS --rounds N --growth BYTES [--summary BYTES] [--port N]
"""

import argparse
import asyncio
import json
import signal
from dataclasses import asdict, dataclass, replace
from typing import Any

from aiohttp import web

from tests.fakes.scripted_answers import DONE, Answer, Asked, Call, answer
from tests.fakes.scripted_faces import Chat

MODEL = "windowed"
# how Claude Code 2.1.329 begins the turn that asks for a summary; nothing else tells it from other turns
SUM_UP = "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools."
WORDS = "the quick brown fox jumps over the lazy dog and 0123456789 "


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: its tokens, what was done ("grow", "write", "sum up", "say", "refuse"), the answer's tokens."""

    tokens: int
    done: str
    said: int = 0
    cut: bool = False  # the answer had no room


def counted(body: dict[str, Any]) -> int:
    """Return the tokens of a prompt: the bytes of its messages and tools by four."""
    return len(json.dumps([body["messages"], body.get("tools")], ensure_ascii=False).encode()) // 4


def ended(data: bytes, *, cut: bool) -> bytes:
    """Return bytes of an answer with its end told as it was."""
    return data.replace(b'"finish_reason": "stop"', b'"finish_reason": "length"') if cut else data


class Windowed:
    """The engine: its window, and the conversation that it drives. One client at a time."""

    def __init__(self, window: int, rounds: int, growth: int, summary: int) -> None:
        self.window = window
        self.rounds = rounds
        self.growth = growth
        self.summary = summary
        self.round = 0
        self.order: Answer | None = None
        self.seen: list[Seen] = []

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post(Chat.path, self.serve)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/seen", self.told)
        return app

    async def models(self, request: web.Request) -> web.Response:
        model = {"id": MODEL, "object": "model", "owned_by": MODEL, "max_model_len": self.window}
        return web.json_response({"object": "list", "data": [model]})

    async def told(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(one) for one in self.seen])

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        face, tokens = Chat(), counted(body)
        if tokens >= self.window:
            self.seen.append(Seen(tokens, "refuse"))
            return web.json_response(self.overflow(tokens), status=400)
        asked = face.read(body)
        done, said = self.answer(asked)
        room = min(body.get("max_tokens") or self.window, self.window - tokens)
        cut = len(said.text) // 4 > room
        if cut:
            said = Answer(said.text[: room * 4])
        usage = (tokens, len(said.text or said.calls[0].arguments) // 4)
        self.seen.append(Seen(tokens, done, usage[1], cut))
        if not asked.stream:
            return web.Response(
                body=ended(json.dumps(face.whole(asked, said, usage)).encode(), cut=cut),
                content_type="application/json",
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for frame in face.frames(asked, said, usage):
            await response.write(ended(frame, cut=cut))
        await response.write_eof()
        return response

    def answer(self, asked: Asked) -> tuple[str, Answer]:
        """Return what is done and said, and count the rounds: after a summary a client knows nothing of them."""
        last = max((place for place, turn in enumerate(asked.turns) if turn.role == "assistant"), default=-1)
        fresh = [turn for turn in asked.turns[last + 1 :] if turn.role != "system"]
        if any(SUM_UP in turn.text for turn in fresh if turn.role == "user"):
            return "sum up", Answer(self.summed_up())
        if self.order is None:
            ordered = answer(replace(asked, model="scripted"))
            if not ordered.calls:
                return "say", ordered
            self.order = ordered
        self.round += 1
        shell = next(tool for tool in asked.tools if tool.name == "Bash")
        if self.round <= self.rounds:
            return "grow", Answer(calls=(Call(shell, self.command(), f"call_{self.round:08}"),))
        if self.round == self.rounds + 1:
            return "write", self.order
        return "say", Answer(DONE)

    def command(self) -> str:
        """Return the arguments of a call that prints so many bytes; no two calls are the same."""
        line = f"round {self.round}: {WORDS}"
        return json.dumps({"command": f"yes '{line}' | head -c {self.growth}", "description": f"Print {self.round}"})

    def summed_up(self) -> str:
        """Return a summary in the form Claude Code asks for."""
        text = (f"1. Primary request: print text {self.rounds} times, then write the file. " + WORDS * 2000)[
            : self.summary
        ]
        return f"<analysis>\nRound {self.round}.\n</analysis>\n\n<summary>\n{text}\n</summary>"

    def overflow(self, tokens: int) -> dict[str, Any]:
        """Return llama.cpp's refusal of a prompt that does not fit, as recorded in tests/corpus/openai/errors."""
        words = (
            f"request ({tokens} tokens) exceeds the available context size ({self.window} tokens), try increasing it"
        )
        about = {"type": "exceed_context_size_error", "n_prompt_tokens": tokens, "n_ctx": self.window}
        return {"error": {"code": 400, "message": words, **about}}


async def main() -> None:
    """Listen until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--window", type=int, required=True, help="tokens")
    parser.add_argument("--rounds", type=int, required=True, help="calls of the client's shell")
    parser.add_argument("--growth", type=int, required=True, help="bytes that each call prints")
    parser.add_argument("--summary", type=int, default=4000, help="bytes of a summary")
    options = parser.parse_args()
    engine = Windowed(options.window, options.rounds, options.growth, options.summary)
    runner = web.AppRunner(engine.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port, backlog=128).start()
    print("PORT", runner.addresses[0][1], flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
