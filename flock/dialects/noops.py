"""Calls of coding tools that need no model: warm-ups and titles, answered here where that is switched on.

Pure. Owns which calls these are: a probe for one token, Claude Code's "Warmup", and a title for the conversation, which
is asked for without tools, by a JSON schema with a `title` (Claude Code) or by a title generator's system words
(opencode). Refuses everything it is not sure of. Off by default (`translation.answer_noops`): the answers are words of
flock's, not of the model. Called by core/inference.py.
"""

from collections.abc import Iterable

import orjson

from flock.dialects.ir import Format, Json, Message, Reply, Request, Text, Usage
from flock.plain import is_object

# opencode and its forks begin the system words of their title call so
_GENERATOR = "you are a title generator"
# what Claude Code sends when it starts, only to open the connection and the cache
_WARM_UPS = ("warmup", "quota")
# a title of more words is none
_TITLE_WORDS = 6
# system reminders stand in front of what the user said
_NOT_SAID = ("<", "[")


def answer(request: Request) -> tuple[Reply, str] | None:
    """Return the answer to a call that needs no model and what it was ("a title"), None for every other call."""
    if request.tools or not request.messages:
        return None
    said = [text for message in request.messages if message.role == "user" for text in _texts(message)]
    if request.max_tokens == 1 or (len(said) == 1 and said[0].strip().lower() in _WARM_UPS):
        return _reply("OK", "length" if request.max_tokens == 1 else "stop"), "a warm-up"
    if (found := _by_schema(request.format, said)) is not None:
        return _reply(orjson.dumps(found).decode()), "a title"
    system = " ".join(text for m in request.messages if m.role == "system" for text in _texts(m)).strip().lower()
    if system.startswith(_GENERATOR):
        return _reply(_title(said)), "a title"
    return None


def _by_schema(form: Format | None, said: list[str]) -> Json | None:
    """Return what a title's schema asks for: its `title`, and that the topic is the old one."""
    if form is None or form.kind != "json_schema" or form.schema is None:
        return None
    properties = form.schema.get("properties")
    if not is_object(properties) or "title" not in properties or not properties.keys() <= {"title", "isNewTopic"}:
        return None
    found: Json = {"title": _title(said)}
    if "isNewTopic" in properties:
        found["isNewTopic"] = False
    return found


def _title(said: Iterable[str]) -> str:
    """Return the first words of what the user said."""
    for text in said:
        words = text.split()
        if words and not text.lstrip().startswith(_NOT_SAID):
            return " ".join(words[:_TITLE_WORDS])
    return "Conversation"


def _texts(message: Message) -> list[str]:
    return [part.text for part in message.parts if isinstance(part, Text)]


def _reply(text: str, stop: str = "stop") -> Reply:
    return Reply("", "", [Text(text)], "length" if stop == "length" else "stop", usage=Usage())
