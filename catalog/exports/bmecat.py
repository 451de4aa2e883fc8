"""Send a supplier's own catalog out as BMEcat 2005 (T_NEW_CATALOG).

What BMEcat has no element for stands in user-defined extensions, which our import reads: a document
that went out and comes back, as offers, products and prices, changes nothing.
"""

import re
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, cast, func, literal_column, select

from catalog.categories.tables import CategoryAttributeRow, CategoryRow
from catalog.exports.products import DEFINED, VALUES, defined
from catalog.exports.streaming import pages, snapshot
from catalog.imports.bmecat_parts import CATEGORIES, GRADUATED
from catalog.media.addresses import whole
from catalog.price_lists.rules import bounded
from catalog.price_lists.tables import PriceLadderRow, PriceListRow
from catalog.pricing.terms import VolumeMode
from catalog.products.records import CODES, MEDIA, OWN_AS_TEXT, TEXTS
from catalog.products.rules import RESTRICTED
from catalog.products.schemas import MediaView, ratio_text
from catalog.products.tables import OfferRow, ProductRow
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.money import UNIT_PRICE_PLACES
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled

MEDIA_TYPE: Final = "application/xml"
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LANGUAGES: Final = dict(
    pair.split(":")
    for pair in (
        "bg:bul cs:ces da:dan de:deu el:ell en:eng es:spa et:est fi:fin fr:fra ga:gle hr:hrv "
        "hu:hun is:isl it:ita ja:jpn ko:kor lt:lit lv:lav mt:mlt nl:nld no:nor pl:pol pt:por "
        "ro:ron ru:rus sk:slk sl:slv sr:srp sv:swe tr:tur uk:ukr zh:zho"
    ).split()
)
"""Languages by ISO 639-2, as BMEcat has them; another one stands by its own tag."""
_PURPOSES: Final = {
    "image": "normal",
    "datasheet": "data_sheet",
    "safety_data_sheet": "safety_data_sheet",
}

_SUPPLIER: Final = bindparam("supplier_id", type_=OfferRow.supplier_id.type)
_AUDIENCES: Final = [literal_column(f"'{each}'::uuid", Uuid) for each in (PUBLIC, RESTRICTED)]
_OFFERS: Final = Compiled(
    select(
        OfferRow.id,
        OfferRow.sku,
        OfferRow.name,
        OfferRow.description,
        OfferRow.unit,
        OfferRow.content_numerator,
        OfferRow.content_denominator,
        OfferRow.content_unit,
        OfferRow.minimum_quantity,
        OfferRow.multiple,
        OfferRow.maximum_quantity,
        OfferRow.lead_time_days,
        OfferRow.tax_category,
        ProductRow.maker,
        ProductRow.maker_number,
        ProductRow.gtin,
        CategoryRow.code.label("category"),
        func.coalesce(cast(ProductRow.attributes, Text), literal_column("'{}'", Text)).label(
            "attributes"
        ),
        defined(CategoryAttributeRow.unit).label("units"),
        *OWN_AS_TEXT,
    )
    .select_from(OfferRow)
    .outerjoin(ProductRow, ProductRow.id == OfferRow.product_id)
    .outerjoin(CategoryRow, CategoryRow.id == ProductRow.category_id)
    .where(
        OfferRow.supplier_id == _SUPPLIER,
        OfferRow.audience_id.in_(_AUDIENCES),
        OfferRow.state == literal_column("'active'", Text),
    )
    .order_by(OfferRow.sku)
)
_VERSION: Final = bindparam("version", type_=PriceLadderRow.from_version.type)
_LADDERS: Final = Compiled(
    select(
        PriceLadderRow.offer_id,
        PriceLadderRow.unit,
        PriceLadderRow.basis,
        PriceLadderRow.valid_from,
        PriceLadderRow.valid_until,
        PriceLadderRow.volume_mode,
        cast(PriceLadderRow.tiers, Text).label("tiers"),
    )
    .where(
        PriceLadderRow.list_id == bindparam("list_id", type_=PriceLadderRow.list_id.type),
        PriceLadderRow.offer_id == any_(bindparam("offer_ids", type_=ARRAY(Uuid))),
        PriceLadderRow.from_version <= _VERSION,
        PriceLadderRow.until_version > _VERSION,
    )
    .order_by(PriceLadderRow.offer_id, PriceLadderRow.unit, PriceLadderRow.valid_from)
)
_LIST: Final = Compiled(
    select(PriceListRow.currency, PriceListRow.published_version).where(
        PriceListRow.id == bindparam("list_id", type_=PriceListRow.id.type),
        PriceListRow.supplier_id == _SUPPLIER,
    )
)
_NAME: Final = Compiled(
    select(OrganizationRow.name, func.clock()).where(OrganizationRow.id == _SUPPLIER)
)


