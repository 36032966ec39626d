"""Words that must not stand in the tree, and an instruction that would install somebody else's package."""

import re

from tests.house.tree import files, name

# Written with a gap, so that this file does not find itself.
REGISTRIES = ("py~pi.org", "registry.npm~js", "debian~.org", "files.python~hosted")
PLACES = ("/wo~rk/", "/tmp/flo~ck/", "issues sh~ow ", "shared/des~ign", "BRI~EF.md")
FORBIDDEN = tuple(word.replace("~", "") for word in (*REGISTRIES, *PLACES))

# On the public index that name is another project; ours is flockllm
OTHERS = re.compile(r"(pipx?|uv (pip|tool)) install (-\S+ )*[\"']?flock(?![A-Za-z])")

# What other people wrote: licences as they are
QUOTED = ("LICENSE",)


def texts() -> list[tuple[str, str]]:
    """Return (path, text) of every text file."""
    found: list[tuple[str, str]] = []
    for path in files():
        if name(path) in QUOTED:
            continue
        try:
            found.append((name(path), path.read_text("utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_registry_and_no_workplace_is_named() -> None:
    found = [(path, word) for path, text in texts() for word in FORBIDDEN if word in text]
    assert found == []


def test_nobody_is_told_to_install_the_other_package() -> None:
    told = [(path, match[0]) for path, text in texts() for match in OTHERS.finditer(text)]
    assert told == []
    assert OTHERS.search("pip install ~flock".replace("~", ""))
    assert not OTHERS.search('pipx install "~flockllm[embedded]"'.replace("~", ""))


def test_no_secret_is_in_the_tree() -> None:
    keys = re.compile(r"sk-[a-z]+-[A-Za-z0-9]{24,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}")
    assert [path for path, text in texts() if keys.search(text)] == []
