"""The dashboards for Grafana ask for figures that /metrics has, by labels these have."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Door, bearer
from tests.running import ROOT, Flock

BOARDS = sorted((ROOT / "dashboards").glob("*.json"))
# what PromQL and Grafana say themselves (prometheus.io/docs/prometheus/latest/querying)
WORDS = set("sum max rate increase topk histogram_quantile time by le instance label_values".split())  # noqa: SIM905
# Prometheus itself adds it to everything it asks for
ADDED = {"instance", "le"}


@pytest.fixture(scope="module")
def exposed(flock: Flock, public: Door) -> dict[str, set[str]]:
    """Return the names of what /metrics exposes, and the labels of each as far as there are values."""
    chat = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}
    assert public.ask("POST", "/v1/chat/completions", chat, bearer(flock.key))[0] == 200
    _, _, body = public.ask("GET", "/metrics")
    found: dict[str, set[str]] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", body.decode(), re.M):
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + end: set[str]() for end in ends}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? ", body.decode(), re.M):
        found[name] |= set(re.findall(r'([a-z_]+)="', labels))
    return found


def expressions(board: dict[str, Any]) -> list[str]:
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return asked + [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]


def test_there_are_the_three_of_them() -> None:
    assert [path.stem for path in BOARDS] == ["cluster-overview", "per-model", "per-node"]
    boards = [json.loads(path.read_text("utf-8")) for path in BOARDS]
    assert len({board["uid"] for board in boards}) == 3
    for board in boards:
        assert board["schemaVersion"] >= 36
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids)) > 8
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            assert panel["targets"]
            assert panel["datasource"]["uid"] == "${datasource}", "no board knows anybody's Prometheus by name"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="figures of the process itself are Linux's")
@pytest.mark.parametrize("path", BOARDS, ids=lambda p: p.stem)
def test_what_a_dashboard_asks_for_is_there(path: Path, exposed: dict[str, set[str]]) -> None:
    for asked in expressions(json.loads(path.read_text("utf-8"))):
        bare = re.sub(r'"[^"]*"|\$[a-z_]+|\[[^]]*\]', "", asked)
        names = {word for word in re.findall(r"[a-z_]{2,}", bare) if word.startswith(("flock_", "process_"))}
        assert names, asked
        assert names <= exposed.keys(), asked
        known = set[str]().union(*(exposed[name] for name in names))
        labels = set(re.findall(r"[a-z_]{2,}", bare)) - names - WORDS
        if all(exposed[name] for name in names):  # else there were no values that could have labels
            assert labels <= known | ADDED, asked


def test_figures_that_have_no_labels_yet_have_those_that_are_asked_for(exposed: dict[str, set[str]]) -> None:
    silent = {name for name, labels in exposed.items() if not labels and name.startswith("flock_")}
    # those that need a vendor, a failure or a limit; tests/unit/core/test_metrics.py pins their labels
    assert silent == {
        *("flock_cost_dollars_total", "flock_refused_total", "flock_request_errors_total"),
        *("flock_requests_running", "flock_unpriced_requests_total"),
    }
