"""Text to sound: OpenAI's request in front of OpenAI's path and of piper's own server."""

import base64
from typing import Any

import orjson
import pytest

from flock.dialects.tasks.sound import wave_of
from flock.dialects.tasks.speech import PATH, write
from flock.dialects.tasks.task import Sent
from flock.errors import InvalidRequest, Unsupported, UpstreamError
from tests.unit.dialects.tasks.recorded import ask, events, finished, recorded

WAV = recorded("speech.piper.wav")
VOICE = "en_US-tiny-low"


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "input": "hello", "voice": "alloy", **more}


def piper(model: str = VOICE, **more: Any) -> Sent:
    return write(ask("speech", PATH, body(**more)), model, "piper")


def test_openai_gets_it_as_it_came_and_its_sound_passes_as_it_comes() -> None:
    raw = orjson.dumps(body(voice={"id": "voice_1"}, instructions="softly", response_format="mp3"))
    sent = write(ask("speech", PATH, raw), "m", "openai")
    assert (sent.kind, sent.body, sent.streams, sent.finish) == ("relay", raw, True, None)
    sent = write(ask("speech", PATH, raw), "real", "openai")
    assert (sent.kind, orjson.loads(sent.body)["model"]) == ("splice", "real")


def test_events_are_made_where_the_upstream_gives_a_plain_sound() -> None:
    asked = ask("speech", PATH, body(stream_format="sse"))
    assert asked.stream
    for shape in ("openai", "piper"):
        sent = write(asked, "m", shape)
        *deltas, done = events(finished(sent, WAV, "audio/wav"))
        assert b"".join(base64.b64decode(one["audio"]) for one in deltas) == WAV
        assert {one["type"] for one in deltas} == {"speech.audio.delta"}
        assert done == {"type": "speech.audio.done"}
    long = write(asked, "m", "openai")
    assert len(events(finished(long, bytes(100_000), "audio/pcm"))) == 5


def test_what_piper_is_asked() -> None:
    sent = piper(speed=2, instructions="softly", response_format="wav")
    assert sent.path == "/synthesize"
    assert orjson.loads(sent.body) == {"text": "hello", "voice": VOICE, "length_scale": 0.5}
    assert sent.lost == ("instructions",)
    assert sent.edits == ("openai → piper", f"voice: alloy → {VOICE}")
    assert not sent.streams
    assert "length_scale" not in orjson.loads(piper(speed=1.0).body)


@pytest.mark.parametrize(
    ("voice", "model", "said"),
    [
        ("de_DE-thorsten-medium", VOICE, {"voice": "de_DE-thorsten-medium"}),
        ("p225", VOICE, {"voice": VOICE, "speaker": "p225"}),
        ({"id": "p225"}, VOICE, {"voice": VOICE, "speaker": "p225"}),
        ("nova", "my-voice", {}),
        (None, VOICE, {"voice": VOICE}),
        # the server makes a path of the voice: nothing that leads elsewhere may reach it
        ("../../secret/en_US-x-low", "../x", {"speaker": "../../secret/en_US-x-low"}),
    ],
)
def test_who_speaks(voice: Any, model: str, said: dict[str, str]) -> None:
    found = orjson.loads(piper(model, voice=voice).body)
    del found["text"]
    assert found == said


def test_wav_is_sent_where_no_format_was_asked_for_and_its_type_is_put_right() -> None:
    sent = piper()
    assert "response_format: mp3 → wav, piper has no other" in sent.edits
    done = finished(sent, WAV, "text/html; charset=utf-8")
    assert (done.body, done.content_type) == (WAV, "audio/wav")


def test_pcm_is_the_sound_without_its_header() -> None:
    done = finished(piper(response_format="pcm"), WAV, "text/html")
    wave = wave_of(WAV)
    assert wave is not None
    assert done.body == WAV[44:]
    assert len(done.body) == wave.size
    assert done.content_type == "audio/pcm; rate=16000; channels=1; bits=16"


@pytest.mark.parametrize("wanted", ["mp3", "opus", "aac", "flac"])
def test_formats_that_piper_has_not_are_refused(wanted: str) -> None:
    with pytest.raises(Unsupported, match=f"no {wanted}, only wav") as caught:
        piper(response_format=wanted)
    assert caught.value.details["param"] == "response_format"


def test_text_without_words_is_the_clients_fault() -> None:
    failed = recorded("speech.piper.failed.html")
    assert isinstance(piper(input="...").refusal(500, failed), InvalidRequest)
    assert piper().refusal(500, failed) is None


@pytest.mark.parametrize("answer", [b"", b"<html>", b"RIFF\0\0\0\0WAVE"])
def test_an_answer_that_is_no_sound_is_the_engines_fault(answer: bytes) -> None:
    with pytest.raises(UpstreamError):
        finished(piper(), answer)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": " \n"}, "input"),
        ({"input": 5}, "input"),
        ({"input": "a" * 65537}, "input"),
        ({"input": "a", "voice": 5}, "voice"),
        ({"input": "a", "voice": {}}, "voice.id"),
        ({"input": "a", "response_format": "midi"}, "response_format"),
        ({"input": "a", "stream_format": "ndjson"}, "stream_format"),
        ({"input": "a", "speed": 9}, "speed"),
        ({"input": "a", "speed": "fast"}, "speed"),
        ({"input": "a", "speed": True}, "speed"),
        ({"input": "a", "instructions": 5}, "instructions"),
        ({"input": "a", "model": 5}, "model"),
    ],
)
def test_a_field_that_is_wrong_is_named(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask("speech", PATH, asked)
    assert caught.value.details["param"] == param


def test_a_shape_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Unsupported):
        write(ask("speech", PATH, body()), "m", "huh")
