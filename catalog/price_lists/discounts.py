"""Percentages off named lists: what a list says instead of amounts of its own.

A discount is resolved when a price is asked, from the named list as it is published then: whoever
publishes that list anew changes all that is reckoned from it, and nothing has to be published
twice (decision 0423). The discounts of a draft are set as a whole. There are no chains: a list that
is named says amounts (decision 0786).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import ColumnElement, Row, and_, delete, exists, insert, select, update

from catalog.price_lists.reading import locked_list
from catalog.price_lists.rules import ALWAYS, FOREVER, bounded, span
from catalog.price_lists.schemas import (
    PriceDiscountEntry,
    PriceDiscountInput,
    PriceDiscountsInput,
    PriceDiscountsView,
)
from catalog.price_lists.tables import ALL_OFFERS, OPEN, PriceDiscountRow, PriceListRow
from catalog.pricing.terms import Level
from catalog.products.tables import OfferRow
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import shown_quantity

_WHOLE: Final = Decimal(100)


class _Discount(msgspec.Struct, frozen=True, order=True):
    offer_id: UUID
    valid_from: datetime
    valid_until: datetime
    percent_off: Decimal
    of_list_id: UUID


@retries_conflicts
async def put_discounts(
    platform: Platform, caller: Caller, list_id: UUID, data: PriceDiscountsInput
) -> PriceDiscountsView:
    """Make these the discounts of a list's draft; all or none.

    Raises NotFound, and InvalidInput with a pointer for every discount that is wrong, among them
    those that overlap another one.
    """
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        row = await locked_list(tx, caller, list_id)
        draft = row.published_version + 1
        wanted = await _checked(tx, row, data.discounts)
        present = await _drafted(tx, list_id, draft)
        await _remove(tx, list_id, draft, [each for each in present if each not in wanted])
        added = [each for each in wanted if each not in present]
        if added:
            fixed = {"list_id": list_id, "supplier_id": row.supplier_id}
            versions = {"from_version": draft, "until_version": OPEN}
            values = [{**fixed, **versions, **msgspec.structs.asdict(each)} for each in added]
            await tx.execute(insert(PriceDiscountRow), values)
        after = {"discounts": len(wanted), "draft_version": draft}
        tx.record("price_list.discounts_drafted", "price_list", list_id, after=after)
        return await _view(tx, list_id, draft)


async def read_discounts(platform: Platform, caller: Caller, list_id: UUID) -> PriceDiscountsView:
    """Read the discounts of a list's draft; raises NotFound."""
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        row = await locked_list(tx, caller, list_id)
        return await _view(tx, list_id, row.published_version + 1)


async def _checked(
    tx: Transaction, row: Any, given: Sequence[PriceDiscountInput]
) -> dict[_Discount, int]:
    """Give the discounts meant, each with its place; raises InvalidInput with all that is wrong."""
    offers = await _offers(tx, row.supplier_id, given)
    lists = await _base_lists(tx, row, given)
    errors = await _named_by_others(tx, row) if given else []
    wanted: dict[_Discount, int] = {}
    for place, each in enumerate(given):
        pointer = f"/discounts/{place}"
        wrong = list(_errors(each, pointer, offers, lists))
        errors += wrong
        if not wrong:
            discount = _Discount(
                offers[each.sku] if each.sku is not None else ALL_OFFERS,
                _utc(each.valid_from) or ALWAYS,
                _utc(each.valid_until) or FOREVER,
                Decimal(each.percent_off),
                each.of_list_id,
            )
            if discount in wanted:
                detail = f"This stands at /discounts/{wanted[discount]} already."
                errors.append(FieldError(pointer, "duplicate", detail))
            wanted[discount] = place
    errors += _overlaps(wanted)
    if errors:
        raise InvalidInput("Some discounts cannot be taken.", errors=errors)
    return wanted


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _errors(
    given: PriceDiscountInput,
    pointer: str,
    offers: Mapping[str, UUID],
    lists: Mapping[UUID, Row[Any]],
) -> list[FieldError]:
    errors = []
    if given.sku is not None and given.sku not in offers:
        detail = "You have no offer with this SKU."
        errors.append(FieldError(f"{pointer}/sku", "unknown_sku", detail))
    if not 0 < Decimal(given.percent_off) <= _WHOLE:
        detail = "A discount is more than 0 and at most 100 percent."
        errors.append(FieldError(f"{pointer}/percent_off", "out_of_range", detail))
    named = lists.get(given.of_list_id)
    if named is None:
        detail = "Name another base list of your own, in this list's currency."
        errors.append(FieldError(f"{pointer}/of_list_id", "unknown_list", detail))
    elif named.reckoned:
        detail = f"{named.name!r} holds percentages itself; name the list that says the amounts."
        errors.append(FieldError(f"{pointer}/of_list_id", "list_of_percentages", detail))
    begin, end = given.valid_from, given.valid_until
    if begin is not None and end is not None and begin >= end:
        detail = "valid_until must be later than valid_from."
        errors.append(FieldError(f"{pointer}/valid_until", "ends_before_it_begins", detail))
    return errors


