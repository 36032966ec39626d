"""Which model a request means: its own id, an alias, or the default.

Owns the rules and their order: a model's id; `claude-flock-<id>`, under which every model is listed to tools that only
see names of that kind; the patterns of `router.aliases`; an empty name, which is the default model. Refuses to choose
between placements. Called by core/inference.py and by the listing of models.
"""

import difflib
import fnmatch
from collections.abc import Mapping, Sequence

from flock.errors import ModelNotFound
from flock.upstream import Placement

# Claude Code keeps only ids that begin with "claude" or "anthropic" of the models it discovers
DISCOVERY = "claude-flock-"
# what a pattern of `router.aliases` names for the default model
DEFAULT = "default"

Table = Mapping[str, tuple[Placement, ...]]


class Names:
    """The names models are asked for by. `aliases` are (glob, model id or "default"), the first that matches wins."""

    def __init__(self, default_model: str = "", aliases: Sequence[tuple[str, str]] = ()) -> None:
        self.default_model = default_model
        self._aliases = [(pattern.lower(), target) for pattern, target in aliases]

    def resolve(self, wanted: str, table: Table) -> tuple[str, tuple[Placement, ...], str]:
        """Return the model's id, its placements, and by which alias it was found ("" for none).

        Raises ModelNotFound with the nearest ids.
        """
        default = self.default_model or next(iter(table), "")
        name = wanted or default
        placements = table.get(name)
        if placements:
            return name, placements, ""
        if wanted.startswith(DISCOVERY):
            found = wanted.removeprefix(DISCOVERY)
            if placements := table.get(found):
                return found, placements, f"{DISCOVERY}*"
        lower = wanted.lower()
        for pattern, target in self._aliases:
            if not fnmatch.fnmatchcase(lower, pattern):
                continue
            found = default if target == DEFAULT else target
            if placements := table.get(found):
                return found, placements, pattern
        raise self._unknown(name, table)

    def _unknown(self, name: str, table: Table) -> ModelNotFound:
        nearest = difflib.get_close_matches(name, list(table), n=3, cutoff=0.4)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        return ModelNotFound(
            f"there is no model {name!r} here" if name else "no model is installed and the request names none",
            hint=f"{hint}list them: flock model ls",
            details={"param": "model", "nearest": nearest or list(table)[:5]},
        )
