"""The price book: every price a buyer might have for the offers asked, found by one query.

What may be a price is decided by `catalog.pricing.resolve`; here it is only fetched. The same
statement parts serve the price check, the catalog page and the order, and the number of queries
does not depend on the number of lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    CompoundSelect,
    DateTime,
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
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from catalog.assortments.tables import AssortmentOfferRow
from catalog.customers.tables import CustomerRow
from catalog.price_lists.tables import (
    ALL_OFFERS,
    PriceDiscountRow,
    PriceLadderRow,
    PriceListAssignmentRow,
)
from catalog.pricing.terms import (
    ONE,
    AtExhaustion,
    Buyer,
    Candidate,
    Commitment,
    Discount,
    Ladder,
    Level,
    Measure,
    Mode,
    Policy,
    Source,
    Tier,
    VolumeMode,
    discounted,
)
from catalog.products.rules import RESTRICTED, OfferTerms
from catalog.products.tables import OfferRow
from marketplace.contracts.rules import ContractState
from marketplace.contracts.tables import ContractPriceRow
from marketplace.kernel.clock import Validity
from marketplace.kernel.events import PUBLIC

PRICE_LIST: Final = "price_list"
CONTRACT: Final = "contract"

_WHOLE: Final = Fraction(1)
UNBOUNDED: Final = Validity()
_TIERS: Final = msgspec.json.Decoder(tuple[Tier, ...])
_VOLUME_MODES: Final = {mode.value: mode for mode in VolumeMode} | {None: VolumeMode.VOLUME}
_VOLUME: Final = f"'{VolumeMode.VOLUME.value}'"
_FACES_KEPT_MAX: Final = 5_000
"""Descriptions of lists a process keeps read: what a text says never changes; some 3 MB."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as a price needs it; a line of a document is called by its `name`."""

    id: UUID
    supplier_id: UUID
    sku: str
    name: str
    terms: OfferTerms
    private: bool


class Found(msgspec.Struct):
    """What the book holds of one offer; `offer` is None where the buyer sees none.

    A contract may price an SKU that is not, or no longer, in the catalog: then `agreed_text` is
    what the contract calls it.
    """

    offer: Offer | None
    candidates: list[Candidate]
    agreed_text: str = ""
    policy: Policy = Policy.PRIORITY

    @property
    def terms(self) -> OfferTerms | None:
        """Give how the offer may be ordered; None without an offer."""
        return None if self.offer is None else self.offer.terms


# The statement


def _constant(text: str) -> ColumnElement[str]:
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


def _trimmed(column: Any) -> ColumnElement[Decimal]:
    """Leave superfluous zeros in the database: they would only be taken off again, one by one."""
    return func.trim_scale(column, type_=column.type).label(column.key)


def _usual(column: Any, value: str) -> ColumnElement[Any]:
    """Leave out what is as usual: a null is neither sent nor read."""
    usual = literal_column(value, column.type)
    return func.nullif(column, usual, type_=column.type).label(column.key)


OFFER_COLUMNS: Final[tuple[ColumnElement[Any], ...]] = (
    OfferRow.id.label("offer_id"),
    OfferRow.name.label("offer_name"),
    OfferRow.unit.expression,
    _usual(OfferRow.content_numerator, "1"),
    _usual(OfferRow.content_denominator, "1"),
    OfferRow.content_unit.expression,
    _usual(_trimmed(OfferRow.minimum_quantity), "1"),
    _trimmed(OfferRow.multiple),
    _trimmed(OfferRow.maximum_quantity),
    OfferRow.lead_time_days.expression,
    _usual(OfferRow.tax_category, "'S'"),
    _usual(OfferRow.audience_id, f"'{PUBLIC}'::uuid"),
)
"""A null in the place of a content of 1, a minimum of 1, tax category S, and of everybody."""


_ACTIVE: Final = OfferRow.state == _constant("active")
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


def visible_by_itself() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Say the same of offers of no product; in two conditions, so that each has its index."""
    placed = AssortmentOfferRow
    granted = select(placed.offer_id).where(
        placed.assortment_id == any_(GRANTED), placed.name.is_not(None)
    )
    # An array, so that no plan walks the restricted offers of all for the few that are his.
    his = func.array(granted.scalar_subquery(), type_=ARRAY(Uuid))
    return and_(_ACTIVE, _FOR_HIM), and_(_ACTIVE, _RESTRICTED, OfferRow.id == any_(his))


class Whose(NamedTuple):
    """Which lists' faces and which contracts' prices are looked at."""

    lists: ColumnElement[bool]
    contracts: ColumnElement[bool]


HIS: Final = Whose(
    PriceListAssignmentRow.scope_id == any_(LISTED_SCOPES), ContractPriceRow.buyer_id == COMPANY
)
"""What is the buyer's, which is all that he may learn of."""


