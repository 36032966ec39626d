"""Sound with the official openai SDK against flock in front of a real whisper-server and a real piper."""

import contextlib
import io
import wave
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.e2e.parts import ask, environment, explained
from tests.e2e.subjects import done, every, opened
from tests.e2e.task_clients import openai_client
from tests.engines import real
from tests.models import whisper
from tests.running import Flock, running_flock

pytestmark = [pytest.mark.engine("whisper"), pytest.mark.engine("piper")]
Client = OpenAI | AsyncOpenAI
HEARS, SPEAKS = "ears", "en_US-tiny-low"
M4A = b"\0\0\0\x20ftypM4A " + bytes(200)


@pytest.fixture(scope="module")
def flock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flock]:
    """A flock with both engines attached; a whisper-server's model is called as its engine."""
    shared = real.room(tmp_path_factory)
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(real.running(kind, shared)) for kind in ("whisper", "piper")]
        flock = stack.enter_context(running_flock(**environment()))
        for engine, name in zip(engines, (HEARS, "mouth"), strict=True):
            flock.ok("engine", "attach", engine.url, "--name", name)
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, flock: Flock) -> AsyncIterator[Client]:
    async with opened(openai_client, flock, request.param) as client:
        yield client


def sound() -> tuple[str, bytes]:
    """Return a second of silence, as the SDK takes files."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(32000))
    return "silence.wav", out.getvalue()


def rate(data: bytes) -> int:
    """Return the sample rate of a WAV file."""
    with wave.open(io.BytesIO(data)) as file:
        return file.getframerate()


# -- sound to text


async def test_a_transcription(client: Client, flock: Flock) -> None:
    raw = await done(client.audio.transcriptions.with_raw_response.create(model=HEARS, file=sound(), language="en"))
    assert raw.headers["x-flock-path"] == "translate"
    answer = raw.parse()
    assert answer.text == whisper.SENTENCE
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 1)
    told = explained(flock, raw.headers["x-flock-request-id"])
    assert told["outcome"] == "ok"


async def test_what_is_lost_is_named(client: Client) -> None:
    create = client.audio.transcriptions.with_raw_response.create
    raw = await done(create(model=HEARS, file=sound(), include=["logprobs"], chunking_strategy="auto"))
    assert raw.headers["x-flock-lost"] == "chunking_strategy, include"


@pytest.mark.parametrize("wanted", ["text", "srt", "vtt"])
async def test_forms_that_are_no_json(client: Client, wanted: Any) -> None:
    said = await done(client.audio.transcriptions.create(model=HEARS, file=sound(), response_format=wanted))
    assert isinstance(said, str)
    assert whisper.SENTENCE in said.splitlines()
    assert said.startswith({"text": whisper.SENTENCE, "srt": "1\n00:00:00,000 --> ", "vtt": "WEBVTT\n\n"}[wanted])


async def test_words_and_segments(client: Client) -> None:
    create = client.audio.transcriptions.create
    answer = await done(
        create(
            model=HEARS,
            file=sound(),
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
            temperature=0.2,
            prompt="Hello",
        )
    )
    assert answer.text == whisper.SENTENCE
    assert (answer.language, answer.duration) == ("english", 1.0)
    assert " ".join(one.word for one in answer.words) == whisper.SENTENCE
    assert [one.text.strip() for one in answer.segments] == [whisper.SENTENCE]
    plain = await done(create(model=HEARS, file=sound(), response_format="verbose_json"))
    assert plain.words is None


async def test_a_stream_is_made_of_the_whole(client: Client) -> None:
    events = await every(client.audio.transcriptions.create(model=HEARS, file=sound(), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[0].delta == events[1].text == whisper.SENTENCE


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK advises against the API itself
async def test_a_translation(client: Client) -> None:
    answer = await done(client.audio.translations.create(model=HEARS, file=sound()))
    assert answer.text == whisper.SENTENCE


async def test_a_file_that_cannot_be_read_is_named_by_its_format(client: Client) -> None:
    with pytest.raises(openai.BadRequestError, match="which is MP4: it takes WAV") as caught:
        await done(client.audio.transcriptions.create(model=HEARS, file=("a.m4a", M4A)))
    assert caught.value.param == "file"
    with pytest.raises(openai.BadRequestError, match="which begins as WAV"):
        await done(client.audio.transcriptions.create(model=HEARS, file=("a.wav", b"RIFF\0\0\0\0WAVE")))
    answer = await done(client.audio.transcriptions.create(model=HEARS, file=sound()))
    assert answer.text == whisper.SENTENCE


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"file": ("a.wav", b"")}, "file"),
        ({"response_format": "midi"}, "response_format"),
        ({"response_format": "diarized_json"}, "response_format"),
        ({"language": "klingon"}, "language"),
        ({"temperature": 9}, "temperature"),
        ({"response_format": "srt", "stream": True}, "stream"),
        ({"timestamp_granularities": ["line"]}, "timestamp_granularities"),
    ],
)
async def test_a_bad_field_of_a_form_is_named(client: Client, fields: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.audio.transcriptions.create(**{"model": HEARS, "file": sound(), **fields}))
    assert caught.value.param == param


def test_json_in_place_of_a_form(flock: Flock) -> None:
    told = ask(flock.port, flock.key, {"model": HEARS, "file": "a.wav"}, "/v1/audio/transcriptions")
    assert told.status == 400
    assert "must be multipart/form-data" in told.error["message"]


# -- text to sound


async def test_speech_comes_as_wav_where_no_format_is_asked_for(client: Client, flock: Flock) -> None:
    create = client.audio.speech.with_raw_response.create
    raw = await done(create(model=SPEAKS, voice="alloy", input="hello there"))
    assert raw.headers["content-type"] == "audio/wav"
    assert rate(raw.content) == 16000
    told = explained(flock, raw.headers["x-flock-request-id"])
    assert "response_format: mp3 → wav, piper has no other" in str(told)


async def test_speech_is_faster_where_it_is_asked_to_be(client: Client) -> None:
    """The tiny voice cannot be sped up; that piper takes the field is what can be seen."""
    said = await done(
        client.audio.speech.create(model=SPEAKS, voice="alloy", input="hi", response_format="wav", speed=2)
    )
    assert said.content.startswith(b"RIFF")


async def test_speech_as_samples(client: Client) -> None:
    create = client.audio.speech.with_raw_response.create
    raw = await done(create(model=SPEAKS, voice="alloy", input="hi", response_format="pcm"))
    assert raw.headers["content-type"] == "audio/pcm; rate=16000; channels=1; bits=16"
    assert not raw.content.startswith(b"RIFF")
    whole = await done(client.audio.speech.create(model=SPEAKS, voice="alloy", input="hi", response_format="wav"))
    assert raw.content == whole.content[44:]


async def test_what_was_spoken_can_be_heard(client: Client) -> None:
    said = await done(client.audio.speech.create(model=SPEAKS, voice="alloy", input="hello there, how are you"))
    heard = await done(client.audio.transcriptions.create(model=HEARS, file=("said.wav", said.content)))
    assert heard.text == whisper.SENTENCE


def test_speech_in_events(flock: Flock) -> None:
    body = {"model": SPEAKS, "voice": "alloy", "input": "hi", "stream_format": "sse"}
    told = ask(flock.port, flock.key, body, "/v1/audio/speech")
    assert told.headers["content-type"].startswith("text/event-stream")
    assert b'"type":"speech.audio.delta"' in told.events[0]
    assert b'"type":"speech.audio.done"' in told.events[-1]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "mp3"}, "response_format"),
        ({"input": ""}, "input"),
        ({"input": " "}, "input"),
        ({"speed": 9}, "speed"),
    ],
)
async def test_a_bad_field_of_speech_is_named(client: Client, fields: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.audio.speech.create(**{"model": SPEAKS, "voice": "alloy", "input": "hi", **fields}))
    assert caught.value.param == param


# -- wrong kinds


async def test_models_of_the_wrong_kind_are_refused_with_one_of_the_right(client: Client) -> None:
    with pytest.raises(openai.BadRequestError, match="is a model that speaks") as caught:
        await done(client.audio.transcriptions.create(model=SPEAKS, file=sound()))
    body: Any = caught.value.body
    assert body["models"] == [HEARS]
    with pytest.raises(openai.BadRequestError, match="is a model that writes down speech") as caught:
        await done(client.audio.speech.create(model=HEARS, voice="alloy", input="hi"))
    body = caught.value.body
    assert body["models"] == [SPEAKS]
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.images.generate(model=SPEAKS, prompt="a cat"))
    assert caught.value.code == "wrong_model_kind"
