"""Write the generated references: docs/{json,cli,config,errors,fidelity,pitfalls}.md, docs/openapi.json, MODELS.md, the
schemas of the catalogs of models and of tools, and completions/.

Run by `make docs`. Everything comes from declarations in flock/ and from tests/; tests/house/test_docs_current.py runs
`pages()` and compares. Refuses to say anything that the code does not.
"""

import dataclasses
import inspect
import json
import re
import sys
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import models_page  # noqa: E402
import pitfalls  # noqa: E402

from flock.cli import completion  # noqa: E402
from flock.cli.tree import ASKING, COPIED, ROWS, SHORT, WORDS  # noqa: E402
from flock.config import SETTINGS  # noqa: E402
from flock.connect import sheet as clients  # noqa: E402
from flock.contract import openapi  # noqa: E402
from flock.contract.op import Op, Risk, Where, ensure_declared, hints, option_name  # noqa: E402
from flock.errors import BY_CODE, EXIT_CODES  # noqa: E402
from flock.models.sheet import schema  # noqa: E402
from tests import fidelity  # noqa: E402

MADE = "<!-- written by tools/docs.py (make docs); do not edit -->\n"

_JSON_INTRO = """
Every command takes `--json` and then prints exactly one JSON value on standard output: the same bytes that the admin
API sends as its body. Lists are arrays, and an empty list is `[]`. Commands that go on (`logs --follow`, `model add`)
print one JSON value a line. Times are RFC 3339 in UTC, durations are in seconds unless the field's name says `_ms`,
sizes are in bytes.

A command that fails prints nothing on standard output and one object on standard error, and its exit code says which
kind of failure it was (see [errors.md](errors.md)):

```json
{"error": {"code": "not_found", "message": "what happened", "hint": "a command that helps", "details": {}}}
```

`hint` and `details` are left out where there is nothing to say. Fields may be added in any version; none is renamed or
removed without a word in the changelog.
"""

_CLI_INTRO = """
The command is installed under two names, `flock` and `flockctl`; both are the same program. Every command takes
`--help` (`-h`), `--json` (print the answer as JSON, see [json.md](json.md)) and `--quiet` (`-q`: print ids only). Data
goes to standard output, everything else to standard error. Commands that remove something ask first; `--yes` (`-y`)
answers. `--no-input`, or `FLOCK_NO_INPUT=1`, forbids every question: what would be asked is an error then, as where
there is no terminal. `--host WHERE` and `--context NAME` send any command to another flock. What the exit codes mean
stands in [errors.md](errors.md).

Called as `flock` with the arguments of util-linux's `flock(1)` (an option of it, a path, a descriptor number), this
program hands over to that one; `flockctl` never does.
"""

_CONFIG_INTRO = """
`flock config path` names the file, `flock config show` every value and where it comes from. A later layer wins:
default, file, environment. `flock config set KEY VALUE` checks the value and keeps the comments of the file; a key
that does not exist is refused with the nearest one. Changes hold from the next start on, except where a row says
otherwise.

A key with a dot stands in a section:

```yaml
listen: 127.0.0.1:8080
router:
  default_model: qwen3-8b
```
"""

_CONFIG_MORE = """
## Variables that are no settings

| variable | meaning |
|---|---|
| `FLOCK_HOME` | one directory for settings, data, logs and the socket |
| `FLOCK_ENGINE_KEY` | the key that `flock engine attach` hands on |
| `VLLM_API_KEY` | the key of the vLLM at `engine.vllm_endpoint` |
| `FLOCK_DEBUG` | `1` shows the traceback behind an error |
| `FLOCK_NO_INPUT` | `1`: nothing is asked, as with `--no-input` |
| `NO_COLOR`, `FLOCK_NO_COLOR` | no colours |
| `CLICOLOR_FORCE`, `FORCE_COLOR` | `1`: colours also where nobody looks (a pipe); `CLICOLOR=0`: none |
"""

_ERRORS_INTRO = """
Every error has a permanent code, a sentence, and mostly a hint. Over HTTP it has the status below; on the command
line the exit code.
"""


def cell(words: str) -> str:
    """Return words as one Markdown table cell."""
    return " ".join(words.split()).replace("|", "\\|")


_EXIT_CODES = f"""
## Exit codes

| code | meaning |
|---|---|
{chr(10).join(f"| {code} | {cell(words)} |" for code, words in EXIT_CODES.items())}

Some commands answer by their exit code: `flock doctor` exits with 1 when it found something serious, and so do
`audit verify`, `usage verify`, `engine check`, `model validate` and `vendor test` when what they looked at is not as it
should be. `flock connect TOOL --run` exits with the tool's own code. A live screen (`top`, `--watch` on a terminal)
exits with 0 when it is left by q or Ctrl-C.
"""


