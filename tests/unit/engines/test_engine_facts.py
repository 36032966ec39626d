"""Command lines, URLs, guesses, logs and back-off: the pure parts of the engines."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flock.engines import engine_log
from flock.engines.adopted import Address, parse_url
from flock.engines.backoff import STEPS, Backoff
from flock.engines.embedded import Embedded
from flock.engines.engine import Engine, EngineSettings, LaunchSpec
from flock.engines.llamacpp import LlamaCpp, progress_of
from flock.engines.probe import guess_kind
from flock.engines.process import inherited_environment
from flock.errors import InvalidRequest
from flock.paths import Home

SPEC = LaunchSpec("m", Path("/models/m.gguf"), 8192, 4, 8090, "the-key", threads=2, cache_mib=64)


@pytest.mark.parametrize("engine", [Embedded(), LlamaCpp()])
def test_command_line_tells_everything_but_the_key(engine: Engine) -> None:
    line = " ".join(engine.argv(SPEC))
    for words in ("/models/m.gguf", "8090", "32768", "4", "2"):
        assert words in line
    assert "the-key" not in line
    assert "the-key" in engine.environment(SPEC).values()
    assert "the-key" not in repr(SPEC)


def test_server_that_does_not_chat_is_told_so() -> None:
    embedding = LlamaCpp().argv(replace(SPEC, kind="embedding", pooling="mean"))
    assert embedding[-3:] == ["--pooling", "mean", "--embedding"]
    assert LlamaCpp().argv(replace(SPEC, kind="rerank"))[-1] == "--reranking"
    assert not {"--embedding", "--reranking", "--pooling"} & set(LlamaCpp().argv(SPEC))
    assert "--kind=rerank" in Embedded().argv(replace(SPEC, kind="rerank"))


def test_settings_do_not_show_the_key() -> None:
    assert "hush" not in repr(EngineSettings(vllm_key="hush"))


def test_llama_server_is_looked_for_on_the_given_path(tmp_path: Path) -> None:
    assert LlamaCpp(str(tmp_path)).find() is None
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = LlamaCpp(str(tmp_path)).find()
    assert found is not None
    assert found.where == str(program)


def test_environment_of_a_child_holds_no_keys() -> None:
    os.environ["FLOCK_TEST_TOKEN"] = os.environ["SOME_API_KEY"] = "x"
    try:
        inherited = inherited_environment()
    finally:
        del os.environ["FLOCK_TEST_TOKEN"], os.environ["SOME_API_KEY"]
    assert "PATH" in inherited
    assert not {"FLOCK_TEST_TOKEN", "SOME_API_KEY"} & set(inherited)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8000", Address("127.0.0.1", 8000, False, "")),
        ("http://127.0.0.1:8000/", Address("127.0.0.1", 8000, False, "")),
        ("http://127.0.0.1:8000/v1", Address("127.0.0.1", 8000, False, "")),
        ("http://127.0.0.1:8000/v1/", Address("127.0.0.1", 8000, False, "")),
        (" gpu-box:8000 ", Address("gpu-box", 8000, False, "")),
        ("gpu-box", Address("gpu-box", 80, False, "")),
        ("https://gpu.example/llm/v1", Address("gpu.example", 443, True, "/llm")),
        ("https://gpu.example/llm", Address("gpu.example", 443, True, "/llm")),
        ("[::1]:8000/v1", Address("::1", 8000, False, "")),
    ],
)
def test_urls_of_engines(text: str, address: Address) -> None:
    assert parse_url(text) == address
    assert parse_url(address.url) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://host",
        "file:///etc/passwd",
        "http://host:0",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "http://a b",
        "http://host/?q=1",
        "http://host/#x",
    ],
)
def test_what_is_no_url_of_an_engine(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_url(text)
    assert caught.value.hint


def test_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_url("http://user:hunter2@host:8000")
    assert "hunter2" not in str(caught.value.to_plain())


@pytest.mark.parametrize(
    ("server", "owners", "kind"),
    [
        ("llama.cpp", {"llamacpp"}, "llamacpp"),
        ("uvicorn", {"vllm"}, "vllm"),
        ("", {"library"}, "ollama"),
        ("BaseHTTP/0.6 Python/3.11.2", set[str](), "mlx"),
        ("uvicorn", {"somebody"}, "openai"),
        ("", set[str](), "openai"),
    ],
)
def test_kind_is_guessed_from_manners(server: str, owners: set[str], kind: str) -> None:
    assert guess_kind({"Server": server}, frozenset(owners)) == kind


class HandClock:
    time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def test_back_off_grows_and_one_failure_after_the_last_step_gives_up() -> None:
    clock = HandClock()
    backoff = Backoff(clock)
    for step in STEPS:
        assert backoff.remaining() == 0
        assert not backoff.failed()
        assert backoff.remaining() == step
        clock.time += step
    assert backoff.failed()
    assert backoff.given_up
    backoff.forgive()
    assert not backoff.given_up
    assert not backoff.failed()
    assert backoff.remaining() == 1.0


def test_an_engine_that_lived_a_minute_begins_anew_and_one_that_did_not_is_given_up() -> None:
    backoff = Backoff(HandClock())
    for _ in range(20):
        assert not backoff.failed(lived=61.0)
        assert backoff.remaining() == 1.0
    assert [backoff.failed(lived=59.0) for _ in range(5)] == [False, False, False, False, True]


def home(top: Path) -> Home:
    return Home(top / "config", top / "data", top / "logs", top / "run")


def written(top: Path, *starts: bytes) -> Path:
    """Return an engine's log with the output of so many starts."""
    for number, words in enumerate(starts):
        descriptor, _ = engine_log.open_log(home(top), "embedded:m", f"start {number}")
        os.write(descriptor, words)
        os.close(descriptor)
    return engine_log.log_path(home(top), "embedded:m")


