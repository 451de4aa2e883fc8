"""Which offers and lists are a buyer's: conditions and columns that all reads of offers share.

What he may not see does not exist for him, in a search, a page or a price check alike; so the
conditions are written once, on top of what row security lets him see.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from catalog.assortments.tables import AssortmentOfferRow
from catalog.products.rules import RESTRICTED
from catalog.products.tables import OfferRow
from marketplace.kernel.events import PUBLIC


def constant(text: str) -> ColumnElement[str]:
    """Write a word of ours into the SQL: a placeholder would only cost."""
    return literal_column(f"'{text}'", Text)


def scopes_of(path: Sequence[UUID]) -> list[UUID]:
    """Give the scopes whose lists and offers a buyer sees: his path, and everybody's.

    His segments, and the assortments granted to him, the statement finds itself: a sub-select that
    is reckoned once, and costs no round trip.
    """
    return [*path, PUBLIC]


def _once(array: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(select(array).scalar_subquery(), ARRAY(Uuid))


SCOPES: Final = bindparam("scopes", type_=ARRAY(Uuid))
LISTED_SCOPES: Final = _once(SCOPES.op("||")(func.app_segments(type_=ARRAY(Uuid))))
"""Scopes whose price lists count: with the segments the company is in."""
GRANTED: Final = _once(func.app_assortments(type_=ARRAY(Uuid)))
"""Assortments granted to one of the caller's scopes."""
CLOCK: Final = func.clock(type_=DateTime(timezone=True))
COMPANY: Final = bindparam("company_id", type_=Uuid)


def trimmed(column: Any) -> ColumnElement[Decimal]:
    """Leave superfluous zeros in the database: they would only be taken off again, one by one."""
    return func.trim_scale(column, type_=column.type).label(column.key)


def usual(column: Any, value: str) -> ColumnElement[Any]:
    """Leave out what is as usual: a null is neither sent nor read."""
    usual = literal_column(value, column.type)
    return func.nullif(column, usual, type_=column.type).label(column.key)


OFFER_COLUMNS: Final[tuple[ColumnElement[Any], ...]] = (
    OfferRow.id.label("offer_id"),
    OfferRow.name.label("offer_name"),
    OfferRow.unit.expression,
    usual(OfferRow.content_numerator, "1"),
    usual(OfferRow.content_denominator, "1"),
    OfferRow.content_unit.expression,
    usual(trimmed(OfferRow.minimum_quantity), "1"),
    trimmed(OfferRow.multiple),
    trimmed(OfferRow.maximum_quantity),
    OfferRow.lead_time_days.expression,
    usual(OfferRow.tax_category, "'S'"),
    usual(OfferRow.audience_id, f"'{PUBLIC}'::uuid"),
    usual(OfferRow.version, "1"),
)
"""A null for a content of 1, a minimum of 1, tax category S, everybody's offer, and version 1."""


_ACTIVE: Final = OfferRow.state == constant("active")
_FOR_HIM: Final = OfferRow.audience_id == any_(SCOPES)
_RESTRICTED: Final = OfferRow.audience_id == literal_column(f"'{RESTRICTED}'::uuid", Uuid)


def visible_offer() -> ColumnElement[bool]:
    """Say which offers are in the buyer's catalog, on top of what row security lets him see.

    Open ones and those made for him; and restricted ones that are in an assortment granted to him.
    A company that also sells must not buy its own hidden offers.
    """
    placed = AssortmentOfferRow
    # A scalar sub-select: looked up by key for a restricted offer, and never for another.
    in_granted = (
        select(placed.offer_id)
        .where(
            placed.offer_id == OfferRow.id,
            placed.supplier_id == OfferRow.supplier_id,
            placed.assortment_id == any_(GRANTED),
        )
        .limit(literal_column("1"))
        .correlate(OfferRow)
        .scalar_subquery()
    )
    return and_(_ACTIVE, or_(_FOR_HIM, and_(_RESTRICTED, in_granted.is_not(None))))


def open_offer() -> ColumnElement[bool]:
    """Say which offers are in everybody's catalog: all that one sees who sees no more."""
    return and_(_ACTIVE, OfferRow.audience_id == literal_column(f"'{PUBLIC}'::uuid", Uuid))


def sees_more() -> ColumnElement[bool]:
    """Say whether the buyer might see more than everybody: he was granted or made something."""
    not_open = OfferRow.audience_id != literal_column(f"'{PUBLIC}'::uuid", Uuid)
    made_for_him = select(OfferRow.id).where(_FOR_HIM, not_open).exists()
    return or_(func.cardinality(GRANTED) > literal_column("0"), made_for_him)


def visible_by_itself() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Say the same of offers of no product; in two conditions, so that each has its index."""
    placed = AssortmentOfferRow
    granted = select(placed.offer_id).where(
        placed.assortment_id == any_(GRANTED), placed.name.is_not(None)
    )
    # An array, so that no plan walks the restricted offers of all for the few that are his.
    his = func.array(granted.scalar_subquery(), type_=ARRAY(Uuid))
    return and_(_ACTIVE, _FOR_HIM), and_(_ACTIVE, _RESTRICTED, OfferRow.id == any_(his))
