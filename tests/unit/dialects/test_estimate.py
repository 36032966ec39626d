"""The estimate of a prompt's tokens: near what tokenizers say, never by the length of base64, bounded in cost."""

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects import ir
from flock.dialects.estimate import estimate, image_tokens, prompt_of, text_tokens

# text → tokens by the tokenizers of Qwen 3, Gemma 3, Llama 3 and gpt-oss, counted once with the `tokenizers` package
KNOWN = {
    "english": (
        "The gateway keeps one connection per request and hands it back when the answer is complete. "
        "A client that leaves early makes it close the connection, which tells the engine to stop generating.",
        (36, 36, 36, 36),
    ),
    "python": (
        "def resolve(self, wanted: str) -> tuple[str, tuple[Placement, ...]]:\n"
        "    table = self._places.table\n    name = wanted or self.default_model\n    return name, table.get(name)\n",
        (43, 52, 43, 43),
    ),
    "json": (
        '{"type": "object", "properties": {"file_path": {"type": "string", "description": "The absolute path"}, '
        '"offset": {"type": "integer"}}, "required": ["file_path"]}',
        (44, 46, 44, 45),
    ),
    "chinese": ("网关为每个请求保持一个连接，并在回答完成后归还。提前离开的客户端会使其关闭连接。", (24, 24, 29, 27)),
    "japanese": ("ゲートウェイはリクエストごとに一つの接続を保持し、応答が完了すると返します。", (28, 19, 29, 30)),
    "russian": ("Шлюз держит одно соединение на запрос и возвращает его, когда ответ завершён.", (24, 21, 20, 20)),
}


def user(*parts: ir.Part | str, **more: Any) -> ir.Request:
    held: list[ir.Part] = [ir.Text(part) if isinstance(part, str) else part for part in parts]
    return ir.Request("openai", "m", [ir.Message("user", held)], **more)


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)
    return base64.b64encode(head + b"\0" * 90_000).decode()


@pytest.mark.parametrize("name", KNOWN)
def test_an_estimate_is_near_what_tokenizers_say(name: str) -> None:
    text, counts = KNOWN[name]
    mean = sum(counts) / len(counts)
    assert text_tokens(text) == pytest.approx(mean, rel=0.15)


@pytest.mark.pitfall(68)
def test_everything_of_a_request_counts() -> None:
    tool = ir.Tool("get_weather", "Weather of a city", {"type": "object", "properties": {"city": {"type": "string"}}})
    plain = estimate(user("Hello"))
    assert estimate(user("Hello", tools=[tool])) > plain + 100
    assert estimate(user("Hello", tools=[tool, tool])) > estimate(user("Hello", tools=[tool])) + 30
    system = ir.Request("openai", "m", [ir.Message("system", [ir.Text("Be brief. " * 50)]), *user("Hello").messages])
    assert estimate(system) > plain + 100
    assert estimate(user("Hello", ir.Image(data=png(1000, 750), media_type="image/png"))) > plain + 900
    answered = user("Hello")
    answered.messages += [
        ir.Message("assistant", [ir.ToolCall("a", "get_weather", '{"city": "Paris"}')]),
        ir.Message("tool", [ir.ToolResult("a", [ir.Text("sunny, 21 degrees")])]),
    ]
    assert estimate(answered) > plain + 40


def test_tools_that_are_only_listed_do_not_count() -> None:
    assert estimate(user("Hello", tools=[ir.Tool("a", "b" * 900, deferred=True)])) == estimate(user("Hello"))


def test_thinking_counts_only_in_the_turn_that_is_still_open() -> None:
    thinking = ir.Message("assistant", [ir.Thinking("why " * 500), ir.Text("so")])
    ask, again = ir.Message("user", [ir.Text("a")]), ir.Message("user", [ir.Text("b")])
    open_turn = estimate(ir.Request("anthropic", "m", [ask, thinking]))
    closed_turn = estimate(ir.Request("anthropic", "m", [ask, thinking, again]))
    assert open_turn > 400 > 60 > closed_turn


def test_a_picture_counts_by_its_pixels() -> None:
    assert image_tokens(ir.Image(data=png(100, 100))) == 64
    assert image_tokens(ir.Image(data=png(1000, 750))) == 1000
    assert image_tokens(ir.Image(data=png(9000, 9000))) == 1600
    assert image_tokens(ir.Image(data=png(9000, 9000), detail="low")) == 85
    assert image_tokens(ir.Image(url="http://127.0.0.1/a.png")) == 1000
    assert image_tokens(ir.Image(data="no base64!")) == 1000


def test_a_document_counts_by_its_text_or_its_pages() -> None:
    text = "Every word of a document is read. " * 100
    inline = ir.File(data=base64.b64encode(text.encode()).decode(), media_type="text/plain")
    assert estimate(user(inline)) == estimate(user(ir.File(text=text)))
    pdf = ir.File(data=base64.b64encode(b"%PDF" + b"\0" * 400_000).decode(), media_type="application/pdf")
    assert 15_000 < estimate(user(pdf)) < 30_000
    assert estimate(user(ir.File(id="file-1"))) > 1500


def test_a_long_text_is_sampled_evenly() -> None:
    passage = KNOWN["english"][0] + "\n" + KNOWN["python"][0]
    once, often = text_tokens(passage), text_tokens(passage * 2000)
    assert often == pytest.approx(2000 * once, rel=0.03)


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(0, 3))
def test_it_never_raises_and_more_text_is_never_fewer_tokens(text: str, copies: int) -> None:
    one = estimate(user(text))
    assert one >= 1
    assert estimate(user(*[text] * (copies + 1))) >= one


def test_what_cannot_be_written_as_json_counts_all_the_same() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"a": deep}
    assert estimate(user(ir.Opaque("responses", "x", deep))) > 100


def test_the_prompts_parts_are_told_apart() -> None:
    prompt = prompt_of(user("Hello", ir.Image(url="http://127.0.0.1/a.png")))
    assert (prompt.text, prompt.media) == ("Hello", 1000)
