"""Which vendor a name means: a known one, one made of a template, or one spoken to in another way.

Owns the names: `openai-compatible-<x>` and `anthropic-compatible-<x>` are made of the templates of the catalog,
"-responses" behind a name has it spoken to in Responses, and any other name is one with a URL of its own. Pure. Called
by registry.py.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from flock.errors import ConfigInvalid, InvalidRequest, NotFound
from flock.plain import is_array
from flock.text import closest, did_you_mean
from flock.vendors import azure
from flock.vendors.row import DIALECTS, VendorRow, is_url, overlaid, renamed

_RESPONSES = "-responses"
# a dialect → the template whose manners a vendor of one's own has
_TEMPLATES = {
    "openai": "openai-compatible",
    "responses": "openai-compatible",
    "anthropic": "anthropic-compatible",
    "gemini": "gemini-compatible",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Settings = Mapping[str, object]


def row_of(name: str, rows: Mapping[str, VendorRow], settings: Settings) -> VendorRow:
    """Return the row of a vendor with the user's settings in it.

    Raises NotFound for a name that needs a URL and has none, ConfigInvalid for a setting that is wrong.
    """
    spoken = settings.get("dialects")
    dialect = str(spoken[0]) if is_array(spoken) and spoken else "openai"
    row = _of_name(name, rows, dialect, own=bool(settings.get("base")))
    if row is None:
        raise unknown(name, (key for key, row in rows.items() if not row.template))
    return overlaid(row, dict(settings)) if settings else row


def moved(row: VendorRow, base: str) -> VendorRow:
    """Return a vendor at another base: nothing that belongs to the first one's address is asked there any more."""
    return overlaid(row, settings_of(row, url=base)) if base else row


def _of_name(name: str, rows: Mapping[str, VendorRow], dialect: str, *, own: bool) -> VendorRow | None:
    row = rows.get(name)
    if row is not None and not row.template:
        return row
    if name.endswith(_RESPONSES):
        inner = _of_name(name.removesuffix(_RESPONSES), rows, dialect, own=own)
        if inner is None:
            return None
        profile = replace(inner.profile, dialects=frozenset({"responses"}), native={})
        return renamed(replace(inner, profile=profile), name)
    for key, template in rows.items():
        if template.template and name.startswith(f"{key}-") and name != f"{key}-":
            return _made_of(template, name)
    template = rows.get(_TEMPLATES.get(dialect, ""))
    return _made_of(template, name) if own and template is not None else None


def _made_of(template: VendorRow, name: str) -> VendorRow:
    variable = f"{re.sub('[^A-Z0-9]', '_', name.upper())}_API_KEY"
    return replace(renamed(template, name), variables=(variable,))


def settings_of(
    row: VendorRow | None,
    *,
    url: str = "",
    dialect: str = "",
    api_version: str = "",
    deployments: Iterable[str] = (),
    tags: Iterable[str] = (),
    own_credentials: bool = False,
) -> dict[str, object]:
    """Return the fields of a row that options amount to; `row` is the vendor's, None for one that is not known yet.

    Raises InvalidRequest naming the option that is wrong.
    """
    found: dict[str, object] = {}
    if url:
        found |= _at(row, url)
    if dialect:
        if dialect not in DIALECTS:
            raise InvalidRequest(
                f"--dialect {dialect!r} is none that flock speaks; it speaks {', '.join(sorted(DIALECTS))}"
                f"{did_you_mean(dialect, DIALECTS)}",
                hint=f"--dialect {closest(dialect, DIALECTS) or 'openai'}",
            )
        found["dialects"] = [dialect]
    if api_version:
        found["query"] = {"api-version": api_version}
    if pairs := dict(_pair(words) for words in deployments):
        found["deployments"] = pairs
    if words := list(tags):
        found["tags"] = words
    if own_credentials:
        found["own_credentials"] = True
    return found


def _at(row: VendorRow | None, url: str) -> dict[str, object]:
    if not is_url(url):
        raise InvalidRequest(
            f"{url!r} is no URL of a vendor: one begins with https:// and holds no name and password",
            hint="flock vendor add NAME --url https://llm.example.com/v1",
        )
    found: dict[str, object] = {"base": url.rstrip("/"), "bases": {}}
    if row is None:
        return found
    if row.layout == "azure":
        base, query = azure.read(url)
        return {"base": base, "bases": {}, **({"query": query} if query else {})}
    # the same path at another host is the vendor's layout elsewhere: a region, a mirror; its other places are there too
    alike = urlsplit(url).path.rstrip("/") == urlsplit(row.base).path.rstrip("/")
    if alike:
        found["bases"] = {place: there for place, base in row.bases.items() if (there := _there(base, row.base, url))}
    for field, otherwise in (("list", "/models"), ("check", "")):
        if (place := str(getattr(row, field))).startswith(("http://", "https://")):
            found[field] = (_there(place, row.base, url) if alike else "") or otherwise
    return found


def _there(place: str, base: str, url: str) -> str:
    """Return a place at the host of `url` when it is at the host of `base`, "" when it is elsewhere."""
    here, there = urlsplit(place), urlsplit(url)
    return urlunsplit(here._replace(scheme=there.scheme, netloc=there.netloc)) if _host(place) == _host(base) else ""


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _pair(words: str) -> tuple[str, str]:
    model, equals, deployment = words.partition("=")
    if not (model and equals and deployment):
        raise InvalidRequest(
            f"--deployment {words!r} is no MODEL=DEPLOYMENT", hint="flock vendor add azure --deployment gpt-4o=prod"
        )
    return model, deployment


def refuse_name(name: str) -> None:
    """Raise InvalidRequest for what cannot be a vendor's name."""
    if not name:
        raise InvalidRequest("which vendor? A name is missing", hint="flock vendor ls --all")
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f'"{name}" cannot be a vendor\'s name: letters, digits, ".", "_" and "-", at most 64',
            hint="flock vendor ls --all",
        )


def unknown(name: str, names: Iterable[str]) -> NotFound:
    """Return the error of a name that no vendor has."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ""
    hint = f"flock vendor show {near[0]}" if near else f"flock vendor add {name} --url https://llm.example.com/v1"
    return NotFound(f'no vendor is called "{name}"{meant}', hint=hint, details={"nearest": near} if near else {})


def place_of(url: str) -> tuple[str, int]:
    """Return the host and port that a URL is reached at."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return host, parts.port or (80 if parts.scheme == "http" else 443)


def as_request(error: ConfigInvalid) -> InvalidRequest:
    """Return the error of a setting that came with a request rather than from a file."""
    return InvalidRequest(error.sentence, hint="flock vendor add --help")
