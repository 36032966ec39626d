"""Chat templates are tried before a load: good ones, odd ones, broken ones, and ones that would not end.

Each check is a child process, as in a daemon.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flock.catalog import family_template, load_families
from flock.contract.models import Finding
from flock.dialects.families import family_of
from flock.models import template
from flock.models.template import Templates, check, of_directory, of_file, of_gguf, tokenizer_findings
from flock.profile import NO_FAMILY, Family

CATALOG = Path(__file__).parents[3] / "catalog"
FAMILIES, _ = load_families([CATALOG])
TOOLED = Family("tooled", (), tool_formats=("hermes",))

# the shapes of templates, in small: what each of the well-known ones does to a conversation
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + (message.content or '') }}"
    "{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITH_TOOLS = "{% for tool in tools or [] %}{{ tool | tojson(indent=2) }}{% endfor %}" + CHATML
THINKS = WITH_TOOLS + "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
IN_TURN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
    "{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]{% else %}{{ message.content }}{{ eos_token }}"
    "{% endif %}{% endfor %}"
)
WITHOUT_SYSTEM = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}" + CHATML
MARKED = (
    "{%- for message in messages -%}{%- if message.role == 'assistant' -%}"
    "{% generation %}{{ message.content }}{% endgeneration %}"
    "{%- else -%}{{ message.content }}{%- endif -%}{%- if loop.index > 90 -%}{%- break -%}{%- endif -%}{%- endfor -%}"
    "{{ strftime_now('%Y') }}"
)
TEXT_ARGUMENTS = (
    "{{ tools | tojson if tools else '' }}{% for m in messages %}{{ m.role + m.content }}"
    "{% for c in m.tool_calls or [] %}{{ 'call ' + c.function.arguments }}{% endfor %}{% endfor %}"
)


async def found(text: str, family: Family = NO_FAMILY, **more: Any) -> dict[str, Finding]:
    return by_check(await check(of_gguf({"default": text}), "m", family, **more))


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    assert len({f.check for f in findings}) == len(findings)
    assert {f.level for f in findings} <= {"ok", "note", "warning", "error"}
    return {f.check: f for f in findings}


async def test_a_template_that_does_all(tmp_path: Path) -> None:
    seen = await found(THINKS, TOOLED)
    assert {f.level for f in seen.values()} == {"ok"}
    assert list(seen) == [
        *("template", "rendering", "turns", "system role", "tools", "tool results", "generation prompt", "thinking"),
    ]


async def test_tools_that_are_left_out() -> None:
    seen = await found(CHATML, TOOLED)
    assert seen["tools"].level == "warning"
    assert "leaves them out" in seen["tools"].sentence
    assert seen["tools"].fix == "flock model config m --template FILE"
    assert "tool results" not in seen
    # a family that was never taught to call tools lacks nothing
    assert (await found(CHATML))["tools"].level == "note"


async def test_a_template_of_its_own_for_tools() -> None:
    seen = by_check(await check(of_gguf({"default": CHATML, "tool_use": WITH_TOOLS}), "m", TOOLED))
    assert seen["tools"].level == "ok"
    seen = by_check(await check(of_gguf({"default": CHATML, "tool_use": "{% if %}"}), "m", TOOLED))
    assert seen["syntax"].level == "warning"
    assert '"tool_use"' in seen["syntax"].sentence
    assert seen["rendering"].level == "ok"


async def test_roles_in_turn_and_no_system_prompt() -> None:
    seen = await found(IN_TURN)
    assert seen["turns"].level == "ok"
    assert seen["system role"].level == "warning"
    assert "roles must alternate" in seen["system role"].sentence
    assert seen["generation prompt"].level == "note"
    assert (await found(IN_TURN, Family("g", (), system_role="user")))["system role"].level == "note"


async def test_a_system_prompt_that_goes_lost() -> None:
    seen = await found(WITHOUT_SYSTEM)
    assert seen["system role"] == Finding(
        "system role", "warning", "it leaves a system prompt out without a word", "flock model config m --template FILE"
    )


async def test_names_that_transformers_has() -> None:
    seen = await found(MARKED)
    assert seen["rendering"].level == seen["turns"].level == "ok"


async def test_arguments_as_text() -> None:
    assert (await found(TEXT_ARGUMENTS, TOOLED))["tool results"].sentence.endswith("arguments as text only")


async def test_a_switch_of_thinking_that_is_not_there() -> None:
    thinker = Family("t", (), thinking_off={"thinking": False})
    seen = await found(CHATML, thinker)
    assert seen["thinking"].level == "warning"
    assert "does not know thinking" in seen["thinking"].sentence
    assert "thinking" not in await found(CHATML)


@pytest.mark.parametrize(
    ("text", "check_", "words"),
    [
        ("\n\n{% for %}", "syntax", "(line 3)"),
        ("{{ messages", "syntax", "no Jinja"),
        ("{% include 'x' %}", "rendering", "no loader"),
        ("{{ nothing.at.all }}", "rendering", "'nothing' is undefined (line 1)"),
        ("hello", "rendering", "what was said is not in the prompt"),
        ("{{ raise_exception('never') }}", "rendering", "the template refuses it: never"),
        ("{{ messages[0].content.__class__.__mro__ }}", "rendering", "unsafe"),
        ("{{ messages[0].content }}{{ ''.__class__.__bases__[0].__subclasses__() }}", "rendering", "unsafe"),
        ("{{ messages.append(1) }}", "rendering", "unsafe"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "rendering", "calls itself without end"),
        ("{% for i in range(99999999) %}{{ i }}{% endfor %}", "rendering", "Range too big"),
        ("{{ 'a' * 99999999999 }}", "rendering", "more memory than it may"),
        (
            "{% set n = namespace(x=['a' * 9999]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
            "rendering",
            "more memory than it may",
        ),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "rendering", "unsafe"),
        ("{{ messages[0].content }}{% if messages | length > 1 %}{{ 1 / 0 }}{% endif %}", "turns", "division by zero"),
        ("{{ messages[-1].content }}", "turns", "is not in the prompt"),
        ("{% for m in messages | reverse %}{{ m.content }}{% endfor %}", "turns", "is not where it belongs"),
    ],
)
async def test_what_is_wrong_with_a_template(text: str, check_: str, words: str) -> None:
    seen = (await found(text))[check_]
    assert seen.level == "error"
    assert words in seen.sentence, seen.sentence
    assert seen.fix == "flock model config m --template FILE"


LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("text", "at"), [(LOOP, "rendering a question"), (CHATML + "{% if tools %}" + LOOP + "{% endif %}", "tools")]
)
async def test_a_template_that_comes_to_no_end_is_ended(text: str, at: str) -> None:
    seen = (await found(text, cpu_seconds=0.5))["endless"]
    assert seen.level == "error"
    assert "comes to no end" in seen.sentence
    assert at in seen.sentence


async def test_what_a_directory_holds(tmp_path: Path) -> None:
    config = tmp_path / "tokenizer_config.json"
    assert of_directory(tmp_path) == Templates(f"the files in {tmp_path}", bos="", eos="")
    config.write_text(json.dumps({"chat_template": "A", "bos_token": {"content": "<b>"}, "eos_token": "<e>"}))
    assert of_directory(tmp_path) == Templates(f"the files in {tmp_path}", {"default": "A"}, bos="<b>", eos="<e>")
    both = [{"name": "default", "template": "A"}, {"name": "tool_use", "template": "B"}, "odd", {"name": "odd"}]
    config.write_text(json.dumps({"chat_template": both}))
    assert of_directory(tmp_path).texts == {"default": "A", "tool_use": "B"}
    config.write_text("{}")
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "C"}))
    assert of_directory(tmp_path).texts == {"default": "C"}
    (tmp_path / "chat_template.jinja").write_text("D")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("E")
    assert of_directory(tmp_path).texts == {"default": "D", "tool_use": "E"}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("tokenizer_config.json", b"{", "no JSON"),
        ("tokenizer_config.json", b"\xff", "not UTF-8"),
        ("tokenizer_config.json", b"[" * 100_000, "no JSON"),
        ("chat_template.jinja", b"a" * (template.TEMPLATE_BYTES + 1), "larger than any chat template"),
    ],
)
async def test_files_that_cannot_be_read(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = of_directory(tmp_path)
    assert problem in found.problem
    (finding,) = await check(found, "m", NO_FAMILY)
    assert (finding.level, finding.fix) == ("error", "flock model config m --template auto")


async def test_a_file_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "own.jinja"
    assert of_file(file).problem == f"there is no file {file}"
    file.write_text(CHATML)
    assert by_check(await check(of_file(file), "m", NO_FAMILY))["rendering"].level == "ok"


def test_tokenizers(tmp_path: Path) -> None:
    (missing,) = tokenizer_findings(tmp_path)
    assert missing.level == "error"
    assert "tokenizer.json" in missing.sentence
    (tmp_path / "vocab.json").touch()
    assert tokenizer_findings(tmp_path)[0].level == "error"
    (tmp_path / "merges.txt").touch()
    assert tokenizer_findings(tmp_path)[0].level == "ok"


async def test_no_template_at_all() -> None:
    (finding,) = await check(of_gguf({}), "m", NO_FAMILY)
    assert finding.level == "warning"
    assert "llama.cpp takes ChatML" in finding.sentence


@pytest.mark.parametrize("model", ["qwen3-8b", "Qwen2.5-7B-Instruct", "Hermes-3-8B", "llama-3.2-3b", "gemma-3-27b-it"])
async def test_the_familys_own_template_fills_in(model: str) -> None:
    family = family_of(FAMILIES, model)
    fallback = family_template(family, [CATALOG.parent / "none", CATALOG])
    assert fallback is not None
    seen = by_check(await check(of_gguf({}), model, family, fallback))
    assert seen["template"].level == "note"
    assert family.name in seen["template"].sentence
    assert {f.level for name, f in seen.items() if name != "template"} <= {"ok", "note"}, seen
    if family.tool_formats:
        assert seen["tools"].level == seen["tool results"].level == "ok"


def test_every_template_of_the_catalog_is_some_familys_and_there() -> None:
    named = {family.template for family in FAMILIES if family.template}
    assert named == {path.name for path in (CATALOG / "templates").iterdir()}
    assert family_template(NO_FAMILY, [CATALOG]) is None
    assert family_template(Family("x", (), template="../engines.yaml"), [CATALOG]) is None


def test_the_template_that_knows_thinking_is_the_other_one_but_for_that() -> None:
    # comments aside; a model that does not think must get no empty thought into its prompt
    plain, thinking = (
        re.sub(r"\{#-.*?-#\}\n?", "", (CATALOG / "templates" / f"{name}.jinja").read_text(), flags=re.S)
        for name in ("chatml-tools", "chatml-tools-thinking")
    )
    more = [line for line in thinking.splitlines() if line.strip() and line not in plain.splitlines()]
    assert len(more) == 1
    assert "enable_thinking is false" in more[0]
    assert "think" not in plain


# what templates are made of, put together at random
PIECES = st.sampled_from(
    [
        *("{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "{# ", " #}", "for m in messages", "endfor", "if tools", "endif"),
        *("m.content", "messages", "tools | tojson", "raise_exception('x')", "generation", "endgeneration", "break"),
        *("set x = 1", "macro f(a)", "endmacro", "f(f)", "x * 9 ** 9", "range(99999)", "\ud800", "\x00", "é", "'", '"'),
    ]
)


@given(text=st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=60))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_a_template_is_it_is_judged(text: str) -> None:
    findings = await check(of_gguf({"default": text}), "m", TOOLED, cpu_seconds=0.5)
    assert findings
    by_check(findings)


async def test_the_templates_of_the_models_that_real_engines_serve_in_tests() -> None:
    from tests.models import think

    seen = await found(think.template(), family_of(FAMILIES, "qwen3-8b"))
    assert {f.level for f in seen.values()} <= {"ok", "note"}, seen
    assert seen["thinking"].level == seen["tools"].level == seen["tool results"].level == "ok"
