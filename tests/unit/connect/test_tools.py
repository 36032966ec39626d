"""The tools of the catalog with everything filled in: what each needs to the letter, and hostile values in all of them.

`FLOCK_WRITE_GOLDENS=1 python -m pytest tests/unit/connect/test_tools.py` writes the files in golden/ anew.
"""

import json
import os
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flock.connect import render
from flock.connect.address import clean_url, is_own, is_public
from flock.connect.card import USUAL, Terms, card, snippet
from flock.connect.edit import Format, Match
from flock.connect.formats import open_text
from flock.connect.render import CONTEXT, OUTPUT, Values
from flock.connect.roster import Roster
from flock.connect.tool import Tool
from flock.contract.models import Model
from flock.errors import InvalidRequest
from tests.running import ROOT

GOLDEN = Path(__file__).parent / "golden"
TOOLS = {tool.id: tool for tool in Roster([ROOT / "catalog"]).all().tools}
PLAIN = Values("http://127.0.0.1:8080", "sk-orc-EXAMPLE", "qwen3-8b", 40_960)
HOSTILE = (
    Values("http://[fd00::1]:8080", "sk-orc-_-'$x", "qwen/qwen3:8b"),
    Values("https://flock.example.org", 'a"b\\c#d', 'it\'s "a" model: {token} # {x}', 1),
    Values("http://host:1", "key=with=signs;&|", "-auto, - [x] {y: z} é \U0001f426", 2_000_000),
    Values("http://10.0.0.1:8080", "x" * 500, "null", 3),
    Values("http://h", "1234567890", "1e5"),
)


