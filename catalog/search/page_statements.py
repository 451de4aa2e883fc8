"""The statements of catalog pages: items of a page, joined to the offers the caller may see.

An item is a product with an offer the caller may see, or an offer of no product that was made for
him alone. What he may not see takes part in nothing: not in order, not in where a page ends.

What is shown of a product and of an offer is known from their versions on. So a page is asked for
twice at most: for versions alone, as all else is mostly known to the process
(`catalog.search.known_items`), and where something is not, for all that is shown.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    BindParameter,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from catalog.price_lists.candidate_reads import own_of_known, with_listed
from catalog.price_lists.candidates import with_heads
from catalog.price_lists.mark import CHANGES
from catalog.price_lists.visibility import (
    OFFER_COLUMNS,
    open_offer,
    visible_by_itself,
    visible_offer,
)
from catalog.products.tables import OfferRow, ProductRow
from catalog.search.details import FOUND_STATES, READ_STATES, seen_product
from marketplace.kernel.limits import OFFERS_PER_PRODUCT_MAX, OFFERS_PER_PRODUCT_SHOWN
from marketplace.platform.database import HotRead

_Statement = Select[*tuple[Any, ...]]
_NO_TEXT: Final = literal_column("null::text", Text)
_FETCH: Final[BindParameter[int]] = bindparam("fetch", type_=Integer)


class PageRead(NamedTuple):
    """The two statements of a page: what there is and at which versions; and all that is shown."""

    known: HotRead
    whole: HotRead


KNOWN_COLUMNS: Final = ("place", "item_key", "offer_key")
"""A place from 1, and identity with version of the product (null where there is none) and offer."""
_ITEM_COLUMNS: Final = ("item_id", "name", "description", "maker", "maker_number", "gtin")
_WHOLE_COLUMNS: Final = (
    *KNOWN_COLUMNS,
    *_ITEM_COLUMNS,
    "supplier_id",
    "sku",
    *(str(column.key) for column in OFFER_COLUMNS),
)
ITEM_AT: Final = len(KNOWN_COLUMNS)
OFFER_AT: Final = ITEM_AT + len(_ITEM_COLUMNS)
OFFER_END: Final = len(_WHOLE_COLUMNS)


def _keyed(table: Any) -> ColumnElement[bytes]:
    """Put identity and version into one key of 20 bytes, which is cheap to send and to look up."""
    identity = func.uuid_send(table.id, type_=LargeBinary)
    return identity.op("||", return_type=LargeBinary())(func.int4send(table.version))


def _products(
    *conditions: Any,
    states: Sequence[Any] = FOUND_STATES,
    described: bool = False,
    seen: ColumnElement[bool] | None = None,
) -> _Statement:
    """Select products; pages do not show how they are described, so that is not read for them."""
    product = ProductRow
    return select(
        _keyed(product).label("item_key"),
        product.id.label("item_id"),
        product.name.label("name"),
        (product.description if described else _NO_TEXT).label("description"),
        product.maker.label("maker"),
        product.maker_number.label("maker_number"),
        product.gtin.label("gtin"),
    ).where(product.state.in_(states), seen_product() if seen is None else seen, *conditions)


def _private_offers(*conditions: Any, described: bool = False) -> _Statement:
    """Select offers of no product; one of the conditions must say that they are visible."""
    return select(
        cast(null(), LargeBinary).label("item_key"),
        OfferRow.id.label("item_id"),
        OfferRow.name.label("name"),
        (OfferRow.description if described else _NO_TEXT).label("description"),
        *(_NO_TEXT.label(name) for name in ("maker", "maker_number", "gtin")),
        *_offer_columns(),
    ).where(OfferRow.product_id.is_(None), *conditions)


def _offer_columns() -> list[ColumnElement[Any]]:
    supplier_id, sku = OfferRow.supplier_id.expression, OfferRow.sku.expression
    return [_keyed(OfferRow).label("offer_key"), supplier_id, sku, *OFFER_COLUMNS]


def _offers_of(
    products: _Statement,
    private_offers: Sequence[_Statement],
    offers_max: int,
    shown_columns: Sequence[str],
    visible: ColumnElement[bool],
) -> CTE:
    """Join a page's products to their offers, and put offers of no product beside them."""
    shown = products.cte("item")
    own = (
        select(*_offer_columns())
        .where(OfferRow.product_id == shown.c.item_id, visible)
        .order_by(OfferRow.supplier_id, OfferRow.sku)
        .limit(literal_column(str(offers_max)))
        .lateral("own")
    )
    found = union_all(
        select(*shown.c, *own.c).join_from(shown, own, true()),
        *(private.subquery().select() for private in private_offers),
    ).subquery("found")
    place = cast(func.row_number().over(), Integer).label("place")
    # What is read several times is stored: only what is needed.
    needed = dict.fromkeys((*shown_columns[1:], "offer_id", "supplier_id", "sku"))
    return select(place, *(found.c[name] for name in needed)).cte("offer")


