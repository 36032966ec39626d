"""How much a model is to think, said by its name (`<model>-none`, `<model>-high`), for tools that cannot say it.

Pure. Owns the words and how each dialect says them. Called by core/names.py's caller.
"""

from typing import Any

from flock.plain import is_object

# the words every dialect's effort knows, and "none"
EFFORTS = ("none", "minimal", "low", "medium", "high", "max")


def split(name: str) -> tuple[str, str]:
    """Return (model, effort) of a name that ends in an effort, (name, "") of any other."""
    model, _, effort = name.rpartition("-")
    return (model, effort) if model and effort in EFFORTS else (name, "")


def fields(dialect: str, body: dict[str, Any], effort: str) -> dict[str, Any]:
    """Return the top-level fields that ask for an effort, in the words of a dialect."""
    if dialect == "openai":
        return {"reasoning_effort": effort}
    if dialect == "responses":
        return {"reasoning": {**_object(body.get("reasoning")), "effort": effort}}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"output_config": {**_object(body.get("output_config")), "effort": effort}}


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}
