"""Azure OpenAI's URLs: a deployment instead of a model, a date instead of a version.

Owns both layouts: the classic one, `/openai/deployments/NAME/chat/completions?api-version=DATE`, and the newer one
below `/openai/v1`, which is OpenAI's own. Takes whatever the portal shows as the endpoint, a whole target URI too.
Pure. Called by listed.py and registry.py.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from flock.vendors.paths import join, unversioned

_V1 = ["openai", "v1"]


def url(base: str, path: str, model: str, query: Mapping[str, str], deployments: Mapping[str, str]) -> str:
    """Return the URL of a dialect's path for a model.

    `deployments` maps models to the deployments they have; one that is not named is called like its model, which is
    what the portal proposes.
    """
    if is_v1(base):
        return join(base, path)
    scheme, host, before, _, _ = urlsplit(base)
    segments = [segment for segment in before.split("/") if segment]
    at = segments.index("openai") if "openai" in segments else len(segments)
    root = [*segments[:at], "openai"]
    rest, _, asked = unversioned(path).partition("?")
    if rest not in ("/models", "/responses"):
        root += ["deployments", quote(_pinned(segments) or deployments.get(model, model), safe="")]
    words = urlencode({**query, **dict(parse_qsl(asked, True))})
    return urlunsplit((scheme, host, "/".join(["", *root]) + rest, words, ""))


def is_v1(base: str) -> bool:
    """Return whether a base is of the newer layout, in which the model's name stands in the body and no date is due."""
    segments = [segment for segment in urlsplit(base).path.split("/") if segment]
    return segments[-2:] == _V1


def read(pasted: str) -> tuple[str, dict[str, str]]:
    """Return the base that a URL from the portal amounts to, and the query it brings ({"api-version": …})."""
    scheme, host, before, words, _ = urlsplit(pasted)
    segments = [segment for segment in before.split("/") if segment]
    if "deployments" in segments:
        segments = segments[: segments.index("deployments") + 2]
    elif segments[:2] == _V1:
        segments = list(_V1)
    return urlunsplit((scheme, host, "/".join(["", *segments]) if segments else "", "", "")), dict(parse_qsl(words))


def _pinned(segments: list[str]) -> str:
    """Return the deployment that a base names itself, "" for none."""
    if "deployments" not in segments:
        return ""
    return next(iter(segments[segments.index("deployments") + 1 :]), "")
