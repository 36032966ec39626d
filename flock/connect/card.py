"""The card for somebody who gets a key: what to paste where, in Markdown or plain text.

Owns the words of an invitation and what of a tool's settings stands on it. Pure: the key is made elsewhere. Called by
core/invitation.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flock.connect import render
from flock.connect.render import Values
from flock.connect.tool import File, Tool

# Who gets these without --clients: one for each dialect, the two most used libraries' ways, and a line that proves it
USUAL = ("claude-code", "codex-cli", "opencode", "continue", "openai-sdk", "curl")


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose key it is and what holds for it; `limits` are lines in words, `until` when it ends, "" for never."""

    name: str
    limits: tuple[str, ...] = ()
    until: str = ""


def snippet(tool: Tool, values: Values) -> str:
    """Return all that a tool needs, as text: variables where they are enough, else its files; then commands and steps.

    Paths are those of the catalog, since it is another machine's.
    """
    parts: list[str] = []
    if tool.environment:
        parts.append(render.exports(render.environment(tool, values)))
    else:
        parts += [f"# {_path(one.file)}\n{one.text.rstrip()}" for one in render.fragments(tool, values)]
        parts += [f"# {where}\n{text.rstrip()}" for where, text in render.pasted(tool, values).items()]
        if tool.also:
            parts.append(render.exports(render.environment(tool, values)))
    parts += render.commands(tool, values)
    if not tool.environment or tool.support == "print":
        parts += [f"# {number}. {step}" for number, step in enumerate(render.words(tool.steps, values), 1)]
    return "\n".join(parts)


def card(terms: Terms, values: Values, snippets: Mapping[str, str], tools: Sequence[Tool], *, markdown: bool) -> str:
    """Return the text to paste into a chat; `snippets` by tool's id, `tools` in the order they stand on it."""
    url = values.base_url
    facts = [
        ("URL", f"{url}/v1", "OpenAI's tools"),
        ("URL", url, "Anthropic's, Gemini's and Ollama's"),
        ("Key", values.token, "yours alone; it is shown once"),
        ("Model", values.model, "auto: flock chooses" if values.model == "auto" else ""),
    ]
    lines = [_title(f"flock for {terms.name}", 2, markdown=markdown), ""]
    lines += [_fact(*fact, markdown=markdown) for fact in facts]
    until = f"Good until {terms.until or 'it is revoked'}"
    lines += [f"{'- ' if markdown else ''}{words}" for words in (*terms.limits, until)]
    for tool in tools:
        lines += ["", _title(tool.name, 3, markdown=markdown), ""]
        lines += ["```", snippets[tool.id], "```"] if markdown else [snippets[tool.id]]
    return "\n".join(lines) + "\n"


def _title(words: str, level: int, *, markdown: bool) -> str:
    return f"{'#' * level} {words}" if markdown else f"== {words}"


def _fact(label: str, value: str, more: str, *, markdown: bool) -> str:
    after = f" ({more})" if more else ""
    return f"- {label}: `{value}`{after}" if markdown else f"{label + ':':<7}{value}{after}"


def _path(file: File) -> str:
    place = f"{file.directory[-1]}/{file.names[0]}"
    return f"{place} (macOS: {file.macos[-1]}/{file.names[0]})" if file.macos else place
