"""Sound as files: which format one is by its first bytes, and what the header of a WAV file says.

Owns no decoder and converts nothing but the container of WAV. Used by the tasks of speech and transcription.
"""

import struct
from dataclasses import dataclass

WAV = "WAV"
# (offset, bytes there, how the format is called); those of MPEG audio and ADTS are patterns, see `format_of`
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", WAV),
    (0, b"fLaC", "FLAC"),
    (0, b"ID3", "MP3"),
    (4, b"ftyp", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "WebM"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF"),
    (0, b"#!AMR", "AMR"),
    (0, b"caff", "CAF"),
    (0, b"0&\xb2u", "WMA"),
)
_HEAD = 64  # the codec of an Ogg stream stands behind a page's header of 28 bytes


@dataclass(frozen=True, slots=True)
class Wave:
    """A WAV file's header, and where its samples are: `start` and `size` in bytes, `rate` in samples a second."""

    rate: int
    channels: int
    bits: int
    start: int
    size: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.size / (self.rate * self.channels * self.bits / 8)


def format_of(data: bytes) -> str:
    """Return how the format of a file is called ("WAV", "MP4", "Ogg Opus"), "" where its first bytes do not tell."""
    head = data[:_HEAD]
    if head.startswith(b"OggS"):
        return "Ogg Opus" if b"OpusHead" in head else "Ogg Vorbis" if b"vorbis" in head else "Ogg"
    for offset, mark, title in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return title
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # 11 bits set: a frame of MPEG audio or ADTS
        return "AAC" if head[1] & 0x06 == 0 else "MP3"
    return ""


def wave_of(data: bytes) -> Wave | None:
    """Return the header of a WAV file, None for what is none or has none that makes sense.

    A size that runs past the end is cut to it: who writes to a pipe does not know the size beforehand.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    place, shape = 12, None
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8
        if name == b"fmt " and size >= 16 and place + 16 <= len(data):
            _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, place)
            shape = (rate, channels, bits)
        elif name == b"data":
            return None if shape is None or not all(shape) else Wave(*shape, place, min(size, len(data) - place))
        place += size + size % 2
    return None
