"""Sound to text: OpenAI's form in front of OpenAI's path, vLLM's, and whisper.cpp's own server."""

import struct
import wave
from io import BytesIO
from typing import Any

import pytest
from openai.types.audio import Transcription, TranscriptionVerbose
from openai.types.audio.transcription_text_delta_event import TranscriptionTextDeltaEvent
from openai.types.audio.transcription_text_done_event import TranscriptionTextDoneEvent

from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.dialects.tasks import forms
from flock.dialects.tasks.forms import Part
from flock.dialects.tasks.sound import format_of, wave_of
from flock.dialects.tasks.table import TASKS
from flock.dialects.tasks.task import Sent
from flock.errors import InvalidRequest, Unsupported, UpstreamError
from tests.unit.dialects.tasks.recorded import ask, events, field, finished, form, read, recorded, sent_parts

PATH, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"
SENTENCE = "Hello from a tiny real whisper."
TYPES = {
    "json": "application/json",
    "text": "text/html; charset=utf-8",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
}


def wav(seconds: float = 1.0, rate: int = 16000) -> bytes:
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))
    return out.getvalue()


def asked(*fields: Part, sound: bytes | None = None, task: str = "transcriptions") -> Ask:
    file = Part("file", wav() if sound is None else sound, "a.wav", "audio/wav")
    return ask(task, f"/v1/audio/{task}", *form(field("model", "m"), *fields, file))


def whisper(*fields: Part, sound: bytes | None = None, task: str = "transcriptions") -> Sent:
    return TASKS[task].write(asked(*fields, sound=sound, task=task), "real", "whisper")


def said(sent: Sent) -> dict[str, str]:
    return {name: part.text for name, part in sent_parts(sent).items() if part.filename is None}


# -- an upstream with OpenAI's path


def test_a_form_passes_as_it_came_or_with_another_model() -> None:
    raw = recorded("transcriptions.openai_sdk.words.form")
    content_type = forms.content_type(forms.boundary_of(raw))
    one = ask("transcriptions", PATH, raw, content_type)
    assert (one.model, one.stream, one.body["timestamp_granularities"]) == ("m", False, ["word", "segment"])
    sent = TASKS["transcriptions"].write(one, "m", "openai")
    assert (sent.kind, sent.path, sent.body, sent.content_type) == ("relay", PATH, raw, content_type)
    assert not sent.streams
    assert sent.finish is None
    assert sent.usage_of(recorded("transcriptions.openai.documented.json")) == Usage(input=14, output=9)
    assert sent.usage_of(b"1\n00:00 --> 00:01\nhello") is None
    sent = TASKS["transcriptions"].write(one, "real", "openai")
    assert sent.kind == "splice"
    found = sent_parts(sent)
    assert found["model"].text == "real"
    assert found["file"].data == b"RIFFxx"


def test_a_stream_passes_and_is_made_where_it_was_not_given() -> None:
    raw = recorded("transcriptions.openai_sdk.stream.form")
    one = ask("transcriptions", PATH, raw, forms.content_type(forms.boundary_of(raw)))
    assert one.stream
    sent = TASKS["transcriptions"].write(one, "m", "openai")
    assert sent.streams
    done = finished(sent, recorded("transcriptions.openai.documented.json"))
    delta, last = events(done)
    assert TranscriptionTextDeltaEvent.model_validate(delta, strict=True).delta == SENTENCE
    end = TranscriptionTextDoneEvent.model_validate(last, strict=True)
    assert (end.text, done.usage) == (SENTENCE, Usage(input=14, output=9))
    assert end.usage is not None
    assert end.usage.total_tokens == 23
    assert events(finished(sent, b" Hello\n", "text/plain"))[-1]["text"] == "Hello"
    assert [one["type"] for one in events(finished(sent, b'{"text": ""}'))] == ["transcript.text.done"]


def test_vllm_is_not_asked_for_its_own_kind_of_stream() -> None:
    sent = TASKS["transcriptions"].write(asked(field("stream", "True")), "real", "vllm")
    assert "stream" not in sent_parts(sent)
    assert sent_parts(sent)["model"].text == "real"
    assert not sent.streams
    assert events(finished(sent, b'{"text": "Hello", "usage": {"type": "duration", "seconds": 1}}'))[1] == {
        "type": "transcript.text.done",
        "text": "Hello",
    }
    assert TASKS["transcriptions"].write(asked(), "m", "vllm").kind == "relay"


# -- whisper-server


def test_what_whisper_is_asked() -> None:
    sent = whisper(field("prompt", "Ümlaut"), field("temperature", "0.2"), field("language", "EN"))
    assert sent.path == "/inference"
    assert said(sent) == {
        "response_format": "json",
        "language": "en",
        "translate": "false",
        "split_on_word": "true",
        "prompt": "Ümlaut",
        "temperature": "0.2",
    }
    assert sent_parts(sent)["file"] == Part("file", wav(), "a.wav", "audio/wav")
    assert sent.edits == ("openai → whisper",)
    assert sent.lost == ()


