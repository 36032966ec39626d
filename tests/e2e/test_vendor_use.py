"""What flock used of a vendor in this day, week and month stands beside the vendor."""

from decimal import Decimal

from tests.e2e.vendor_standing import standing

MODEL = "gpt-5"


def test_used_of_a_vendor() -> None:
    with standing("openai", "groq") as on:
        nothing = on.flock.json("vendor", "show", "openai")["used"]
        assert [(use["window"], use["requests"], use["cost_usd"]) for use in nothing] == [
            ("day", 0, None),
            ("week", 0, None),
            ("month", 0, None),
        ]
        on.flock.ok("price", "set", f"openai/{MODEL}", "--input", "2", "--output", "8")
        for _ in range(3):
            assert on.chat(MODEL).status == 200
        rows = on.flock.json("usage")
        for use in on.flock.json("vendor", "show", "openai")["used"]:
            assert use["requests"] == len(rows) == 3
            assert use["tokens"] == sum(row["input_tokens"] + row["output_tokens"] for row in rows)
            assert Decimal(use["cost_usd"]) == sum(Decimal(row["cost_usd"]) for row in rows)
            assert use["unpriced"] == 0
        assert {use["requests"] for use in on.flock.json("vendor", "show", "groq")["used"]} == {0}
