"""What a chat template is asked, and what its answers mean.

Owns the probes (small conversations with words that can be found again) and the verdict on what was rendered. Pure.
Called by template.py, which has them rendered in a process of their own.
"""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flock.contract.models import Finding
from flock.profile import Family

# Words that no template writes by itself, so that finding one says that the message came through
USER, AGAIN, ASSISTANT = "userword-quartz", "userword-basalt", "answerword-granite"
SYSTEM, RESULT, PLACE = "systemword-marble", "resultword-onyx", "argumentword-slate"
TOOL = "look_up_stones"

_OFFERED = {
    "type": "function",
    "function": {
        "name": TOOL,
        "description": "Look up a stone.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
# nine letters and digits: the templates of Mistral take no other id
_CALL_ID = "abcdef123"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of the trial: the child's messages, its exit code (None when it could not be started), its last other
    words, and the processor time it had.
    """

    messages: tuple[Mapping[str, Any], ...]
    code: int | None
    tail: tuple[str, ...]
    cpu_seconds: float


def _said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def _with_tools(arguments: Any) -> list[dict[str, Any]]:
    call = {"id": _CALL_ID, "type": "function", "function": {"name": TOOL, "arguments": arguments}}
    return [
        _said("user", USER),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": RESULT, "tool_call_id": _CALL_ID, "name": TOOL},
    ]


def probes(family: Family, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the renderings to try, the most important first."""
    question = [_said("user", USER)]
    with_tools = "tool_use" if "tool_use" in texts else "default"
    tools = {"tools": [_OFFERED]}
    on = dict(family.thinking_on or {"enable_thinking": True})
    off = dict(family.thinking_off or {"enable_thinking": False})
    turns = [*question, _said("assistant", ASSISTANT), _said("user", AGAIN)]

    def probe(
        name: str, messages: list[dict[str, Any]], variables: Mapping[str, object] | None = None, text: str = "default"
    ) -> dict[str, Any]:
        given = {"add_generation_prompt": True, **(variables or {})}
        return {"name": name, "text": text, "messages": messages, "variables": given}

    return [
        probe("a question", question),
        probe("two turns", turns),
        probe("a system prompt", [_said("system", SYSTEM), *question]),
        probe("tools", question, tools, with_tools),
        probe("a tool's result", _with_tools({"place": PLACE}), tools, with_tools),
        probe("a tool's result, arguments as text", _with_tools(f'{{"place": "{PLACE}"}}'), tools, with_tools),
        probe("a question without the answer's beginning", question, {"add_generation_prompt": False}),
        probe("thinking on", question, on),
        probe("thinking off", question, off),
    ]


def judge(tried: Tried, family: Family, mend: str) -> list[Finding]:
    """Return what the trial showed; `mend` is the command that gives the model another template."""
    if tried.code is None:
        return [Finding("rendering", "warning", f"it could not be tried: {' '.join(tried.tail)}")]
    faults = [_syntax(m, mend) for m in tried.messages if "compiled" in m and "error" in m]
    ended = _ended(tried, mend)
    told = {str(m["probe"]): m for m in tried.messages if "probe" in m}
    if ended is not None:
        return [*faults, ended]
    if "a question" not in told:
        return faults
    seen = _Seen(told, mend)
    if (broken := seen.fault("a question", "error", "rendering", (USER,))) is not None:
        return [*faults, broken]
    found = [
        Finding("rendering", "ok", "a question renders to a prompt"),
        seen.fault("two turns", "error", "turns", (USER, ASSISTANT, AGAIN))
        or Finding("turns", "ok", "two turns render in their order"),
        _system(seen, family),
        *_tools(seen, family),
        _beginning(seen),
        *_thinking(seen, family),
    ]
    return [*faults, *found]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The renderings by the probe's name."""

    told: Mapping[str, Mapping[str, Any]]
    mend: str

    def text(self, name: str) -> str | None:
        """Return what a probe rendered, None when it failed."""
        text = self.told.get(name, {}).get("text")
        return text if isinstance(text, str) else None

    def failed(self, name: str) -> str:
        """Return in words how a probe failed."""
        return _words(self.told.get(name, {}))

    def fault(self, name: str, level: str, check: str, words: Sequence[str]) -> Finding | None:
        """Return the finding of a probe that failed, or whose text lacks the words in this order; None for neither."""
        text = self.text(name)
        if text is None:
            return Finding(check, level, f"{name} cannot be rendered: {self.failed(name)}", self.mend)
        position = 0
        for word in words:
            position = text.find(word, position)
            if position < 0:
                what = "is not in the prompt" if word not in text else "is not where it belongs in the prompt"
                return Finding(check, level, f"{name}: what was said {what}", self.mend)
        return None


def _words(message: Mapping[str, Any]) -> str:
    """Return a failure as the template or jinja2 said it, with the line."""
    said = str(message.get("error") or "no word of it")
    line = message.get("line")
    words = f"the template refuses it: {said}" if message.get("refused") else said
    return f"{words} (line {line})" if line and not message.get("refused") else words


def _syntax(message: Mapping[str, Any], mend: str) -> Finding:
    which = "" if message["compiled"] == "default" else f' of "{message["compiled"]}"'
    level = "error" if not which else "warning"
    return Finding("syntax", level, f"the template{which} is no Jinja: {_words(message)}", mend)


def _ended(tried: Tried, mend: str) -> Finding | None:
    """Return the finding of a trial that did not come to its end, None of one that did."""
    code = tried.code or 0
    if code == 0:
        return None
    begun = [str(m["begun"]) for m in tried.messages if "begun" in m]
    at = f"rendering {begun[-1]}" if begun else "reading it"
    if code in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGTERM):
        return Finding(
            "endless",
            "error",
            f"the template comes to no end: {at} took more than {tried.cpu_seconds:g} s of processor time",
            mend,
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = f": {tried.tail[-1]}" if tried.tail else ""
    return Finding("rendering", "error", f"the process that tried the template ended ({how}) at {at}{last}", mend)


def _system(seen: _Seen, family: Family) -> Finding:
    text = seen.text("a system prompt")
    if (text is None or SYSTEM not in text) and family.system_role == "user":
        return Finding("system role", "note", "it takes no system prompt; flock says its words as the user's")
    if text is None:
        words = f"it takes no system prompt: {seen.failed('a system prompt')}"
        return Finding("system role", "warning", words, seen.mend)
    if SYSTEM not in text:
        return Finding("system role", "warning", "it leaves a system prompt out without a word", seen.mend)
    return Finding("system role", "ok", "a system prompt reaches the model")


def _tools(seen: _Seen, family: Family) -> list[Finding]:
    text = seen.text("tools")
    # a model that was never taught to call tools lacks nothing
    level, fix = ("warning", seen.mend) if family.tool_formats else ("note", "")
    if text is None:
        return [Finding("tools", level, f"it takes no tools: {seen.failed('tools')}", fix)]
    if TOOL not in text:
        words = (
            "tools do not reach the model: the template leaves them out (llama.cpp then tells of them in its own form)"
        )
        return [Finding("tools", level, words, fix)]
    found = [Finding("tools", "ok", "tools that are offered reach the model")]
    names = ("a tool's result", "a tool's result, arguments as text")
    good = [name for name in names if all(word in (seen.text(name) or "") for word in (PLACE, RESULT))]
    if good:
        words = "calls and results of tools render" + ("" if good[0] == names[0] else ", arguments as text only")
        return [*found, Finding("tool results", "ok", words)]
    if seen.text(names[0]) is None:
        words = f"a tool's result cannot be rendered: {seen.failed(names[0])}"
    else:
        words = "a tool's call or its result is not in the prompt"
    return [*found, Finding("tool results", "warning", words, seen.mend)]


def _beginning(seen: _Seen) -> Finding:
    text, without = seen.text("a question"), seen.text("a question without the answer's beginning")
    if text is None or without is None or text == without:
        return Finding("generation prompt", "note", "the prompt is the same with and without add_generation_prompt")
    return Finding("generation prompt", "ok", "the answer's beginning is marked")


def _thinking(seen: _Seen, family: Family) -> list[Finding]:
    on, off = seen.text("thinking on"), seen.text("thinking off")
    switches = sorted({*family.thinking_on, *family.thinking_off})
    if on is not None and off is not None and on != off:
        words = ", ".join(switches or ["enable_thinking"])
        return [Finding("thinking", "ok", f"thinking can be switched ({words})")]
    if not switches:
        return []
    words = f"the template does not know {', '.join(switches)}, by which its family is told to think or not"
    return [Finding("thinking", "warning", words, seen.mend)]
