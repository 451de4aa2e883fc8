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
    not_,
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


class Answer(NamedTuple):
    """What the resolver said of one offer, for all that are like it but for SKU, name and amounts.

    Either a price: the `place` of the candidate whose ladder counts, and what stands before the SKU
    (`head`), `before` the amount and `after` it. Where the ladder has several tiers `before` ends
    with what stands before the minimum quantity, and `between` stands behind it. Or there is no
    price: then there is no place, and `after` stands behind the name.
    """

    place: int | None
    head: str
    before: str | None
    between: str | None
    after: str


_ANSWER: Final = (
    *(("known_by", Text), ("place", Integer)),
    *(("head", Text), ("before", Text), ("between", Text), ("after", Text)),
)


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
    """Find the next offers in their order: what is theirs alone, and on what a price depends.

    Whether the best price counts is the same for all of a supplier, whose lists say who he is.
    """
    offer, agreed = OfferRow, ContractPriceRow
    key = tuple_(offer.supplier_id, offer.sku)
    after = tuple_(bindparam("after_supplier", type_=Uuid), bindparam("after_sku", type_=Text))
    texts = _put_together(offer.sku, offer.name)
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
            _put_together(offer.sku, _given("before_name"), offer.name).label("texts"),
            case((as_usual, offer.unit), else_=func.concat(offer.unit, *parted)).label("terms"),
            or_(marked, in_contract).label("by_itself"),
        )
        .where(visible_offer(), key > after)
        .order_by(offer.supplier_id, offer.sku)
        .limit(bindparam("count", type_=Integer))
        .cte("offer")
        .prefix_with("MATERIALIZED")
    )


def _sold(offers: CTE) -> CTE:
    """Gather the offers by their supplier."""
    return (
        select(
            offers.c.supplier_id,
            func.array_agg(offers.c.id, type_=ARRAY(Uuid)).label("ids"),
            func.count().label("count"),
        )
        .group_by(offers.c.supplier_id)
        .cte("sold")
        .prefix_with("MATERIALIZED")
    )


def _tier(tiers: ColumnElement[Any], name: str) -> ColumnElement[str]:
    return tiers.op("->>", return_type=Text)(constant(name))


def _first(tiers: ColumnElement[Any], name: str) -> ColumnElement[str]:
    path = literal_column(f"'{{0,{name}}}'", ARRAY(Text))
    found: ColumnElement[str] = tiers.op("#>>", return_type=Text)(path)
    return found


def _candidates(sold: CTE, face: CTE) -> FromClause:
    """Gather the ladders in lists by their offer: what each is known by, and its tiers.

    The ladders of a list are looked up for all of its supplier's offers at once, which takes half
    as long as one by one.
    """
    ladder = PriceLadderRow
    # By itself, since a join might leave the list out of the key.
    found = (
        select(ladder)
        .where(ladder_of(face, any_(sold.c.ids)))
        .offset(literal_column("0"))
        .correlate(sold, face)
        .lateral("ladder")
    )
    first = _first(found.c.tiers, "minimum_quantity")
    several = func.jsonb_array_length(found.c.tiers) > literal_column("1")
    as_usual = and_(
        found.c.valid_from == literal_column("'-infinity'::timestamptz"),
        found.c.valid_until == literal_column("'infinity'::timestamptz"),
        found.c.basis == literal_column("1"),
        found.c.volume_mode == constant(VolumeMode.VOLUME.value),
        first == constant("1"),
        not_(several),
    )
    told = (
        *(found.c.unit, found.c.valid_from, found.c.valid_until),
        *(func.trim_scale(found.c.basis), found.c.volume_mode, first, several),
    )
    parted = [each for one in told for each in (_text(WITHIN_CANDIDATE), one)]
    known_by = case(
        (as_usual, _put_together(face.c.described, _text(WITHIN_CANDIDATE), found.c.unit)),
        else_=func.concat(face.c.described, *parted),
    )
    # Before they are sorted by their offer: what is told of them is shorter than they are.
    each = (
        select(found.c.offer_id.label("id"), known_by.label("known_by"), found.c.tiers)
        .select_from(sold.join(face, face.c.supplier_id == sold.c.supplier_id).join(found, true()))
        .offset(literal_column("0"))
        .subquery("each")
    )
    return (
        select(
            each.c.id,
            func.string_agg(each.c.known_by, _text(BETWEEN_CANDIDATES)).label("known_by"),
            func.array_agg(each.c.tiers, type_=ARRAY(JSONB)).label("tiers"),
        )
        .group_by(each.c.id)
        .subquery("candidates")
    )


