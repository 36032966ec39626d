"""The price tables' own process: look prices up in genai-prices, or fetch its newest data, and end.

It is a process of its own since the library takes a second and 65 MB. Owns the names under which a model may stand in
the tables, and what of a price flock reckons with: tokens, and what a request costs beside them. Refuses what tokens do
not tell: of a model that answers in pictures or sound at another price the price of the answer is left out, and one
that is sold by the minute or page is not told at all. Looks at the network only when it is to fetch. Imports nothing of
flock. Started by tables.py as `python -P price_child.py`, asked by one line of JSON on standard input.
"""

import importlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

Plain = dict[str, Any]

# what genai-prices calls a price of tokens, or of a thousand requests → what flock calls it
RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "written",
    "cache_write_1h_mtok": "kept",
    "output_reasoning_mtok": "reasoning",
    "requests_kcount": "call",
}
# an answer that may be of these as well as of text: its tokens are counted in one, so nobody can say what they cost
OTHER_ANSWERS = ("output_image_mtok", "output_audio_mtok", "output_video_mtok")
# what stands before a model's own name where others resell it, or in a path
HEADS = re.compile(r"^(?:accounts/fireworks/models/|publishers/[a-z0-9-]+/models/|models/|bedrock/|azure/|openrouter/)")
# AWS's and Google's words for where a model runs, before its name
REGIONS = re.compile(r"^(?:us-gov|us|eu|apac|ap|au|jp|ca|sa|me|global)\.")
# a version by its date: claude-x-20260101, gpt-x-2026-01-01
DATED = re.compile(r"-20\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])$")
# Bound an address that accepts no connection, and one that has gone silent; the file has about a megabyte.
CONNECT_SECONDS, SILENT_SECONDS = 10.0, 15.0
BYTES_MAX = 32 * 2**20


class Unfit(Exception):
    """What was fetched, or lies there, are no tables that the installed genai-prices reads."""


def main() -> int:
    """Do what the line on standard input says."""
    task = json.loads(_line())
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if task["ask"] == "fetch":
        return fetch(task)
    providers, told = load(task["file"])
    _tell({"tables": told})
    now = datetime.fromtimestamp(task["at"], UTC)
    by_id = {provider.id: provider for provider in providers}
    for wanted in task["wanted"]:
        provider = by_id.get(wanted["provider"]) or _at(wanted["url"], providers)
        found = _model(provider, wanted["model"], providers) if provider is not None else None
        _tell({"of": [wanted["vendor"], wanted["model"]], "card": card(found, now) if found is not None else None})
    return 0


def _line() -> bytes:
    words = b""
    while not words.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(1)
        words += more
    return words


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; when it is killed, the kernel closes that end
    while os.read(0, 4096):
        pass
    os._exit(1)


def _tell(message: Plain) -> None:
    with open(1, "wb", closefd=False) as out:
        out.write(json.dumps(message).encode() + b"\n")


# -- the tables


def load(file: str) -> tuple[list[Any], Plain]:
    """Return the providers, of the file that was fetched or of the library, whichever is newer, and what to say of it.

    A file that the installed library does not read counts for nothing; `problem` says so.
    """
    library: Any = importlib.import_module("genai_prices")
    snapshot: Any = importlib.import_module("genai_prices.data_snapshot").get_snapshot()
    providers: list[Any] = snapshot.providers
    newest = newest_change(providers)
    told: Plain = {"version": library.__version__, "at": _epoch(newest), "fetched": False, "problem": ""}
    try:
        fetched_at = os.stat(file).st_mtime
        if newest is not None and fetched_at < _epoch(newest):
            return providers, told
        with open(file, "rb") as stream:
            providers = read(stream.read(BYTES_MAX + 1))
        told |= {"at": fetched_at, "fetched": True}
    except FileNotFoundError:
        pass
    except (OSError, Unfit) as error:
        told["problem"] = str(error)
    return providers, told


def read(body: bytes) -> list[Any]:
    """Return the providers of a data file as genai-prices publishes it. Raises Unfit."""
    types: Any = importlib.import_module("genai_prices.types")
    if len(body) > BYTES_MAX:
        raise Unfit(f"more than {BYTES_MAX // 2**20} MB")
    try:
        raw: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Unfit("it is no JSON") from None
    if not isinstance(raw, list):
        raise Unfit("it is no list of providers")
    try:
        providers: list[Any] = types._providers_from_raw(raw)
        priced = [model for provider in providers for model in provider.models if card(model, datetime.now(UTC))]
    except Exception as error:  # pydantic's, and whatever odd values make of the library
        raise Unfit(" ".join(str(error).split())[:200]) from None
    if not priced:
        raise Unfit("it has no model with a price")
    return providers


