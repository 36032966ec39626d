"""The generated references say what the code says: regenerated and compared."""

import importlib.util
import re
from functools import cache

import pytest

from flock.cli.tree import commands
from tests.house.tree import ROOT, files, name


@cache
def pages() -> dict[str, str]:
    """Return what `make docs` would write."""
    spec = importlib.util.spec_from_file_location("flock_docs", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


PATHS = (
    *("docs/json.md", "docs/cli.md", "docs/errors.md", "docs/config.md", "docs/fidelity.md", "docs/pitfalls.md"),
    *("docs/openapi.json", "MODELS.md", "catalog/schema.json", "catalog/clients.schema.json"),
    *("completions/flock.bash", "completions/flock.zsh", "completions/flock.fish"),
)


@pytest.mark.parametrize("path", PATHS)
def test_the_page_is_current(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == pages()[path], "run: make docs"


def test_every_generated_page_is_looked_at() -> None:
    assert set(pages()) == set(PATHS)


def test_every_option_of_every_command_is_documented() -> None:
    text = pages()["docs/cli.md"]
    intro = text[: text.index("\n## ")]
    for command in commands():
        title = f"## flock {' '.join(command.verb)}\n"
        if title not in text:
            assert f"`flock {' '.join(command.verb)}`" in text, "an alias that no command names"
            continue
        section = text[text.index(title) :].partition("\n## ")[0]
        for option in command.options:
            if f"`flock {' '.join(command.verb)} {option}`" in text:
                continue  # it stands for another command, which names it as its other name
            # a switch that is on by default is shown as what turns it off
            known = (option, option.replace("--", "--no-", 1))
            assert any(f"`{word}" in section or f"`{word}" in intro for word in known), f"{command.verb} {option}"


def links(path: str, text: str) -> list[str]:
    """Return what a page links to inside the checkout."""
    found = re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text)
    return [link for link in found if link and "://" not in link and not link.startswith("mailto:")]


def test_no_link_leads_nowhere() -> None:
    broken: list[str] = []
    for page in files():
        if page.suffix == ".md":
            broken += [
                f"{name(page)}: {x}"
                for x in links(name(page), page.read_text("utf-8"))
                if not (page.parent / x).exists()
            ]
    assert broken == []