def anchor(title: str) -> str:
    """Return the anchor GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def type_words(hint: Any) -> str:
    """Return a field's type in JSON's words, objects as links."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(type_words(k) if k is not type(None) else "null" for k in typing.get_args(hint))
    if typing.get_origin(hint) in (list, tuple):
        return f"array of {type_words(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) is dict or hint is dict:
        return "object"
    if dataclasses.is_dataclass(hint):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " or ".join(f"`{kind.value}`" for kind in hint)
    return {str: "string", int: "integer", float: "number", bool: "boolean", Any: "any JSON value", type(None): "null"}[
        hint
    ]


def objects_in(hint: Any) -> list[type]:
    """Return the dataclasses inside a type, itself included, outermost first, each once."""
    if dataclasses.is_dataclass(hint):
        inside = [found for kind in hints(typing.cast(type, hint)).values() for found in objects_in(kind)]
        return list(dict.fromkeys([typing.cast(type, hint), *inside]))
    return list(dict.fromkeys(found for kind in typing.get_args(hint) for found in objects_in(kind)))


def command(op: type[Op[Any]]) -> str:
    """Return an operation's command."""
    return "flock " + " ".join(op.spec.verb)


def in_order() -> list[type[Op[Any]]]:
    """Return every operation in the order of the help."""
    words = list(WORDS)

    def place(op: type[Op[Any]]) -> tuple[int, int]:
        # which noun's file was imported first hangs on who asks; within a file the order is that of the file
        first, noun = op.spec.verb[0], op.__module__.rpartition(".")[2]
        return words.index(first), WORDS[first].split().index(noun)

    return sorted(ensure_declared().values(), key=place)


