"""The statement that puts a page of a buyer's price file together, row by row.

What an offer costs is not decided here: the statement is given *answers*, which the resolver gave
for an offer with the same candidates but for their amounts, and writes the rows of all offers that
have the same. An offer whose answer is not among them it names, and marks its place.
"""

import functools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from catalog.exports.shapes import MARKS, MISSING
from catalog.price_lists.candidates import HIS, faces_of, ladder_of
from catalog.price_lists.tables import PriceLadderRow
from catalog.price_lists.visibility import COMPANY, constant, visible_offer
from catalog.pricing.terms import VolumeMode
from catalog.products.tables import OfferRow
from marketplace.contracts.rules import ContractState
from marketplace.contracts.tables import ContractPriceRow

BETWEEN_CANDIDATES: Final = "\x1e"
WITHIN_CANDIDATE: Final = "\x1f"
"""Part the texts that candidates are known by; JSON, which these begin with, holds neither."""


class JoinedPage(NamedTuple):
    """A page as it is answered; what is missing stands in the order of its marks.

    `known_by` says what an answer must be for; None where there can be none.
    """

    offers: int
    supplier_id: UUID
    sku: str
    rows: str
    missing: Sequence[UUID] | None
    known_by: Sequence[str | None] | None


def described_in(known_by: str) -> list[str]:
    """Give the descriptions of candidates that an answer is for, in their order."""
    _, *candidates = known_by.split(BETWEEN_CANDIDATES)
    return [each.partition(WITHIN_CANDIDATE)[0] for each in candidates]


def _text(value: str) -> ColumnElement[str]:
    return literal_column("E'" + "".join(f"\\x{ord(each):02x}" for each in value) + "'", Text)


def _given(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Text)


def _put_together(*texts: Any) -> ColumnElement[str]:
    """Join texts of which none is null: faster than `concat`, which looks at each value."""
    return functools.reduce(lambda one, other: one.op("||", return_type=Text)(other), texts)


def _offers() -> CTE:
    """Find the next offers, what their rows begin with, and on what of them a price depends.

    Whether the best price counts is the same for all of a supplier, whose lists say who he is.
    """
    offer, agreed = OfferRow, ContractPriceRow
    key = tuple_(offer.supplier_id, offer.sku)
    after = tuple_(bindparam("after_supplier", type_=Uuid), bindparam("after_sku", type_=Text))
    texts = func.concat(offer.sku, offer.name, type_=Text)
    marked = or_(*(texts.like(literal_column(f"E'%\\x{ord(mark):02x}%'", Text)) for mark in MARKS))
    in_contract = key.in_(
        select(agreed.supplier_id, agreed.sku).where(
            agreed.buyer_id == COMPANY, agreed.state == constant(ContractState.ACTIVE.value)
        )
    )
    as_usual = and_(
        offer.minimum_quantity == literal_column("1"),
        offer.multiple.is_(None),
        offer.maximum_quantity.is_(None),
    )
    limits = (offer.minimum_quantity, offer.multiple, offer.maximum_quantity)
    parted = [each for limit in limits for each in (_text(WITHIN_CANDIDATE), limit)]
    return (
        select(
            offer.supplier_id,
            offer.sku,
            offer.id,
            offer.unit,
            _put_together(
                *(_given("before_supplier"), cast(offer.supplier_id, Text)),
                *(_given("before_sku"), offer.sku),
                *(_given("before_name"), offer.name),
                *(_given("before_unit"), offer.unit),
            ).label("head"),
            case((as_usual, offer.unit), else_=func.concat(offer.unit, *parted)).label("terms"),
            or_(marked, in_contract).label("by_itself"),
        )
        .where(visible_offer(), key > after)
        .order_by(offer.supplier_id, offer.sku)
        .limit(bindparam("count", type_=Integer))
        .cte("offer")
        .prefix_with("MATERIALIZED")
    )


def _tier(tiers: ColumnElement[Any], name: str) -> ColumnElement[str]:
    return tiers.op("->>", return_type=Text)(constant(name))


