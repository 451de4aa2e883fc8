"""The price book: every price a buyer might have for the offers asked, found by one query.

What may be a price is decided by `catalog.pricing.resolve`; here it is only fetched. The same
statement parts serve the price check, the catalog page and the order, and the number of queries
does not depend on the number of lines.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.selectable import LateralFromClause

from catalog.price_lists.rules import bounded
from catalog.price_lists.tables import PriceLadderRow, PriceListAssignmentRow
from catalog.pricing.terms import (
    Buyer,
    Candidate,
    Ladder,
    Level,
    Mode,
    Source,
    Tier,
    VolumeMode,
)
from catalog.products.rules import OfferTerms
from catalog.products.tables import OfferRow
from marketplace.contracts.rules import ContractState
from marketplace.contracts.tables import ContractPriceRow
from marketplace.kernel.clock import Validity
from marketplace.kernel.events import PUBLIC

PRICE_LIST: Final = "price_list"
CONTRACT: Final = "contract"

_WHOLE: Final = Fraction(1)
_TIERS: Final = tuple[Tier, ...]


class _ContractTier(msgspec.Struct, frozen=True):
    minimum_quantity: Decimal
    amount: Decimal


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as a price needs it; `text` is what a document calls it."""

    id: UUID
    supplier_id: UUID
    sku: str
    product_id: UUID | None
    name: str
    description: str
    terms: OfferTerms
    private: bool

    @property
    def text(self) -> str:
        """Give the text for a line of a document."""
        return self.name


class Found(msgspec.Struct):
    """What the book holds of one offer; `offer` is None where the buyer sees none.

    A contract may price an SKU that is not, or no longer, in the catalog: then `agreed_text` is
    what the contract calls it.
    """

    offer: Offer | None
    candidates: list[Candidate]
    agreed_text: str = ""

    @property
    def terms(self) -> OfferTerms | None:
        """Give how the offer may be ordered; None without an offer."""
        return None if self.offer is None else self.offer.terms


# The statement


def _constant(text: str) -> ColumnElement[str]:
    """Write a word of ours into the SQL: a placeholder would only cost."""
    return literal_column(f"'{text}'", Text)


def scopes_of(path: Sequence[UUID]) -> list[UUID]:
    """Give the scopes whose lists and offers a buyer sees: his path, and everybody's."""
    return [*path, PUBLIC]


OFFER_COLUMNS: Final[tuple[ColumnElement[Any], ...]] = (
    OfferRow.id.expression,
    OfferRow.supplier_id.expression,
    OfferRow.sku.expression,
    OfferRow.product_id.expression,
    OfferRow.name.expression,
    OfferRow.description.expression,
    OfferRow.unit.expression,
    OfferRow.content_numerator.expression,
    OfferRow.content_denominator.expression,
    OfferRow.content_unit.expression,
    OfferRow.minimum_quantity.expression,
    OfferRow.multiple.expression,
    OfferRow.maximum_quantity.expression,
    OfferRow.lead_time_days.expression,
    OfferRow.tax_category.expression,
    OfferRow.audience_id.expression,
)

SCOPES: Final = bindparam("scopes", type_=ARRAY(Uuid))
COMPANY: Final = bindparam("company_id", type_=Uuid)


def visible_offer() -> ColumnElement[bool]:
    """Say which offers are in the buyer's catalog, on top of what row security lets him see.

    A company that also sells must not buy its own hidden offers.
    """
    return and_(OfferRow.state == _constant("active"), OfferRow.audience_id == any_(SCOPES))


def candidates_for(
    offer_id: ColumnElement[Any], supplier_id: ColumnElement[Any], sku: ColumnElement[Any]
) -> LateralFromClause:
    """Make the lateral part that finds the candidates of one offer: from lists and contracts.

    List rows come by the key of the ladders, contract rows by (buyer, supplier, SKU).
    """
    assignment, ladder = PriceListAssignmentRow, PriceLadderRow
    listed = (
        select(
            _constant(PRICE_LIST).label("source_kind"),
            assignment.list_id.label("source_id"),
            assignment.published_version.label("source_version"),
            assignment.title.label("source_title"),
            assignment.level.label("level"),
            assignment.scope_id.label("scope_id"),
            literal_column("null::uuid[]", ARRAY(Uuid)).label("unit_ids"),
            assignment.priority.label("priority"),
            assignment.mode.label("mode"),
            assignment.currency.label("currency"),
            func.greatest(assignment.valid_from, ladder.valid_from).label("valid_from"),
            func.least(assignment.valid_until, ladder.valid_until).label("valid_until"),
            ladder.unit.label("price_unit"),
            ladder.basis.label("basis"),
            ladder.volume_mode.label("volume_mode"),
            ladder.tiers.label("tiers"),
            _constant("").label("agreed_text"),
        )
        .join_from(
            assignment,
            ladder,
            and_(
                ladder.list_id == assignment.list_id,
                ladder.offer_id == offer_id,
                ladder.from_version <= assignment.published_version,
                ladder.until_version > assignment.published_version,
            ),
        )
        .where(
            assignment.supplier_id == supplier_id,
            assignment.scope_id == any_(SCOPES),
            assignment.published_version > literal_column("0"),
        )
    )
    price = ContractPriceRow
    agreed = select(
        _constant(CONTRACT),
        price.contract_id,
        price.contract_version,
        _constant(""),
        _constant(Level.CONTRACT.value),
        price.buyer_id,
        price.unit_ids,
        price.priority,
        _constant(Mode.FILL_GAPS.value),
        price.currency,
        price.valid_from,
        price.valid_until,
        price.unit,
        price.basis,
        _constant(VolumeMode.VOLUME.value),
        price.tiers,
        price.description,
    ).where(
        price.buyer_id == COMPANY,
        price.supplier_id == supplier_id,
        price.sku == sku,
        price.state == _constant(ContractState.ACTIVE.value),
    )
    return union_all(listed, agreed).lateral("candidate")


