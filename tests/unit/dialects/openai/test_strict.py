"""What flock wrote for a chat server that takes less than others: what is renamed, what is left out and named."""

import re
from typing import Any

import pytest

from flock.dialects.openai.strict import STANDARD, keep_to
from flock.profile import Profile


def profile(**fields: Any) -> Profile:
    return Profile("x", "X", frozenset({"openai"}), **fields)


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


def test_a_server_without_quirks_gets_what_was_written() -> None:
    written = body(max_tokens=5, top_k=3, reasoning_effort="high")
    assert keep_to(profile(), "m", written) == []
    assert written == body(max_tokens=5, top_k=3, reasoning_effort="high")


def test_the_limit_has_the_servers_own_name() -> None:
    written = body(max_tokens=5)
    assert keep_to(profile(limit_field="max_completion_tokens"), "m", written) == []
    assert written == body(max_completion_tokens=5)
    written = body()
    keep_to(profile(limit_field="max_completion_tokens"), "m", written)
    assert written == body()


def test_unknown_fields_are_left_out_and_named_once() -> None:
    written = body(top_k=3, chat_template_kwargs={}, temperature=0.5)
    written["messages"] = [
        {"role": "assistant", "content": "a", "reasoning_content": "b"},
        {"role": "assistant", "content": "c", "reasoning_content": "d", "prefix": True},
    ]
    lost = keep_to(profile(strict=True), "m", written)
    assert lost == ["top_k", "chat_template_kwargs", "messages.reasoning_content", "messages.prefix"]
    assert set(written) <= STANDARD
    assert written["messages"] == [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "c"}]
    assert written["temperature"] == 0.5


@pytest.mark.parametrize(
    ("globs", "model", "kept"),
    [
        (("*",), "m", True),
        ((), "m", False),
        (("o3*", "gpt-5*"), "GPT-5-mini", True),
        (("o3*",), "gpt-4o", False),
        (("grok-*", "!grok-4"), "grok-4", False),
        (("grok-*", "!grok-4"), "grok-3", True),
    ],
)
def test_how_much_to_think_is_told_to_models_that_take_it(globs: tuple[str, ...], model: str, kept: bool) -> None:
    written = body(reasoning_effort="high")
    assert keep_to(profile(reasons=globs), model, written) == ([] if kept else ["reasoning_effort"])
    assert ("reasoning_effort" in written) is kept


def test_what_a_model_refuses_is_left_out_by_the_first_glob_that_fits() -> None:
    refuses = {"deep-*": ("logit_bias", "messages.name"), "*": ("stop",)}
    for model, left in (("deep-1", ["stop"]), ("other", ["logit_bias"])):
        written = body(logit_bias={"1": 2}, stop=["x"])
        written["messages"][0]["name"] = "ann"
        lost = keep_to(profile(refuses=refuses), model, written)
        assert [name for name in ("logit_bias", "stop") if name in written] == left
        assert ("messages.name" in lost) is ("name" not in written["messages"][0]) is (model == "deep-1")


def test_what_says_nothing_is_left_out_without_a_word() -> None:
    names = ("temperature", "top_p", "stream_options", "reasoning_effort")
    written = body(temperature=1, top_p=1.0, stream_options={"include_usage": True}, reasoning_effort="none")
    assert keep_to(profile(refuses={"*": names}), "m", written) == []
    assert written == body()
    written = body(temperature=0.2)
    assert keep_to(profile(refuses={"*": names}), "m", written) == ["temperature"]


def test_ids_of_calls_are_nine_letters_and_digits_and_the_same_in_call_and_result() -> None:
    def talk() -> dict[str, Any]:
        call = {"id": "call_0123456789", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return body(
            messages=[
                {"role": "assistant", "tool_calls": [call, {**call, "id": "abcDEF123"}]},
                {"role": "tool", "tool_call_id": "call_0123456789", "content": "x"},
            ]
        )

    first, again, other = talk(), talk(), talk()
    for written in (first, again):
        assert keep_to(profile(call_ids="mistral"), "m", written) == []
    keep_to(profile(), "m", other)
    assert first == again
    assert other == talk()
    calls = first["messages"][0]["tool_calls"]
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", calls[0]["id"])
    assert calls[0]["id"] == first["messages"][1]["tool_call_id"]
    assert calls[1]["id"] == "abcDEF123"
