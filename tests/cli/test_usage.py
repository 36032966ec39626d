"""`flock usage`: CSV as spreadsheets take it, the lines for README and cron, and what is refused."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from flock.cli import app
from flock.cli.call import Answer
from flock.cli.usage import sheet
from flock.contract import codec
from flock.contract.op import Op
from flock.contract.usage import BreakDownUsage, RecentUsage, UsageCheck
from tests.cli.usage_values import DAYS, SUMMARY
from tests.cli.values import PAID, USED

Capture = pytest.CaptureFixture[str]


class Asked:
    """What the command line performed, and the answer it got."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.ops: list[Op[Any]] = []

    def __call__(self, op: Op[Any], _yes: bool = False) -> Answer:
        self.ops.append(op)
        return Answer(self.value, codec.dumps(self.value))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_what_it_cost_this_month_by_person_is_one_line(capsys: Capture) -> None:
    asked = Asked([replace(DAYS[0], start=None, model=None)])
    assert app.main(["usage", "--by", "user", "--since", "month"], asked) == 0
    assert asked.ops == [BreakDownUsage(by="user", since="month")]
    told = capsys.readouterr()
    assert told.out.split("\t")[0] == "alice"
    assert "$18.22" in told.out
    assert told.err.startswith("in all 812 requests")


def test_the_line_for_cron_is_csv_and_nothing_else(capsys: Capture) -> None:
    assert app.main(["usage", "--by", "user,model", "--bucket", "day", "--csv"], Asked(DAYS)) == 0
    told = capsys.readouterr()
    assert told.err == ""
    rows = read(told.out)
    assert [row["cost_usd"] for row in rows] == ["18.2201", "", "0.000012"]
    assert list(rows[0])[:4] == ["start", "user", "model", "requests"]
    assert (rows[0]["latency_p95_ms"], rows[2]["latency_p95_ms"]) == ("9120.5", "")
    assert told.out.count("\r\n") == told.out.count("\n") == 4, "RFC 4180 ends lines with CRLF"


def test_single_requests_are_csv_too(capsys: Capture) -> None:
    assert app.main(["usage", "--csv"], Asked([USED, PAID])) == 0
    rows = read(capsys.readouterr().out)
    assert [row["request_id"] for row in rows] == [USED.request_id, PAID.request_id]
    assert rows[1]["cost_usd"] == PAID.cost_usd
    assert rows[0]["stream"] in ("true", "false")


def test_no_row_is_a_header(capsys: Capture) -> None:
    assert app.main(["usage", "--by", "key", "--csv"], Asked([])) == 0
    assert capsys.readouterr().out.startswith("key_id,requests,errors,")
    assert sheet(RecentUsage(), []).startswith("request_id,at,user,")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1"])
def test_a_name_is_no_formula(name: str) -> None:
    (row,) = read(sheet(BreakDownUsage(by="user,model"), [replace(DAYS[0], user=name, model=name)]))
    assert row["user"] == row["model"] == f"'{name}"
    (row,) = read(sheet(RecentUsage(), [replace(USED, user=name, model=name, endpoint=name, engine=name)]))
    assert {row[field] for field in ("user", "model", "endpoint", "engine")} == {f"'{name}"}


@pytest.mark.parametrize("name", ["a,b", 'say "so"', "two\nlines", "jürgen", "a=b", "100%"])
def test_other_names_come_back_as_they_are(name: str) -> None:
    (row,) = read(sheet(RecentUsage(), [replace(USED, user=name)]))
    assert row["user"] == name


def test_two_answers_at_once_are_refused(capsys: Capture) -> None:
    asked = Asked([])
    assert app.main(["usage", "--csv", "--json"], asked) == 2
    assert asked.ops == []
    assert "--csv and --json" in capsys.readouterr().err


def test_a_summary_is_no_sheet(capsys: Capture) -> None:
    assert app.main(["usage", "--summary", "--csv"], Asked(SUMMARY)) == 2
    assert "has no option '--csv'" in capsys.readouterr().err


@pytest.mark.parametrize(("differing", "code"), [((), 0), (("2026-11-20T08h: user 'alice'",), 1)])
def test_sums_that_differ_are_an_exit_code(differing: tuple[str, ...], code: int) -> None:
    assert app.main(["usage", "verify"], Asked(UsageCheck("2026-11-20", 5, 4, differing, False))) == code
