"""Tokenizers on this machine: where they are found, and their child, which counts as the package itself does."""

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flock.core.counting import Count, Counter
from flock.dialects import ir
from flock.dialects.ask import Ask
from flock.dialects.estimate import prompt_of
from flock.engines.supervisor import Surroundings
from flock.engines.tokenizers import Tokenizers, find_tokenizer, hub_directory, is_installed
from flock.profile import Profile
from flock.upstream import Upstream
from tests.engines.parts import HandClock, until
from tests.running import command_line

needs_package = pytest.mark.skipif(not is_installed(), reason="the package `tokenizers` (an extra) is not installed")
TEXT = "a tiny real model never changes, 你好\n"


def write(path: Path) -> Any:
    """Write a tokenizer.json in which every byte is a token, but for one word; return the tokenizer."""
    import tokenizers

    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = ["re", "real"]
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            {t: i for i, t in enumerate([*letters, "al", *words])}, [("r", "e"), ("a", "l"), ("re", "al")]
        )
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_special_tokens(["<|im_end|>"])
    made.enable_truncation(8)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(str(path))
    made.no_truncation()
    return made


# -- finding


def test_where_fetched_repositories_lie() -> None:
    home = Path("/home/me")
    assert hub_directory({}, home) == home / ".cache/huggingface/hub"
    assert hub_directory({"XDG_CACHE_HOME": "/c"}, home) == Path("/c/huggingface/hub")
    assert hub_directory({"XDG_CACHE_HOME": "/c", "HF_HOME": "/hf"}, home) == Path("/hf/hub")
    assert hub_directory({"HF_HOME": "/hf", "HF_HUB_CACHE": "/h"}, home) == Path("/h")


def test_a_model_that_is_a_directory(tmp_path: Path) -> None:
    assert find_tokenizer(str(tmp_path), tmp_path) is None
    (tmp_path / "tokenizer.json").write_text("{}")
    assert find_tokenizer(str(tmp_path), tmp_path) == tmp_path / "tokenizer.json"


def test_a_model_that_is_a_fetched_repository(tmp_path: Path) -> None:
    place = tmp_path / "models--mlx-community--Qwen3-4B.4bit"
    files = [place / "snapshots" / revision / "tokenizer.json" for revision in ("aaa", "bbb", "ccc")]
    for age, file in enumerate(files):
        file.parent.mkdir(parents=True)
        file.write_text("{}")
        os.utime(file, (1000 - age, 1000 - age))
    name = "mlx-community/Qwen3-4B.4bit"
    assert find_tokenizer(name, tmp_path) == files[0], "the newest"
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("bbb\n")
    assert find_tokenizer(name, tmp_path) == files[1], "the one that is named"
    files[1].unlink()
    assert find_tokenizer(name, tmp_path) == files[0]


@pytest.mark.parametrize("name", ["", "m", "qwen3:8b", "../x", "a/../b", "a/b/c", "mlx/none", ".hidden/x", "a\0/b"])
def test_other_names_have_no_file(name: str, tmp_path: Path) -> None:
    assert find_tokenizer(name, tmp_path) is None


# -- counting


@pytest.fixture
async def tokenizers(around: Surroundings, tmp_path: Path) -> AsyncIterator[Tokenizers]:
    # nothing in these tests promises a time, so a busy machine may take its own
    made = Tokenizers(around, tmp_path / "hub", seconds=60.0)
    yield made
    await made.stop()


def children() -> list[psutil.Process]:
    """Return the running children that count; one that has just ended is a zombie for a moment."""
    found: list[psutil.Process] = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("tokenizer_child" in word for word in command_line(process)):
                found.append(process)
    return found


@needs_package
async def test_the_child_counts_as_the_package_does(tokenizers: Tokenizers, tmp_path: Path) -> None:
    own = write(tmp_path / "model" / "tokenizer.json")
    write(tmp_path / "hub" / "models--a--b" / "snapshots" / "x" / "tokenizer.json")
    for text in ("", "really", TEXT, "<|im_end|>", TEXT * 3000):
        wanted = len(own.encode(text, add_special_tokens=False).ids)
        assert await tokenizers.count(str(tmp_path / "model"), text) == wanted
        assert await tokenizers.count("a/b", text) == wanted
    assert await tokenizers.count("a/c", TEXT) is None
    assert len(children()) == 1


@needs_package
@pytest.mark.pitfall(68)
async def test_a_prompt_is_counted_with_the_marks_around_it(
    tokenizers: Tokenizers, around: Surroundings, tmp_path: Path
) -> None:
    own = write(tmp_path / "model" / "tokenizer.json")
    model = str(tmp_path / "model")
    request = ir.Request("anthropic", "alias", [ir.Message("user", [ir.Text(TEXT), ir.Image(url="http://127.0.0.1/")])])
    ask = Ask("anthropic", "messages", "/v1/messages/count_tokens", b"", {}, "alias", stream=False, wants_usage=False)
    mlx = Upstream("mlx", "mlx", "127.0.0.1", 9, Profile("mlx", "MLX-LM", frozenset({"openai"})), own=False)
    found = await Counter(around.session, around.clock, tokenizers).count(ask, request, mlx, {"model": model})
    prompt = prompt_of(request)
    words = len(own.encode(TEXT, add_special_tokens=False).ids)
    assert found == Count(words + prompt.marks + prompt.media, "tokenizer")


@needs_package
async def test_a_broken_file_is_no_error(tokenizers: Tokenizers, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{broken")
    assert await tokenizers.count(str(tmp_path), TEXT) is None
    write(tmp_path / "good" / "tokenizer.json")
    assert await tokenizers.count(str(tmp_path / "good"), "r") == 1


@needs_package
async def test_a_child_that_dies_is_started_again_after_a_while(around: Surroundings, tmp_path: Path) -> None:
    clock = HandClock()
    tokenizers = Tokenizers(dataclasses.replace(around, clock=clock), tmp_path, seconds=60.0)
    write(tmp_path / "tokenizer.json")
    model = str(tmp_path)
    assert await tokenizers.count(model, "r") == 1
    (child,) = children()
    child.send_signal(signal.SIGKILL)
    await until(lambda: not children(), "the child is gone")
    assert await tokenizers.count(model, "r") is None
    clock.time += 61
    while await tokenizers.count(model, "r") != 1:
        pass  # its end has not been noticed yet
    await tokenizers.stop()
    assert children() == []


@needs_package
async def test_nobody_waits_for_a_load_longer_than_the_limit(around: Surroundings, tmp_path: Path) -> None:
    tokenizers = Tokenizers(around, tmp_path, seconds=0.02)
    write(tmp_path / "tokenizer.json")
    while not children():  # on a busy machine the search for the file alone may take longer
        await tokenizers.count(str(tmp_path), "r")
    await asyncio.gather(*(tokenizers.count(str(tmp_path), "r") for _ in range(20)))
    assert len(children()) == 1
    await tokenizers.stop()


@needs_package
async def test_the_child_is_not_there_for_strangers(
    tokenizers: Tokenizers, around: Surroundings, tmp_path: Path
) -> None:
    write(tmp_path / "tokenizer.json")
    await tokenizers.count(str(tmp_path), "r")
    (child,) = children()
    port = next(word.removeprefix("--port=") for word in command_line(child) if word.startswith("--port="))
    ask = {"file": str(tmp_path / "tokenizer.json"), "text": "r"}
    async with around.session.post(f"http://127.0.0.1:{port}/", json=ask) as answer:
        assert (answer.status, await answer.json()) == (401, {})
    assert not any("Bearer" in word or "key" in word for word in command_line(child))
