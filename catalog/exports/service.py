"""Send offers, prices and stock out, however many there are.

An export reads one snapshot by a cursor of the server, on a connection of its own, and holds one
page of rows; who reads slowly holds no connection that requests wait for. A buyer's file is made by
the same statements and the same `resolve` as his price check: what one tells the other does.
"""

import asyncio
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import Text, Uuid, bindparam, case, cast, func, literal_column, select
from sqlalchemy.sql import ClauseElement

from catalog.exports.streaming import ahead, pages, snapshot, written
from catalog.exports.writers import (
    Cell,
    CellRow,
    ExportFormat,
    NumberText,
    writer_of,
)
from catalog.imports.layouts import OFFERS, PRICES
from catalog.price_lists.candidate_reads import CANDIDATES_OF_OFFERS
from catalog.price_lists.price_book import buyer_of, read_candidate, read_offer
from catalog.price_lists.rules import bounded, price_offer
from catalog.price_lists.tables import PriceLadderRow, PriceListRow
from catalog.price_lists.visibility import OFFER_COLUMNS, scopes_of, visible_offer
from catalog.pricing.terms import Candidate, Policy, Price, Tier
from catalog.products.rules import RESTRICTED
from catalog.products.schemas import ratio_text
from catalog.products.tables import OfferRow, ProductRow
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled

_TIERS: Final = msgspec.json.Decoder(tuple[Tier, ...])

OWN_PRICE_COLUMNS: Final = (
    "supplier_id",
    "sku",
    "name",
    "unit",
    "currency",
    "minimum_quantity",
    "amount",
    "basis",
    "volume_mode",
    "level",
    "valid_until",
    "no_price",
)
"""Columns of a buyer's price file: a row a tier, or one that says why there is no price."""
_NO_PRICE: Final = (None,) * 7
KNOWN_MAX: Final = 10_000
"""Answers an export keeps: some hundred suffice a buyer, some megabytes at most."""


# What a supplier takes out


def _offers() -> ClauseElement:
    product = ProductRow
    everybody, restricted = (
        literal_column(f"'{each}'::uuid", Uuid) for each in (PUBLIC, RESTRICTED)
    )
    words = literal_column("'restricted'", Text), literal_column("'everybody'", Text)
    return (
        select(
            OfferRow.sku,
            OfferRow.name,
            OfferRow.unit,
            OfferRow.description,
            product.maker,
            product.maker_number,
            product.gtin,
            OfferRow.content_numerator,
            OfferRow.content_denominator,
            OfferRow.content_unit,
            OfferRow.minimum_quantity,
            OfferRow.multiple,
            OfferRow.maximum_quantity,
            OfferRow.lead_time_days,
            OfferRow.tax_category,
            OfferRow.state,
            case((OfferRow.audience_id == restricted, words[0]), else_=words[1]),
        )
        .select_from(OfferRow)
        .outerjoin(product, product.id == OfferRow.product_id)
        .where(
            OfferRow.supplier_id == bindparam("supplier_id", type_=OfferRow.supplier_id.type),
            OfferRow.audience_id.in_([everybody, restricted]),
        )
        .order_by(OfferRow.sku)
    )


_OFFERS: Final = Compiled(_offers())


async def export_offers(
    platform: Platform, caller: Caller, chosen: ExportFormat
) -> AsyncIterator[bytes]:
    """Give the caller's own offers, open and restricted, in the columns they are imported in."""
    caller.require("catalog:read")
    async with snapshot(platform, caller) as connection:
        found = pages(connection, _OFFERS, supplier_id=caller.organization_id)
        async for piece in written(writer_of(chosen, OFFERS.names), found, _offer_row):
            yield piece


def _offer_row(row: Any) -> CellRow:
    return (
        *row[:7],
        ratio_text(row[7], row[8]),
        *row[9:13],
        None if row[13] is None else str(row[13]),
        *row[14:],
    )