def with_candidates(offers: CTE, whose: Whose = HIS) -> CompoundSelect[*tuple[Any, ...]]:
    """Make the statement that gives offers, and every price the buyer might have for them.

    `offers` begins with a `place` and has, beside others, `offer_id`, `supplier_id` and `sku`. Each
    row of the answer is either an offer (then the columns of the candidate, which stand last, are
    null) or a candidate (then all before these are null but the place). It is a union and not a
    join, so that no plan can look candidates up again for every offer.
    """
    nothing = [cast(null(), column.type) for column in offers.c][1:]
    candidates = _candidates(offers, [offers.c.place, *nothing], whose)
    candidate = list(candidates[0].selected_columns)[len(offers.c) :]
    return union_all(
        select(*offers.c, *(cast(null(), column.type) for column in candidate)), *candidates
    )


def _candidates(
    offers: CTE, head: Sequence[Any], whose: Whose = HIS
) -> list[Select[*tuple[Any, ...]]]:
    """Give the statements of all kinds of candidates, and of what is agreed about them."""
    face = _faces(offers, whose)
    listed = _listed(offers, face, head)
    return [
        listed,
        _discounted(offers, face, head),
        _agreed(offers, head, whose),
        _policies(offers, len(head), list(listed.selected_columns)),
    ]


def _described(*columns: Any) -> ColumnElement[str]:
    """Put what many candidates share into one text: the fields of `_Face`, in their order."""
    return cast(func.json_build_array(*columns), Text)


def _between(begins: Sequence[Any], ends: Sequence[Any]) -> tuple[ColumnElement[Any], ...]:
    """Give the validity that several validities leave; an end that is open is null."""
    instant = begins[0].type
    return (
        func.nullif(func.greatest(*begins), literal_column("'-infinity'", instant), type_=instant),
        func.nullif(func.least(*ends), literal_column("'infinity'", instant), type_=instant),
    )


def _faces(offers: CTE, whose: Whose) -> CTE:
    """Find the buyer's lists of these suppliers, once."""
    assignment = PriceListAssignmentRow
    return (
        select(
            assignment.list_id,
            assignment.supplier_id,
            assignment.published_version,
            _described(
                _constant(PRICE_LIST),
                assignment.list_id,
                assignment.published_version,
                assignment.title,
                assignment.level,
                assignment.scope_id,
                assignment.priority,
                assignment.mode,
                assignment.currency,
            ).label("described"),
            assignment.valid_from,
            assignment.valid_until,
            assignment.discounts,
        )
        .where(
            # An array, so that the index is asked for both columns, never for scopes alone.
            assignment.supplier_id
            == any_(func.array(select(offers.c.supplier_id).scalar_subquery(), type_=ARRAY(Uuid))),
            whose.lists,
            assignment.published_version > literal_column("0"),
        )
        .cte("face")
        .prefix_with("MATERIALIZED")
    )


def _listed(offers: CTE, face: CTE, head: Sequence[Any]) -> Select[*tuple[Any, ...]]:
    """Find ladders in lists, each by its key."""
    ladder = PriceLadderRow
    of_offer = and_(
        ladder.list_id == face.c.list_id,
        ladder.offer_id == offers.c.offer_id,
        ladder.from_version <= face.c.published_version,
        ladder.until_version > face.c.published_version,
    )
    return select(
        *head,
        face.c.described,
        *_between((face.c.valid_from, ladder.valid_from), (face.c.valid_until, ladder.valid_until)),
        ladder.unit,
        _usual(_trimmed(ladder.basis), "1"),
        _usual(ladder.volume_mode, _VOLUME),
        cast(ladder.tiers, Text),
        cast(null(), Text),
        cast(null(), Text),
    ).select_from(
        offers.join(face, face.c.supplier_id == offers.c.supplier_id).join(ladder, of_offer)
    )