def _overlaps(wanted: Mapping[_Discount, int]) -> list[FieldError]:
    """Name each pair of discounts of one offer whose validities overlap."""
    return [
        FieldError(
            f"/discounts/{wanted[later]}/valid_from",
            "overlap",
            f"The discount valid {span(later.valid_from, later.valid_until)} overlaps the one at "
            f"/discounts/{wanted[first]}, valid {span(first.valid_from, first.valid_until)}.",
        )
        for first, later in pairwise(sorted(wanted))
        if first.offer_id == later.offer_id and later.valid_from < first.valid_until
    ]


async def _offers(
    tx: Transaction, supplier_id: UUID, given: Sequence[PriceDiscountInput]
) -> dict[str, UUID]:
    skus = {each.sku for each in given if each.sku is not None}
    if not skus:
        return {}
    rows = await tx.all(
        select(OfferRow.sku, OfferRow.id).where(
            OfferRow.supplier_id == supplier_id, OfferRow.sku.in_(skus)
        )
    )
    return {row.sku: row.id for row in rows}


async def _base_lists(
    tx: Transaction, row: Any, given: Sequence[PriceDiscountInput]
) -> dict[UUID, Row[Any]]:
    """Find the base lists that are named, and whether they are `reckoned` from others themselves.

    They are locked against becoming so: of two lists that name each other at once, one is refused.
    """
    named, their = PriceListRow, PriceDiscountRow
    reckoned = exists().where(
        their.list_id == named.id, their.until_version > named.published_version
    )
    rows = await tx.all(
        select(named.id, named.name, reckoned.label("reckoned"))
        .where(
            named.id.in_({each.of_list_id for each in given}),
            named.id != row.id,
            named.supplier_id == row.supplier_id,
            named.level == Level.BASE.value,
            named.currency == row.currency,
        )
        .order_by(named.id)
        .with_for_update(read=True, of=named)
    )
    return {found.id: found for found in rows}


async def _named_by_others(tx: Transaction, row: Any) -> list[FieldError]:
    """Refuse percentages in a list that others are reckoned from: they would not reach these."""
    other, their = PriceListRow, PriceDiscountRow
    named_by = await tx.maybe(
        select(other.name, other.id)
        .join(their, their.list_id == other.id)
        .where(their.of_list_id == row.id, their.until_version > other.published_version)
        .limit(1)
    )
    if named_by is None:
        return []
    detail = (
        f"The list {named_by.name!r} ({named_by.id}) is reckoned from this one, by its amounts; "
        "percentages in it would not reach that list."
    )
    return [FieldError("/discounts", "named_by_another_list", detail)]


def _in_draft(list_id: UUID, draft: int) -> ColumnElement[bool]:
    row = PriceDiscountRow
    return and_(row.list_id == list_id, row.from_version <= draft, row.until_version > draft)


async def _drafted(tx: Transaction, list_id: UUID, draft: int) -> set[_Discount]:
    row = PriceDiscountRow
    rows = await tx.all(
        select(
            row.offer_id, row.valid_from, row.valid_until, row.percent_off, row.of_list_id
        ).where(_in_draft(list_id, draft))
    )
    return {
        _Discount(
            each.offer_id,
            bounded(each.valid_from) or ALWAYS,
            bounded(each.valid_until) or FOREVER,
            each.percent_off,
            each.of_list_id,
        )
        for each in rows
    }


async def _remove(tx: Transaction, list_id: UUID, draft: int, gone: Sequence[_Discount]) -> None:
    """Delete what only the draft has, and end there what is published."""
    row = PriceDiscountRow
    for each in gone:
        its = and_(
            _in_draft(list_id, draft),
            row.offer_id == each.offer_id,
            row.valid_from == each.valid_from,
        )
        await tx.execute(delete(row).where(its, row.from_version == draft))
        await tx.execute(update(row).where(its).values(until_version=draft))


async def _view(tx: Transaction, list_id: UUID, draft: int) -> PriceDiscountsView:
    row = PriceDiscountRow
    rows = await tx.all(
        select(
            OfferRow.sku,
            row.percent_off,
            row.of_list_id,
            row.valid_from,
            row.valid_until,
            row.from_version,
        )
        .select_from(row)
        .outerjoin(OfferRow, OfferRow.id == row.offer_id)
        .where(_in_draft(list_id, draft))
        .order_by(OfferRow.sku.nulls_first(), row.valid_from)
    )
    return PriceDiscountsView(
        draft_version=draft,
        discounts=[
            PriceDiscountEntry(
                percent_off=shown_quantity(each.percent_off),
                of_list_id=each.of_list_id,
                since_version=each.from_version,
                sku=UNSET if each.sku is None else each.sku,
                valid_from=bounded(each.valid_from) or UNSET,
                valid_until=bounded(each.valid_until) or UNSET,
            )
            for each in rows
        ],
    )
