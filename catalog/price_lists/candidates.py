"""The statements that find every price a buyer might have for the offers asked.

The same parts serve the price check, the catalog page and the order, and the number of queries does
not depend on the number of lines. What counts of what is found `catalog.pricing.resolve` decides.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from catalog.customers.tables import CustomerRow
from catalog.price_lists.tables import (
    ALL_OFFERS,
    PriceDiscountRow,
    PriceLadderRow,
    PriceListAssignmentRow,
)
from catalog.price_lists.visibility import (
    CLOCK,
    COMPANY,
    LISTED_SCOPES,
    constant,
    sees_more,
    trimmed,
    usual,
)
from catalog.pricing.terms import Mode, Policy, VolumeMode
from marketplace.contracts.rules import ContractState
from marketplace.contracts.tables import ContractPriceRow
from marketplace.kernel.events import PUBLIC
from marketplace.organizations.tables import OrganizationRow

PRICE_LIST: Final = "price_list"
CONTRACT: Final = "contract"
_CANDIDATE_COLUMNS: Final = 9
"""Description of its list, begin, end, unit, basis, volume mode, tiers, what few have, text."""
_VOLUME: Final = f"'{VolumeMode.VOLUME.value}'"


class Whose(NamedTuple):
    """Which lists' faces and which contracts' prices are looked at."""

    lists: ColumnElement[bool]
    contracts: ColumnElement[bool]


HIS: Final = Whose(
    PriceListAssignmentRow.scope_id == any_(LISTED_SCOPES), ContractPriceRow.buyer_id == COMPANY
)
"""What is the buyer's, which is all that he may learn of."""


POLICY: Final = 0
FACE: Final = -1
KNOWN: Final = -2
NAME: Final = -3
"""In the place of an offer's: what a row says that is of no single offer."""
HAS_CONTRACTS: Final = "c"
SEES_MORE: Final = "m"
"""What is said of a buyer beside the number and the clock."""


def with_candidates(
    offers: CTE, whose: Whose = HIS, *, faces: bool = False
) -> CompoundSelect[*tuple[Any, ...]]:
    """Make the statement that gives offers, and every price the buyer might have for them.

    `offers` begins with a `place` and has, beside others, `offer_id`, `supplier_id` and `sku`. Each
    row of the answer is either an offer (then the columns of the candidate, which stand last, are
    null) or a candidate (then all before these are null but the place). It is a union and not a
    join, so that no plan can look candidates up again for every offer. With `faces` the buyer's
    lists of these suppliers are told too.
    """
    return _beside(offers, all_candidates(offers, _head(offers), whose, faces=faces))


def with_heads(
    offers: CTE, shown: Sequence[str], counted: ColumnElement[Any], *, whole: bool
) -> CompoundSelect[*tuple[Any, ...]]:
    """Make the statement that gives `shown` columns of offers, and what their prices follow from.

    As `with_candidates`, with the buyer's lists told, what suppliers are called, a number that is
    `counted`, and whether he has contracts and sees more than what is open. If it is not `whole`,
    what is in lists for everybody is left out: ladders of a published version never change, so most
    are known (`catalog.price_lists.kept`).
    """
    columns = [offers.c[name] for name in shown]
    head = [columns[0], *(cast(null(), column.type) for column in columns[1:])]
    suppliers = _suppliers_of(offers)
    if whole:
        others = all_candidates(offers, head, faces=True)
    else:
        others = heads_of(offers, head, suppliers, own=True)
    all_columns = list(others[0].selected_columns)
    known = known_row(all_columns, counted, said_of_buyer())
    others += [_named(offers, all_columns), known]
    empty = [cast(null(), column.type) for column in all_columns[len(columns) :]]
    return union_all(select(*columns, *empty), *others)


def _head(offers: CTE) -> list[Any]:
    return [offers.c.place, *(cast(null(), column.type) for column in list(offers.c)[1:])]


def _beside(
    offers: CTE, others: Sequence[Select[*tuple[Any, ...]]]
) -> CompoundSelect[*tuple[Any, ...]]:
    more = list(others[0].selected_columns)[len(offers.c) :]
    return union_all(select(*offers.c, *(cast(null(), column.type) for column in more)), *others)


def all_candidates(
    offers: CTE, head: Sequence[Any], whose: Whose = HIS, *, faces: bool = False
) -> list[Select[*tuple[Any, ...]]]:
    """Give the statements of all kinds of candidates, and of what is agreed about them."""
    face = faces_of(_suppliers_of(offers), whose)
    listed = _listed(offers, face, head)
    columns = list(listed.selected_columns)
    return [
        listed,
        _discounted(offers, face, head),
        agreed(offers, head, whose),
        _policies(offers, columns),
        *([_told(face, columns)] if faces else []),
    ]


