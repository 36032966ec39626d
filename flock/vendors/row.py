"""A vendor as data: the fields of catalog/vendors.yaml, their checks, and a row with some of its fields replaced.

Owns what may stand in a row; the head of the file says what each field means. Refuses what could send a key somewhere
by mistake: bases that are no URLs, prefixes that are none. Called by the daemon at its start, by registry.py and
plugins.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from flock.catalog import Check, Row, Sheet, check_of, checked, load_sheet, one_of, some_globs, some_of, words_of
from flock.errors import ConfigInvalid
from flock.profile import KINDS, Profile

# how a vendor is shown a key: a word of `auth` → the header that carries it
AUTHS: Mapping[str, str] = {
    "bearer": "Authorization",
    "x-api-key": "x-api-key",
    "x-goog-api-key": "x-goog-api-key",
    "api-key": "api-key",
}
# the dialects that a vendor may speak
DIALECTS = frozenset({"anthropic", "gemini", "openai", "responses"})


@dataclass(frozen=True, slots=True)
class VendorRow:
    """One vendor; `profile` holds the fields that an engine's row has too."""

    name: str
    profile: Profile
    base: str = ""
    bases: Mapping[str, str] = field(default_factory=dict[str, str])
    versioned: bool = True
    layout: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    deployments: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    auth: str = "bearer"
    key_faults: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: tuple[str, ...] = ()
    url_variables: tuple[str, ...] = ()
    list: str = "/models"
    list_prices: str = ""
    list_open: bool = False
    check: str = ""
    rates: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    tags: tuple[str, ...] = ()
    own_credentials: bool = False
    template: bool = False
    priced_as: str = ""
    docs: str = ""


def load_vendors(directories: Iterable[Path]) -> tuple[dict[str, VendorRow], list[str]]:
    """Return the vendors that are known, templates among them, and a sentence for each file or row that is wrong.

    Of several directories the first wins, field by field. A directory or file that is not there is no problem.
    """
    rows, problems = load_sheet(_VENDORS, directories)
    return {name: _made(name, row) for name, row in rows.items()}, problems


def made(name: str, values: object) -> VendorRow:
    """Return a vendor of somebody else's making, as a plug-in gives it. Raises ConfigInvalid naming what is wrong."""
    found = checked(_VENDORS.checks, name, values)
    if missing := sorted(_VENDORS.required - found.keys()):
        raise ConfigInvalid(f"the vendor {name!r} lacks {', '.join(missing)}")
    _refuse_odd(name, found)
    return _made(name, found)


def overlaid(row: VendorRow, values: object) -> VendorRow:
    """Return a row with some of its fields replaced. Raises ConfigInvalid naming the field that is wrong."""
    found = checked(_VENDORS.checks, row.name, values)
    _refuse_odd(row.name, found)
    of_profile, own = _parted(found)
    return replace(row, profile=replace(row.profile, **of_profile), **own)


def renamed(row: VendorRow, name: str) -> VendorRow:
    """Return the vendor of another name that a template, or a row spoken to in another way, amounts to."""
    profile = replace(row.profile, kind=name)
    return replace(row, name=name, profile=profile, prefixes=(f"{name}/",), models=(), template=False, priced_as="")


def _made(name: str, values: Row) -> VendorRow:
    of_profile, own = _parted(values)
    own.setdefault("prefixes", (f"{name}/",))
    # a vendor takes calls and thinking out of its models' text itself: that text is not looked into
    parses: Row = {"parses_tools": True, "parses_thinking": True}
    return VendorRow(name, Profile(kind=name, **{**parses, **of_profile}), **own)


def _parted(values: Row) -> tuple[Row, Row]:
    """Return the fields of the profile, and the others."""
    of_profile = {key: value for key, value in values.items() if key in _PROFILE}
    return of_profile, {key: value for key, value in values.items() if key not in _PROFILE}


# -- checks


