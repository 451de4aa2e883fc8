"""Currencies and units against the published lists, where those lie beside the repository."""

import csv
from pathlib import Path

import pytest

from marketplace.kernel.money import CURRENCIES, currency_digits
from marketplace.kernel.units import COUNTED, MEASURED

REFERENCE = Path(__file__).parents[2] / ".." / "shared" / "data" / "reference"

pytestmark = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="the reference lists are not beside the repository"
)


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_currencies_and_digits_are_those_of_iso_4217() -> None:
    in_use = {
        row["AlphabeticCode"]: int(row["MinorUnit"])
        for row in rows("currency-codes.csv")
        if not row["WithdrawalDate"] and row["MinorUnit"].isdigit()
    }
    assert {code: currency_digits(code) for code in CURRENCIES} == in_use


def test_every_unit_is_in_recommendation_20_and_neither_deprecated_nor_deleted() -> None:
    status = {row["CommonCode"]: row["Status"].strip() for row in rows("units-of-measure.csv")}
    unknown = {code for code in COUNTED | MEASURED if code not in status}
    withdrawn = {code for code in COUNTED | MEASURED if status.get(code) in {"D", "X"}}
    assert (unknown, withdrawn) == (set(), set())


def test_counted_units_are_those_of_count() -> None:
    """Level 3 holds units of count and packing; only C62, "one", stands among the physical ones."""
    level = {row["CommonCode"]: row["LevelAndCategory"] for row in rows("units-of-measure.csv")}
    assert {code for code in COUNTED - {"C62"} if not level[code].startswith("3")} == set()
