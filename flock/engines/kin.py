"""What a model's family adds to what was set for it: a chat template where its files hold none, and the parsers.

Owns the families in force and where their templates lie. Refuses to overrule: what was set for a model, and what its
files hold, win. Made by the daemon's wiring, used by loading.py when a load is planned.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from flock.catalog import family_template
from flock.contract.models import ModelConfig
from flock.dialects.families import family_of, parsers
from flock.profile import NO_FAMILY, Family


@dataclass(frozen=True, slots=True)
class Kin:
    """The families of the catalog, and its directories, the first winning."""

    families: tuple[Family, ...] = ()
    directories: tuple[Path, ...] = ()

    def of(self, names: Iterable[str]) -> Family:
        """Return the family that the first of a model's names fits, NO_FAMILY where none does."""
        found = (family_of(self.families, name) for name in names if name)
        return next((family for family in found if family is not NO_FAMILY), NO_FAMILY)

    def filled(self, config: ModelConfig, family: Family, kind: str, has_template: bool) -> ModelConfig:
        """Return the settings of a model that chats, with what its family adds for an engine of that kind.

        A template is filled in whether or not a parser is set: a parser reads what the template made the model write.
        Looks for the file, blocking.
        """
        tool, reasoning = parsers(family, kind, config.tool_parser, config.reasoning_parser)
        template = config.template
        if not template and not has_template and (path := family_template(family, self.directories)) is not None:
            template = str(path)
        return replace(config, template=template, tool_parser=tool, reasoning_parser=reasoning)