class _Tier(msgspec.Struct):
    minimum_quantity: str
    amount: str


_TIERS: Final = msgspec.json.Decoder(list[_Tier])


async def export_bmecat(
    platform: Platform, caller: Caller, list_id: UUID | None
) -> AsyncIterator[bytes]:
    """Give the caller's active offers, open and restricted, with the published prices of a list.

    Raises NotFound for a list that is not the caller's.
    """
    caller.require("catalog:read")
    if list_id is not None:
        caller.require("prices:write")
    owner = {"supplier_id": caller.organization_id}
    async with snapshot(platform, caller) as connection:
        currency, published = "", 0
        if list_id is not None:
            found = await connection.fetchrow(_LIST.sql, *_LIST.arguments(list_id=list_id, **owner))
            if found is None:
                raise NotFound("There is no such price list of yours.")
            currency, published = found
        ((name, now),) = await connection.fetch(_NAME.sql, *_NAME.arguments(**owner))
        yield _header(name, rfc3339(now), currency)
        async for offers in pages(connection, _OFFERS, **owner):
            ladders: dict[UUID, list[Any]] = {}
            if list_id is not None:
                asked = _LADDERS.arguments(
                    list_id=list_id, version=published, offer_ids=[offer["id"] for offer in offers]
                )
                for ladder in await connection.fetch(_LADDERS.sql, *asked):
                    ladders.setdefault(ladder["offer_id"], []).append(ladder)
            public_url = platform.settings.public_url
            made = [
                _product(offer, ladders.get(offer["id"], []), currency, public_url)
                for offer in offers
            ]
            yield b"".join(made)
        yield b"</T_NEW_CATALOG>\n</BMECAT>\n"


# Elements


def _add(parent: Any, name: str, value: object, **attributes: str) -> Any:
    """Add an element with a text, if there is one."""
    if value in {None, ""}:
        return None
    element = parent.makeelement(name, attributes)
    element.text = _NO_XML.sub(" ", str(value))
    parent.append(element)
    return element


def _under(parent: Any, name: str, **attributes: str) -> Any:
    element = parent.makeelement(name, attributes)
    parent.append(element)
    return element


def _written(element: Any) -> bytes:
    from lxml import etree  # noqa: PLC0415 - 4 MB of every process that writes no XML

    made: bytes = etree.tostring(element, encoding="utf-8")
    return made + b"\n"


def _root(name: str, **attributes: str) -> Any:
    from lxml import etree  # noqa: PLC0415

    return etree.Element(name, attributes)


def _header(supplier: str, at: str, currency: str) -> bytes:
    header = _root("HEADER")
    catalog = _under(header, "CATALOG")
    # Texts without a language are of none.
    _add(catalog, "LANGUAGE", "und", default="true")
    _add(catalog, "CATALOG_ID", "OFFERS")
    _add(catalog, "CATALOG_VERSION", "1.0")
    _add(catalog, "GENERATION_DATE", at)
    _add(catalog, "CURRENCY", currency)
    _add(_under(header, "SUPPLIER"), "SUPPLIER_NAME", supplier)
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<BMECAT version="2005" xmlns="http://www.bmecat.org/bmecat/2005fd">\n'
        + _written(header)
        + b"<T_NEW_CATALOG>\n"
    )


def _product(offer: Any, ladders: Sequence[Any], currency: str, public_url: str) -> bytes:
    product = _root("PRODUCT", mode="new")
    _add(product, "SUPPLIER_PID", offer["sku"])
    _details(product, offer)
    _features(product, offer)
    content = Fraction(offer["content_numerator"], offer["content_denominator"])
    basis = _common([ladder["basis"] for ladder in ladders])
    order = _under(product, "PRODUCT_ORDER_DETAILS")
    _add(order, "ORDER_UNIT", offer["unit"])
    _add(order, "CONTENT_UNIT", offer["content_unit"])
    _add(order, "NO_CU_PER_OU", _decimal(content))
    _add(order, "PRICE_QUANTITY", plain_decimal(basis) if ladders else "")
    for name, column in _QUANTITIES.items():
        if offer[column] is not None:
            _add(order, name, plain_decimal(offer[column]))
    for ladder in ladders:
        _prices(product, offer, ladder, basis, currency)
    _media(product, MEDIA.decode(offer["media"]), public_url)
    own = _under(product, "USER_DEFINED_EXTENSIONS")
    if _decimal(content) is None:
        exact = ratio_text(offer["content_numerator"], offer["content_denominator"])
        _add(own, "UDX.MARKETPLACE.CONTENT", exact)
    _add(own, "UDX.MARKETPLACE.TAX_CATEGORY", offer["tax_category"])
    return _written(product)