def _candidates(offers: CTE, face: CTE) -> FromClause:
    """Gather the ladders in lists by their offer: what each is known by, and its tiers.

    The ladders of a list are looked up for all of its supplier's offers at once, which takes half
    as long as one by one.
    """
    ladder = PriceLadderRow
    sold = (
        select(offers.c.supplier_id, func.array_agg(offers.c.id, type_=ARRAY(Uuid)).label("ids"))
        .group_by(offers.c.supplier_id)
        .subquery("sold")
    )
    # By itself, since a join might leave the list out of the key.
    found = (
        select(ladder)
        .where(ladder_of(face, any_(sold.c.ids)))
        .offset(literal_column("0"))
        .correlate(sold, face)
        .lateral("ladder")
    )
    of_offer = offers.alias("priced")
    first = _tier(found.c.tiers.op("->")(literal_column("0")), "minimum_quantity")
    as_usual = and_(
        found.c.unit == of_offer.c.unit,
        found.c.valid_from == literal_column("'-infinity'::timestamptz"),
        found.c.valid_until == literal_column("'infinity'::timestamptz"),
        found.c.basis == literal_column("1"),
        found.c.volume_mode == constant(VolumeMode.VOLUME.value),
        first == constant("1"),
    )
    told = (
        *(found.c.unit, found.c.valid_from, found.c.valid_until),
        *(func.trim_scale(found.c.basis), found.c.volume_mode, first),
    )
    parted = [each for one in told for each in (_text(WITHIN_CANDIDATE), one)]
    known_by = case((as_usual, face.c.described), else_=func.concat(face.c.described, *parted))
    return (
        select(
            of_offer.c.id,
            func.string_agg(known_by, _text(BETWEEN_CANDIDATES)).label("known_by"),
            func.array_agg(found.c.tiers, type_=ARRAY(JSONB)).label("tiers"),
        )
        .select_from(
            sold.join(face, face.c.supplier_id == sold.c.supplier_id)
            .join(found, true())
            .join(of_offer, of_offer.c.id == found.c.offer_id)
        )
        .group_by(of_offer.c.id)
        .subquery("candidates")
    )


def _answers() -> FromClause:
    """Give the answers, one array for each of their columns."""
    columns = (("known_by", Text), ("place", Integer), ("before", Text), ("after", Text))
    return (
        func.unnest(*(bindparam(f"answers_{name}", type_=ARRAY(kind)) for name, kind in columns))
        .table_valued(*(column(name, kind) for name, kind in columns))
        .render_derived("answer")
    )


def _written(head: ColumnElement[str], answer: FromClause, all_tiers: Any) -> Any:
    """Write the rows of one offer: one that says why there is no price, or one for each tier."""
    before, after = answer.c.before, answer.c.after
    tiers = all_tiers[answer.c.place]

    def row(minimum: ColumnElement[str], amount: ColumnElement[str]) -> ColumnElement[str]:
        return _put_together(head, before, minimum, _given("before_amount"), amount, after)

    def first(name: str) -> ColumnElement[str]:
        path = literal_column(f"'{{0,{name}}}'", ARRAY(Text))
        found: ColumnElement[str] = tiers.op("#>>", return_type=Text)(path)
        return found

    tier = (
        func.jsonb_array_elements(tiers)
        .table_valued(column("value", JSONB), with_ordinality="number")
        .render_derived("tier")
    )
    rows = func.string_agg(
        row(_tier(tier.c.value, "minimum_quantity"), _tier(tier.c.value, "amount")),
        aggregate_order_by(literal_column("''"), tier.c.number),
    )
    several = select(rows).scalar_subquery()
    one = func.jsonb_array_length(tiers) == literal_column("1")
    return case(
        (answer.c.known_by.is_(None), _text(MISSING)),
        (answer.c.place.is_(None), _put_together(head, after)),
        (one, row(first("minimum_quantity"), first("amount"))),
        else_=several,
    )


def _joined() -> Select[Any]:
    offers = _offers()
    suppliers = func.array(select(offers.c.supplier_id).distinct().scalar_subquery())
    face = faces_of(cast(suppliers, ARRAY(Uuid)), HIS)
    candidates = _candidates(offers, face)
    discounted = offers.c.supplier_id.in_(select(face.c.supplier_id).where(face.c.discounts))
    known_by = case(
        (or_(offers.c.by_itself, discounted), cast(null(), Text)),
        else_=func.concat(offers.c.terms, _text(BETWEEN_CANDIDATES), candidates.c.known_by),
    )
    found = (
        select(
            *(offers.c.supplier_id, offers.c.sku, offers.c.id, offers.c.head),
            *(candidates.c.tiers, known_by.label("known_by")),
        )
        .select_from(offers.outerjoin(candidates, candidates.c.id == offers.c.id))
        .offset(literal_column("0"))
        .subquery("found")
    )
    answer = _answers()
    missing = answer.c.known_by.is_(None)
    order = (found.c.supplier_id, found.c.sku)
    last = (
        select(offers.c.supplier_id, offers.c.sku)
        .order_by(offers.c.supplier_id.desc(), offers.c.sku.desc())
        .limit(literal_column("1"))
        .subquery("last")
    )

    def listed(of: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.array_agg(aggregate_order_by(of, *order)).filter(missing)

    page = (
        select(
            func.count().label("count"),
            func.string_agg(
                _written(found.c.head, answer, found.c.tiers),
                aggregate_order_by(literal_column("''"), *order),
            ).label("rows"),
            listed(found.c.id).label("missing"),
            listed(found.c.known_by).label("known_by"),
        )
        .select_from(found.outerjoin(answer, answer.c.known_by == found.c.known_by))
        .subquery("page")
    )
    return select(
        page.c.count,
        last.c.supplier_id,
        last.c.sku,
        page.c.rows,
        page.c.missing,
        page.c.known_by,
    ).select_from(page.outerjoin(last, true()))


JOINED_ROWS: Final = _joined()
"""The next offers after one, as a `JoinedPage`. Its answers are told by column."""
