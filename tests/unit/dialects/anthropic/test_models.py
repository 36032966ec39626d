"""The list of models in pages, as the official SDK reads it."""

import json

import pytest

from flock.dialects.anthropic.models import write_model, write_models
from flock.errors import InvalidRequest
from tests.unit.dialects.anthropic.reading import sdk

ROWS: list[tuple[str, int, int | None]] = [(f"m/{i}:x", 1_700_000_000 + i, 4096 if i else None) for i in range(30)]


def page(**query: str) -> tuple[list[str], bool]:
    found = json.loads(write_models(ROWS, query))
    ids = [model["id"] for model in found["data"]]
    assert (found["first_id"], found["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return ids, found["has_more"]


def test_a_model() -> None:
    assert json.loads(write_model(ROWS[1])) == {
        "type": "model",
        "id": "m/1:x",
        "display_name": "m/1:x",
        "created_at": "2023-11-14T22:13:21Z",
        "lifecycle": "active",
        "max_input_tokens": 4096,
    }


def test_pages() -> None:
    ids = [row[0] for row in ROWS]
    assert page() == (ids[:20], True)
    assert page(limit="1000") == (ids, False)
    assert page(limit="10", after_id=ids[9]) == (ids[10:20], True)
    assert page(limit="10", after_id=ids[19]) == (ids[20:], False)
    assert page(limit="10", after_id=ids[-1]) == ([], False)
    assert page(limit="5", before_id=ids[10]) == (ids[5:10], True)
    assert page(limit="10", before_id=ids[10]) == (ids[:10], False)
    assert page(limit="2", after_id="gone") == (ids[:2], True)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "1.5", "٣"])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        write_models(ROWS, {"limit": limit})
    assert caught.value.details == {"param": "limit"}


def test_the_sdk_reads_it() -> None:
    with sdk(write_models(ROWS[:3])) as client:
        assert [model.id for model in client.models.list()] == [row[0] for row in ROWS[:3]]
    with sdk(write_model(ROWS[0])) as client:
        assert client.models.retrieve("m/0:x").created_at.year == 2023