_QUANTITIES: Final = {
    "QUANTITY_MIN": "minimum_quantity",
    "QUANTITY_INTERVAL": "multiple",
    "QUANTITY_MAX": "maximum_quantity",
}


def _details(product: Any, offer: Any) -> None:
    details = _under(product, "PRODUCT_DETAILS")
    texts = TEXTS.decode(offer["texts"])
    _add(details, "DESCRIPTION_SHORT", offer["name"])
    for text in texts:
        _add(details, "DESCRIPTION_SHORT", text.name, lang=_language(text.language))
    _add(details, "DESCRIPTION_LONG", offer["description"])
    for text in texts:
        _add(details, "DESCRIPTION_LONG", text.description, lang=_language(text.language))
    _add(details, "INTERNATIONAL_PID", offer["gtin"], type="gtin")
    _add(details, "MANUFACTURER_PID", offer["maker_number"])
    _add(details, "MANUFACTURER_NAME", offer["maker"])
    _add(details, "DELIVERY_TIME", offer["lead_time_days"])
    for text in texts:
        for word in text.keywords:
            _add(details, "KEYWORD", word, lang=_language(text.language))


def _language(tag: str) -> str:
    return _LANGUAGES.get(tag, tag)


def _features(product: Any, offer: Any) -> None:
    """Write the category with its values, and the classes of all schemes."""
    if offer["category"] is not None:
        features = _under(product, "PRODUCT_FEATURES")
        _add(features, "REFERENCE_FEATURE_SYSTEM_NAME", CATEGORIES)
        _add(features, "REFERENCE_FEATURE_GROUP_ID", offer["category"])
        units = DEFINED.decode(offer["units"])
        for code, value in sorted(VALUES.decode(offer["attributes"]).items()):
            feature = _under(features, "FEATURE")
            _add(feature, "FNAME", code)
            _add(feature, "FVALUE", str(value).lower() if isinstance(value, bool) else value)
            _add(feature, "FUNIT", units.get(code))
    for each in CODES.decode(offer["codes"]):
        features = _under(product, "PRODUCT_FEATURES")
        system = f"{each.scheme.upper()}-{each.version}" if each.version else each.scheme.upper()
        _add(features, "REFERENCE_FEATURE_SYSTEM_NAME", system)
        _add(features, "REFERENCE_FEATURE_GROUP_ID", each.code)


def _prices(product: Any, offer: Any, ladder: Any, basis: Decimal, currency: str) -> None:
    details = _under(product, "PRODUCT_PRICE_DETAILS")
    for name, column in (("VALID_START_DATE", "valid_from"), ("VALID_END_DATE", "valid_until")):
        at = bounded(ladder[column])
        _add(details, name, None if at is None else rfc3339(at))
    graduated = ladder["volume_mode"] == VolumeMode.GRADUATED.value
    times = basis / ladder["basis"]
    for tier in _TIERS.decode(ladder["tiers"]):
        kind = GRADUATED if graduated else "net_customer"
        price = _under(details, "PRODUCT_PRICE", price_type=kind)
        _add(price, "PRICE_AMOUNT", plain_decimal(Decimal(tier.amount) * times))
        _add(price, "PRICE_CURRENCY", currency)
        _add(price, "LOWER_BOUND", tier.minimum_quantity)
        if ladder["unit"] != offer["unit"]:
            of_unit = _under(price, "PRICE_BASE")
            _add(of_unit, "PRICE_UNIT", ladder["unit"])


def _common(bases: Sequence[Decimal]) -> Decimal:
    """Give the smallest quantity that is a multiple of all: BMEcat has one for a product."""
    above, below = 1, 0
    for basis in map(Fraction, bases):
        above, below = lcm(above, basis.numerator), gcd(below, basis.denominator)
    return Decimal(above) / Decimal(below or 1)


def _decimal(content: Fraction) -> str | None:
    """Write a ratio as a number; None where it has more decimals than are read."""
    scaled = content * 10**UNIT_PRICE_PLACES
    if scaled.denominator != 1:
        return None
    return plain_decimal(Decimal(scaled.numerator).scaleb(-UNIT_PRICE_PLACES))


def _media(product: Any, media: Sequence[MediaView], public_url: str) -> None:
    if not media:
        return
    info = _under(product, "MIME_INFO")
    for each in media:
        mime = _under(info, "MIME")
        _add(mime, "MIME_TYPE", each.media_type or None)
        _add(mime, "MIME_SOURCE", whole(each.url, public_url))
        _add(mime, "MIME_DESCR", each.title)
        if each.kind not in _PURPOSES:
            _add(mime, "MIME_ALT", each.kind)
        _add(mime, "MIME_PURPOSE", _PURPOSES.get(each.kind, "others"))
