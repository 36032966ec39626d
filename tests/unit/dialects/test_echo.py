"""The model's name in relayed answers: the client's own, whatever the engine calls itself."""

import orjson
import pytest

from flock.dialects.anthropic.tap import MessagesTap
from flock.dialects.echo import EchoTap, echoed
from flock.dialects.openai.upstream import StreamTap


def stream(model: str, *said: str) -> bytes:
    """Return a chat stream of an engine that calls itself `model`."""
    chunks = [{"id": "c", "model": model, "choices": [{"index": 0, "delta": {"content": text}}]} for text in said]
    return b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


@pytest.mark.pitfall(79)
@pytest.mark.parametrize("own", ["real", "/models/real.gguf", 'of "quotes"'])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_streams_name_is_put_back_however_it_is_cut(own: str, step: int) -> None:
    tap, data = EchoTap(StreamTap(withhold=False), "real", "mine"), stream(own, "a", "b")
    got = b"".join(tap.feed(data[i : i + step]) for i in range(0, len(data), step)) + tap.close()
    assert got == stream("mine", "a", "b")


def test_a_name_that_the_model_says_stays() -> None:
    said = '{"model": "real"} "model":"real"'
    tap = EchoTap(StreamTap(withhold=False), "real", "mine")
    assert tap.feed(stream("real", said)) == stream("mine", said)


def test_the_id_counts_more_than_another_field_of_that_name() -> None:
    event = b'data: {"type":"message_start","message":{"metadata":{"model":"x"},"model":"real"}}\n\n'
    assert EchoTap(MessagesTap(), "real", "mine").feed(event) == event.replace(b'"real"', b'"mine"')


def test_a_whole_answers_name_is_put_back() -> None:
    assert orjson.loads(echoed(b'{"model":"/x.gguf","id":"c"}', "mine")) == {"model": "mine", "id": "c"}
    for body in (b"{", b"[]", b'{"id":"c"}', b'{"model":null}'):
        assert echoed(body, "mine") == body
    assert echoed(b'{"model":"x"}', "") == b'{"model":"x"}'
