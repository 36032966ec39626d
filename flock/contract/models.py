"""Models: what clients can name in a request."""

from dataclasses import dataclass

from flock.contract.jobs import Job
from flock.contract.op import Op, Risk, Scope, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Model:
    """A model that answers. `state` is ready, starting, stopped or failed; `context` in tokens or null when unknown.

    `source` is "built-in", "file:PATH" or the URL of the adopted engine; `note` says what a user must know. `kind` is
    chat, embedding, rerank, transcription, speech or image, "" when unknown; `largest_context` is the window it could
    be loaded with, null where its engine does not load it anew.
    """

    id: str
    state: str
    engine: str
    source: str
    context: int | None
    size_bytes: int | None
    default: bool
    note: str = ""
    error: str = ""
    kind: str = ""
    largest_context: int | None = None


@operation("model.ls", "model ls", "GET /admin/v1/models", scope=Scope.ADMIN, examples=("model ls", "model ls --json"))
class ListModels(Op[list[Model]]):
    """List the models that answer, the default first."""


@operation(
    "model.add",
    "model add",
    "POST /admin/v1/models",
    risk=Risk.CHANGE,
    examples=("model add file:./qwen3-8b-q4_k_m.gguf", "model add file:/models/a.gguf --name a"),
)
class AddModel(Op[Job]):
    """Add a model and load it."""

    source: str = arg("file:PATH.gguf")
    name: str = flag("the id clients use; the file's name without ending otherwise", default="")


@operation(
    "model.remove",
    "model remove",
    "DELETE /admin/v1/models/{id}",
    risk=Risk.REMOVE,
    examples=("model remove qwen3-8b", "model remove qwen3-8b --yes"),
)
class RemoveModel(Op[Model]):
    """Remove a model that was added; its file stays where it is."""

    id: str = arg("the model's id, from `flock model ls`")