def _answers() -> FromClause:
    """Give the answers, one array for each of their columns."""
    return (
        func.unnest(*(bindparam(f"answers_{name}", type_=ARRAY(of)) for name, of in _ANSWER))
        .table_valued(*(column(name, of) for name, of in _ANSWER))
        .render_derived("answer")
    )


def _written(texts: ColumnElement[str], answer: FromClause, all_tiers: Any) -> Any:
    """Write the rows of one offer: one that says why there is no price, or one for each tier."""
    told = answer.c
    tiers = all_tiers[told.place]
    tier = (
        func.jsonb_array_elements(tiers)
        .table_valued(column("value", JSONB), with_ordinality="number")
        .render_derived("tier")
    )
    row = _put_together(
        *(told.head, texts, told.before, _tier(tier.c.value, "minimum_quantity")),
        *(told.between, _tier(tier.c.value, "amount"), told.after),
    )
    rows = func.string_agg(row, aggregate_order_by(literal_column("''"), tier.c.number))
    one = _put_together(told.head, texts, told.before, _first(tiers, "amount"), told.after)
    return case(
        (told.known_by.is_(None), _text(MISSING)),
        (told.place.is_(None), _put_together(told.head, texts, told.after)),
        (told.between.is_(None), one),
        else_=select(rows).scalar_subquery(),
    )


def _found(offers: CTE, sold: CTE, face: CTE) -> FromClause:
    """Put offers beside their candidates, and say what an answer for each must be for."""
    candidates = _candidates(sold, face)
    discounted = offers.c.supplier_id.in_(select(face.c.supplier_id).where(face.c.discounts))
    # Without a candidate, too, an answer is for offers of one supplier.
    of = func.coalesce(candidates.c.known_by, cast(offers.c.supplier_id, Text))
    known_by = case(
        (or_(offers.c.by_itself, discounted), cast(null(), Text)),
        else_=_put_together(offers.c.terms, _text(BETWEEN_CANDIDATES), of),
    )
    return (
        select(
            *(offers.c.supplier_id, offers.c.sku, offers.c.id, offers.c.texts),
            *(candidates.c.tiers, known_by.label("known_by")),
        )
        .select_from(offers.outerjoin(candidates, candidates.c.id == offers.c.id))
        .offset(literal_column("0"))
        .subquery("found")
    )


def _joined() -> Select[Any]:
    offers = _offers()
    sold = _sold(offers)
    suppliers = func.array(select(sold.c.supplier_id).scalar_subquery())
    face = faces_of(cast(suppliers, ARRAY(Uuid)), HIS)
    found, answer = _found(offers, sold, face), _answers()
    missing = answer.c.known_by.is_(None)
    # Before they are sorted: rows are shorter than all they are made of.
    row = (
        select(
            *(found.c.supplier_id, found.c.sku),
            _written(found.c.texts, answer, found.c.tiers).label("written"),
            case((missing, found.c.id)).label("missing"),
            case((missing, found.c.known_by)).label("known_by"),
        )
        .select_from(found.outerjoin(answer, answer.c.known_by == found.c.known_by))
        .offset(literal_column("0"))
        .subquery("row")
    )
    order = (row.c.supplier_id, row.c.sku)

    def listed(of: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.array_agg(aggregate_order_by(of, *order)).filter(row.c.missing.is_not(None))

    page = select(
        func.count().label("count"),
        func.string_agg(row.c.written, aggregate_order_by(literal_column("''"), *order)).label(
            "rows"
        ),
        listed(row.c.missing).label("missing"),
        listed(row.c.known_by).label("known_by"),
    ).subquery("page")
    before_last = select(func.sum(sold.c.count) - literal_column("1")).scalar_subquery()
    last = (
        select(offers.c.supplier_id, offers.c.sku)
        .order_by(offers.c.supplier_id, offers.c.sku)
        .offset(before_last)
        .limit(literal_column("1"))
        .subquery("last")
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
