"""What becomes of each thing a request can hold on the way from each client dialect to each upstream dialect.

Owns how an outcome is told: a thing that arrives is looked for by its marker in the body that is sent, one that does
not must be named. docs/fidelity.md is generated from `page()` (make docs); tests/house/test_fidelity.py holds that
nothing vanishes in silence. The things are in tests/samples.py.
"""

import json
from collections.abc import Iterator

from flock.dialects.openai.server import CHAT
from flock.dialects.table import SERVERS, UPSTREAMS
from flock.errors import FlockError
from tests.asking import Sample
from tests.samples import SAMPLES

PATHS = {
    "openai": CHAT,
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
    "ollama": "/api/chat",
}
TITLES = {
    "openai": "OpenAI chat",
    "anthropic": "Anthropic Messages",
    "responses": "Responses",
    "gemini": "Gemini",
    "ollama": "Ollama",
}


def outcome(sample: Sample, client: str, upstream: str) -> tuple[str, str]:
    """Return what becomes of it ("kept", "left out", "changed", "refused", "lost") and the words about it."""
    server = SERVERS[client]
    try:
        ask = server.read_ask(json.dumps(sample.bodies[client]).encode(), PATHS[client])
        out = UPSTREAMS[upstream].write_request(server.read_request(ask), "m", stream=False)
    except FlockError as error:
        return "refused", error.sentence
    sent = json.dumps(out.body, separators=(",", ":"), ensure_ascii=False)
    if any(mark in sent for mark in sample.marks):
        return "kept", ""
    if out.lost:
        return "left out", ", ".join(out.lost)
    if out.edits:
        return "changed", "; ".join(out.edits)
    return "lost", ""


def rows() -> Iterator[tuple[Sample, str, dict[str, tuple[str, str]]]]:
    """Yield each sample in each dialect that can say it, with its outcome towards each upstream dialect."""
    for sample in SAMPLES:
        for client in sample.bodies:
            yield sample, client, {upstream: outcome(sample, client, upstream) for upstream in UPSTREAMS}


_INTRO = """
# What a translation keeps

Where an engine speaks the client's dialect, requests are relayed as they came, unknown fields included. Where it does
not, this is what becomes of each thing a request can hold. **kept**: it arrives, in the upstream's own form. **left
out**: it has no equivalent; the request is served without it, and the response header `X-Flock-Lost` and `flock
explain` name it. **changed**: said in another way, which `flock explain` names. **refused**: a 400 that names it, since
an answer without it would be another answer.

Some engines cannot do a thing in any dialect ([catalog/engines.yaml](../catalog/engines.yaml), `lacks`); such a request
goes to another engine that has the model, or is refused.

| a request's | from a client of | to OpenAI chat | to Anthropic Messages | to Responses | to Gemini | to Ollama |
|---|---|---|---|---|---|---|
"""


def page() -> str:
    """Return docs/fidelity.md without its first line."""
    lines: list[str] = []
    last = ""
    for sample, client, found in rows():
        title = sample.title if sample.title != last else ""
        last = sample.title
        cells = [_cell(*found[upstream]) for upstream in ("openai", "anthropic", "responses", "gemini", "ollama")]
        lines.append(f"| {title} | {TITLES[client]} | {' | '.join(cells)} |")
    return _INTRO.lstrip("\n") + "\n".join(lines) + "\n"


def _cell(kind: str, words: str) -> str:
    return f"{kind}: {words}".replace("|", "\\|") if kind in ("left out", "changed") and words else kind
