"""Fill a flock's database with many days of usage: `python usage_rows.py DATABASE ROWS` with flock's interpreter.

A day is made row by row, with its sums by flock's own code, and copied by SQL to as many days as it takes: forty people
with two models each, at work ten hours a day at different times. Prints what is there as JSON. Called by measure.py.
"""

import json
import random
import sqlite3
import sys
import time

from flock.store.histogram import encode
from flock.store.schema import HOURS, USAGE
from flock.store.sums import Sums

PEOPLE, WORKING_HOURS, DAYS = 40, 10, 90
MODELS = (
    ("qwen3-8b", ""),
    ("gemma3-27b", ""),
    ("openai/gpt-5", "openai"),
    ("anthropic/claude-sonnet-4-5", "anthropic"),
)
COUNTED = ("vendor", "outcome", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "latency_ms", "ttft_ms")


def day(rows: int, begin: float, lot: random.Random) -> tuple[list[tuple], dict[tuple, Sums]]:
    """Return the rows of one day and their sums by hour and group."""
    names = [column.name for column in USAGE.columns if column.name != "id"]
    at, found, groups = names.index("at"), [], {}
    counted = [names.index(name) for name in (*COUNTED, "engine_ms")]
    for number in range(rows):
        person = lot.randrange(PEOPLE)
        hour = (person * 24 // PEOPLE + lot.randrange(WORKING_HOURS)) % 24
        model, vendor = MODELS[(person + lot.randrange(2)) % len(MODELS)]
        took, first = lot.lognormvariate(8.3, 0.8), lot.lognormvariate(6, 0.7)
        outcome = "ok" if lot.random() < 0.97 else lot.choice(("error", "cancelled", "partial"))
        row = (
            *(f"req_{number:016x}", begin + hour * 3600 + lot.random() * 3600, f"person-{person}", f"k_{person}"),
            *(model, "chat", vendor or "llamacpp:" + model, lot.randrange(200, 40_000), lot.randrange(200)),
            *(lot.randrange(1, 2_000), 0, took, first, 200, outcome, 1, vendor),
            *(f"{lot.randrange(10**7) / 10**9:.9f}" if vendor else None, 0, 0, took - 5),
        )
        found.append(row)
        group = (int(row[at] // 3600), row[2], row[3], model, vendor)
        groups.setdefault(group, []).append(tuple(row[i] for i in counted))
    sums = {group: Sums() for group in groups}
    for group, values in groups.items():
        sums[group].count(values)
    return found, sums


def fill(path: str, rows: int) -> None:
    """Write the days before today, the last of them yesterday."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    begin = (int(time.time()) // 86400 - DAYS) * 86400
    found, sums = day(rows // DAYS, begin, random.Random(1))
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'usage' AND type = 'index'"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("DELETE FROM usage")
    connection.execute("DELETE FROM usage_hours")
    columns = [column.name for column in USAGE.columns if column.name != "id"]
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO usage ({', '.join(columns)}) VALUES ({places})", found)
    hours = [(*group, *one.plain(), encode(one.latency), encode(one.ttft)) for group, one in sums.items()]
    connection.executemany(f"INSERT INTO usage_hours VALUES ({', '.join('?' * len(HOURS.columns))})", hours)
    moved = ", ".join("at + 86400.0 * :day" if name == "at" else name for name in columns)
    summed = ", ".join("hour + 24 * :day" if column.name == "hour" else column.name for column in HOURS.columns)
    last = connection.execute("SELECT max(id) FROM usage").fetchone()[0]
    for number in range(1, DAYS):
        values = {"day": number, "last": last, "end": begin // 3600 + 24}
        connection.execute(
            f"INSERT INTO usage ({', '.join(columns)}) SELECT {moved} FROM usage WHERE id <= :last", values
        )
        connection.execute(f"INSERT INTO usage_hours SELECT {summed} FROM usage_hours WHERE hour < :end", values)
    for _, sql in indexes:
        connection.execute(sql)
    connection.commit()
    counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("usage", "usage_hours")]
    connection.close()
    print(json.dumps({"rows": counts[0], "hours": counts[1]}))


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]))