def newest_change(providers: list[Any]) -> date | None:
    """Return the newest day on which one of the prices began: the library tells no other date of its data."""
    today = datetime.now(UTC).date()
    days = [day for provider in providers for model in provider.models for day in _days(model) if day <= today]
    return max(days, default=None)


def _days(model: Any) -> list[date]:
    conditions = [] if _is_plain(model) else [price.constraint for price in model.prices]
    return [condition.start_date for condition in conditions if hasattr(condition, "start_date")]


def _is_plain(model: Any) -> bool:
    return not isinstance(model.prices, list)


def _epoch(day: date | None) -> float:
    return 0.0 if day is None else datetime.combine(day, time(), UTC).timestamp()


# -- a model's price


def _at(url: str, providers: list[Any]) -> Any:
    return next((provider for provider in providers if url and re.match(provider.api_pattern, url)), None)


def names(model: str) -> Iterator[str]:
    """Yield the names under which a model may stand in the tables, the likeliest first."""
    bare = HEADS.sub("", model)
    local = REGIONS.sub("", bare)
    yield from dict.fromkeys((model, bare, local, DATED.sub("", bare), DATED.sub("", local)))


def _model(provider: Any, model: str, providers: list[Any]) -> Any:
    for name in names(model):
        if (found := provider.find_model(name, all_providers=providers)) is not None:
            return found
    return None


def card(model: Any, now: datetime) -> Plain | None:
    """Return what a model costs now as decimal strings, and until when that holds (epoch seconds, null for as long as
    the tables do); None for one that is not sold by the token.
    """
    prices: Plain = {key: value for key, value in model.get_prices(now).__dict__.items() if value is not None}
    if "input_mtok" not in prices:
        return None
    starts = {tier.start for price in prices.values() for tier in getattr(price, "tiers", ())}
    tiers = [[start, _flat(prices, start + 1)] for start in sorted(starts)]
    return {**_flat(prices, 0), "tiers": tiers, "until": _until(model, now)}


def _flat(prices: Plain, tokens: int) -> Plain:
    """Return the prices of a request whose prompt has so many tokens."""
    found = {name: _rate(prices[key], tokens) for key, name in RATES.items() if key in prices}
    if any(key in prices for key in OTHER_ANSWERS):
        found.pop("output", None)
    if "requests_kcount" in prices:
        found["call"] /= 1000
    return {name: _plain(amount) for name, amount in found.items()}


def _rate(price: Any, tokens: int) -> Any:
    if not hasattr(price, "tiers"):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tokens > tier.start), price.base)


def _plain(amount: Any) -> str:
    words = f"{amount:f}"
    return words.rstrip("0").rstrip(".") if "." in words else words


def _until(model: Any, now: datetime) -> float | None:
    """Return when a price of another day or another time of day begins."""
    if _is_plain(model):
        return None
    moments = [datetime.combine(day, time(), UTC) for day in _days(model)]
    for condition in (price.constraint for price in model.prices):
        if hasattr(condition, "start_time"):
            moments += [_next(moment, now) for moment in (condition.start_time, condition.end_time)]
    return min((moment.timestamp() for moment in moments if moment > now), default=None)


def _next(moment: time, now: datetime) -> datetime:
    found = datetime.combine(now.date(), moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found if found > now else found + timedelta(days=1)


# -- fetching


def fetch(task: Plain) -> int:
    """Fetch the newest data, see that the library reads it, and keep it; what was kept before stays on every error."""
    httpx2: Any = importlib.import_module("httpx2")
    updates: Any = importlib.import_module("genai_prices.update_prices")
    url = httpx2.URL(task["url"] or updates.DEFAULT_UPDATE_URL)
    try:
        limit = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        answer = httpx2.get(url, timeout=limit)
    except (httpx2.HTTPError, OSError) as error:
        _tell({"failed": {"kind": "unreachable", "host": url.host, "why": why(error)}})
        return 1
    if answer.status_code != 200:
        _tell({"failed": {"kind": "refused", "host": url.host, "status": answer.status_code}})
        return 1
    try:
        read(answer.content)
    except Unfit as error:
        _tell({"failed": {"kind": "unfit", "host": url.host, "why": str(error)}})
        return 1
    try:
        keep(task["file"], answer.content)
    except OSError as error:
        _tell({"failed": {"kind": "unkept", "host": url.host, "why": f"{why(error)}: {task['file']}"}})
        return 1
    _tell({"tables": load(task["file"])[1]})
    return 0


def keep(file: str, body: bytes) -> None:
    """Write a file whole or not at all, for nobody but its owner."""
    temporary = f"{file}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


def why(error: Exception) -> str:
    """Return the cause of a failed connection in few words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror and "[" not in cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    silent = {"ConnectTimeout": "it takes no connection", "ReadTimeout": "it fell silent"}
    return silent.get(type(error).__name__) or str(error) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