def _discounted(offers: CTE, face: CTE, head: Sequence[Any]) -> Select[*tuple[Any, ...]]:
    """Find percentages off other lists: the ladders of these as they are published now.

    Most lists have none, which their face says: then nothing is looked up.
    """
    discount, ladder, of_list = PriceDiscountRow, PriceLadderRow, PriceListAssignmentRow
    whole_list = discount.offer_id == literal_column(f"'{ALL_OFFERS}'::uuid", Uuid)
    of_offer = and_(
        discount.list_id == face.c.list_id,
        or_(discount.offer_id == offers.c.offer_id, whole_list),
        discount.from_version <= face.c.published_version,
        discount.until_version > face.c.published_version,
    )
    named = and_(
        of_list.list_id == discount.of_list_id,
        of_list.scope_id == literal_column(f"'{PUBLIC}'::uuid", Uuid),
    )
    priced = and_(
        ladder.list_id == of_list.list_id,
        ladder.offer_id == offers.c.offer_id,
        ladder.from_version <= of_list.published_version,
        ladder.until_version > of_list.published_version,
    )
    more = func.json_build_object(
        _constant("percent_off"),
        cast(func.trim_scale(discount.percent_off), Text),
        _constant("of_list_id"),
        of_list.list_id,
        _constant("of_version"),
        of_list.published_version,
        _constant("whole_list"),
        whole_list,
    )
    begins = (face.c.valid_from, discount.valid_from, of_list.valid_from, ladder.valid_from)
    ends = (face.c.valid_until, discount.valid_until, of_list.valid_until, ladder.valid_until)
    return select(
        *head,
        face.c.described,
        *_between(begins, ends),
        ladder.unit,
        _usual(_trimmed(ladder.basis), "1"),
        _usual(ladder.volume_mode, _VOLUME),
        cast(ladder.tiers, Text),
        cast(more, Text),
        cast(null(), Text),
    ).select_from(
        offers.join(face, and_(face.c.supplier_id == offers.c.supplier_id, face.c.discounts))
        .join(discount, of_offer)
        .join(of_list, named)
        .join(ladder, priced)
    )


def _policies(offers: CTE, width: int, columns: Sequence[Any]) -> Select[*tuple[Any, ...]]:
    """Find the suppliers that grant the buyer the best price: each a row at place 0."""
    nothing: list[ColumnElement[Any]] = [cast(null(), column.type) for column in columns]
    nothing[0] = literal_column("0", Integer)
    nothing[width] = cast(CustomerRow.supplier_id, Text)
    return select(*nothing).where(
        CustomerRow.buyer_id == COMPANY,
        CustomerRow.supplier_id.in_(select(offers.c.supplier_id)),
        CustomerRow.price_policy == _constant(Policy.BEST_PRICE.value),
    )


def _agreed(offers: CTE, head: Sequence[Any], whose: Whose) -> Select[*tuple[Any, ...]]:
    """Find ladders in contracts, by (buyer, supplier, SKU)."""
    price = ContractPriceRow
    of_offer = and_(
        whose.contracts,
        price.supplier_id == offers.c.supplier_id,
        price.sku == offers.c.sku,
        price.state == _constant(ContractState.ACTIVE.value),
    )
    return select(
        *head,
        _described(
            _constant(CONTRACT),
            price.contract_id,
            price.contract_version,
            _constant(""),
            _constant(Level.CONTRACT.value),
            price.buyer_id,
            price.priority,
            _constant(Mode.FILL_GAPS.value),
            price.currency,
            price.unit_ids,
        ),
        *_between((price.valid_from,), (price.valid_until,)),
        price.unit,
        _usual(_trimmed(price.basis), "1"),
        cast(null(), Text),
        cast(price.tiers, Text),
        case((price.commitment.is_not(None), cast(_committed(), Text))),
        price.description,
    ).select_from(offers.join(price, of_offer))


def _committed() -> ColumnElement[Any]:
    price = ContractPriceRow
    return func.json_build_object(
        _constant("price_id"),
        price.id,
        _constant("measure"),
        price.commitment["measure"].astext,
        _constant("cap"),
        price.commitment["cap"].astext,
        _constant("drawn"),
        cast(func.trim_scale(price.drawn), Text),
        _constant("at_exhaustion"),
        price.commitment["at_exhaustion"].astext,
    )


def _lines() -> FromClause:
    return (
        func.unnest(
            bindparam("supplier_ids", type_=ARRAY(Uuid)), bindparam("skus", type_=ARRAY(Text))
        )
        .table_valued("supplier_id", "sku", with_ordinality="place", joins_implicitly=True)
        .render_derived("line")
    )