def json_page() -> str:
    """Return docs/json.md."""
    lines = [
        MADE,
        "# What `--json` prints",
        _JSON_INTRO,
        "## Answers\n",
        "| command | route | answer |",
        "|---|---|---|",
    ]
    found: list[type] = []
    for op in in_order():
        route = f"`{op.spec.method} {op.spec.path}`" if op.spec.method else "runs in the command itself"
        lines.append(f"| `{command(op)}` | {route} | {type_words(op.out())} |")
        found += objects_in(op.out())
    lines.append("\n## Objects\n")
    for kind in sorted(dict.fromkeys(found), key=lambda kind: kind.__name__):
        lines += [
            f"### {kind.__name__}\n",
            inspect.cleandoc(kind.__doc__ or "") + "\n",
            "| field | type |",
            "|---|---|",
        ]
        known = hints(kind)
        lines += [f"| `{item.name}` | {type_words(known[item.name])} |" for item in dataclasses.fields(kind)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def cli_page() -> str:
    """Return docs/cli.md."""
    lines = [MADE, "# Commands", _CLI_INTRO]
    lines += [f"- [`{command(op)}`](#{anchor(command(op))}): {summary(op)}" for op in in_order()]
    for op in in_order():
        lines += ["", f"## {command(op)}\n", inspect.cleandoc(op.__doc__ or "") + "\n", f"    {usage(op)}", ""]
        rows = [*argument_rows(op), *option_rows(op)]
        if rows:
            lines += ["| argument or option | meaning | default |", "|---|---|---|", *rows, ""]
        lines += where_words(op)
        if op.spec.examples:
            lines += ["```sh", *(f"flock {line}" for line in op.spec.examples), "```"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def summary(op: type[Op[Any]]) -> str:
    """Return the first line of what an operation does."""
    return (op.__doc__ or "").strip().splitlines()[0]


def fields(op: type[Op[Any]], kind: str) -> "list[dataclasses.Field[Any]]":
    """Return an operation's fields of one kind: arg, flag, secret."""
    return [item for item in dataclasses.fields(typing.cast(Any, op)) if item.metadata.get("kind") == kind]


def usage(op: type[Op[Any]]) -> str:
    """Return an operation's usage line."""
    words = [command(op), "[OPTIONS]"]
    for item in fields(op, "arg"):
        name = item.name.upper() + ("…" if item.metadata["many"] else "")
        words.append(name if item.default is dataclasses.MISSING else f"[{name}]")
    return " ".join(words)


def argument_rows(op: type[Op[Any]]) -> list[str]:
    """Return the table rows of positional arguments."""
    return [
        f"| `{item.name.upper()}` | {cell(item.metadata['help'])} | {default_words(item)} |"
        for item in fields(op, "arg")
    ]


def option_rows(op: type[Op[Any]]) -> list[str]:
    """Return the table rows of options, the secrets that come by another way, and the question's answer."""
    rows: list[str] = []
    known = hints(op)
    for item in fields(op, "flag"):
        name = option_name(item)
        if item.default is True:
            name = name.replace("--", "--no-", 1)
        elif known[item.name] is not bool:
            name += " " + {int: "N", float: "SECONDS"}.get(known[item.name], "TEXT")
        short = f"`, `{SHORT[item.name]}" if item.name in SHORT else ""
        words = cell(item.metadata["help"])
        rows.append(f"| `{name}{short}` | {'do not ' if item.default is True else ''}{words} | {default_words(item)} |")
    rows += [f"| (no option) | {cell(item.metadata['help'])} | |" for item in fields(op, "secret")]
    if op.spec.risk is Risk.REMOVE or op.spec.name in ASKING:
        rows.append("| `--yes`, `-y` | do not ask | |")
    if op.spec.watch:
        rows.append("| `--watch [SECONDS]`, `-w` | look again every so many seconds, until q or Ctrl-C | `2` |")
    if op.spec.name in COPIED:
        rows.append("| `--copy` | also put the key on this terminal's clipboard | |")
    if op.spec.name in ROWS:
        rows.append("| `--csv` | print the rows as CSV, for spreadsheets | |")
    return rows


def default_words(item: "dataclasses.Field[Any]") -> str:
    """Return a field's default for the table, empty for switches and empty words."""
    if item.default is dataclasses.MISSING:
        return "required"
    if isinstance(item.default, bool) or item.default in ("", None, ()):
        return ""
    return f"`{item.default:g}`" if isinstance(item.default, float) else f"`{item.default}`"


def where_words(op: type[Op[Any]]) -> list[str]:
    """Return what must run for an operation, its other names and its route."""
    where = {
        Where.DAEMON: "Needs the daemon.",
        Where.LOCAL: "Needs no daemon.",
        Where.EITHER: "Asks the daemon where one runs, and works without.",
    }[op.spec.where]
    route = f" Route: `{op.spec.method} {op.spec.path}` with a key of scope {op.spec.scope}." if op.spec.method else ""
    names = ", ".join(f"`flock {' '.join(alias)}`" for alias in op.spec.aliases)
    return [where + route + (f" Also called {names}." if names else ""), ""]


def errors_page() -> str:
    """Return docs/errors.md."""
    lines = [MADE, "# Errors", _ERRORS_INTRO, "| code | status | exit code | meaning |", "|---|---|---|---|"]
    for code, kind in sorted(BY_CODE.items()):
        lines.append(f"| `{code}` | {kind.status} | {kind.exit_code} | {cell(kind.__doc__ or '')} |")
    return "\n".join(lines) + "\n" + _EXIT_CODES


def config_page() -> str:
    """Return docs/config.md."""
    lines = [
        MADE,
        "# Settings",
        _CONFIG_INTRO,
        "| key | default | variable | meaning | allowed |",
        "|---|---|---|---|---|",
    ]
    for key, spec in SETTINGS.items():
        default = f"`{str(spec.default).lower()}`" if spec.default != "" else ""
        variable = f"`{spec.variable}`" if spec.variable else ""
        now = "" if spec.restart else "; holds at once"
        lines.append(f"| `{key}` | {default} | {variable} | {cell(spec.summary)}{now} | {cell(spec.allowed)} |")
    return "\n".join(lines) + "\n" + _CONFIG_MORE


def pages() -> dict[str, str]:
    """Return every generated page by its path in the checkout."""
    made = {
        "docs/json.md": json_page(),
        "docs/cli.md": cli_page(),
        "docs/errors.md": errors_page(),
        "docs/config.md": config_page(),
        "docs/fidelity.md": f"{MADE}\n{fidelity.page()}",
        "docs/pitfalls.md": f"{MADE}\n{pitfalls.page()}",
        "MODELS.md": f"{MADE}\n{models_page.page()}",
        "docs/openapi.json": json.dumps(openapi.document(), indent=1, ensure_ascii=False) + "\n",
        "catalog/schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        "catalog/clients.schema.json": json.dumps(clients.schema(), indent=2, ensure_ascii=False) + "\n",
    }
    return made | {f"completions/flock.{shell}": completion.script(shell) for shell in ("bash", "zsh", "fish")}


def main() -> None:
    """Write every page whose text has changed, and say which."""
    for path, text in pages().items():
        file = ROOT / path
        file.parent.mkdir(exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            sys.stderr.write(f"{path}\n")


if __name__ == "__main__":
    main()
