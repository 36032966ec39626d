"""Chat templates in a running daemon: what is wrong is refused, and everything else goes on answering."""

import shutil
from pathlib import Path

import pytest

from tests.daemon.conftest import Door
from tests.running import ROOT, Flock

LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
GOOD = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}a:{% endif %}"
MODEL = "own-words"


@pytest.fixture(scope="module", autouse=True)
def model(flock: Flock) -> None:
    """A model of the user's own, which is the built-in one under another name."""
    file = flock.home.parent / f"{MODEL}.gguf"
    shutil.copy(ROOT / "flock" / "smoke" / "flock-smoke.gguf", file)
    flock.ok("model", "add", f"file:{file}", "--no-load")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LOOP, "comes to no end"),
        ("{{ 'a' * 99999999999 }}", "more memory than it may"),
        ("{% if %}", "no Jinja"),
        ("{% include '/etc/passwd' %}", "cannot be rendered"),
        ("", "what was said is not in the prompt"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    text: str, words: str, flock: Flock, public: Door, tmp_path: Path
) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text(text)
    done = flock.run("model", "config", MODEL, "--template", str(file))
    assert done.returncode == 2
    assert words in done.stderr
    assert "nothing was changed" in done.stderr
    assert flock.json("model", "config", MODEL)["config"]["template"] == ""
    # the daemon is up and the model answers by its own template
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
    status, _, _ = public.ask("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {flock.key}"})
    assert status == 200


def test_a_template_that_is_good_is_kept_and_said_by_validate(flock: Flock, tmp_path: Path) -> None:
    file = flock.home.parent / "good.jinja"
    file.write_text(GOOD)
    assert flock.json("model", "config", MODEL, "--template", str(file))["config"]["template"] == str(file)
    found = {row["check"]: row for row in flock.json("model", "validate", MODEL)["findings"]}
    assert str(file) in found["template"]["sentence"]
    assert found["rendering"]["level"] == "ok"
    # what was good once may be changed behind flock's back: validate sees it
    file.write_text(LOOP)
    done = flock.run("model", "validate", MODEL)
    assert done.returncode == 1
    assert "comes to no end" in done.stdout