def heads_of(
    offers: CTE, head: Sequence[Any], suppliers: ColumnElement[Any], *, own: bool
) -> list[Select[*tuple[Any, ...]]]:
    """Give the statements of what prices follow from, with `own` of ladders in the buyer's own."""
    contracted = agreed(offers, head, HIS)
    columns = list(contracted.selected_columns)
    face = faces_of(suppliers, HIS)
    listed = [_listed(offers, face, head, face.c.own)] if own else []
    return [contracted, *listed, _policies(offers, columns, suppliers), _told(face, columns)]


def _suppliers_of(offers: CTE) -> ColumnElement[Any]:
    return func.array(select(offers.c.supplier_id).distinct().scalar_subquery(), type_=ARRAY(Uuid))


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


def faces_of(suppliers: ColumnElement[Any], whose: Whose) -> CTE:
    """Find the buyer's lists of these suppliers, once."""
    assignment = PriceListAssignmentRow
    return (
        select(
            assignment.list_id,
            assignment.supplier_id,
            assignment.published_version,
            _described(
                constant(PRICE_LIST),
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
            and_(
                assignment.scope_id != literal_column(f"'{PUBLIC}'::uuid", Uuid),
                assignment.discounts.is_(false()),
            ).label("own"),
        )
        .where(
            # An array, so that the index is asked for both columns, never for scopes alone.
            assignment.supplier_id == any_(suppliers),
            whose.lists,
            assignment.published_version > literal_column("0"),
        )
        .cte("face")
        .prefix_with("MATERIALIZED")
    )


def _listed(
    offers: CTE, face: CTE, head: Sequence[Any], *which: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    """Find ladders in lists, each by its key."""
    of_offer = ladder_of(face, offers.c.offer_id)
    return select(*head, face.c.described, *ladder_columns(face)).select_from(
        offers.join(face, and_(face.c.supplier_id == offers.c.supplier_id, *which)).join(
            PriceLadderRow, of_offer
        )
    )


def ladder_of(face: FromClause, offer_id: Any) -> ColumnElement[bool]:
    """Say which ladders a list has for an offer in its published version."""
    ladder = PriceLadderRow
    return and_(
        ladder.list_id == face.c.list_id,
        ladder.offer_id == offer_id,
        _in_version(face.c.published_version),
    )


def _in_version(version: Any) -> ColumnElement[bool]:
    """Say which ladders are in a version of their list.

    The index must not be asked for it: it would be searched as for each unit and validity that
    might stand between offer and version, which takes longer than to look at the few there are.
    """
    ladder = PriceLadderRow
    begun = ladder.from_version + literal_column("0", Integer)
    return and_(begun <= version, ladder.until_version > version)


def ladder_columns(face: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Give the columns of a candidate, but for the description of its list."""
    ladder = PriceLadderRow
    return (
        *_between((face.c.valid_from, ladder.valid_from), (face.c.valid_until, ladder.valid_until)),
        ladder.unit.expression,
        usual(trimmed(ladder.basis), "1"),
        usual(ladder.volume_mode, _VOLUME),
        cast(ladder.tiers, Text),
        cast(null(), Text),
        cast(null(), Text),
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
        _in_version(of_list.published_version),
    )
    more = func.json_build_object(
        constant("percent_off"),
        cast(func.trim_scale(discount.percent_off), Text),
        constant("of_list_id"),
        of_list.list_id,
        constant("of_version"),
        of_list.published_version,
        constant("whole_list"),
        whole_list,
    )
    begins = (face.c.valid_from, discount.valid_from, of_list.valid_from, ladder.valid_from)
    ends = (face.c.valid_until, discount.valid_until, of_list.valid_until, ladder.valid_until)
    return select(
        *head,
        face.c.described,
        *_between(begins, ends),
        ladder.unit,
        usual(trimmed(ladder.basis), "1"),
        usual(ladder.volume_mode, _VOLUME),
        cast(ladder.tiers, Text),
        cast(more, Text),
        cast(null(), Text),
    ).select_from(
        offers.join(face, and_(face.c.supplier_id == offers.c.supplier_id, face.c.discounts))
        .join(discount, of_offer)
        .join(of_list, named)
        .join(ladder, priced)
    )


def _bare(
    columns: Sequence[ColumnElement[Any]], place: int, described: Any, *more: Any
) -> list[ColumnElement[Any]]:
    """Give a row that is of no offer: its place, then `more` in the columns of a candidate."""
    width = len(columns) - _CANDIDATE_COLUMNS
    given = [literal_column(str(place), Integer), *[None] * (width - 1), described, *more]
    given += [None] * (len(columns) - len(given))
    return [
        cast(null(), column.type) if value is None else value
        for column, value in zip(columns, given, strict=True)
    ]


def _told(face: CTE, columns: Sequence[ColumnElement[Any]]) -> Select[*tuple[Any, ...]]:
    """Tell the buyer's lists and their validity.

    Where candidates have a unit it says whether the list has discounts, where they have their tiers
    whether it is his own, without such; and behind that its supplier.
    """
    discounts = case((face.c.discounts, constant("discounts")))
    own = case((face.c.own, constant("own")))
    validity = _between((face.c.valid_from,), (face.c.valid_until,))
    more = (*validity, discounts, None, None, own)
    return select(*_bare(columns, FACE, face.c.described, *more, cast(face.c.supplier_id, Text)))


def known_row(
    columns: Sequence[ColumnElement[Any]],
    counted: ColumnElement[Any],
    beside: ColumnElement[str] | None = None,
    mark: ColumnElement[str] | None = None,
) -> Select[Any]:
    """Tell a number and the clock.

    And `beside` these, where candidates have their unit, and a `mark` where they have their tiers.
    """
    clock = select(CLOCK).scalar_subquery()
    more = (clock, None, beside, None, None, mark)
    return select(*_bare(columns, KNOWN, cast(counted, Text), *more))


def said_of_buyer() -> ColumnElement[str]:
    """Say whether he has contracts, and sees more than what is open."""
    contracts = case((has_contracts(), constant(HAS_CONTRACTS)))
    more = case((sees_more(), constant(SEES_MORE)))
    return cast(func.concat(contracts, more), Text)


def has_contracts() -> ColumnElement[bool]:
    """Say whether any contract has prices for the buyer."""
    price = ContractPriceRow
    return (
        select(price.id)
        .where(price.buyer_id == COMPANY, price.state == constant(ContractState.ACTIVE.value))
        .exists()
    )


def _named(offers: CTE, columns: Sequence[ColumnElement[Any]]) -> Select[*tuple[Any, ...]]:
    """Tell what the suppliers of offers are called; where candidates have a unit is their id.

    Each is looked up by its key: joined, a plan might read all organizations there are.
    """
    seller = select(offers.c.supplier_id.label("id")).distinct().subquery()
    name = select(OrganizationRow.name).where(OrganizationRow.id == seller.c.id).scalar_subquery()
    return select(*_bare(columns, NAME, name, None, None, cast(seller.c.id, Text)))


def _policies(
    offers: CTE, columns: Sequence[Any], suppliers: ColumnElement[Any] | None = None
) -> Select[*tuple[Any, ...]]:
    """Find the suppliers that grant the buyer the best price."""
    row = _bare(columns, POLICY, cast(CustomerRow.supplier_id, Text))
    theirs = (
        CustomerRow.supplier_id.in_(select(offers.c.supplier_id))
        if suppliers is None
        else CustomerRow.supplier_id == any_(suppliers)
    )
    return select(*row).where(
        CustomerRow.buyer_id == COMPANY,
        theirs,
        CustomerRow.price_policy == constant(Policy.BEST_PRICE.value),
    )


def agreed(offers: FromClause, head: Sequence[Any], whose: Whose) -> Select[*tuple[Any, ...]]:
    """Find ladders in contracts, by (buyer, supplier, SKU)."""
    price = ContractPriceRow
    of_offer = and_(
        whose.contracts,
        price.supplier_id == offers.c.supplier_id,
        price.sku == offers.c.sku,
        price.state == constant(ContractState.ACTIVE.value),
    )
    return select(
        *head,
        _described(
            constant(CONTRACT),
            price.contract_id,
            price.contract_version,
            constant(""),
            price.level,
            price.buyer_id,
            price.priority,
            constant(Mode.FILL_GAPS.value),
            price.currency,
            price.unit_ids,
        ),
        *_between((price.valid_from,), (price.valid_until,)),
        price.unit,
        usual(trimmed(price.basis), "1"),
        cast(null(), Text),
        cast(price.tiers, Text),
        case((price.commitment.is_not(None), cast(_committed(), Text))),
        price.description,
    ).select_from(offers.join(price, of_offer))


def _committed() -> ColumnElement[Any]:
    price = ContractPriceRow
    return func.json_build_object(
        constant("price_id"),
        price.id,
        constant("measure"),
        price.commitment["measure"].astext,
        constant("cap"),
        price.commitment["cap"].astext,
        constant("drawn"),
        cast(func.trim_scale(price.drawn), Text),
        constant("at_exhaustion"),
        price.commitment["at_exhaustion"].astext,
    )