def test_a_language_that_is_not_given_is_listened_for() -> None:
    """whisper-server would take English, or what its command line says; OpenAI's API listens."""
    sent = whisper()
    assert said(sent)["language"] == "auto"
    assert sent.edits == ("openai → whisper", "language: auto")
    assert said(whisper(field("language", "jv")))["language"] == "jw"


def test_translations_are_asked_for_as_such() -> None:
    assert said(whisper(task="translations"))["translate"] == "true"


def test_whisper_at_openais_path_keeps_its_manners() -> None:
    for task in ("transcriptions", "translations"):
        sent = TASKS[task].write(asked(task=task), "real", "whisper-openai")
        assert sent.path == PATH
        assert said(sent)["translate"] == ("true" if task == "translations" else "false")
        assert read(finished(sent, recorded("transcriptions.whisper.json")))["text"] == SENTENCE


def test_what_whisper_does_not_have_is_named() -> None:
    sent = whisper(
        field("include[]", "logprobs"), field("timestamp_granularities[]", "word"), field("chunking_strategy", "auto")
    )
    assert sent.lost == ("include", "chunking_strategy", "timestamp_granularities")


def test_text_loses_the_space_and_the_line_ends_of_segments() -> None:
    done = finished(whisper(), recorded("transcriptions.whisper.json"))
    assert Transcription.model_validate_json(done.body).text == SENTENCE
    assert read(done)["usage"] == {"type": "duration", "seconds": 1}
    done = finished(whisper(sound=b"fLaCxx"), b'{"text":" Hel\\nlo there.\\n And so on.\\n"}')
    assert read(done) == {"text": "Hello there. And so on."}
    done = finished(whisper(field("response_format", "text")), recorded("transcriptions.whisper.text"), TYPES["text"])
    assert (done.body, done.content_type) == (f"{SENTENCE}\n".encode(), "text/plain; charset=utf-8")


@pytest.mark.parametrize("wanted", ["srt", "vtt"])
def test_subtitles_lose_the_space(wanted: str) -> None:
    raw = recorded(f"transcriptions.whisper.{wanted}")
    done = finished(whisper(field("response_format", wanted)), raw, TYPES[wanted])
    assert done.body == raw.replace(b"\n Hello", b"\nHello")
    assert done.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("granularities", "shown"), [([], "s"), (["segment"], "s"), (["word"], "w"), (["word", "segment"], "sw")]
)
def test_verbose_json_as_openai_has_it(granularities: list[str], shown: str) -> None:
    fields = [field("timestamp_granularities[]", one) for one in granularities]
    sent = whisper(field("response_format", "verbose_json"), *fields)
    done = finished(sent, recorded("transcriptions.whisper.verbose_json"))
    answer = TranscriptionVerbose.model_validate_json(done.body, strict=True)
    assert (answer.text, answer.language, answer.duration) == (SENTENCE, "english", 1.0)
    assert answer.usage is not None
    assert answer.usage.seconds == 1
    assert (answer.segments is not None, answer.words is not None) == ("s" in shown, "w" in shown)
    if answer.segments is not None:
        (segment,) = answer.segments
        assert (segment.id, segment.start, segment.end, segment.tokens) == (0, 0.0, 1.0, [0, 1, 2, 3, 4, 5, 6])
        assert segment.compression_ratio > 0
    if answer.words is not None:
        assert [one.word for one in answer.words] == ["Hello", "from", "a", "tiny", "real", "whisper."]
        assert (answer.words[-1].start, answer.words[-1].end) == (0.62, 0.99)


def test_verbose_json_of_silence_is_whole() -> None:
    sent = whisper(field("response_format", "verbose_json"))
    raw = b'{"text": "", "duration": null, "segments": [{"id": 0, "text": "", "avg_logprob": null}, 5]}'
    answer = TranscriptionVerbose.model_validate_json(finished(sent, raw).body, strict=True)
    assert answer.segments is not None
    assert answer.segments[0].avg_logprob == 0
    assert read(finished(sent, b'{"duration": 1e308}'))["duration"] == 0


def test_a_stream_is_made_of_the_whole() -> None:
    for wanted in ("json", "text"):
        sent = whisper(field("stream", "true"), field("response_format", wanted))
        raw = recorded(f"transcriptions.whisper.{wanted}")
        assert [one["type"] for one in events(finished(sent, raw, TYPES[wanted]))] == [
            "transcript.text.delta",
            "transcript.text.done",
        ]
        assert not sent.streams
    for shape in ("whisper", "vllm"):
        one = asked(field("stream", "1"), field("response_format", "srt"))
        with pytest.raises(Unsupported, match="srt cannot be streamed"):
            TASKS["transcriptions"].write(one, "m", shape)


def test_what_whisper_cannot_do_is_refused() -> None:
    with pytest.raises(Unsupported, match="no diarized_json"):
        whisper(field("response_format", "diarized_json"))
    with pytest.raises(InvalidRequest, match="'en-us' is none"):
        whisper(field("language", "en-US"))
    with pytest.raises(Unsupported, match="'huh'"):
        TASKS["transcriptions"].write(asked(), "m", "huh")
    with pytest.raises(UpstreamError):
        finished(whisper(), b"<html>")


