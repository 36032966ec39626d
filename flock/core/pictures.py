"""Pictures that a request names by URL, put into it before it is planned.

Owns when a URL is looked at at all: engines would otherwise fetch it themselves, from inside the network they stand in.
Refuses what outbound/images.py refuses, and every URL where the switch is off. Called by core/inference.py.
"""

from flock.dialects.ask import Ask
from flock.dialects.pictures import find_urls, replace_urls
from flock.dialects.plan import UNCHANGED, Changes
from flock.errors import InvalidRequest
from flock.outbound.images import Pictures


class PictureBook:
    """Fetches the pictures of requests. `pictures` is None where flock fetches none."""

    def __init__(self, pictures: Pictures | None) -> None:
        self._pictures = pictures

    async def inlined(self, ask: Ask) -> Changes:
        """Return the changes that put every picture into the body. Raises InvalidRequest or Unsupported."""
        if b"image" not in ask.raw:  # in every dialect the block's type, or a key in it, says so
            return UNCHANGED
        places = find_urls(ask.dialect, ask.body)
        if not places:
            return UNCHANGED
        if self._pictures is None:
            raise InvalidRequest(
                f"{places[0][0]} names a picture by its URL, and this flock fetches none",
                hint="send it as base64, or: flock config set translation.fetch_images true",
                details={"param": places[0][0]},
            )
        found = await self._pictures.fetch_all(url for _, url in places)
        words = f"{len(found)} pictures fetched and put in" if len(found) > 1 else "1 picture fetched and put in"
        return Changes(replace_urls(ask.dialect, ask.body, found), (words,))
