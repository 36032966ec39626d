"""The process that tries a chat template: every rendering of it, told as one line of JSON each.

Owns the sandbox and its bounds: a template is a program of somebody else's, which may run for ever or take all memory.
Refuses to judge what it renders; `template_findings.py` does. Imports nothing of flock, and nothing but jinja2 beside
the standard library. Started by `template.py` through errands.run, by its path.

The task, one line of JSON on standard input: {"texts": {name: template}, "bos": …, "eos": …, "probes": [{"name": …,
"text": name of the template, "messages": […], "variables": {…}}], "cpu_seconds": …, "memory_bytes": …}. The answers:
{"compiled": name} or {"compiled": name, "error": …, "line": …}, then for each probe {"begun": name}, and {"probe":
name, "text": …} or {"probe": name, "error": …, "line": …, "refused": whether the template itself raised it}.
"""

import contextlib
import datetime
import json
import os
import resource
import sys
import threading
import time
from typing import Any

# A prompt of the probes has some hundred characters, the longest known template wraps 20,000 around them.
TEXT_MAX = 200_000


def main() -> int:
    """Try the templates of the task and return 0; the kernel ends this process where a bound is reached."""
    task: dict[str, Any] = json.loads(sys.stdin.buffer.readline() or b"{}")
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    environment = _environment()
    _bound(float(task.get("cpu_seconds", 2.0)), int(task.get("memory_bytes", 0)))
    compiled: dict[str, Any] = {}
    for name, text in task.get("texts", {}).items():
        answer, template = _compiled(environment, text)
        _tell({"compiled": name, **answer})
        compiled[name] = template
    for probe in task.get("probes", ()):
        template = compiled.get(probe["text"])
        if template is None:
            continue
        _tell({"begun": probe["name"]})
        _tell({"probe": probe["name"], **_rendered(template, task, probe)})
    return 0


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; a template that never ends must not outlive it
    while os.read(0, 4096):
        pass
    os._exit(0)


def _tell(message: dict[str, Any]) -> None:
    # escaped, since a template may print half of a surrogate pair; a write to a pipe that blocks takes all of it
    os.write(1, json.dumps(message).encode("ascii") + b"\n")


def _bound(cpu_seconds: float, memory_bytes: int) -> None:
    """Bound what this process may take from now on: processor time, whose end is SIGXCPU, and memory (not on macOS)."""
    spent = int(time.process_time() + cpu_seconds) + 1
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (spent, spent + 1))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _environment() -> Any:
    """Return the environment that transformers makes for chat templates: its names, its filters, its tag.

    What it offers is documented at https://huggingface.co/docs/transformers/chat_templating_writing.
    """
    from jinja2 import ext, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(ext.Extension):
        """The tag around what the model wrote; it changes nothing of the text."""

        tags = {"generation"}  # noqa: RUF012 - jinja2 reads a plain set

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    names: dict[str, Any] = {"raise_exception": _refuse, "strftime_now": _strftime_now}
    made.globals.update(names)
    made.filters.update({"tojson": _tojson})
    return made


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


class Refused(Exception):
    """What a template raises itself."""


def _refuse(words: Any = "") -> None:
    raise Refused(str(words))


def _compiled(environment: Any, text: str) -> tuple[dict[str, Any], Any]:
    try:
        return {}, environment.from_string(text)
    except Exception as error:  # a template may break jinja2 in any way, and each is its fault
        return _failure(error), None


def _rendered(template: Any, task: dict[str, Any], probe: dict[str, Any]) -> dict[str, Any]:
    variables = {"bos_token": task.get("bos", ""), "eos_token": task.get("eos", ""), "tools": None, "documents": None}
    variables |= {"messages": probe["messages"], **probe.get("variables", {})}
    try:
        text = template.render(variables)
    except Exception as error:
        return _failure(error)
    return {"text": text[:TEXT_MAX]}


def _failure(error: Exception) -> dict[str, Any]:
    """Return what went wrong in the template's own words, and in which of its lines, 0 where none is known."""
    line = int(getattr(error, "lineno", 0) or 0)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, MemoryError):
        words = "it takes more memory than it may"
    elif isinstance(error, RecursionError):
        words = "it calls itself without end"
    else:
        words = str(error) or type(error).__name__
    return {"error": words[:500], "line": line, "refused": isinstance(error, Refused)}


if __name__ == "__main__":
    sys.exit(main())