def _list_prices() -> ClauseElement:
    ladder = PriceLadderRow
    version = bindparam("version", type_=ladder.from_version.type)
    return (
        select(
            OfferRow.sku,
            ladder.unit,
            cast(ladder.tiers, Text),
            ladder.basis,
            ladder.valid_from,
            ladder.valid_until,
            ladder.volume_mode,
        )
        .select_from(ladder)
        .join(OfferRow, OfferRow.id == ladder.offer_id)
        .where(
            ladder.list_id == bindparam("list_id", type_=ladder.list_id.type),
            ladder.from_version <= version,
            ladder.until_version > version,
        )
    )


_LIST_PRICES: Final = Compiled(_list_prices())
_LIST: Final = Compiled(
    select(PriceListRow.published_version).where(
        PriceListRow.id == bindparam("list_id", type_=PriceListRow.id.type),
        PriceListRow.supplier_id == bindparam("supplier_id", type_=PriceListRow.supplier_id.type),
    )
)


async def export_price_list(
    platform: Platform, caller: Caller, list_id: UUID, chosen: ExportFormat
) -> AsyncIterator[bytes]:
    """Give the draft of one of the caller's own lists, in the columns in which it is imported.

    Raises NotFound.
    """
    caller.require("prices:write")
    async with snapshot(platform, caller) as connection:
        published = await connection.fetchval(
            _LIST.sql, *_LIST.arguments(list_id=list_id, supplier_id=caller.organization_id)
        )
        if published is None:
            raise NotFound("There is no such price list of yours.")
        writer = writer_of(chosen, PRICES.names)
        yield writer.begin()
        found = pages(connection, _LIST_PRICES, list_id=list_id, version=published + 1)
        async with aclosing(ahead(found)) as read:
            async for page in read:
                yield writer.rows([row for ladder in page for row in _tier_rows(ladder)])
                await asyncio.sleep(0)
        for piece in writer.end():
            yield piece


def _tier_rows(row: Any) -> list[CellRow]:
    sku, unit, tiers, basis, begins, ends, mode = row
    return [
        (sku, unit, tier.amount, tier.minimum_quantity, basis, _day(begins), _day(ends), mode)
        for tier in _TIERS.decode(tiers)
    ]


def _day(at: datetime) -> str | None:
    known = bounded(at)
    return None if known is None else rfc3339(known)


# What a buyer takes out


def _visible_offers() -> ClauseElement:
    return (
        select(OfferRow.supplier_id, OfferRow.sku, *OFFER_COLUMNS)
        .where(visible_offer())
        .order_by(OfferRow.supplier_id, OfferRow.sku)
    )


_VISIBLE_OFFERS: Final = Compiled(_visible_offers())
_CLOCK: Final = Compiled(select(func.clock()))
_CANDIDATES: Final = Compiled(CANDIDATES_OF_OFFERS)


async def export_own_prices(
    platform: Platform, caller: Caller, chosen: ExportFormat, currency: str | None
) -> AsyncIterator[bytes]:
    """Give every offer the caller sees with the ladder he has, as his price check would.

    Raises InvalidInput for an unknown currency.
    """
    caller.require("prices:read")
    if currency is not None:
        currency_digits(currency)
    writer = writer_of(chosen, OWN_PRICE_COLUMNS)
    async with snapshot(platform, caller) as connection:
        asked = _Asked(caller, currency, await connection.fetchval(_CLOCK.sql))
        yield writer.begin()
        async with aclosing(ahead(_priced_offers(connection, caller))) as priced:
            async for offers, found in priced:
                own, best = _by_place(found, len(offers))
                yield writer.rows(asked.all_rows(offers, own, best))
        for piece in writer.end():
            yield piece


async def _priced_offers(
    connection: asyncpg.Connection, caller: Caller
) -> AsyncIterator[tuple[Sequence[Any], Sequence[Any]]]:
    """Give the caller's offers page by page, and the candidates of each page."""
    scopes = scopes_of(caller.path)
    candidates = await connection.prepare(_CANDIDATES.sql)
    async for offers in pages(connection, _VISIBLE_OFFERS, scopes=scopes):
        found = await candidates.fetch(
            *_CANDIDATES.arguments(
                offer_ids=[row[2] for row in offers],
                supplier_ids=[row[0] for row in offers],
                skus=[row[1] for row in offers],
                scopes=scopes,
                company_id=caller.organization_id,
            )
        )
        yield offers, found