def whole(tool: Tool, values: Values) -> str:
    """Return everything a tool is told, in one text."""
    parts = [f"{tool.name}: {tool.protocol} ({tool.support})"]
    parts += [
        f"--- {one.file.directory[-1]}/{one.file.names[0]} ({one.file.format})\n{one.text}"
        for one in render.fragments(tool, values)
    ]
    parts += [f"--- {where}\n{text}" for where, text in render.pasted(tool, values).items()]
    if found := render.environment(tool, values):
        parts.append(f"--- environment\n{render.exports(found)}\n")
    if tool.run is not None:
        variables = {**tool.environment, **tool.run.environment}
        shown = render.exports(render.variables(variables, tool, values, "/run/x"))
        words = [str(render.filled(word, values, {"dir": "/run/x"})) for word in tool.run.args]
        parts.append(f"--- --run\n{shown}\n{shlex.join(words)}\n")
        parts += [f"--- /run/x/{name}\n{text}" for name, text in render.run_files(tool.run, values).items()]
    parts += [f"$ {line}" for line in render.commands(tool, values)]
    parts += [f"{place}. {line}" for place, line in enumerate(render.words(tool.steps, values), 1)]
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_what_it_is_told_to_the_letter(tool: Tool) -> None:
    file, found = GOLDEN / f"{tool.id}.txt", whole(tool, PLAIN)
    if os.environ.get("FLOCK_WRITE_GOLDENS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, "utf-8")
    assert found == file.read_text("utf-8")


def test_no_golden_is_left_of_a_tool_that_went() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(TOOLS)


def parsed(text: str, format: Format) -> Any:
    """Parse a text by a parser that is not ours."""
    if format in ("json", "jsonc", "json5"):
        return json.loads(text)
    if format == "toml":
        return tomllib.loads(text)
    if format == "yaml":
        return YAML(typ="safe", pure=True).load(text)
    return open_text(text, format).data


def leaves(value: Any) -> list[Any]:
    """Return every value inside of a value, and every key."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in (key, *leaves(inner))]
    return [leaf for inner in value for leaf in leaves(inner)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("values", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_hostile_values_stay_what_they_are(tool: Tool, values: Values) -> None:
    texts = [(one.text, one.file.format, one.changes) for one in render.fragments(tool, values)]
    texts += [
        (text, one.format, render.filled_changes(one.changes, values))
        for one, text in zip(tool.paste, render.pasted(tool, values).values(), strict=True)
    ]
    for text, format, changes in texts:
        found = leaves(parsed(text, format))
        wanted = [leaf for change in changes for leaf in leaves(change.value)]
        assert [leaf for leaf in wanted if leaf not in found] == []
        keys = [part for change in changes for part in change.pointer if isinstance(part, str)]
        assert [key for key in keys if key not in found] == []
        assert all(part.value in found for change in changes for part in change.pointer if isinstance(part, Match))


@pytest.mark.parametrize("values", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_for_a_shell_comes_out_of_a_shell_as_it_was(values: Values) -> None:
    for tool in TOOLS.values():
        wanted = render.environment(tool, values)
        if not wanted:
            continue
        shown = "; ".join(f'printf "%s\\0" "${name}"' for name in wanted)
        script = f"{render.exports(wanted)}\n{shown}"
        said = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env={"PATH": os.defpath}).stdout
        assert said.decode().split("\0")[:-1] == list(wanted.values()), tool.id


@pytest.mark.parametrize("values", HOSTILE, ids=range(len(HOSTILE)))
def test_words_of_a_command_stay_one_word(values: Values) -> None:
    line = render.commands(TOOLS["curl"], values)[0]
    before, _, after = line.partition(" | ")
    assert shlex.split(before)[-1] == values.token
    words = shlex.split(after)
    assert words[-3] == f"{values.base_url}/v1/chat/completions"
    assert json.loads(words[-1])["model"] == values.model


@pytest.mark.parametrize("values", HOSTILE, ids=range(len(HOSTILE)))
def test_codex_reads_what_stands_in_its_arguments(values: Values) -> None:
    run = TOOLS["codex-cli"].run
    assert run is not None
    words = [str(render.filled(word, values)) for word in run.args if word != "-c"]
    settings = tomllib.loads("\n".join(words))
    assert settings["model"] == values.model
    assert settings["model_providers"]["flock"]["base_url"] == f"{values.base_url}/v1"
    assert values.token not in " ".join(words)


@pytest.mark.parametrize("name", ["opencode", "kilo"])
def test_a_file_in_a_variable_is_the_file(name: str) -> None:
    tool, values = TOOLS[name], HOSTILE[1]
    assert tool.run is not None
    [said] = render.variables(tool.run.environment, tool, values).values()
    assert json.loads(said) == json.loads(render.fragments(tool, values)[0].text)
    assert "\n" not in said


def test_the_key_is_named_where_a_tool_can_read_it_from_its_environment() -> None:
    for name in ("continue", "pi"):
        run = TOOLS[name].run
        assert run is not None
        [text] = render.run_files(run, PLAIN).values()
        assert PLAIN.token not in text
        assert "FLOCK_TOKEN" in text


def test_a_container_reaches_the_machine_by_another_name() -> None:
    urls = ("http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost", "https://flock.example.org")
    assert [Values(url, "", "").docker_url for url in urls] == [
        "http://host.docker.internal:8080",
        "http://host.docker.internal:8080",
        "http://host.docker.internal",
        "https://flock.example.org",
    ]


def test_the_output_is_never_more_than_a_quarter_of_the_window() -> None:
    assert [Values("", "", "", window).output for window in (1, 8192, CONTEXT, 10**7)] == [1, 2048, OUTPUT, OUTPUT]


def test_the_window_is_the_model_s_own() -> None:
    models = (
        Model("a", "ready", "e", "s", 4096, None, False, largest_context=32_768),
        Model("b", "ready", "e", "s", 8192, None, True),
        Model("c", "ready", "e", "s", None, None, False),
    )
    assert [render.window(model, models) for model in ("a", "b", "c", "auto", "x")] == [
        32_768, 8192, CONTEXT, 8192, CONTEXT
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (" https://flock.example.org/v1/ ", "https://flock.example.org"),
        ("http://[fd00::1]:8080/", "http://[fd00::1]:8080"),
        ("https://example.org/llm/v1", "https://example.org/llm"),
    ],
)
def test_urls_that_will_do(given: str, clean: str) -> None:
    assert clean_url(given) == clean


NO_URLS = ("", "localhost:8080", "ftp://a", "http://", "http://a:99999", "http://a?x=1", "http://a#x", "http://a b")
NO_URLS += ("http://[x", "http://u:p@a", 'http://a"', "http://a/\nb", "http://a/$(x)`y`")


@pytest.mark.parametrize("given", NO_URLS)
def test_urls_that_will_not(given: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        clean_url(given)
    assert ":p@" not in caught.value.sentence


def test_who_reaches_a_url() -> None:
    own = [
        "http://127.0.0.1:1",
        "http://[::1]",
        "http://localhost.",
        "http://x.localhost",
        "http://0.0.0.0",
        "http://[::]",
    ]
    assert [url for url in own if not is_own(url)] == []
    near = ["http://10.0.0.1", "https://192.168.1.2", "https://box", "https://box.local", "https://[fd00::1]"]
    assert [url for url in near if is_own(url) or is_public(url)] == []
    far = ["https://flock.example.org", "https://8.8.8.8", "https://x.trycloudflare.com:8443"]
    assert [url for url in far if not is_public(url)] == []
    assert not is_public("http://flock.example.org")


def test_the_card_names_everything_once() -> None:
    tools = [TOOLS[name] for name in USUAL]
    snippets = {tool.id: snippet(tool, PLAIN) for tool in tools}
    terms = Terms("alice", ("Tokens a day: 200,000",), "2026-12-01T00:00:00Z")
    for markdown in (True, False):
        shown = card(terms, PLAIN, snippets, tools, markdown=markdown)
        for words in (*terms.limits, terms.until, "alice", *snippets.values(), *(tool.name for tool in tools)):
            assert words in shown
    assert "```" not in shown


def test_every_tool_with_support_has_a_snippet() -> None:
    for tool in TOOLS.values():
        assert bool(snippet(tool, PLAIN)) == (tool.support != "none"), tool.id
