"""How many tokens a prompt has, roughly, when nobody who knows can be asked.

Owns the weights of characters, messages, tools, pictures and documents, each with its source, and the text of a prompt
as a chat template would show it. Refuses to know any model's tokenizer: core/counting.py asks engines and tokenizers
first. Pure. Called by core/counting.py, by plan.py and where `message_start` needs a figure before the engine has one.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from flock.dialects import ir
from flock.dialects.pictures import dimensions

# Tokens per feature of a text: a least-squares fit of relative errors over 1 500 passages of 3 kB, weighted towards
# English, code and JSON, against the mean of the tokenizers of Qwen 3, Gemma 3, Llama 3 and gpt-oss. In five-fold
# cross-validation half of the passages are within 7 % of that mean and 90 % within 17 % (characters / 4: 19 % and
# 55 %). Against a single one of these tokenizers: half within 12 %, 90 % within 23 %; the worst is Greek, 40 % under.
_WORD = 0.596  # a run of ASCII letters
_LETTER = 0.113  # an ASCII letter
_CAPITAL = 0.101  # more for a capital one: camelCase is cut there
_DIGIT = 1.144
_SIGN = 0.45  # ASCII punctuation
_LINE = 1.419  # a line break, with the indentation behind it
_TWO_BYTES = 0.351  # a letter of Latin with accents, Greek, Cyrillic, Hebrew, Arabic
_INDIC = 0.689  # U+0800 to U+2FFF: the scripts of India and South-East Asia, signs
_CJK = 0.687  # U+3000 to U+FFFF: Chinese, Japanese, Korean
_FOUR_BYTES = 1.5  # emoji: 1 to 3; too few in the passages to be fitted
# Longer texts are looked at in as many evenly spread slices, so that an estimate stays below a millisecond.
_LOOKED_AT, _SLICE = 64 * 1024, 1024

# ChatML's `<|im_start|>role\n` and `<|im_end|>\n` are five tokens; the other families' marks are four to six.
_MESSAGE = 5
# The head of the answer that the template opens, `<|im_start|>assistant\n`.
_ANSWER = 3
# What templates say about tools before the first one; 120 tokens in the Hermes form of Qwen, less in others.
_TOOLS = 110
# `{"type": "function", "function": {"name": , "description": , "parameters": }}` and a line break.
_TOOL = 20
# `<tool_call>\n{"name": , "arguments": }\n</tool_call>`, and the marks around a result.
_CALL, _RESULT = 14, 7

# Anthropic: width × height / 750, pictures being scaled down to at most about 1 600 tokens. Qwen 2.5 VL takes one token
# for 28 × 28 = 784 pixels; Gemma 3 always 256, LLaVA 576.
_PIXELS, _PICTURE_LEAST, _PICTURE_MOST = 750, 64, 1600
# A picture whose size is not known (a URL, a file id): about 1000 × 750 pixels.
_PICTURE = 1000
# OpenAI's price of a picture with detail "low".
_PICTURE_LOW = 85
# Anthropic: a page of a PDF is 1 500 to 3 000 tokens. A page of text with a few pictures is about 40 kB, so a token is
# 20 bytes; a request holds at most 100 pages.
_PAGE, _PAGES, _PDF_BYTES = 2000, 100, 20
# Speech at 25 tokens a second (Qwen 2.5 Omni): 16-bit mono at 16 kHz is 32 kB a second, MP3 at 128 kbit/s 16 kB.
_WAV_BYTES, _MP3_BYTES = 1280, 640


def _classes() -> bytes:
    """Return what each byte of UTF-8 text counts as; continuation bytes are deleted before."""
    table = bytearray(b"." * 256)
    table[ord("a") : ord("z") + 1] = b"a" * 26
    table[ord("A") : ord("Z") + 1] = b"A" * 26
    table[ord("0") : ord("9") + 1] = b"0" * 10
    for blank in b" \t\r":
        table[blank] = ord(" ")
    table[ord("\n")] = ord("\n")
    table[0xC0:0xE0] = b"2" * 32
    table[0xE0:0xE3] = b"i" * 3
    table[0xE3:0xF0] = b"c" * 13
    table[0xF0:] = b"4" * 16
    return bytes(table)


_CLASS = _classes()
_CONTINUATION = bytes(range(0x80, 0xC0))
_IS_LETTER = bytes(ord("a") if byte in b"aA" else ord(" ") for byte in range(256))


def text_tokens(text: str) -> float:
    """Return how many tokens a text has, about: 0.6 ms for 64 kB and not much more for longer ones."""
    if len(text) <= _LOOKED_AT:
        return _weigh(text)
    slices = _LOOKED_AT // _SLICE
    stride = (len(text) - _SLICE) / (slices - 1)
    seen = "".join(text[(at := int(i * stride)) : at + _SLICE] for i in range(slices))
    return _weigh(seen) * len(text) / len(seen)


def _weigh(text: str) -> float:
    seen = text.encode("utf-8", "surrogatepass").translate(_CLASS, _CONTINUATION)
    count = seen.count
    blanks, digits, signs, lines = count(b" "), count(b"0"), count(b"."), count(b"\n")
    two, indic, cjk, four = count(b"2"), count(b"i"), count(b"c"), count(b"4")
    # counting what is rare is far quicker than counting letters
    letters = len(seen) - blanks - digits - signs - lines - two - indic - cjk - four
    words = seen.translate(_IS_LETTER).count(b" a") + seen[:1].isalpha()
    return (
        _WORD * words
        + _LETTER * letters
        + _CAPITAL * count(b"A")
        + _DIGIT * digits
        + _SIGN * signs
        + _LINE * lines
        + _TWO_BYTES * two
        + _INDIC * indic
        + _CJK * cjk
        + _FOUR_BYTES * four
    )


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request's prompt is made of: its words, roughly as a chat template shows them; `marks`, the tokens that
    the template puts around them; `media`, those of pictures, documents and sound.
    """

    text: str
    marks: int
    media: int