def _by_place(rows: Sequence[Any], count: int) -> tuple[list[list[Any]], set[UUID]]:
    """Gather the rows of candidates by offer; give the suppliers of the best price."""
    own: list[list[Any]] = [[] for _ in range(count)]
    best: set[UUID] = set()
    for row in rows:
        if row[0]:
            own[row[0] - 1].append(row)
        else:
            best.add(UUID(row[1]))
    return own, best


class _TierText(msgspec.Struct):
    minimum_quantity: str
    amount: str


_TIER_TEXTS: Final = msgspec.json.Decoder(list[_TierText])
_Tail = tuple[Cell, ...]


@dataclass(slots=True)
class _Asked:
    """One export of a buyer's prices, and what it has found out so far.

    Where an offer has one candidate, whether it prices the offer depends on all but its amounts, so
    `resolve` is asked once for many offers: for each list, unit, validity, first minimum and terms.
    """

    caller: Caller
    currency: str | None
    as_of: datetime
    known: dict[tuple[Any, ...], str | _Tail] = field(default_factory=dict)
    suppliers: dict[UUID, str] = field(default_factory=dict)

    def all_rows(
        self, offers: Sequence[Any], own: Sequence[Sequence[Any]], best: Container[UUID]
    ) -> list[CellRow]:
        """Give the rows of offers; `best` are the suppliers of whom the best price counts."""
        made: list[CellRow] = []
        for columns, found in zip(offers, own, strict=True):
            supplier_id, sku, _, name, unit = columns[:5]
            supplier = self.suppliers.get(supplier_id)
            if supplier is None:
                supplier = self.suppliers[supplier_id] = str(supplier_id)
            policy = Policy.BEST_PRICE if supplier_id in best else Policy.PRIORITY
            if len(found) != 1 or found[0][8] is not None:
                head = (supplier, sku, name, unit)
                made += self._resolved(head, columns, found, policy)
                continue
            (candidate,) = found
            tiers = _TIER_TEXTS.decode(candidate[7])
            key = (candidate[1:7], tiers[0].minimum_quantity, unit, columns[8:11], policy)
            tail = self.known.get(key)
            if tail is None:
                tail = self._learn(key, columns, found, policy)
            if isinstance(tail, str):
                made.append((supplier, sku, name, unit, *_NO_PRICE, tail))
                continue
            currency, basis, mode, level, until, _ = tail
            for tier in tiers:
                minimum, amount = NumberText(tier.minimum_quantity), NumberText(tier.amount)
                made.append(
                    (
                        *(supplier, sku, name, unit, currency, minimum, amount, basis),
                        *(mode, level, until, None),
                    )
                )
        return made

    def _learn(
        self, key: tuple[Any, ...], columns: Sequence[Any], found: Sequence[Any], policy: Policy
    ) -> str | _Tail:
        """Ask the resolver for one offer, and keep what holds for all offers of the key."""
        (first, *_) = self._resolved((), columns, found, policy)
        reason = first[-1]
        tail = str(reason) if reason is not None else (first[0], *first[3:])
        if len(self.known) < KNOWN_MAX:
            self.known[key] = tail
        return tail

    def _resolved(
        self, head: CellRow, columns: Sequence[Any], found: Sequence[Any], policy: Policy
    ) -> list[CellRow]:
        read = (read_candidate(row[1:]) for row in found)
        candidates = [candidate for candidate in read if candidate is not None]
        terms = read_offer(columns[0], columns[1], columns[2:]).terms
        buyer = buyer_of(self.caller.path, candidates)
        priced = price_offer(terms, candidates, buyer, self.currency, self.as_of, policy=policy)
        if not isinstance(priced, Price):
            return [(*head, *_NO_PRICE, priced.reason)]
        return [
            (
                *head,
                step.candidate.currency,
                step.tier.minimum_quantity,
                step.tier.amount,
                step.candidate.ladder.basis,
                step.candidate.ladder.volume_mode.value,
                step.candidate.level.value,
                _until(step.candidate),
                None,
            )
            for step in priced.steps
        ]


def _until(candidate: Candidate) -> str | None:
    end = candidate.validity.until
    return None if end is None else rfc3339(end)
