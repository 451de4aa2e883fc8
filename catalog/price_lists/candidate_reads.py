"""The statements that find candidates: of lines, of offers seen already, and of offers known.

Each is put together of the parts in `catalog.price_lists.candidates`, so that what may be a price
is the same whoever asks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

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
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from catalog.price_lists.candidates import (
    HIS,
    Whose,
    agreed,
    all_candidates,
    heads_of,
    known_row,
    ladder_columns,
    ladder_of,
    said_of_buyer,
    with_candidates,
)
from catalog.price_lists.mark import CHANGES
from catalog.price_lists.tables import PriceLadderRow
from catalog.price_lists.visibility import CLOCK, OFFER_COLUMNS, scopes_of, visible_offer
from catalog.products.tables import OfferRow


def _lines() -> FromClause:
    return (
        func.unnest(
            bindparam("supplier_ids", type_=ARRAY(Uuid)), bindparam("skus", type_=ARRAY(Text))
        )
        .table_valued("supplier_id", "sku", with_ordinality="place", joins_implicitly=True)
        .render_derived("line")
    )


def by_lines(
    visible: ColumnElement[bool], whose: Whose, *, faces: bool = False
) -> CompoundSelect[*tuple[Any, ...]]:
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
    return with_candidates(offers, whose, faces=faces)


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
    return union_all(*all_candidates(offers, [offers.c.place]))


def _by_known(*, own: bool) -> CompoundSelect[*tuple[Any, ...]]:
    """Look whether offers are still as they are known, and what their prices follow from."""
    given = (
        func.unnest(
            bindparam("offer_ids", type_=ARRAY(Uuid)), bindparam("versions", type_=ARRAY(Integer))
        )
        .table_valued("offer_id", "version", with_ordinality="place", joins_implicitly=True)
        .render_derived("given")
    )
    same = and_(
        OfferRow.id == cast(given.c.offer_id, Uuid),
        OfferRow.version == cast(given.c.version, Integer),
        visible_offer(),
    )
    offers = (
        select(
            cast(given.c.place, Integer).label("place"),
            OfferRow.id.label("offer_id"),
            OfferRow.supplier_id,
            OfferRow.sku,
        )
        .select_from(given.join(OfferRow, same))
        .cte("offer")
    )
    suppliers = bindparam("supplier_ids", type_=ARRAY(Uuid))
    heads = heads_of(offers, [offers.c.place], suppliers, own=own)
    count = select(func.count()).select_from(offers).scalar_subquery()
    columns = list(heads[0].selected_columns)
    mark = select(cast(CHANGES, Text)).scalar_subquery()
    return union_all(known_row(columns, count, said_of_buyer(), mark), *heads)


def _written(alias: str, *columns: tuple[str, Any]) -> Any:
    """Give arrays of one length side by side, each in a parameter that is called as its column.

    They come as texts: the driver looks at each value of an array, which takes longer than all that
    Postgres does with them.
    """
    arrays = [cast(bindparam(name, type_=Text), ARRAY(kind)) for name, kind in columns]
    return (
        func.unnest(*arrays)
        .table_valued(*(column(name, kind) for name, kind in columns), with_ordinality="number")
        .render_derived(alias)
    )


def own_of_known(
    counted: ColumnElement[Any], *, contracts: bool
) -> CompoundSelect[*tuple[Any, ...]]:
    """Make the statement of what is a buyer's own, where offers and his lists are known.

    Offers and lists are each of a `seller`; what is told of a list is the number of it. With
    `contracts` their prices are found too. A number that is `counted`, and the clock, are told.
    """
    offer = _written("offer", ("offer_id", Uuid), ("seller", Integer))
    own = _written(
        "own",
        ("list_id", Uuid),
        ("list_seller", Integer),
        ("published_version", Integer),
        ("valid_from", DateTime(timezone=True)),
        ("valid_until", DateTime(timezone=True)),
    )
    place = cast(offer.c.number, Integer)
    listed = select(
        place, cast(own.c.number, Integer), cast(null(), Text), *ladder_columns(own)
    ).select_from(
        offer.join(own, own.c.list_seller == offer.c.seller).join(
            PriceLadderRow, ladder_of(own, offer.c.offer_id)
        )
    )
    found: list[Select[*tuple[Any, ...]]] = [listed]
    if contracts:
        sold = (
            select(place.label("place"), OfferRow.supplier_id, OfferRow.sku)
            .join_from(offer, OfferRow, OfferRow.id == offer.c.offer_id)
            .cte("sold")
        )
        found.append(agreed(sold, [sold.c.place, cast(null(), Integer)], HIS))
    return union_all(known_row(list(listed.selected_columns), counted), *found)


def with_listed(
    offers: CTE, shown: Sequence[str], counted: ColumnElement[Any], *, contracts: bool
) -> CompoundSelect[*tuple[Any, ...]]:
    """Make the statement that gives `shown` columns of offers, and prices in lists that are known.

    As `with_heads`, where the buyer's lists are known and none has percentages: what is told of a
    list is the number of it, from 1. With `contracts` their prices are found too.
    """
    columns = [offers.c[name] for name in shown]
    head = [columns[0], *(cast(null(), column.type) for column in columns[1:])]
    own = _written(
        "own",
        ("list_id", Uuid),
        ("list_supplier_id", Uuid),
        ("published_version", Integer),
        ("valid_from", DateTime(timezone=True)),
        ("valid_until", DateTime(timezone=True)),
    )
    listed = select(*head, cast(own.c.number, Text), *ladder_columns(own)).select_from(
        offers.join(own, own.c.list_supplier_id == offers.c.supplier_id).join(
            PriceLadderRow, ladder_of(own, offers.c.offer_id)
        )
    )
    found: list[Select[*tuple[Any, ...]]] = [listed]
    if contracts:
        found.append(agreed(offers, head, HIS))
    all_columns = list(listed.selected_columns)
    empty = [cast(null(), column.type) for column in all_columns[len(columns) :]]
    return union_all(select(*columns, *empty), *found, known_row(all_columns, counted))


CANDIDATES_OF_OFFERS: Final = _by_offers()
"""Candidates of offers seen already: the place among them, from 1, then the candidate's columns.

For many offers this is faster than one statement for both: rows stay narrow.
"""
CANDIDATES_OF_LINES: Final = by_lines(visible_offer(), HIS)
"""Offers and candidates of (supplier, SKU) pairs, the first of which has place 1."""
CANDIDATES_AND_FACES_OF_LINES: Final = by_lines(visible_offer(), HIS, faces=True)
"""The same with a row for each of the buyer's lists of these suppliers."""
HEADS_OF_KNOWN: Final = _by_known(own=False)
"""How many of these offers the buyer sees at these versions, and what their prices follow from."""
HEADS_AND_OWN_OF_KNOWN: Final = _by_known(own=True)
"""The same with the ladders of the buyer's own lists, those with percentages aside."""


def line_arguments(path: Sequence[UUID], keys: Sequence[tuple[UUID, str]]) -> Mapping[str, object]:
    """Give the parameters of `CANDIDATES_OF_LINES` for (supplier, SKU) pairs."""
    return {
        "supplier_ids": [supplier_id for supplier_id, _ in keys],
        "skus": [sku for _, sku in keys],
        "scopes": scopes_of(path),
        "company_id": path[-1],
    }