def by_lines(visible: ColumnElement[bool], whose: Whose) -> CompoundSelect[*tuple[Any, ...]]:
    """Make the statement of (supplier, SKU) pairs: offers that are `visible`, and candidates."""
    line = _lines()
    supplier_id, sku = cast(line.c.supplier_id, Uuid), cast(line.c.sku, Text)
    its_offer = and_(OfferRow.supplier_id == supplier_id, OfferRow.sku == sku, visible)
    offers = (
        select(
            cast(line.c.place, Integer).label("place"),
            supplier_id.label("supplier_id"),
            sku.label("sku"),
            *OFFER_COLUMNS,
            # The one clock, with the first line alone.
            case((line.c.place == literal_column("1"), select(CLOCK).scalar_subquery())).label(
                "clock"
            ),
        )
        .select_from(line.outerjoin(OfferRow, its_offer))
        .cte("offer")
    )
    return with_candidates(offers, whose)


def _by_offers() -> CompoundSelect[*tuple[Any, ...]]:
    given = (
        func.unnest(
            bindparam("offer_ids", type_=ARRAY(Uuid)),
            bindparam("supplier_ids", type_=ARRAY(Uuid)),
            bindparam("skus", type_=ARRAY(Text)),
        )
        .table_valued("offer_id", "supplier_id", "sku", with_ordinality="place")
        .render_derived("given")
    )
    offers = select(
        cast(given.c.place, Integer).label("place"),
        cast(given.c.offer_id, Uuid).label("offer_id"),
        cast(given.c.supplier_id, Uuid).label("supplier_id"),
        cast(given.c.sku, Text).label("sku"),
    ).cte("offer")
    return union_all(*_candidates(offers, [offers.c.place]))


CANDIDATES_OF_OFFERS: Final = _by_offers()
"""Candidates of offers seen already: the place among them, from 1, then the candidate's columns.

For many offers this is faster than one statement for both: rows stay narrow.
"""
CANDIDATES_OF_LINES: Final = by_lines(visible_offer(), HIS)
"""Offers and candidates of (supplier, SKU) pairs, the first of which has place 1."""
_OFFER_END: Final = 3 + len(OFFER_COLUMNS)
_LINE_CLOCK_AT: Final = _OFFER_END
_LINE_CANDIDATE_AT: Final = _OFFER_END + 1


def line_arguments(path: Sequence[UUID], keys: Sequence[tuple[UUID, str]]) -> Mapping[str, object]:
    """Give the parameters of `CANDIDATES_OF_LINES` for (supplier, SKU) pairs."""
    return {
        "supplier_ids": [supplier_id for supplier_id, _ in keys],
        "skus": [sku for _, sku in keys],
        "scopes": scopes_of(path),
        "company_id": path[-1],
    }


# Rows to values


def read_offer(supplier_id: UUID, sku: str, columns: Sequence[Any]) -> Offer:
    """Read the columns `OFFER_COLUMNS` of an offer."""
    (
        offer_id,
        name,
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
    ) = columns
    return Offer(
        id=offer_id,
        supplier_id=supplier_id,
        sku=sku,
        name=name,
        terms=OfferTerms(
            unit=unit,
            content=_WHOLE if above == below else Fraction(above or 1, below or 1),
            content_unit=content_unit,
            minimum_quantity=minimum or ONE,
            multiple=multiple,
            maximum_quantity=maximum,
            lead_time_days=lead_time_days,
            tax_category=tax_category or "S",
        ),
        private=audience_id is not None and audience_id != RESTRICTED,
    )


class _Face(msgspec.Struct, array_like=True):
    """What the candidates of one list, or of one contract, have in common."""

    kind: str
    source_id: UUID
    version: int
    title: str
    level: Level
    scope_id: UUID
    priority: int
    mode: Mode
    currency: str
    unit_ids: tuple[UUID, ...] = ()

    @property
    def source(self) -> Source:
        return Source(self.kind, self.source_id, self.version, self.title)

    @property
    def assigned_to(self) -> tuple[UUID, ...]:
        if self.kind == CONTRACT:
            return self.unit_ids or (self.scope_id,)
        return () if self.scope_id == PUBLIC else (self.scope_id,)


_FACE: Final = msgspec.json.Decoder(_Face)


@lru_cache(_FACES_KEPT_MAX)
def _read_face(described: str) -> tuple[_Face, Source, tuple[UUID, ...]]:
    face = _FACE.decode(described)
    return face, face.source, face.assigned_to


