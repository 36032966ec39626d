"""Pictures: generations, edits and variations, passed on to upstreams that have OpenAI's paths.

Only the model's name is changed. Called by the door and the plan (task.py says what a task has).
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.openai.checks import at, named, whole
from flock.dialects.tasks import forms
from flock.dialects.tasks.bodies import empty, missing, model_of, no_such, passed, read_object, usage_within
from flock.dialects.tasks.task import Sent
from flock.errors import InvalidRequest

NAME = "images"
GENERATIONS, EDITS, VARIATIONS = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"


def read_ask(raw: bytes, path: str, content_type: str) -> Ask:
    """Parse and check a body: JSON, or a form with pictures. Raises InvalidRequest naming the field that is wrong."""
    if path == GENERATIONS or content_type.partition(";")[0].strip().lower() == "application/json":
        body = read_object(raw)
        if path != VARIATIONS:
            _prompt(body)
        whole(body.get("n"), "n")
        return Ask("openai", NAME, path, raw, body, model_of(body), body.get("stream") is True, wants_usage=False)
    raw = forms.trimmed(raw, content_type)
    parts = forms.read(raw)
    uploads = forms.uploads(parts)
    body = dict[str, Any](forms.fields(parts))
    if "image" not in uploads:
        raise missing("image", "add the picture as a file with a name: curl -F image=@NAME")
    for name, upload in uploads.items():
        if not upload.data:
            raise empty(name)
    if path == EDITS:
        _prompt(body)
    stream = str(body.get("stream", "")).lower() in ("true", "1")
    return Ask("openai", NAME, path, raw, body, _model(body), stream, wants_usage=False, uploads=uploads)


def _prompt(body: dict[str, Any]) -> None:
    if body.get("prompt") is None:
        raise missing("prompt", "add prompt: what the picture shows")
    named(body["prompt"], "prompt")


def _model(body: dict[str, Any]) -> str:
    model = body.get("model", "")
    if not isinstance(model, str):
        raise InvalidRequest("model came more than once", hint="send model once", details=at("model"))
    return model


def write(ask: Ask, model: str, shape: str) -> Sent:
    """Spell the task for a model of an upstream. Raises Unsupported for a shape that is not OpenAI's."""
    if shape != "openai":
        raise no_such(shape, NAME)
    if ask.uploads:
        same = ask.model == model
        raw = ask.raw if same else forms.spliced(ask.raw, "model", model)
        made = Sent("relay" if same else "splice", ask.path, raw, forms.content_type(forms.boundary_of(ask.raw)))
    else:
        made = passed(ask, model, ask.path)
    made.streams, made.usage_of = True, usage_within
    return made
