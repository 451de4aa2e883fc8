"""What lines cost, asked over HTTP: by buyers, and by suppliers for their customers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

import msgspec
from msgspec import structs

from catalog.price_lists.candidate_reads import (
    CANDIDATES_AND_FACES_OF_LINES,
    HEADS_AND_OWN_OF_KNOWN,
    HEADS_OF_KNOWN,
    line_arguments,
)
from catalog.price_lists.explaining import Looked, look_wide, path_of
from catalog.price_lists.kept import KeptPrices
from catalog.price_lists.mark import read_mark
from catalog.price_lists.price_book import LINE_CANDIDATE_AT, Found, found_by_line
from catalog.price_lists.rules import Unpriced, price_line
from catalog.price_lists.schemas import (
    PriceCheckInput,
    PriceCheckLine,
    PriceCheckView,
    PricedLineView,
)
from catalog.price_lists.standings import Standings
from catalog.price_lists.views import no_price_view, price_view
from catalog.price_lists.visibility import scopes_of
from catalog.price_lists.written import Asking, WrittenPrices
from catalog.pricing.terms import Price
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import UNITS, Quantity
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows
from marketplace.platform.http.schemas import shown_quantity

_CHECK: Final = HotRead(CANDIDATES_AND_FACES_OF_LINES)
_CHECK_KNOWN: Final = HotRead(HEADS_OF_KNOWN)
_CHECK_OWN: Final = HotRead(HEADS_AND_OWN_OF_KNOWN)


async def check_prices(platform: Platform, caller: Caller, data: PriceCheckInput) -> PriceCheckView:
    """Price up to 1,000 lines for the caller's unit; a line without a price says why.

    A unit of his company, or a customer of his, may be named instead. Raises InvalidInput for an
    unknown currency or organization, and for lines that cannot be read.
    """
    caller.require("prices:read")
    currency_digits(data.currency)
    quantities = _quantities(data.lines)
    to_supplier = False
    if data.organization_id is not None and data.organization_id not in caller.path[:1]:
        path = await path_of(platform, caller, data.organization_id)
        to_supplier = path[-1] != caller.organization_id
        caller = structs.replace(caller, unit_id=data.organization_id, path=path)
    if to_supplier:
        looked = await look_wide(platform, caller, data, caller.path)
    else:
        looked = await _look(platform, caller, data.lines)
    as_of = _as_of(data, looked)
    lines = [
        _view(line, quantity, answer, explain=data.explain, to_supplier=to_supplier)
        for line, quantity, _, answer in _priced(data, quantities, looked, as_of)
    ]
    for place in looked.hidden:
        lines[place].hidden = True
    return PriceCheckView(as_of, lines)


async def answer_check(platform: Platform, caller: Caller, data: PriceCheckInput) -> PriceCheckView:
    """Give what `check_prices` gives, its lines as JSON where there is nothing to explain."""
    if data.explain or data.organization_id is not None:
        return await check_prices(platform, caller, data)
    caller.require("prices:read")
    currency_digits(data.currency)
    quantities = _quantities(data.lines)
    looked = await _look(platform, caller, data.lines)
    as_of = _as_of(data, looked)
    written = platform.get(WrittenPrices)
    asking = Asking(looked.buyer, data.currency, as_of)
    pieces = ["["]
    for line, quantity, found in zip(data.lines, quantities, looked.found, strict=True):
        unit = line.unit or _own_unit(found)
        if not written.add(pieces, found, asking, quantity, unit):
            answer = _price(found, asking, quantity, unit, explain=False)
            if isinstance(answer, Unpriced) or not written.learn(pieces, found, asking, answer):
                view = _view(line, quantity, answer, explain=False, to_supplier=False)
                pieces.append(msgspec.json.encode(view).decode())
        pieces.append(",")
    pieces[-1] = "]"
    # msgspec writes raw JSON as it is: to who reads the answer it is the list.
    lines = msgspec.Raw("".join(pieces).encode())
    return PriceCheckView(as_of, cast("list[PricedLineView]", lines))


# What there is


async def _look(platform: Platform, caller: Caller, lines: Sequence[PriceCheckLine]) -> Looked:
    keys = [(line.supplier_id, line.sku) for line in lines]
    return (
        await _look_standing(platform, caller, keys)
        or await _look_known(platform, caller, keys)
        or await _look_all(platform, caller, keys)
    )


async def _look_standing(
    platform: Platform, caller: Caller, keys: Sequence[tuple[UUID, str]]
) -> Looked | None:
    """Find what lines are priced by where all is known under one mark, and it still stands."""
    kept, standings = platform.get(KeptPrices), platform.get(Standings)
    offers = kept.offers_of(keys) if caller.path in standings else None
    if offers is None:
        return None
    standing = standings.of(caller.path, {offer.supplier_id for offer in offers})
    if standing is None or standing.heads.has_contracts or not standings.sees(offers):
        return None
    found = kept.found(offers, standing.heads.anew(), own_read=False)
    changes = standings.changes
    if found is None:
        return None
    mark = await read_mark(platform)
    return Looked(found, standing.buyer, mark.at) if mark.changes == changes else None


async def _look_known(
    platform: Platform, caller: Caller, keys: Sequence[tuple[UUID, str]]
) -> Looked | None:
    """Find what lines are priced by where ladders are known; None where something is not."""
    kept = platform.get(KeptPrices)
    expected = kept.expected(caller.path, keys)
    if expected is None:
        return None
    offers, own_known = expected
    values = {
        "offer_ids": [offer.id for offer in offers],
        "versions": [offer.version for offer in offers],
        "supplier_ids": list({offer.supplier_id for offer in offers}),
        "scopes": scopes_of(caller.path),
        "company_id": caller.organization_id,
    }
    statement = _CHECK_KNOWN if own_known else _CHECK_OWN
    heads = kept.read_heads(await hot_rows(platform, caller, statement, values), 1)
    if heads.counted != len(offers) or heads.clock is None:
        return None
    found = kept.found(offers, heads, own_read=not own_known)
    if found is None:
        return None
    if not own_known:
        kept.learn_own(caller.path, offers, heads)
    if heads.changes is not None:
        platform.get(Standings).note(caller.path, heads.changes, offers, heads)
    return Looked(found, heads.buyer(caller.path), heads.clock)


async def _look_all(platform: Platform, caller: Caller, keys: Sequence[tuple[UUID, str]]) -> Looked:
    """Find all that lines are priced by, and keep of it what stays true."""
    rows = await hot_rows(platform, caller, _CHECK, line_arguments(caller.path, keys))
    kept = platform.get(KeptPrices)
    heads = kept.read_heads(rows, LINE_CANDIDATE_AT, candidates=False)
    found, clock = found_by_line(rows, len(keys), heads.listed)
    kept.learn(caller.path, [book.offer for book in found], heads, own=True)
    for key, book in zip(keys, found, strict=True):
        if book.offer is None:
            kept.drop(key)
    return Looked(found, heads.buyer(caller.path), clock)


# What it comes to


def _as_of(data: PriceCheckInput, looked: Looked) -> datetime:
    return looked.clock if data.as_of is None else data.as_of.astimezone(UTC)


def _quantities(lines: Sequence[PriceCheckLine]) -> list[Decimal]:
    """Read the quantities; raises InvalidInput with a pointer for each line that is wrong."""
    quantities: list[Decimal] = []
    errors: list[FieldError] = []
    for place, line in enumerate(lines):
        quantity = Decimal(line.quantity)
        if line.unit is not None:
            try:
                Quantity.checked(quantity, line.unit, f"/lines/{place}")
            except InvalidInput as error:
                errors += error.errors
        elif quantity <= 0:
            detail = "A quantity must be greater than zero."
            errors.append(FieldError(f"/lines/{place}/quantity", "not_positive", detail))
        quantities.append(quantity)
    if errors:
        raise InvalidInput("Some lines cannot be read.", errors=errors)
    return quantities


def _priced(
    data: PriceCheckInput, quantities: Sequence[Decimal], looked: Looked, as_of: datetime
) -> Iterator[tuple[PriceCheckLine, Decimal, Found, Price | Unpriced]]:
    """Price the lines, each by itself."""
    asking = Asking(looked.buyer, data.currency, as_of)
    for line, quantity, found in zip(data.lines, quantities, looked.found, strict=True):
        unit = line.unit or _own_unit(found)
        answer = _price(found, asking, quantity, unit, explain=data.explain)
        held = looked.held_back(found) if looked.held else ()
        if held:
            answer = structs.replace(answer, losers=(*answer.losers, *held))
        yield line, quantity, found, answer


def _price(
    found: Found, asking: Asking, quantity: Decimal, unit: str, *, explain: bool
) -> Price | Unpriced:
    return price_line(
        found.terms,
        found.candidates,
        asking.buyer,
        quantity,
        unit,
        asking.currency,
        asking.as_of,
        policy=found.policy,
        explain=explain,
    )


def _own_unit(found: Found) -> str:
    if found.offer is not None:
        return found.offer.terms.unit
    return found.candidates[0].unit if found.candidates else next(iter(UNITS))


def _view(
    line: PriceCheckLine,
    quantity: Decimal,
    answer: Price | Unpriced,
    *,
    explain: bool,
    to_supplier: bool,
) -> PricedLineView:
    view = PricedLineView(line.supplier_id, line.sku, shown_quantity(quantity))
    if isinstance(answer, Price):
        view.price = price_view(answer, explain=explain, to_supplier=to_supplier)
    else:
        view.no_price = no_price_view(answer, explain=explain, to_supplier=to_supplier)
    return view