def _pairs(name: str, value: Any) -> dict[str, str]:
    found = cast("dict[Any, Any]", value) if isinstance(value, dict) else None
    if found is None or not all(isinstance(key, str) and isinstance(word, str) for key, word in found.items()):
        raise ConfigInvalid(f'{name} must map words to text, such as {{api-version: "2024-10-21"}}')
    return found


def _kinds(name: str, value: Any) -> dict[str, str]:
    found = _pairs(name, value)
    for glob, kind in found.items():
        if kind not in KINDS:
            raise ConfigInvalid(f"{name}.{glob} is no kind of model; the kinds are {', '.join(sorted(KINDS - {''}))}")
    return found


def _rates(name: str, value: Any) -> dict[str, dict[str, str]]:
    found = cast("dict[Any, Any]", value) if isinstance(value, dict) else {"": None}
    for rate in found.values():
        words = cast("dict[Any, Any]", rate) if isinstance(rate, dict) else {}
        if set(words) != {"input", "output"} or not all(_is_amount(word) for word in words.values()):
            raise ConfigInvalid(
                f"{name} must map globs of model ids to dollars for a million tokens, as text: "
                '{"some-model*": {input: "1", output: "1.50"}}'
            )
    return cast("dict[str, dict[str, str]]", found)


def _is_amount(word: Any) -> bool:
    try:
        return isinstance(word, str) and Decimal(word).is_finite() and Decimal(word) >= 0
    except InvalidOperation:
        return False


def _refuse_odd(name: str, values: Row) -> None:
    if odd := _odd(values):
        raise ConfigInvalid(f"the vendor {name!r} {odd}")


def _odd(row: Row) -> str:
    """Return what is wrong with a row's fields, "" for nothing."""
    bases = cast("dict[str, str]", row.get("bases", {}))
    for url in filter(None, (cast(str, row.get("base", "")), *bases.values())):
        if not is_url(url):
            return f"has the base {url!r}, which is no http or https URL (and none may hold a name and password)"
    for prefix in cast("tuple[str, ...]", row.get("prefixes", ())):
        if not _PREFIX.fullmatch(prefix):
            return f"has the prefix {prefix!r}; one is a word and a slash"
    return "speaks no dialect" if row.get("dialects") == frozenset() else ""


def is_url(url: str) -> bool:
    """Return whether a text is a URL that a base can be: http or https, a host, no name and password, no fragment."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    whole = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return whole and "@" not in parts.netloc and not parts.fragment and url.isascii() and not any(map(str.isspace, url))


_PREFIX = re.compile(r"[A-Za-z0-9._-]+/")
_CHECKS: Mapping[str, Check] = {
    "dialects": some_of(frozenset, DIALECTS, "dialects of vendors"),
    "bases": _pairs,
    "layout": one_of({"", "azure"}),
    "query": _pairs,
    "deployments": _pairs,
    "headers": _pairs,
    "auth": one_of(AUTHS),
    "key_faults": words_of(tuple, 'words of an error, such as ["API_KEY_INVALID"]'),
    "prefixes": words_of(tuple, 'prefixes of model ids, such as ["groq/"]'),
    "models": some_globs,
    "kinds": _kinds,
    "variables": words_of(tuple, "names of environment variables, such as [GROQ_API_KEY]"),
    "url_variables": words_of(tuple, "names of environment variables, such as [AZURE_OPENAI_ENDPOINT]"),
    "list_prices": one_of({"", "million", "token"}),
    "rates": _rates,
    "tags": some_globs,
}
_PROFILE = frozenset(f.name for f in fields(Profile))


def _sheet() -> Sheet:
    """Return the sheet of vendors: the fields of an engine's row but for how it is started, and those of VendorRow."""
    of_profile = {f.name: check_of(f) for f in fields(Profile)[1:] if f.name != "start_hint"}
    own = {f.name: check_of(f) for f in fields(VendorRow)[2:]}
    checks = {**of_profile, **own, **_CHECKS}
    return Sheet("vendors.yaml", "vendor", "vendors", checks, frozenset({"title", "dialects"}), _odd)


_VENDORS = _sheet()
