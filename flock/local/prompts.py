"""`flock run`: one prompt to a model, by way of whichever flock is meant.

Owns what is sent of the words on a command line, and what the pieces of the answer come to. Refuses to read standard
input and to write: both are handed in. Called by `cli/run.py` and through `local.operations`.
"""

import time
from collections.abc import Callable

from flock.client import chat
from flock.client.reach import Reach, find
from flock.contract.prompts import PromptAnswer, RunPrompt
from flock.errors import FlockError, ModelNotFound, UsageError
from flock.local import attachments
from flock.local.operations import Here, handles

Hear = Callable[[chat.Piece], None]
Waits = Callable[[str], None]


@handles(RunPrompt)
def run_prompt(op: RunPrompt, here: Here) -> PromptAnswer:
    """Ask and return the answer once it is whole; standard input is nobody's to read here."""
    reach = find(environ=here.environ)
    try:
        return answered(op, reach, b"", lambda _piece: None)
    finally:
        reach.close()


def answered(op: RunPrompt, reach: Reach, stdin: bytes, hear: Hear, waits: Waits | None = None) -> PromptAnswer:
    """Ask a model; `hear` gets each piece of the answer as it comes, `waits` what is waited for before the first one.
    Leaving by an exception ends the request.

    Raises UsageError for nothing to ask and for files that cannot be sent, ModelNotFound, and whatever error of the
    daemon's or of an engine's the answer is or ends in.
    """
    body = asked(op, stdin)
    started = time.monotonic()
    stream = reach.send("POST", chat.PATH, body, chat.LOW_PRIORITY if op.low_priority else chat.NO_HEADERS)
    try:
        if stream.status != 200:
            raise _named(chat.fault(stream.status, stream.read()), op.model)
        return _gathered(op, stream, hear, waits, started)
    finally:
        stream.close()


def asked(op: RunPrompt, stdin: bytes) -> bytes:
    """Return the request's body. Raises UsageError for a number that is none and for nothing to ask."""
    try:
        temperature = chat.temperature(op.temperature)
    except ValueError as error:
        raise UsageError(f"--temperature {error}", hint="flock run --temperature 0.7 …") from None
    if op.max_tokens < 0:
        raise UsageError(f"--max-tokens {op.max_tokens} is less than nothing", hint="flock run --max-tokens 200 …")
    words = "" if op.prompt == ("-",) else " ".join(op.prompt)
    said = attachments.said(words, stdin, op.file)
    if not said.words.strip() and not said.pictures:
        raise UsageError("nothing is asked", hint="flock run 'Why is the sky blue?'")
    return chat.request(
        [chat.user(said.words, said.pictures)],
        model=op.model,
        system=op.system,
        max_tokens=op.max_tokens,
        temperature=temperature,
    )


def _gathered(op: RunPrompt, stream: chat.Answering, hear: Hear, waits: Waits | None, started: float) -> PromptAnswer:
    words: dict[str, list[str]] = {"text": [], "thinking": []}
    first, end = 0.0, chat.Piece("end")
    for piece in chat.pieces(stream, waits):
        if piece.kind in words:
            first = first or time.monotonic()
            words[piece.kind].append(piece.words)
        end = piece
        hear(piece)
    ended = time.monotonic()
    speed = (end.output_tokens - 1) / (ended - first) if first and end.output_tokens > 1 and ended > first else None
    return PromptAnswer(
        text="".join(words["text"]),
        thinking="".join(words["thinking"]),
        model=stream.headers.get("x-flock-model") or op.model or end.model,
        finish=end.finish,
        input_tokens=end.input_tokens,
        output_tokens=end.output_tokens,
        ttft_ms=round((first - started) * 1000, 2) if first else None,
        elapsed_ms=round((ended - started) * 1000, 2),
        tokens_per_second=None if speed is None else round(speed, 1),
        request_id=stream.headers.get("x-flock-request-id", ""),
    )


def _named(error: FlockError, model: str) -> FlockError:
    """Return an error with a better hint, where no model was named and there is none."""
    if isinstance(error, ModelNotFound) and not model:
        return ModelNotFound(error.sentence, hint="flock model picks", details=error.details)
    return error
