"""The OpenAI dialect's upstream half: what flock says to engines, and what they answer.

Does no I/O; the names by which half.py and the request path reach the modules beside this file. Requests are written in
`outgoing.py`, whole answers read in `answers.py`, streams in `chunks.py`; a relay looks on with `tap.py`.
"""

from flock.dialects.ir import NO_USAGE, Usage
from flock.dialects.openai.answers import read_reply
from flock.dialects.openai.chunks import reader
from flock.dialects.openai.outgoing import write_request
from flock.dialects.openai.overflow import read_overflow
from flock.dialects.openai.tap import TAIL_BYTES, StreamTap, event_fault, first_event, is_fault, read_fault
from flock.dialects.openai.usage import read_body_usage, read_usage
from flock.wire.sse import SSE

FRAMING = SSE

__all__ = [
    "FRAMING",
    "NO_USAGE",
    "TAIL_BYTES",
    "StreamTap",
    "Usage",
    "event_fault",
    "first_event",
    "is_fault",
    "read_body_usage",
    "read_fault",
    "read_overflow",
    "read_reply",
    "read_usage",
    "reader",
    "write_request",
]