def estimate(request: ir.Request) -> int:
    """Return about how many tokens the prompt of a request has, at least 1. Never raises."""
    prompt = prompt_of(request)
    return max(1, round(text_tokens(prompt.text)) + prompt.marks + prompt.media)


def prompt_of(request: ir.Request) -> Prompt:
    """Return what a request's prompt is made of.

    Tools that are only listed to be found are not in it, nor is the thinking of turns that a user's words have closed:
    templates leave both out.
    """
    texts: list[str] = []
    marks, media = _ANSWER, 0
    last_user = max((i for i, message in enumerate(request.messages) if message.role == "user"), default=-1)
    for i, message in enumerate(request.messages):
        marks += _MESSAGE
        for part in message.parts:
            if isinstance(part, ir.Thinking) and i < last_user:
                continue
            more_marks, more_media = _part(part, texts)
            marks, media = marks + more_marks, media + more_media
    offered = [tool for tool in request.tools if not tool.deferred]
    marks += (_TOOLS if offered else 0) + _TOOL * len(offered)
    for tool in offered:
        texts += _tool(tool)
    return Prompt("\n".join(texts), marks, media)


def _part(part: ir.Part, texts: list[str]) -> tuple[int, int]:
    """Add the words of a part to `texts`; return the tokens of its marks and of its media."""
    match part:
        case ir.Text() | ir.Thinking() | ir.Refusal():
            texts.append(part.text)
            return 0, 0
        case ir.ToolCall():
            texts += (part.name, part.arguments)
            return _CALL, 0
        case ir.ToolResult():
            inner = [_part(held, texts) for held in part.parts]
            return _RESULT + sum(marks for marks, _ in inner), sum(media for _, media in inner)
        case ir.Image():
            return 2, image_tokens(part)
        case ir.Audio():
            return 2, sound_tokens(len(part.data) * 3 // 4, wav=part.format != "mp3")
        case ir.File():
            return 2, _file(part, texts)
        case ir.Opaque():
            texts.append(_spelled(part.value))
            return 0, 0


def _tool(tool: ir.Tool) -> list[str]:
    if tool.kind == "hosted":
        return [_spelled(tool.raw)]
    held = tool.schema if tool.kind == "function" else tool.grammar
    return [tool.name, tool.description, _spelled(held) if held else ""]


def image_tokens(image: ir.Image) -> int:
    """Return about how many tokens a picture is, by its pixels and never by the length of its base64."""
    if image.detail == "low":
        return _PICTURE_LOW
    size = dimensions(image.data) if image.data else None
    if size is None:
        return _PICTURE
    return min(max(size[0] * size[1] // _PIXELS, _PICTURE_LEAST), _PICTURE_MOST)


def sound_tokens(count: int, *, wav: bool) -> int:
    """Return about how many tokens sound of so many bytes is: 16-bit mono at 16 kHz (`wav`), or compressed."""
    return count // (_WAV_BYTES if wav else _MP3_BYTES)


def _file(file: ir.File, texts: list[str]) -> int:
    """Add a document's words to `texts` where it has any; return the tokens of one that has not."""
    if file.text:
        texts.append(file.text)
        return 0
    if file.data and file.media_type.startswith("text/"):
        try:
            texts.append(base64.b64decode(file.data).decode("utf-8", "replace"))
        except (binascii.Error, ValueError):
            texts.append(file.data)
        return 0
    return min(max(len(file.data) * 3 // 4 // _PDF_BYTES, _PAGE), _PAGE * _PAGES)


def _spelled(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson reads 1024 levels and writes 254
        return str(value)
