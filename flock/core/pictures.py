"""Pictures that a request names by URL, put into it before it is planned.

Owns when a URL is looked at at all: engines would otherwise fetch it themselves, from inside the network they stand in.
Refuses what outbound/images.py refuses, and every URL where the switch is off. Called by core/inference.py.
"""

from flock.dialects.ask import Ask
from flock.dialects.pictures import Picture, correct_types, find_urls, replace_urls
from flock.dialects.plan import UNCHANGED, Changes
from flock.errors import FlockError, InvalidRequest
from flock.outbound.images import Pictures


class PictureBook:
    """Fetches the pictures of requests. `pictures` is None where flock fetches none."""

    def __init__(self, pictures: Pictures | None) -> None:
        self._pictures = pictures

    async def inlined(self, ask: Ask) -> Changes:
        """Return the changes that put every picture into the body, under its true type.

        Raises InvalidRequest or Unsupported naming where the picture stands.
        """
        # in every dialect the block's type, or a key in it, says so; but for Gemini's files without a type
        if b"image" not in ask.raw and not (ask.dialect.startswith("gemini") and b"file" in ask.raw):
            return UNCHANGED
        body, edits = ask.body, list[str]()
        if places := find_urls(ask.dialect, body):
            found = await self._fetched(places)
            body = replace_urls(ask.dialect, body, found)
            edits.append(f"{len(found)} {'picture' if len(found) == 1 else 'pictures'} fetched and put in")
        body, corrected = correct_types(ask.dialect, body)
        if body is ask.body:
            return UNCHANGED
        changed = {name: value for name, value in body.items() if value is not ask.body.get(name)}
        return Changes(changed, (*edits, *corrected))

    async def _fetched(self, places: list[tuple[str, str]]) -> dict[str, Picture]:
        where = places[0][0]
        if self._pictures is None:
            raise InvalidRequest(
                f"{where} names a picture by its URL, and this flock fetches none",
                hint="send it as base64, or: flock config set translation.fetch_images true",
                details={"param": where},
            )
        try:
            return await self._pictures.fetch_all(url for _, url in places)
        except FlockError as error:
            named = ", ".join(place for place, _ in places[:3])
            raise type(error)(f"{named}: {error.sentence}", hint=error.hint, details={"param": where}) from None
