"""Rows of vendors: the catalog's own, the user's over them, wrong ones named and left out."""

import re
from pathlib import Path

import pytest

from flock.errors import ConfigInvalid
from flock.vendors.row import load_vendors, made, overlaid
from tests.unit.vendors.standing import CATALOG, catalog

NAMES = {
    *(
        "anthropic",
        "openai",
        "gemini",
        "openrouter",
        "groq",
        "together",
        "fireworks",
        "cohere",
        "mistral",
        "perplexity",
    ),
    *("deepseek", "x-ai", "azure", "github", "qwen", "cerebras", "nvidia"),
    *("openai-compatible", "anthropic-compatible", "gemini-compatible"),
}


def laid_out(tmp_path: Path, text: str) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "vendors.yaml").write_text(text)
    return tmp_path / "mine"


def test_the_catalog_has_every_vendor_with_what_is_needed() -> None:
    assert set(catalog()) == NAMES
    for name, row in catalog().items():
        assert row.profile.kind == row.name == name
        assert row.profile.title
        assert row.prefixes
        assert row.template or (row.variables and row.docs.startswith("https://"))
        assert row.base.startswith("https://") or row.template or row.url_variables
        assert not row.own_credentials
        assert row.rates == {}, "a price needs a source"


def test_every_row_names_its_source() -> None:
    before = ""
    for line in (CATALOG / "vendors.yaml").read_text("utf-8").splitlines():
        if re.match(r"[a-z]", line) and "compatible" not in line:
            assert before.startswith("#"), f"{line} has no comment that names where it comes from"
        before = line


def test_prefixes_and_variables_belong_to_one_vendor() -> None:
    for field in ("prefixes", "variables"):
        found = [word for row in catalog().values() for word in getattr(row, field)]
        assert len(found) == len(set(found))


def test_the_text_of_vendors_is_not_looked_into_and_that_of_others_is() -> None:
    assert catalog()["groq"].profile.parses_tools
    assert catalog()["groq"].profile.parses_thinking
    assert not catalog()["openai-compatible"].profile.parses_tools


def test_the_users_fields_stand_over_the_catalogs(tmp_path: Path) -> None:
    mine = laid_out(
        tmp_path,
        "groq:\n  tags: [fast]\n  rates: {'llama-*': {input: '0.59', output: '0.79'}}\n"
        "mine:\n  title: Mine\n  base: https://llm.example/v1\n  dialects: [openai, responses]\n",
    )
    rows, problems = load_vendors([mine, tmp_path / "none", CATALOG])
    assert problems == []
    assert rows["groq"].tags == ("fast",)
    assert rows["groq"].rates["llama-*"] == {"input": "0.59", "output": "0.79"}
    assert rows["groq"].base == "https://api.groq.com/openai/v1"
    assert (rows["mine"].prefixes, rows["mine"].list, rows["mine"].auth) == (("mine/",), "/models", "bearer")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("base: api.groq.com", "has the base 'api.groq.com', which is no http or https URL"),
        ("base: ftp://a", "which is no http or https URL"),
        ("base: https://u:p@a", "which is no http or https URL (and none may hold a name and password)"),
        ("base: 'https://a b'", "which is no http or https URL"),
        ("base: https://a:x", "which is no http or https URL"),
        ("base: https://a#b", "which is no http or https URL"),
        ("bases: {anthropic: a}", "has the base 'a'"),
        ("bases: [a]", "bases must map words to text"),
        ("prefixes: [groq]", "has the prefix 'groq'; one is a word and a slash"),
        ("prefixes: [a/b/]", "has the prefix 'a/b/'"),
        ("prefixes: []", "prefixes must be a list of prefixes"),
        ("dialects: []", "speaks no dialect"),
        (
            "dialects: [smoke]",
            "dialects names 'smoke'; the dialects of vendors are anthropic, gemini, openai, responses",
        ),
        ("auth: basic", "auth must be one of api-key, bearer, x-api-key, x-goog-api-key, not 'basic'"),
        ("layout: odd", "layout must be one of '', azure, not 'odd'"),
        ("kinds: {'a*': poem}", "kinds.a* is no kind of model"),
        ("rates: {a: {input: 1, output: '2'}}", "rates must map globs of model ids to dollars"),
        ("rates: {a: {input: '1'}}", "rates must map globs of model ids to dollars"),
        ("rates: {a: {input: '-1', output: '1'}}", "rates must map globs of model ids to dollars"),
        ("rates: {a: {input: NaN, output: '1'}}", "rates must map globs of model ids to dollars"),
        ("query: {api-version: 2024}", "query must map words to text"),
        ("own_credentials: maybe", "own_credentials must be true or false"),
        ("start_hint: x", "start_hint is no field; the fields are title, dialects"),
        ("name: x", "name is no field"),
        ("lacks: [juggling]", "lacks names 'juggling'"),
        ("list_prices: euro", "list_prices must be one of"),
    ],
)
def test_a_wrong_row_is_named_and_left_out(fields: str, sentence: str, tmp_path: Path) -> None:
    mine = laid_out(
        tmp_path,
        f"mine: {{title: M, dialects: [openai]}}\nwrong:\n  title: W\n  {fields}\n"
        + ("" if fields.startswith("dialects") else "  dialects: [openai]\n"),
    )
    rows, problems = load_vendors([mine])
    assert len(problems) == 1
    assert sentence in problems[0]
    assert "left out" in problems[0]
    assert set(rows) == {"mine"}


def test_a_row_that_lacks_what_is_needed_is_left_out(tmp_path: Path) -> None:
    _, problems = load_vendors([laid_out(tmp_path, "half: {base: https://a}\n")])
    assert problems == ["the vendor 'half' of the catalog lacks dialects, title; it is left out"]
    with pytest.raises(ConfigInvalid, match="'half' lacks dialects, title"):
        made("half", {})


def test_fields_over_a_row_reach_its_profile_too() -> None:
    row = overlaid(catalog()["groq"], {"dialects": ["responses"], "tags": ["a"], "lacks": []})
    assert (set(row.profile.dialects), row.profile.lacks, row.tags) == ({"responses"}, frozenset(), ("a",))
    assert row.profile.title == "Groq"
    with pytest.raises(ConfigInvalid, match=r"groq\.bases must map"):
        overlaid(row, {"bases": 1})