def test_what_was_said_before_a_new_start_is_kept_and_an_end_tells_of_its_own_start(tmp_path: Path) -> None:
    path = written(tmp_path, b"first\n")
    descriptor, begins = engine_log.open_log(home(tmp_path), "embedded:m", "start 1")
    os.write(descriptor, b"second\n")
    os.close(descriptor)
    assert engine_log.last_lines(path, after=begins) == ("second",)
    assert engine_log.last_lines(path) == ("start 0", "first", "start 1", "second")
    assert path.stat().st_mode & 0o777 == 0o600


def test_large_log_is_cut_under_its_writer_and_what_was_cut_is_still_shown(tmp_path: Path) -> None:
    descriptor, _ = engine_log.open_log(home(tmp_path), "m")
    os.write(descriptor, b"".join(b"line %d\n" % n for n in range(3000)))
    engine_log.trim(home(tmp_path), size_max=100)
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    path = engine_log.log_path(home(tmp_path), "m")
    assert engine_log.last_lines(path) == ("after",)
    lines, _ = engine_log.kept_lines(path, 5000, "", -1)
    assert len(lines) == engine_log.LINES_KEPT
    assert (lines[0], lines[-2:]) == ("line 1001", ("line 2999", "after"))


def test_lines_are_filtered_and_followed(tmp_path: Path) -> None:
    path = written(tmp_path, b"One Error\ntwo\nthree error\nfour is not yet wh")
    lines, end = engine_log.kept_lines(path, 50, "ERROR", -1)
    assert lines == ("One Error", "three error")
    assert engine_log.kept_lines(path, 50, "", end) == ((), end)
    with path.open("ab") as file:
        file.write(b"ole\nfive\n")
    later, after = engine_log.kept_lines(path, 50, "", end)
    assert later == ("four is not yet whole", "five")
    assert after == path.stat().st_size
    assert engine_log.kept_lines(path, 0, "", -1)[0] == ()


def test_log_that_cannot_be_written_keeps_no_engine_from_running(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the directory should be")
    descriptor, _ = engine_log.open_log(home(tmp_path), "m")
    assert os.write(descriptor, b"into the void") == 13
    os.close(descriptor)
    assert engine_log.last_lines(engine_log.log_path(home(tmp_path), "m")) == ()
    assert engine_log.kept_lines(engine_log.log_path(home(tmp_path), "m"), 50, "", -1) == ((), 0)


def test_how_far_a_load_is_follows_from_lines_that_are_not_whole_yet(tmp_path: Path) -> None:
    path = tmp_path / "log"
    progress = engine_log.Progress(path, 0, progress_of)
    assert progress.read() is None
    path.write_bytes(b"load_tensors: 1\n.....")
    assert progress.read() == 0.05
    with path.open("ab") as file:
        file.write(b".....")
    assert progress.read() == 0.1
    with path.open("ab") as file:
        file.write(b"." * 90 + b"\nready\n")
    assert progress.read() == 1.0
    assert progress.read() is None


def test_first_errors_tell_more_than_the_last_lines() -> None:
    lines = ("0.00.1 I fine", "0.00.2 E srv  cause", "0.00.3 I more", "0.00.4 E srv  and so", "the end")
    assert engine_log.telling_lines(lines) == ("srv  cause", "srv  and so")
    assert engine_log.telling_lines(("a", "b", "c", "d")) == ("b", "c", "d")
