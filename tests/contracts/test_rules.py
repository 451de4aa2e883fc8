from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.contracts.rules import (
    CONTRACT,
    ENDED,
    ContractDraft,
    ContractPrice,
    ContractState,
    Tier,
    check_draft,
    contract_hash,
    covers,
    in_force,
    state_at,
    term_of,
    tier_reached,
)
from marketplace.kernel.errors import InvalidInput

COMPANY, SITE, OTHER_SITE, SUPPLIER = (UUID(int=number) for number in (1, 2, 3, 9))
PRICE = ContractPrice(
    sku="BOLT-8",
    description="Bolt M8",
    unit="C62",
    basis=Decimal(100),
    tiers=(Tier(Decimal(1), Decimal("12.5")), Tier(Decimal(1000), Decimal("11.25"))),
)
DRAFT = ContractDraft(
    buyer_id=COMPANY,
    supplier_id=SUPPLIER,
    title="Fasteners 2026",
    currency="EUR",
    time_zone="Europe/Berlin",
    first_day=date(2026, 1, 1),
    last_day=date(2026, 12, 31),
    prices=(PRICE,),
)


def test_a_sound_draft_passes() -> None:
    check_draft(DRAFT)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"supplier_id": COMPANY}, "/supplier_id", "same_party"),
        ({"title": "  "}, "/title", "empty"),
        ({"currency": "XXX"}, "/currency", "unknown_currency"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "unknown_time_zone"),
        ({"time_zone": "../etc/passwd"}, "/time_zone", "unknown_time_zone"),
        ({"last_day": date(2025, 12, 31)}, "/last_day", "before_first_day"),
        ({"prices": ()}, "/prices", "count"),
        ({"prices": (PRICE, PRICE)}, "/prices/1/sku", "duplicate"),
        ({"prices": (replace(PRICE, sku=" "),)}, "/prices/0/sku", "empty"),
        ({"prices": (replace(PRICE, unit="PIECES"),)}, "/prices/0/unit", "unknown_unit"),
        ({"prices": (replace(PRICE, basis=Decimal(0)),)}, "/prices/0/basis", "not_positive"),
        ({"prices": (replace(PRICE, tiers=()),)}, "/prices/0/tiers", "count"),
        (
            {"prices": (replace(PRICE, tiers=PRICE.tiers[::-1]),)},
            "/prices/0/tiers",
            "not_ascending",
        ),
        (
            {"prices": (replace(PRICE, tiers=(Tier(Decimal(1), Decimal(0)),)),)},
            "/prices/0/tiers/0/amount",
            "not_positive",
        ),
        (
            {"prices": (replace(PRICE, tiers=(Tier(Decimal(1), Decimal("0.0000001")),)),)},
            "/prices/0/tiers/0/amount",
            "too_many_decimals",
        ),
        (
            {"prices": (replace(PRICE, tiers=(Tier(Decimal(0), Decimal(1)),)),)},
            "/prices/0/tiers/0/minimum_quantity",
            "not_positive",
        ),
    ],
)
def test_what_is_wrong_is_pointed_at(change: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_draft(replace(DRAFT, **change))
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]


def test_the_same_sku_may_have_prices_in_two_units() -> None:
    check_draft(replace(DRAFT, prices=(PRICE, replace(PRICE, unit="XBX"))))


def test_the_last_day_is_inside_the_term_and_the_instant_after_it_is_not() -> None:
    term = term_of(DRAFT)
    assert term.from_ == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert term.until == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert term.contains(term.until - timedelta(microseconds=1))
    assert not term.contains(term.until)


def test_a_term_in_another_zone_begins_at_its_own_midnight() -> None:
    term = term_of(replace(DRAFT, time_zone="Pacific/Auckland"))
    assert term.from_ == datetime(2025, 12, 31, 11, tzinfo=UTC)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.sampled_from(["Europe/Berlin", "UTC"]))
def test_a_contract_of_one_day_lasts_that_day_even_when_clocks_change(day: date, zone: str) -> None:
    term = term_of(replace(DRAFT, first_day=day, last_day=day, time_zone=zone))
    assert timedelta(hours=23) <= term.until - term.from_ <= timedelta(hours=25)


def test_consecutive_terms_touch_without_gap_or_overlap() -> None:
    first = term_of(replace(DRAFT, last_day=date(2026, 3, 29)))
    second = term_of(replace(DRAFT, first_day=date(2026, 3, 30)))
    assert first.until == second.from_
    assert not first.overlaps(second)


def test_only_an_active_contract_inside_its_term_is_in_force() -> None:
    term = term_of(DRAFT)
    inside, before = datetime(2026, 6, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    for state in ContractState:
        assert in_force(state, term, inside) == (state is ContractState.ACTIVE)
    assert not in_force(ContractState.ACTIVE, term, before)
    assert not in_force(ContractState.ACTIVE, term, term.until)


def test_a_contract_past_its_term_reads_as_expired_without_any_job() -> None:
    term = term_of(DRAFT)
    assert state_at(ContractState.ACTIVE, term, term.until) is ContractState.EXPIRED
    assert state_at(ContractState.ACTIVE, term, term.from_) is ContractState.ACTIVE
    assert state_at(ContractState.TERMINATED, term, term.until) is ContractState.TERMINATED


def test_nothing_leads_out_of_an_ended_contract() -> None:
    assert all(CONTRACT.actions(state) == () for state in ENDED)
    assert all(CONTRACT.actions(state) for state in set(ContractState) - ENDED)


@pytest.mark.parametrize(
    ("unit_ids", "path", "covered"),
    [
        ((), (SITE, COMPANY), True),
        ((SITE,), (SITE, COMPANY), True),
        ((COMPANY,), (SITE, COMPANY), True),
        ((OTHER_SITE,), (SITE, COMPANY), False),
        ((SITE,), (COMPANY,), False),
    ],
)
def test_a_contract_covers_its_units_and_what_is_below_them(
    unit_ids: tuple[UUID, ...], path: tuple[UUID, ...], covered: bool
) -> None:
    assert covers(unit_ids, path) is covered


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [("0.5", None), ("1", "12.5"), ("999", "12.5"), ("1000", "11.25"), ("5000", "11.25")],
)
def test_a_tier_counts_from_its_minimum_on_and_below_the_first_there_is_no_price(
    quantity: str, amount: str | None
) -> None:
    tier = tier_reached(PRICE.tiers, Decimal(quantity))
    assert (tier and str(tier.amount)) == amount


def test_the_hash_speaks_of_everything_agreed() -> None:
    assert contract_hash(DRAFT) == contract_hash(replace(DRAFT))
    dearer = replace(PRICE, tiers=(Tier(Decimal(1), Decimal("12.6")),))
    changed = [
        replace(DRAFT, title="x"),
        replace(DRAFT, last_day=date(2027, 1, 1)),
        replace(DRAFT, unit_ids=(SITE,)),
        replace(DRAFT, prices=(dearer,)),
    ]
    assert len({contract_hash(draft) for draft in [DRAFT, *changed]}) == len(changed) + 1