M4A = b"\0\0\0\x20ftypM4A " + bytes(40)
OPUS = b"OggS\0\x02" + bytes(22) + b"OpusHead\x01\x02"


@pytest.mark.parametrize(("sound", "title"), [(M4A, "MP4"), (OPUS, "Ogg Opus"), (b"\x1a\x45\xdf\xa3x", "WebM")])
def test_a_file_that_whisper_cannot_read_is_named_by_its_format(sound: bytes, title: str) -> None:
    refused = recorded("transcriptions.whisper.refused")
    error = whisper(sound=sound).refusal(400, refused)
    assert isinstance(error, Unsupported)
    assert f"which is {title}: it takes WAV, MP3, FLAC, Ogg Vorbis" in error.sentence
    assert error.details["param"] == "file"
    converted = whisper(sound=sound).refusal(500, b'{"error":"FFmpeg conversion failed."}')
    assert isinstance(converted, InvalidRequest)


def test_a_broken_file_is_the_clients_fault_and_other_failures_are_the_engines() -> None:
    error = whisper(sound=b"RIFF\0\0\0\0WAVE").refusal(400, b"Invalid request")
    assert isinstance(error, InvalidRequest)
    assert "begins as WAV" in error.sentence
    error = whisper(sound=b"hello").refusal(400, b"Invalid request")
    assert isinstance(error, InvalidRequest)
    assert "no known sound" in error.sentence
    assert whisper().refusal(500, b'{"error":"failed to process audio"}') is None


# -- bad forms


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([field("model", "m")], "file"),
        ([field("model", "m"), field("file", "RIFF")], "file"),
        ([field("model", "m"), Part("file", b"", "a.wav")], "file"),
        ([field("model", "m"), field("model", "n")], "model"),
        ([field("response_format", "mp3")], "response_format"),
        ([field("temperature", "warm")], "temperature"),
        ([field("temperature", "nan")], "temperature"),
        ([field("temperature", "-1")], "temperature"),
        ([field("timestamp_granularities[]", "line")], "timestamp_granularities"),
        ([field("stream", "maybe")], "stream"),
        ([field("prompt", "a"), field("prompt", "b")], "prompt"),
        ([Part("prompt", b"\xff")], "prompt"),
    ],
)
@pytest.mark.parametrize("task", ["transcriptions", "translations"])
def test_a_field_that_is_wrong_is_named(task: str, parts: list[Part], param: str) -> None:
    if param != "file":
        parts = [*parts, Part("file", wav(), "a.wav")]
    with pytest.raises(InvalidRequest) as caught:
        ask(task, f"/v1/audio/{task}", *form(*parts))
    assert caught.value.details["param"] == param
    assert caught.value.hint


def test_json_is_no_form() -> None:
    with pytest.raises(InvalidRequest, match="must be multipart/form-data"):
        ask("transcriptions", PATH, b'{"file": "a.wav"}')


@pytest.mark.parametrize(
    ("value", "stream"),
    [("true", True), ("True", True), ("1", True), ("on", True), ("false", False), ("0", False), ("", False)],
)
def test_booleans_of_forms(value: str, stream: bool) -> None:
    assert asked(field("stream", value)).stream is stream


# -- sound


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (wav(), "WAV"),
        (b"ID3\x04" + bytes(20), "MP3"),
        (b"\xff\xfb\x90\x64", "MP3"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"fLaC", "FLAC"),
        (b"OggS\0\x02" + bytes(22) + b"\x01vorbis", "Ogg Vorbis"),
        (b"OggS", "Ogg"),
        (OPUS, "Ogg Opus"),
        (M4A, "MP4"),
        (b"", ""),
        (b"hello", ""),
        (b"\xff", ""),
    ],
)
def test_formats_by_their_first_bytes(data: bytes, title: str) -> None:
    assert format_of(data) == title


def test_headers_of_wav() -> None:
    found = wave_of(wav(0.5, 22050))
    assert found is not None
    assert (found.rate, found.channels, found.bits, found.start, found.seconds) == (22050, 1, 16, 44, 0.5)
    head = b"RIFF\0\0\0\0WAVE"
    shape = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    odd = head + b"LIST\x03\0\0\0abc\0" + shape + b"data\xff\xff\xff\xff" + bytes(16000)
    found = wave_of(odd)
    assert found is not None
    assert found.seconds == 1.0
    nothing: list[Any] = [
        b"",
        head,
        head + shape,
        head + b"data\0\0\0\0",
        head + b"fmt \xff\xff\xff\xff",
        head + b"fmt " + bytes(20),
    ]
    assert [wave_of(one) for one in nothing] == [None] * len(nothing)
    assert wave_of(head + b"fmt \x10\0\0\0" + bytes(16) + b"data\0\0\0\0") is None


def test_the_paths_are_those_of_the_tasks() -> None:
    assert TASKS["translations"].write(asked(task="translations"), "m", "openai").path == TRANSLATIONS
