"""The statements of catalog pages: items of a page, joined to the offers the caller may see.

An item is a product with an offer the caller may see, or an offer of no product that was made for
him alone. What he may not see takes part in nothing: not in order, not in where a page ends.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Integer,
    Select,
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

from catalog.price_lists.candidates import CANDIDATES_AND_FACES_OF_OFFERS, with_heads
from catalog.price_lists.visibility import CLOCK, OFFER_COLUMNS, visible_by_itself, visible_offer
from catalog.products.tables import OfferRow, ProductRow
from catalog.search.details import FOUND_STATES, READ_STATES, seen_product
from marketplace.kernel.limits import OFFERS_PER_PRODUCT_MAX, OFFERS_PER_PRODUCT_SHOWN
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.database import HotRead

_Statement = Select[*tuple[Any, ...]]
_Rows = CompoundSelect[*tuple[Any, ...]]


_NO_TEXT: Final = literal_column("null::text", Text)


def _products(
    *conditions: Any, states: Sequence[Any] = FOUND_STATES, described: bool = False
) -> _Statement:
    """Select products; pages do not show how they are described, so that is not read for them."""
    product = ProductRow
    return select(
        product.id.label("id"),
        product.id.label("product_id"),
        literal_column("null::uuid", Uuid).label("private_offer_id"),
        product.name.label("name"),
        (product.description if described else _NO_TEXT).label("description"),
        product.maker.label("maker"),
        product.maker_number.label("maker_number"),
        product.gtin.label("gtin"),
    ).where(product.state.in_(states), seen_product(), *conditions)


def _private_offers(*conditions: Any, described: bool = False) -> _Statement:
    """Select offers of no product; one of the conditions must say that they are visible."""
    return select(
        OfferRow.id,
        OfferRow.product_id,
        OfferRow.id.label("private_offer_id"),
        OfferRow.name,
        (OfferRow.description if described else _NO_TEXT).label("description"),
        _NO_TEXT.label("maker"),
        _NO_TEXT.label("maker_number"),
        _NO_TEXT.label("gtin"),
    ).where(OfferRow.product_id.is_(None), *conditions)


def _private_in_order(*conditions: Any) -> Any:
    return union_all(
        *(
            _in_order(_private_offers(seen, *conditions), OfferRow.name, OfferRow.id)
            .subquery()
            .select()
            for seen in visible_by_itself()
        )
    )


def _page_of(products: _Statement, private_offers: Any, offers_max: int) -> _Rows:
    """Join a page's items to their offers, and tell what prices follow from but for ladders.

    A place from 1, the item, the supplier, `OFFER_COLUMNS`, the supplier's name, and the clock.
    """
    items = union_all(products.subquery().select(), private_offers.subquery().select()).subquery()
    shown = select(items).order_by(items.c.name, items.c.id).limit(bindparam("fetch")).cte("item")
    columns = (OfferRow.supplier_id, OfferRow.sku, *OFFER_COLUMNS)
    of_product = (
        select(*columns)
        .where(OfferRow.product_id == shown.c.product_id, visible_offer())
        .order_by(OfferRow.supplier_id, OfferRow.sku)
        .limit(literal_column(str(offers_max)))
        .lateral("own")
    )
    by_itself = select(*columns).where(OfferRow.product_id.is_(None), visible_offer()).subquery()
    found = union_all(
        select(*shown.c, *of_product.c).join_from(shown, of_product, true()),
        select(*shown.c, *by_itself.c).join_from(
            shown, by_itself, by_itself.c.offer_id == shown.c.private_offer_id
        ),
    ).cte("found")
    # Names are looked up once for each supplier, not for each offer, and each by its key: joined,
    # a plan might read all organizations there are.
    seller = select(found.c.supplier_id.label("id")).distinct().subquery()
    name = select(OrganizationRow.name).where(OrganizationRow.id == seller.c.id).scalar_subquery()
    supplier = select(seller.c.id, name.label("name")).cte("supplier").prefix_with("MATERIALIZED")
    its_supplier = and_(supplier.c.id == found.c.supplier_id, supplier.c.name.is_not(None))
    offers = (
        select(
            cast(func.row_number().over(), Integer).label("place"),
            *found.c,
            supplier.c.name.label("supplier_name"),
            select(CLOCK).scalar_subquery().label("clock"),
        )
        .join_from(found, supplier, its_supplier)
        .cte("offer")
    )
    return with_heads(offers)


ITEM_AT: Final = 1
ITEM_END: Final = ITEM_AT + 8
"""The item's identifier, product, private offer, name, description, maker, number, GTIN."""
NAME_AT: Final = ITEM_AT + 3
OFFER_AT: Final = ITEM_END + 2
OFFER_END: Final = OFFER_AT + len(OFFER_COLUMNS)
HEADS_AT: Final = OFFER_END + 2
"""Where rows that are of no offer begin to say something."""


def _after(name: Any, identifier: Any) -> Any:
    return func.row(name, identifier) > func.row(
        bindparam("after_name", type_=Text), bindparam("after_id", type_=Uuid)
    )


def _in_order(statement: _Statement, name: Any, identifier: Any) -> _Statement:
    ordered = statement.where(_after(name, identifier)).order_by(name, identifier)
    return ordered.limit(bindparam("fetch"))


def _browse() -> Any:
    return _page_of(
        _in_order(_products(), ProductRow.name, ProductRow.id),
        _private_in_order(),
        OFFERS_PER_PRODUCT_SHOWN,
    )


def _chosen() -> Any:
    chosen = any_(bindparam("chosen", type_=ARRAY(Uuid)))
    return _page_of(
        _products(ProductRow.id == chosen),
        _private_offers(OfferRow.id == chosen, visible_offer()),
        OFFERS_PER_PRODUCT_SHOWN,
    )


def _one() -> Any:
    wanted = bindparam("item_id", type_=Uuid)
    return _page_of(
        _products(ProductRow.id == wanted, states=READ_STATES, described=True),
        _private_offers(OfferRow.id == wanted, visible_offer(), described=True),
        OFFERS_PER_PRODUCT_MAX,
    )


CANDIDATES: Final = HotRead(CANDIDATES_AND_FACES_OF_OFFERS)
BROWSE: Final = HotRead(_browse())
CHOSEN: Final = HotRead(_chosen())
ONE: Final = HotRead(_one())
