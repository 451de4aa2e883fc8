"""Fill a cart from elsewhere: pasted SKUs, a file, a requisition list, a quote, an old order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    UnaryExpression,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    select,
    true,
    union,
    union_all,
)

from catalog.carts.adding import Refused, Wanted, add_lines
from catalog.carts.quick_order import (
    QuickError,
    QuickLine,
    alike,
    common_beginning,
    likely_sku,
    read_quick_order,
)
from catalog.carts.reading import locked_cart
from catalog.carts.requisitions import fetch_list, lines_of_list
from catalog.carts.schemas import (
    CartLinesAdded,
    QuickOrderError,
    QuickOrderInput,
    QuickOrderView,
    SuggestionView,
)
from catalog.carts.service import added_view
from catalog.imports.recognizing import decoded
from catalog.price_lists.visibility import COMPANY, scopes_of, visible_offer
from catalog.products.tables import OfferRow
from catalog.quotes.reading import quoted_lines
from marketplace.contracts.rules import ContractState
from marketplace.contracts.tables import ContractPriceRow
from marketplace.kernel.errors import BodyTooLarge, StaleVersion, invalid
from marketplace.kernel.limits import (
    LINES_MAX,
    QUICK_ORDER_CHARACTERS_MAX,
    QUICK_ORDER_NEIGHBOURS_MAX,
    QUICK_ORDER_UNKNOWN_MAX,
)
from marketplace.orders.reading import fetch_order
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

_LAST_CHARACTER: Final = "\U0010ffff"

# Pasted and uploaded


@retries_conflicts
async def quick_order(
    platform: Platform, caller: Caller, cart_id: UUID, data: QuickOrderInput, key: IdempotencyKey
) -> QuickOrderView:
    """Put pasted lines into a cart: the good ones in, every bad one with what is wrong with it."""
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, QuickOrderView)) is not None:
            return earlier
        cart = await locked_cart(tx, caller, cart_id)
        view = await _quick(tx, caller, cart, _read(data.text, "/text"), data.supplier_id)
        return await keep(tx, key, view)


async def quick_order_file(
    platform: Platform,
    caller: Caller,
    cart_id: UUID,
    supplier_id: UUID | None,
    chunks: AsyncIterator[bytes],
    version: int,
) -> QuickOrderView:
    """Put the lines of a CSV file into a cart; sent twice, the second time is stale."""
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        await locked_cart(tx, caller, cart_id)  # before the body is read: it may be nobody's
    text = await _text_of(chunks)

    @retries_conflicts
    async def put_in() -> QuickOrderView:
        async with transaction(platform, caller) as tx:
            cart = await locked_cart(tx, caller, cart_id)
            if cart.version != version:
                raise StaleVersion(f"The cart is at version {cart.version}; read it again.")
            return await _quick(tx, caller, cart, _read(text, ""), supplier_id)

    return await put_in()


async def _text_of(chunks: AsyncIterator[bytes]) -> str:
    data = b""
    async for chunk in chunks:
        data += chunk
        if len(data) > QUICK_ORDER_CHARACTERS_MAX:
            raise BodyTooLarge(f"A quick order has at most {QUICK_ORDER_CHARACTERS_MAX} bytes.")
    try:
        text = decoded(data)
    except UnicodeDecodeError:
        raise invalid("", "not_utf8", "Save the file as CSV in UTF-8.") from None
    if "\0" in text:
        raise invalid("", "invalid", "A text file has no NUL characters.")
    return text


def _read(text: str, pointer: str) -> list[QuickLine | QuickError]:
    read = read_quick_order(text)
    if not read:
        raise invalid(pointer, "empty", "There is no line: a line is SKU, quantity, unit.")
    if len(read) > LINES_MAX:
        detail = f"A quick order has at most {LINES_MAX} lines; this one has {len(read)}."
        raise invalid(pointer, "too_many_lines", detail)
    return read


async def _quick(
    tx: Transaction,
    caller: Caller,
    cart: Any,
    read: Sequence[QuickLine | QuickError],
    supplier_id: UUID | None,
) -> QuickOrderView:
    good = [line for line in read if isinstance(line, QuickLine)]
    known = await _known(tx, caller, good, supplier_id)
    wanted: list[Wanted] = []
    errors = [_read_error(line) for line in read if isinstance(line, QuickError)]
    unknown: list[QuickLine] = []
    for line in good:
        found = known.get(line.line, [])
        if len(found) == 1:
            wanted.append(_meant(line, found[0]))
        elif found:
            errors.append(_ambiguous(line, found))
        else:
            unknown.append(line)
    added = await add_lines(tx, caller, cart, wanted)
    errors += [_refused_error(no) for no in added.refused]
    errors += await _unknown_errors(tx, caller, unknown, supplier_id)
    return QuickOrderView(
        cart_id=cart.id,
        version=added.version,
        line_count=added.line_count,
        added=added.line_ids,
        errors=sorted(errors, key=lambda error: error.line),
    )


def _meant(line: QuickLine, found: "_Known") -> Wanted:
    """Give the line that is meant; where all of it is the SKU it names no quantity."""
    owner, sku, _ = found
    whole = line.whole is not None and sku.lower() == line.whole.lower()
    return Wanted(
        line=line.line,
        supplier_id=owner,
        sku=sku,
        quantity=None if whole else line.quantity,
        unit=None if whole else line.unit,
    )


_Known = tuple[UUID, str, str]
"""Supplier, SKU, name."""


def _exactly() -> Any:
    line = (
        func.unnest(bindparam("skus", type_=ARRAY(Text)))
        .table_valued("sku", with_ordinality="place", joins_implicitly=True)
        .render_derived("line")
    )
    sku, place = cast(line.c.sku, Text), cast(line.c.place, Integer)
    # The key leads to the row by its index; it leaves punctuation out, which an order must not.
    same = (OfferRow.sku_key == func.search_code(sku), func.lower(OfferRow.sku) == func.lower(sku))
    offered = select(
        place.label("place"), OfferRow.supplier_id, OfferRow.sku, OfferRow.name
    ).select_from(line.join(OfferRow, and_(*same, visible_offer())))
    price = ContractPriceRow
    agreed = select(place, price.supplier_id, price.sku, price.description).select_from(
        line.join(
            price,
            and_(
                price.buyer_id == COMPANY,
                price.sku == sku,
                price.state == ContractState.ACTIVE.value,
            ),
        )
    )
    return union(offered, agreed)


def _neighbours() -> Any:
    """Find what begins alike, from each SKU upwards and downwards: the nearest are looked at."""
    line = (
        func.unnest(
            bindparam("beginnings", type_=ARRAY(Text)), bindparam("skus", type_=ARRAY(Text))
        )
        .table_valued("beginning", "sku", with_ordinality="place", joins_implicitly=True)
        .render_derived("line")
    )
    beginning = func.search_code(cast(line.c.beginning, Text), type_=Text)
    wanted = func.search_code(cast(line.c.sku, Text), type_=Text)
    owner = bindparam("supplier_id", type_=Uuid)
    key = OfferRow.sku_key

    def side(name: str, within: Sequence[ColumnElement[bool]], order: UnaryExpression[str]) -> Any:
        near = (
            select(OfferRow.supplier_id, OfferRow.sku, OfferRow.name)
            .where(
                *within,
                visible_offer(),
                (cast(owner, Uuid).is_(None)) | (OfferRow.supplier_id == owner),
            )
            .order_by(order, OfferRow.supplier_id)
            .limit(QUICK_ORDER_NEIGHBOURS_MAX)
            .lateral(name)
        )
        place = cast(line.c.place, Integer).label("place")
        return select(place, *near.c).select_from(line.join(near, true()))

    upwards = side("upwards", (key >= wanted, key < beginning + _LAST_CHARACTER), key.asc())
    downwards = side("downwards", (key >= beginning, key < wanted), key.desc())
    return union_all(upwards, downwards)


_EXACTLY: Final = _exactly()
_NEAR: Final = _neighbours()


async def _known(
    tx: Transaction, caller: Caller, lines: Sequence[QuickLine], supplier_id: UUID | None
) -> dict[int, list[_Known]]:
    """Find what the caller can see under each SKU, by the number of the line.

    Where a SKU is written exactly so, others that differ by case do not count.
    """
    texts = list(dict.fromkeys(text for line in lines for text in (line.sku, line.whole) if text))
    found: dict[int, dict[tuple[UUID, str], str]] = defaultdict(dict)
    for row in await tx.all(_EXACTLY, _values(caller, skus=texts)) if texts else ():
        if supplier_id is None or row.supplier_id == supplier_id:
            found[row.place].setdefault((row.supplier_id, row.sku), row.name)
    by_text: dict[str, list[_Known]] = {}
    for place, text in enumerate(texts, start=1):
        all_of_it = [(owner, sku, name) for (owner, sku), name in found[place].items()]
        exact = [one for one in all_of_it if one[1] == text]
        by_text[text] = sorted(exact or all_of_it, key=lambda one: (one[1], one[0]))
    return {
        line.line: [*by_text[line.sku], *(by_text[line.whole] if line.whole else ())]
        for line in lines
    }


def _values(caller: Caller, **more: object) -> dict[str, object]:
    return {"scopes": scopes_of(caller.path), "company_id": caller.organization_id, **more}


async def _unknown_errors(
    tx: Transaction, caller: Caller, lines: Sequence[QuickLine], supplier_id: UUID | None
) -> list[QuickOrderError]:
    """Say that SKUs are unknown, with what may be meant among what the caller can see."""
    asked = lines[:QUICK_ORDER_UNKNOWN_MAX]
    near: dict[int, list[_Known]] = defaultdict(list)
    if asked:
        skus = [likely_sku(line.sku) for line in asked]
        beginnings = [common_beginning(sku) for sku in skus]
        values = _values(caller, beginnings=beginnings, skus=skus, supplier_id=supplier_id)
        values.pop("company_id")
        for row in await tx.all(_NEAR, values):
            near[row.place].append((row.supplier_id, row.sku, row.name))
    errors = []
    for place, line in enumerate(lines, start=1):
        if place <= QUICK_ORDER_UNKNOWN_MAX:
            await asyncio.sleep(0)  # meanwhile others have their turn
        others = near[place]
        meant = [others[n] for n in alike(likely_sku(line.sku), [sku for _, sku, _ in others])]
        detail = f"There is no SKU {line.sku!r} in your catalog."
        errors.append(_error(line, "unknown_sku", detail, meant))
    return errors


def _ambiguous(line: QuickLine, found: Sequence[_Known]) -> QuickOrderError:
    detail = f"Several articles are {line.sku!r}; name the supplier."
    return _error(line, "ambiguous_sku", detail, found)


def _error(line: QuickLine, code: str, detail: str, meant: Sequence[_Known]) -> QuickOrderError:
    suggestions = [SuggestionView(owner, sku, name) for owner, sku, name in meant]
    return QuickOrderError(line.line, line.sku, code, detail, suggestions)


def _read_error(error: QuickError) -> QuickOrderError:
    return QuickOrderError(error.line, error.text, error.code, error.detail, [])


def _refused_error(no: Refused) -> QuickOrderError:
    return QuickOrderError(no.wanted.line, no.wanted.sku, no.code, no.detail, [])


# Requisition lists, quotes and earlier orders


@retries_conflicts
async def add_list(
    platform: Platform, caller: Caller, cart_id: UUID, list_id: UUID, key: IdempotencyKey
) -> CartLinesAdded:
    """Put a requisition list into a cart; what can no longer be bought is told with the reason.

    Raises NotFound for a cart or a list that is not there.
    """
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, CartLinesAdded)) is not None:
            return earlier
        cart = await locked_cart(tx, caller, cart_id)
        kept = lines_of_list(await fetch_list(tx, caller, list_id))
        wanted = [_wanted(number, line) for number, line in enumerate(kept, start=1)]
        added = await add_lines(tx, caller, cart, wanted, only_buyable=True)
        return await keep(tx, key, added_view(cart_id, added))


@retries_conflicts
async def add_quote(
    platform: Platform, caller: Caller, cart_id: UUID, quote_id: UUID, key: IdempotencyKey
) -> CartLinesAdded:
    """Put the lines of an accepted quote into a cart, each at the least quantity it prices.

    Each names the quote: ordered at another price it is refused. Raises NotFound for a cart or a
    quote that is not there, WrongState for a quote that is not accepted.
    """
    caller.require("carts:write")
    caller.require("quotes:read")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, CartLinesAdded)) is not None:
            return earlier
        cart = await locked_cart(tx, caller, cart_id)
        supplier_id, lines = await quoted_lines(tx, caller, quote_id)
        wanted = [
            Wanted(
                line=number,
                supplier_id=supplier_id,
                sku=line.sku,
                quantity=line.tiers[0].minimum_quantity,
                unit=line.unit,
                quote_id=quote_id,
            )
            for number, line in enumerate(lines, start=1)
        ]
        added = await add_lines(tx, caller, cart, wanted, only_buyable=True)
        return await keep(tx, key, added_view(cart_id, added))


@retries_conflicts
async def reorder(
    platform: Platform, caller: Caller, cart_id: UUID, order_id: UUID, key: IdempotencyKey
) -> CartLinesAdded:
    """Put the lines of an earlier order into a cart, at the prices of now.

    What can no longer be bought is told with the reason. Raises NotFound for a cart or an order
    that is not there.
    """
    caller.require("carts:write")
    caller.require("orders:read")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, CartLinesAdded)) is not None:
            return earlier
        cart = await locked_cart(tx, caller, cart_id)
        order = await fetch_order(tx, order_id)
        wanted = [_wanted(line.line, line) for line in order.lines]
        added = await add_lines(tx, caller, cart, wanted, only_buyable=True)
        return await keep(tx, key, added_view(cart_id, added))


def _wanted(number: int, line: Any) -> Wanted:
    return Wanted(
        line=number,
        supplier_id=line.supplier_id,
        sku=line.sku,
        quantity=Decimal(line.quantity),
        unit=line.unit,
        cost_centre=line.cost_centre,
    )
