"""Who stands at the public door: the key of a request, and the address that wrong keys are counted by.

Owns where a key may stand in a request and what a wrong one leads to. Refuses to believe what a client says of its
address, unless `trust_proxy_headers` says that every connection comes from a proxy of the user's own. Called by
gateway.py for inference and by app.py for the admin API.
"""

from collections.abc import Callable

from aiohttp import web

from flock.errors import InvalidKey, TooManyAttempts
from flock.policy.attempts import Attempts
from flock.policy.keys import Key, Keys

# (address, outcome): a line on record, at most one a minute for each address
Note = Callable[[str, str], None]

# with flock's own key here, what stands in the usual places may be a vendor's, of the client's own
FLOCK_KEY = "x-flock-key"


def secret_of(request: web.Request) -> str | None:
    """Return the API key of a request from any place clients put it, None where there is none.

    Bearer, `x-api-key`, `x-goog-api-key`, `api-key`, `?key=`: tools of every dialect must reach every route. Before all
    of them counts `X-Flock-Key`, for clients that show a vendor's key of their own in the usual place.
    """
    headers = request.headers
    if own := headers.get(FLOCK_KEY):
        return own.strip()
    authorization = headers.get("Authorization")
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        return rest.strip() if scheme.lower() == "bearer" else authorization.strip()
    for name in ("x-api-key", "x-goog-api-key", "api-key"):
        if value := headers.get(name):
            return value.strip()
    if request.query_string:
        return request.query.get("key")
    return None


class Entrance:
    """Lets requests in by their key."""

    def __init__(self, keys: Keys, attempts: Attempts, note: Note, *, trust_proxy: bool) -> None:
        self._keys = keys
        self._attempts = attempts
        self._note = note
        self._trust_proxy = trust_proxy

    def key_of(self, request: web.Request) -> Key:
        """Return the key of a request. Raises MissingKey, InvalidKey, and TooManyAttempts in its place."""
        try:
            return self._keys.authenticate(secret_of(request))
        except InvalidKey:
            address = self.address_of(request)
            try:
                self._attempts.wrong(address)
            except TooManyAttempts as error:
                if not error.details.pop("noted"):
                    self._note(address, error.code)
                raise
            raise

    def address_of(self, request: web.Request) -> str:
        """Return the address a request comes from.

        Behind a trusted proxy that is the last of X-Forwarded-For, which the proxy itself appended; those before it are
        whatever the client sent.
        """
        if self._trust_proxy:
            chain = ",".join(request.headers.getall("X-Forwarded-For", ()))
            if last := chain.rpartition(",")[2].strip().strip('"'):
                return last.removeprefix("[").partition("]")[0] if last.startswith("[") else last
        return request.remote or "unknown"