def _lines() -> FromClause:
    return (
        func.unnest(
            bindparam("supplier_ids", type_=ARRAY(Uuid)), bindparam("skus", type_=ARRAY(Text))
        )
        .table_valued("supplier_id", "sku", with_ordinality="place", joins_implicitly=True)
        .render_derived("line")
    )


def _by_lines() -> Any:
    line = _lines()
    candidate = candidates_for(OfferRow.id.expression, line.c.supplier_id, line.c.sku)
    offers = and_(
        OfferRow.supplier_id == cast(line.c.supplier_id, Uuid),
        OfferRow.sku == cast(line.c.sku, Text),
        visible_offer(),
    )
    return (
        select(
            cast(line.c.place, Integer),
            select(func.clock()).scalar_subquery(),
            *OFFER_COLUMNS,
            *candidate.c,
        )
        .select_from(line)
        .outerjoin(OfferRow, offers)
        .outerjoin(candidate, true())
    )


CANDIDATES_OF_LINES: Final = _by_lines()
"""Columns: place of the line from 1, the clock, the offer's, the candidate's (or nulls)."""
OFFER_AT: Final = 2
CANDIDATE_AT: Final = OFFER_AT + len(OFFER_COLUMNS)


def line_arguments(path: Sequence[UUID], keys: Sequence[tuple[UUID, str]]) -> Mapping[str, object]:
    """Give the parameters of `CANDIDATES_OF_LINES` for (supplier, SKU) pairs."""
    return {
        "supplier_ids": [supplier_id for supplier_id, _ in keys],
        "skus": [sku for _, sku in keys],
        "scopes": scopes_of(path),
        "company_id": path[-1],
    }


# Rows to values


def read_offer(row: Sequence[Any], at: int) -> Offer:
    """Read the columns `OFFER_COLUMNS`, which begin at position `at` of a row."""
    (
        offer_id,
        supplier_id,
        sku,
        product_id,
        name,
        description,
        unit,
        above,
        below,
        content_unit,
        minimum,
        multiple,
        maximum,
        lead_time_days,
        tax_category,
        audience_id,
    ) = row[at : at + len(OFFER_COLUMNS)]
    return Offer(
        id=offer_id,
        supplier_id=supplier_id,
        sku=sku,
        product_id=product_id,
        name=name,
        description=description,
        terms=OfferTerms(
            unit=unit,
            content=_WHOLE if above == below else Fraction(above, below),
            content_unit=content_unit,
            minimum_quantity=minimum,
            multiple=multiple,
            maximum_quantity=maximum,
            lead_time_days=lead_time_days,
            tax_category=tax_category,
        ),
        private=audience_id != PUBLIC,
    )


def read_candidate(row: Sequence[Any], at: int) -> Candidate | None:
    """Read the columns of `candidates_for`, which begin at `at`; None where there is none."""
    (
        kind,
        source_id,
        version,
        title,
        level,
        scope_id,
        unit_ids,
        priority,
        mode,
        currency,
        valid_from,
        valid_until,
        unit,
        basis,
        volume_mode,
        tiers,
        _,
    ) = row[at:]
    if kind is None:
        return None
    begins, ends = bounded(valid_from), bounded(valid_until)
    if begins is not None and ends is not None and begins >= ends:
        return None  # the entry lies outside of its list's own validity
    if kind == CONTRACT:
        agreed = msgspec.convert(tiers, tuple[_ContractTier, ...])
        ladder = tuple(Tier(tier.minimum_quantity, tier.amount) for tier in agreed)
        assigned = tuple(unit_ids) or (scope_id,)
    else:
        ladder = msgspec.convert(tiers, _TIERS)
        assigned = () if scope_id == PUBLIC else (scope_id,)
    return Candidate(
        level=Level(level),
        source=Source(kind, source_id, version, title),
        unit=unit,
        currency=currency,
        ladder=Ladder(ladder, basis, VolumeMode(volume_mode)),
        assigned_to=assigned,
        priority=priority,
        mode=Mode(mode),
        validity=Validity(begins, ends),
    )


def found_by_line(rows: Sequence[Any], line_count: int) -> tuple[list[Found], datetime]:
    """Gather the rows of `CANDIDATES_OF_LINES` by line; give the clock they carry too."""
    found = [Found(None, []) for _ in range(line_count)]
    for row in rows:
        one = found[row[0] - 1]
        if one.offer is None and row[OFFER_AT] is not None:
            one.offer = read_offer(row, OFFER_AT)
        candidate = read_candidate(row, CANDIDATE_AT)
        if candidate is not None:
            one.candidates.append(candidate)
            one.agreed_text = one.agreed_text or row[-1]
    clock: datetime = rows[0][1]
    return found, clock


def buyer_of(path: tuple[UUID, ...]) -> Buyer:
    """Give the buyer of a path: the acting unit first, its ancestors, the company last."""
    return Buyer(path)
