"""The catalog of models at a running daemon: found, sorted, limited, told in full; overlaid by the user without a new
start; what is wrongly asked is refused in a sentence.
"""

import json
from typing import Any

import pytest

from tests.running import Flock


def found(flock: Flock, *arguments: str) -> list[str]:
    """Return the ids that a search finds."""
    return [row["id"] for row in flock.json("model", "search", *arguments)]


def refused(flock: Flock, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, sentence and hint of a command that fails."""
    done = flock.run(*arguments, "--json")
    assert done.stdout == ""
    error: dict[str, Any] = json.loads(done.stderr)["error"]
    return done.returncode, error["message"], error.get("hint", "")


def test_everything_is_found_with_size_engine_and_verdict(flock: Flock) -> None:
    rows = flock.json("model", "search")
    assert len(rows) >= 42
    for row in rows:
        assert row["size_bytes"]
        assert row["verdict"]
        assert row["sharded"] == row["verdict"].endswith("machines: not built yet")
    fitting = [row["fits"] for row in rows]
    assert fitting == sorted(fitting, reverse=True)


def test_words_are_looked_for_in_what_people_call_a_model(flock: Flock) -> None:
    assert found(flock, "qwen3-8b") == ["qwen3-8b"]
    assert set(found(flock, "GEMMA vision")) >= {"gemma4-12b", "gemma4-31b"}
    assert all("coder" in name for name in found(flock, "qwen2.5-coder"))
    assert found(flock, "no such model") == []


def test_searches_are_sorted_and_limited(flock: Flock) -> None:
    names = found(flock, "--sort", "name")
    assert names == sorted(names)
    released = [row["released"] for row in flock.json("model", "search", "--sort", "released")]
    assert released[0] > released[-1]
    assert [day[:4] for day in released] == sorted((day[:4] for day in released), reverse=True)
    sizes = [row["size_bytes"] for row in flock.json("model", "search", "--sort", "size")]
    assert sizes == sorted(sizes)
    newer = flock.json("model", "search", "--since", "2026-04-02")
    assert newer
    # one of which the month is known may be of its last day
    assert all(row["released"] >= "2026-04" for row in newer)
    assert {"deepseek-v4-flash-sharded", "gemma4-e2b"} <= {row["id"] for row in newer}
    assert "qwen3-8b" not in {row["id"] for row in newer}
    assert found(flock, "--capability", "rerank", "--sort", "name") == ["bge-reranker-v2-m3", "qwen3-reranker-0.6b"]
    assert all(row["fits"] for row in flock.json("model", "search", "--fits"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sort", "age"), "'age' is no order: it is one of released, size, name"),
        (("--capability", "flying"), "'flying' is no capability: it is one of audio, chat, code"),
        (("--since", "yesterday"), "'yesterday' is no date: a day, a month or a year such as 2026-01-31"),
        (("--since", "2026-02-30"), "'2026-02-30' is no date"),
        (("--since", "26-01-01"), "'26-01-01' is no date"),
        (("--since", "٢٠٢٦"), "is no date"),
    ],
)
def test_what_is_wrongly_asked_is_refused(flock: Flock, arguments: tuple[str, ...], words: str) -> None:
    code, sentence, hint = refused(flock, "model", "search", *arguments)
    assert code == 2
    assert words in sentence
    assert hint.endswith(("released", "chat", "2026-01-01"))


def test_nothing_found_is_no_failure_and_names_what_is_near(flock: Flock) -> None:
    done = flock.run("model", "search", "qwen3-88b")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no model of the catalog is called 'qwen3-88b'" in done.stderr
    assert "near it: qwen3-8b" in done.stderr
    assert flock.run("model", "search", "qwen3-88b", "--quiet").stderr == ""
    limited = flock.run("model", "search", "qwen3-8b", "--capability", "rerank")
    assert "called 'qwen3-8b' with these limits" in limited.stderr


def test_everything_known_of_a_model(flock: Flock) -> None:
    info = flock.json("model", "info", "kimi-k2.6-sharded")
    assert info["entry"]["verdict"] == "needs 5 machines: not built yet"
    assert info["entry"]["commercial"] == "very large deployments show its name"
    assert any(words.startswith("hardware.min_ram_gb: ") for words in info["unsure"])
    assert info["catalog_file"].endswith("kimi-k2.6-sharded.yaml")
    assert info["installed"] is None
    sources = {variant["source"] for variant in info["variants"]}
    assert "hf:unsloth/Kimi-K2.6-GGUF:UD-Q8_K_XL/Kimi-K2.6-UD-Q8_K_XL-00001-of-00014.gguf" in sources
    assert "hf:moonshotai/Kimi-K2.6" in sources


def test_an_installed_model_that_is_in_no_catalog_is_shown_too(flock: Flock) -> None:
    info = flock.json("model", "info", "flock-smoke")
    assert (info["entry"], info["installed"]["id"]) == (None, "flock-smoke")


def test_an_unknown_model_is_answered_with_near_ones(flock: Flock) -> None:
    code, sentence, hint = refused(flock, "model", "info", "qwen3-8")
    assert code == 5
    assert "there is no model 'qwen3-8', neither in the catalog nor installed; there is qwen3-8b" in sentence
    assert hint.endswith("model info qwen3-8b")
    assert refused(flock, "model", "info", "zzzzzz")[2].endswith("model search")


def test_the_picks_fit(flock: Flock) -> None:
    picks = flock.json("model", "picks")
    assert len(picks) <= 3
    for pick in picks:
        assert pick["fits"]
        assert pick["purpose"]
        assert "chat" in pick["capabilities"]


def test_the_user_s_entries_count_at_once_and_a_wrong_one_takes_nothing_down(flock: Flock) -> None:
    directory = flock.home / "catalog" / "models"
    directory.mkdir(parents=True)
    (directory / "mine-1b.yaml").write_text(
        "id: mine-1b\ncapabilities: [chat]\nparams_b: 1\nsources:\n  gguf: [{repo: me/mine-GGUF, quant: Q4_K_M}]\n"
    )
    (directory / "qwen3-8b.yaml").write_text("note: ours is tuned\n")
    (directory / "broken.yaml").write_text("id: [\n")
    assert found(flock, "mine") == ["mine-1b"]
    info = flock.json("model", "info", "qwen3-8b")
    assert (info["entry"]["note"], info["entry"]["license"]) == ("ours is tuned", "Apache-2.0")
    assert len(found(flock)) >= 43
    for file in directory.iterdir():
        file.unlink()
    assert found(flock, "mine") == []
