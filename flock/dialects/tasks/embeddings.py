"""Embeddings: texts, or token ids, to vectors.

An upstream that speaks the client's shape gets the body as it came, but for the model's name; what it answers is looked
at only where it may differ from what was asked: base64 that an engine ignored, dimensions that it cannot give. Every
other pair goes through `vectors.py`. Called by the door and the plan (task.py says what a task has).
"""

from typing import Any
from urllib.parse import quote

import orjson

from flock.dialects.ask import Ask
from flock.dialects.echo import echoed
from flock.dialects.ir import Usage
from flock.dialects.openai.checks import fields_of
from flock.dialects.tasks import embedding_clients as clients
from flock.dialects.tasks import embedding_upstreams as upstreams
from flock.dialects.tasks.bodies import dumped, model_of, no_such, passed, read_object, told, told_or_none, usage_within
from flock.dialects.tasks.task import Done, Finish, Sent
from flock.dialects.tasks.vectors import Wanted, as_base64, as_floats, checked
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array

NAME = "embeddings"
OPENAI = "/v1/embeddings"
# paths with the model's name in them, by what stands behind its last colon
_IN_PATH = ("embedContent", "batchEmbedContents")
_MODELS = "/models/"


def read_ask(raw: bytes, path: str, _content_type: str) -> Ask:
    """Parse and check a body. `path` is one of OpenAI's, Ollama's or Gemini's, with the model's name in the last.

    Raises InvalidRequest naming the field that is wrong.
    """
    body = read_object(raw)
    dialect, template, model = _place(path)
    if not model and dialect != "gemini":
        model = model_of(body)
    clients.READERS[dialect](body, template)
    return Ask(dialect, NAME, template, raw, body, model, stream=False, wants_usage=False)


def _place(path: str) -> tuple[str, str, str]:
    """Return dialect, path and model of a path; the path with "{model}" where the model's name stands in it."""
    if path == OPENAI:
        return "openai", path, ""
    if path in (clients.OLLAMA_EMBED, clients.OLLAMA_EMBEDDINGS):
        return "ollama", path, ""
    front, _, verb = path.rpartition(":")
    version, found, model = front.partition(_MODELS)
    if verb not in _IN_PATH or not found or not model:
        raise InvalidRequest(f"{path} asks for no embeddings", hint="POST /v1/embeddings")
    return "gemini", f"{version}{_MODELS}{{model}}:{verb}", model


def write(ask: Ask, model: str, shape: str) -> Sent:
    """Spell the task for a model of an upstream. Raises Unsupported for what its shape cannot say."""
    if shape not in upstreams.WRITERS:
        raise no_such(shape, NAME)
    wanted = clients.READERS[ask.dialect](ask.body, ask.path)
    if shape == ask.dialect:
        return {"openai": _openai, "gemini": _gemini, "ollama": _ollama}[shape](ask, model, wanted)
    if wanted.only_there:
        raise Unsupported(f"{wanted.only_there} by this model's engine", hint="send one text a request")
    made = upstreams.WRITERS[shape](wanted, model)
    made.finish = _translated(ask, shape, wanted)
    made.edits = (f"{ask.dialect} → {shape}", *made.edits)
    return made


def _translated(ask: Ask, shape: str, wanted: Wanted) -> Finish:
    def finish(body: bytes, _content_type: str) -> Done:
        given = checked(upstreams.READERS[shape](body), len(wanted.inputs), wanted.dimensions)
        return Done(clients.WRITERS[ask.dialect](given, ask, wanted), usage=given.usage)

    return finish


# -- the client's shape is the upstream's


def _openai(ask: Ask, model: str, wanted: Wanted) -> Sent:
    made = passed(ask, model, OPENAI)
    made.usage_of = usage_within
    if wanted.base64 or wanted.dimensions is not None:
        made.finish = _as_asked(ask, model, wanted)
    return made


def _as_asked(ask: Ask, model: str, wanted: Wanted) -> Finish:
    def finish(body: bytes, content_type: str) -> Done:
        answer = told(body)
        given = checked(upstreams.openai_vectors(answer), len(wanted.inputs), wanted.dimensions)
        if all(isinstance(vector, str) is wanted.base64 for vector in given.vectors):
            return Done(echoed(body, ask.model) if ask.model != model else body, content_type, given.usage)
        answer["model"] = ask.model
        for one in answer["data"]:
            one["embedding"] = as_base64(one["embedding"]) if wanted.base64 else as_floats(one["embedding"])
        return Done(orjson.dumps(answer), usage=given.usage)

    return finish


def _ollama(ask: Ask, model: str, _wanted: Wanted) -> Sent:
    made = passed(ask, model, ask.path)
    made.usage_of = lambda body: _usage_in(body, b"prompt_eval_count")
    return made


def _gemini(ask: Ask, model: str, _wanted: Wanted) -> Sent:
    path = ask.path.replace("{model}", quote(model))
    made = Sent("relay", path, ask.raw, usage_of=lambda body: _usage_in(body, b"usageMetadata"))
    renamed = _renamed(ask.body, f"models/{model}")
    if renamed != ask.body:
        made.kind, made.body = "splice", dumped(renamed)
    return made


def _renamed(body: dict[str, Any], model: str) -> dict[str, Any]:
    """Return a body that names the model wherever it names one: Gemini compares them with the path."""
    found = dict(body)
    if "model" in found:
        found["model"] = model
    requests = found.get("requests")
    if is_array(requests):
        found["requests"] = [{**fields_of(one, "requests"), "model": model} for one in requests]
    return found


def _usage_in(body: bytes, word: bytes) -> Usage | None:
    if word not in body:
        return None
    answer = told_or_none(body)
    return None if answer is None else upstreams.gemini_usage(answer) or upstreams.ollama_usage(answer)
