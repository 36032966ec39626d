"""What embeddings are in every shape: the texts that are wanted as vectors, and the vectors.

Owns the two ways a vector is written: numbers, or base64 of little-endian 32-bit floats (what OpenAI's SDK, LangChain
and LlamaIndex ask for unless told otherwise). Refuses to cut vectors: which models may be cut (Matryoshka) no engine
tells, and a vector cut from another kind of model is noise. Used by the files of embeddings beside it.
"""

import base64
import binascii
import sys
from array import array
from dataclasses import dataclass, field
from typing import Any

from flock.dialects.ir import Usage
from flock.dialects.openai.checks import at
from flock.dialects.tasks.bodies import odd
from flock.errors import Unsupported
from flock.plain import is_array

# A vector as it came: numbers, or base64
Vector = list[float] | str


@dataclass(slots=True)
class Wanted:
    """What a client wants. `inputs` are texts, or token ids where `tokens`; each becomes a vector, in order.

    `purpose` is Gemini's word for what they are for ("RETRIEVAL_QUERY"), `title` that of a document; `truncate`: cut
    a text that is too long, None where the client does not say. `rest` names the fields that only its own shape has,
    `only_there` says in a sentence what no other shape can say at all.
    """

    inputs: list[str] | list[list[int]]
    tokens: bool = False
    dimensions: int | None = None
    base64: bool = False
    purpose: str = ""
    title: str = ""
    truncate: bool | None = None
    rest: list[str] = field(default_factory=list[str])
    only_there: str = ""


@dataclass(slots=True)
class Given:
    """What an upstream gave: a vector for each input, and the tokens it counted."""

    vectors: list[Vector]
    usage: Usage | None = None


def checked(given: Given, count: int, dimensions: int | None) -> Given:
    """Return the vectors when there are as many, and as long, as was asked.

    Raises UpstreamError for another number of vectors, Unsupported for another number of dimensions: engines whose
    model has but one length take the field and ignore it (llama.cpp does).
    """
    if len(given.vectors) != count:
        raise odd(f"{len(given.vectors)} vectors for {count} inputs")
    for vector in given.vectors if dimensions is not None else ():
        if (found := length(vector)) != dimensions:
            raise Unsupported(
                f"the model gives vectors of {found} dimensions and cannot be asked for {dimensions}",
                hint="leave dimensions out, or ask for another model: flock model ls",
                details=at("dimensions"),
            )
    return given


def length(vector: Vector) -> int:
    """Return how many dimensions a vector has."""
    return len(vector) if isinstance(vector, list) else len(_raw(vector)) // 4


def vector_of(value: Any) -> Vector:
    """Return a vector of an answer. Raises UpstreamError for what is none."""
    if isinstance(value, str) or (is_array(value) and value and not is_array(value[0])):
        return value
    raise odd("no vector")


def as_floats(vector: Vector) -> list[float]:
    """Return a vector as numbers. Raises UpstreamError for what is no base64 of floats."""
    if not isinstance(vector, str):
        return vector
    numbers = array("f", _raw(vector))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def as_base64(vector: Vector) -> str:
    """Return a vector as base64 of little-endian 32-bit floats. Raises UpstreamError for what are no numbers."""
    if isinstance(vector, str):
        return vector
    try:
        numbers = array("f", vector)
    except TypeError:
        raise odd("no vector of numbers") from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def _raw(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise odd("no vector in base64") from None
    if len(raw) % 4:
        raise odd("no vector of 32-bit floats")
    return raw
