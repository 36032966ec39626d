"""The prefix normaliser: what some clients change in a prompt's front at every request is made to stay the same.

A local engine keeps the work of a prompt it has seen, up to the first byte that differs; a counter in front of 60 000
tokens costs minutes a turn. Owns the two things that clients put there and no model needs, and what becomes of them:

- the attribution line of Claude Code at the start of a system block. A block that holds nothing else is left out;
  where text follows, even on the same line, the fields that vary are left out and the text stays;
- paragraphs of system messages that only count tokens. They come after every tool result as messages of role
  "system", so that a template that moves those to the front sees another front each time. A paragraph is left out,
  and with it a message that holds nothing else.

Refuses to touch anything else: what users, tools and models said, dates, other reminders. Recorded sessions
(tests/corpus/recorded) show that these stay as they were sent once. Works on the client's body before any translation
joins blocks, and returns what is to change: the body itself stays as it came. Pure; called by plan.py for engines of
the team's own, never for a vendor. The patterns stand here and not in the catalog: each is tied to how it is replaced.
"""

import re
from typing import Any

from flock.plain import is_array, is_object

# ggml-org/llama.cpp#20623, anthropics/claude-code#24168, #68900: "x-anthropic-billing-header: cc_version=2.1.329.3c4;
# cc_entrypoint=cli; cch=0e4ab; cc_prompt_id=…; cc_turn_index=2;". The version's last part and cch are made from the
# request, and fields come and go. Some clients join blocks without a line break ("cch=defa0;You are …").
_ATTRIBUTION = "x-anthropic-billing-header:"
_FIELDS = re.compile(r"(?: ?cc[a-z_]*=[^;\s]*(?:;|(?=\s)|\Z))+")
_VERSION = re.compile(r"cc_version=\d+(?:\.\d+){0,2}")
_ENTRYPOINT = re.compile(r"cc_entrypoint=[^;\s]*")

# jundot/omlx#2881, ollama/ollama#17918. One search for a word that each of them has is the whole cost of a request
# without them.
_COUNTS = re.compile(r"<total_tokens>\w+ tokens left</total_tokens>|Token usage: \d+/\d+; -?\d+ remaining")
_COUNT_WORDS = ("<total_tokens>", "Token usage: ")

_SYSTEM = ("system", "developer")
_TEXT_TYPES = ("text", "input_text")

Body = dict[str, Any]


def is_plain(raw: bytes) -> bool:
    """Return whether a body's bytes hold nothing that `normalise` would change: a search instead of a walk.

    Without the brackets of the counter's tag, which some encoders write as escapes.
    """
    return b"x-anthropic-billing" not in raw and b"total_tokens" not in raw and b"Token usage: " not in raw


def normalise(body: Body, dialect: str) -> tuple[Body, list[str]]:
    """Return the top-level fields of a body that change, {} for most, and what was changed in words.

    `dialect` is the client's: "anthropic", "openai" or "responses". Nothing in `body` is changed in place.
    """
    changed: Body = {}
    said: list[str] = []
    for field in _FRONTS.get(dialect, ()):
        found = _content(body.get(field), said, field)
        if found is not None:
            changed[field] = found
    history = _HISTORIES.get(dialect, "")
    messages = body.get(history)
    if is_array(messages):
        kept = _messages(messages, said, history)
        if kept is not None:
            changed[history] = kept
    if not said:
        return changed, said
    counters = said.count(_COUNTER)
    edits = [words for words in said if words is not _COUNTER]
    if counters:
        edits.append(f"{counters} token counter{'s' if counters > 1 else ''} left out, for the prefix cache")
    return changed, edits


_COUNTER = "a token counter left out"

# where a dialect keeps the prompt's front, and where its messages
_FRONTS = {"anthropic": ("system",), "responses": ("instructions",)}
_HISTORIES = {"anthropic": "messages", "openai": "messages", "responses": "input"}


def _messages(messages: list[Any], edits: list[str], field: str) -> list[Any] | None:
    """Return the messages with those of a system's role normalised, None when nothing changes."""
    kept: list[Any] | None = None
    said: list[str] = []
    for place, message in enumerate(messages):
        found: Any = None
        if is_object(message) and message.get("role") in _SYSTEM:
            found = _content(message.get("content"), said, f"{field}[{place}]")
        if found is not None and kept is None:
            kept = messages[:place]
        if kept is not None and (found is None or found):
            kept.append(message if found is None else {**message, "content": found})
    if not kept:  # nothing changes, or nothing would be left to ask
        return None
    edits += said
    return kept


def _content(content: Any, edits: list[str], place: str) -> Any:
    """Return a string or a list of blocks normalised, empty where nothing is left; None when nothing changes."""
    if isinstance(content, str):
        return _text(content, edits, place)
    if not is_array(content):
        return None
    kept: list[Any] | None = None
    for number, block in enumerate(content):
        text = block.get("text") if is_object(block) and block.get("type") in _TEXT_TYPES else None
        found = _text(text, edits, f"{place}[{number}]") if isinstance(text, str) else None
        if found is not None and kept is None:
            kept = content[:number]
        if kept is not None and (found is None or found):
            kept.append(block if found is None else {**block, "text": found})
    return kept


def _text(text: str, edits: list[str], place: str) -> str | None:
    """Return one block's text normalised, None when nothing changes."""
    found: str | None = None
    if text.startswith(_ATTRIBUTION):
        found = _without_attribution(text)
        if found != text:
            edits.append(f"{place}: attribution {'kept still' if found else 'left out'}, for the prefix cache")
    now = text if found is None else found
    if any(word in now for word in _COUNT_WORDS):
        paragraphs = now.split("\n\n")
        rest = [paragraph for paragraph in paragraphs if not _COUNTS.fullmatch(paragraph.strip("\n"))]
        if len(rest) < len(paragraphs):
            edits.append(_COUNTER)
            found = "\n\n".join(rest)
    return found if found != text else None


def _without_attribution(text: str) -> str:
    """Return a text that begins with the attribution without what varies in it, "" when it holds nothing else."""
    fields = _FIELDS.match(text, len(_ATTRIBUTION))
    end = fields.end() if fields else len(_ATTRIBUTION)
    rest = text[end:]
    if not rest.strip():
        return ""
    if fields is None:  # not the line we know: no guess about where it ends
        return text
    still = [m[0] + ";" for m in (_VERSION.search(fields[0]), _ENTRYPOINT.search(fields[0])) if m]
    return " ".join([_ATTRIBUTION, *still]) + rest