def _page(products: _Statement, private_offers: Sequence[_Statement], offers_max: int) -> PageRead:
    def read(columns: Sequence[str], *, whole: bool) -> HotRead:
        offers = _offers_of(products, private_offers, offers_max, columns, visible_offer())
        changes = select(CHANGES).scalar_subquery()
        return HotRead(with_heads(offers, columns, changes, whole=whole))

    return PageRead(read(KNOWN_COLUMNS, whole=False), read(_WHOLE_COLUMNS, whole=True))


def _in_order(statement: _Statement, name: Any, identifier: Any) -> _Statement:
    after = func.row(bindparam("after_name", type_=Text), bindparam("after_id", type_=Uuid))
    return (
        statement.where(func.row(name, identifier) > after).order_by(name, identifier).limit(_FETCH)
    )


def _browse() -> PageRead:
    """Read the first so many products, and the first so many offers of none: too many, at most."""
    return _page(
        _in_order(_products(), ProductRow.name, ProductRow.id),
        [
            _in_order(_private_offers(seen), OfferRow.name, OfferRow.id)
            for seen in visible_by_itself()
        ],
        OFFERS_PER_PRODUCT_SHOWN,
    )


def _chosen() -> PageRead:
    chosen = any_(bindparam("chosen", type_=ARRAY(Uuid)))
    return _page(
        _products(ProductRow.id == chosen),
        [_private_offers(OfferRow.id == chosen, visible_offer())],
        OFFERS_PER_PRODUCT_SHOWN,
    )


def _one() -> HotRead:
    wanted = bindparam("item_id", type_=Uuid)
    return _page(
        _products(ProductRow.id == wanted, states=READ_STATES, described=True),
        [_private_offers(OfferRow.id == wanted, visible_offer(), described=True)],
        OFFERS_PER_PRODUCT_MAX,
    ).whole


def _open(*, contracts: bool) -> HotRead:
    chosen = any_(cast(bindparam("chosen", type_=Text), ARRAY(Uuid)))
    products = _products(ProductRow.id == chosen, seen=true())  # joined to offers that are seen
    offers = _offers_of(products, [], OFFERS_PER_PRODUCT_SHOWN, _WHOLE_COLUMNS, open_offer())
    changes = select(CHANGES).scalar_subquery()
    return HotRead(with_listed(offers, _WHOLE_COLUMNS, changes, contracts=contracts))


OWN: Final = HotRead(own_of_known(CHANGES, contracts=False))
"""What is the buyer's own for items that are known, and the mark that says if they still are."""
OWN_AND_AGREED: Final = HotRead(own_of_known(CHANGES, contracts=True))
BROWSE: Final = _browse()
CHOSEN: Final = _chosen()
OPEN_CHOSEN: Final = _open(contracts=False)
"""All that is shown of chosen items to a buyer who sees what is open, whose lists are known."""
OPEN_CHOSEN_AND_AGREED: Final = _open(contracts=True)
ONE: Final = _one()