def read_candidate(columns: Sequence[Any]) -> Candidate | None:
    """Read the columns of a candidate; None where it can never count."""
    described, begins, ends, unit, basis, volume_mode, tiers, more, _ = columns
    if begins is not None and ends is not None and begins >= ends:
        return None  # the entry lies outside of its list's own validity
    face, source, assigned_to = _read_face(described)
    candidate = Candidate(
        level=face.level,
        source=source,
        unit=unit,
        currency=face.currency,
        ladder=Ladder(_TIERS.decode(tiers), basis or ONE, _VOLUME_MODES[volume_mode]),
        assigned_to=assigned_to,
        priority=face.priority,
        mode=face.mode,
        validity=UNBOUNDED if begins is ends is None else Validity(begins, ends),
    )
    return _with_more(candidate, more) if more else candidate


def _with_more(candidate: Candidate, more: str) -> Candidate:
    """Add what few candidates have: a commitment, or the percentage they were reckoned with."""
    if candidate.source.kind == CONTRACT:
        return msgspec.structs.replace(candidate, commitment=_COMMITMENT.decode(more).left())
    found = _DISCOUNT.decode(more)
    return msgspec.structs.replace(
        candidate,
        ladder=discounted(candidate.ladder, found.percent_off),
        discount=Discount(found.percent_off, found.of_list_id, found.of_version),
        derived=2 if found.whole_list else 1,
    )


class _Commitment(msgspec.Struct):
    price_id: UUID
    measure: Measure
    cap: Decimal
    drawn: Decimal
    at_exhaustion: AtExhaustion

    def left(self) -> Commitment:
        left = self.cap - self.drawn
        return Commitment(self.price_id, self.measure, left, self.at_exhaustion, self.cap)


class _Discount(msgspec.Struct):
    percent_off: Decimal
    of_list_id: UUID
    of_version: int
    whole_list: bool


_COMMITMENT: Final = msgspec.json.Decoder(_Commitment)
_DISCOUNT: Final = msgspec.json.Decoder(_Discount)


def candidates_by_place(
    rows: Iterable[Any], count: int
) -> tuple[list[list[Candidate]], frozenset[UUID]]:
    """Gather the rows of `CANDIDATES_OF_OFFERS` by place; give the suppliers of the best price."""
    found: list[list[Candidate]] = [[] for _ in range(count)]
    best: set[UUID] = set()
    for row in rows:
        if not row[0]:
            best.add(UUID(row[1]))
        elif (candidate := read_candidate(row[1:])) is not None:
            found[row[0] - 1].append(candidate)
    return found, frozenset(best)


def found_by_line(rows: Sequence[Any], line_count: int) -> tuple[list[Found], datetime]:
    """Gather the rows of `CANDIDATES_OF_LINES` by line; give the clock they carry too."""
    found = [Found(None, []) for _ in range(line_count)]
    suppliers: list[UUID | None] = [None] * line_count
    best: set[UUID] = set()
    clock: datetime | None = None
    for row in rows:
        place, described = row[0], row[_LINE_CANDIDATE_AT]
        if not place:
            best.add(UUID(described))
            continue
        one = found[place - 1]
        if described is None:
            clock = row[_LINE_CLOCK_AT] or clock
            suppliers[place - 1] = row[1]
            if row[3] is not None:
                one.offer = read_offer(row[1], row[2], row[3:_OFFER_END])
        elif (candidate := read_candidate(row[_LINE_CANDIDATE_AT:])) is not None:
            one.candidates.append(candidate)
            one.agreed_text = one.agreed_text or row[-1] or ""
    if clock is None:
        msg = "a statement of lines gives a row for each"
        raise ValueError(msg)
    if best:
        for one, supplier_id in zip(found, suppliers, strict=True):
            one.policy = Policy.BEST_PRICE if supplier_id in best else Policy.PRIORITY
    return found, clock


def buyer_of(path: tuple[UUID, ...], candidates: Iterable[Candidate]) -> Buyer:
    """Give the buyer of a path (acting unit first, company last) for whom these were found.

    The segments that matter are those whose lists the statement gave: it asks for his own alone,
    and row security gives no others.
    """
    segments = (each.assigned_to for each in candidates if each.level is Level.SEGMENT)
    return Buyer(path, frozenset(scope for scopes in segments for scope in scopes))
