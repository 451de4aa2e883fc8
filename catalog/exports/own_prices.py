"""A buyer's price file: every offer he sees, with the ladder he has.

It is made by the same statements and the same `resolve` as his price check: what one tells the
other does. Of offers that have the same candidates but for the amounts one is resolved, and
Postgres writes the rows of the others (`catalog.exports.joined`); a workbook is made row by row.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Container, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select
from sqlalchemy.sql import ClauseElement

from catalog.exports.joined import JOINED_ROWS, Answer, JoinedPage, described_in
from catalog.exports.shapes import MISSING, SHAPES, RowShape
from catalog.exports.streaming import ahead, pages, snapshot
from catalog.exports.writers import (
    Cell,
    CellRow,
    ExportFormat,
    NumberText,
    RowWriter,
    writer_of,
)
from catalog.price_lists.candidate_reads import CANDIDATES_OF_OFFERS
from catalog.price_lists.price_book import buyer_of, read_candidate, read_offer
from catalog.price_lists.rules import Unpriced, price_offer
from catalog.price_lists.visibility import OFFER_COLUMNS, scopes_of, visible_offer
from catalog.pricing.terms import Candidate, Policy, Price
from catalog.products.tables import OfferRow
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.limits import (
    EXPORT_ANSWERS_MAX,
    EXPORT_ASKED_AGAIN_FROM,
    EXPORT_FIRST_ROWS,
    EXPORT_JOINED_ROWS,
    EXPORT_KINDS_MAX,
)
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled

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


def _visible_offers() -> ClauseElement:
    return (
        select(OfferRow.supplier_id, OfferRow.sku, *OFFER_COLUMNS)
        .where(visible_offer())
        .order_by(OfferRow.supplier_id, OfferRow.sku)
    )


def _offers_by_id() -> ClauseElement:
    return select(OfferRow.supplier_id, OfferRow.sku, *OFFER_COLUMNS).where(
        OfferRow.id == any_(bindparam("offer_ids", type_=ARRAY(Uuid))), visible_offer()
    )


_VISIBLE_OFFERS: Final = Compiled(_visible_offers())
_OFFERS_BY_ID: Final = Compiled(_offers_by_id())
_CLOCK: Final = Compiled(select(func.clock()))
_CANDIDATES: Final = Compiled(CANDIDATES_OF_OFFERS)
_JOINED: Final = Compiled(JOINED_ROWS)
_BEFORE_ALL: Final = UUID(int=0), ""


async def export_own_prices(
    platform: Platform, caller: Caller, chosen: ExportFormat, currency: str | None
) -> AsyncIterator[bytes]:
    """Give every offer the caller sees with the ladder he has, as his price check would.

    Raises InvalidInput for an unknown currency.
    """
    caller.require("prices:read")
    if currency is not None:
        currency_digits(currency)
    writer, shape = writer_of(chosen, OWN_PRICE_COLUMNS), SHAPES.get(chosen)
    async with snapshot(platform, caller) as connection:
        asked = _Asked(caller, currency, await connection.fetchval(_CLOCK.sql))
        yield writer.begin()
        if shape is None:
            written = _row_by_row(connection, asked, writer)
        else:
            written = _joined(connection, asked, writer, shape)
        async with aclosing(written) as pieces:
            async for piece in pieces:
                yield piece
        for piece in writer.end():
            yield piece


async def _row_by_row(
    connection: asyncpg.Connection, asked: "_Asked", writer: RowWriter
) -> AsyncGenerator[bytes, None]:
    """Write the caller's offers, each row here."""

    async def found() -> AsyncIterator["_Missing"]:
        scopes = scopes_of(asked.caller.path)
        async for offers in pages(connection, _VISIBLE_OFFERS, scopes=scopes):
            yield _Missing(offers, *await _candidates(connection, asked.caller, offers))

    async with aclosing(ahead(found())) as read:
        async for page in read:
            yield writer.rows(asked.all_rows(page.offers, page.own, page.best))
            await asyncio.sleep(0)


async def _joined(
    connection: asyncpg.Connection, asked: "_Asked", writer: RowWriter, shape: RowShape
) -> AsyncGenerator[bytes, None]:
    """Have Postgres write the rows of all offers whose answer is known, and write the others."""
    async with aclosing(ahead(_joined_pages(connection, asked, shape))) as read:
        async for page, missing in read:
            yield b"".join(_filled_in(page, missing, asked, writer, shape))


async def _joined_pages(
    connection: asyncpg.Connection, asked: "_Asked", shape: RowShape
) -> AsyncIterator[tuple[JoinedPage, "_Missing"]]:
    """Read pages, and what is missing of each; whatever else they take is done by who reads them.

    So Postgres makes the next one meanwhile. A page with many offers of few kinds that are not
    known yet is asked for once more when one of each is resolved.
    """
    answers, caller = _Answers(asked, shape), asked.caller
    after, count = _BEFORE_ALL, EXPORT_FIRST_ROWS
    while True:
        page = await _page(connection, answers, after, count)
        if not page.offers:
            return
        samples = answers.samples(page)
        if samples:
            resolved = await _missing(connection, caller, list(samples.values()))
            answers.learn(list(samples), resolved)
            page = await _page(connection, answers, after, count)
        missing = await _missing(connection, caller, page.missing or ())
        answers.learn(page.known_by or (), missing)
        yield page, missing
        if page.offers < count:
            return
        answers.leave_behind(page.supplier_id)
        after, count = (page.supplier_id, page.sku), EXPORT_JOINED_ROWS


async def _page(
    connection: asyncpg.Connection, answers: "_Answers", after: tuple[UUID, str], count: int
) -> JoinedPage:
    caller = answers.asked.caller
    (row,) = await connection.fetch(
        _JOINED.sql,
        *_JOINED.arguments(
            **answers.columns,
            before_name=answers.shape.before_name,
            scopes=scopes_of(caller.path),
            company_id=caller.organization_id,
            after_supplier=after[0],
            after_sku=after[1],
            count=count,
        ),
    )
    return JoinedPage(*row)


@dataclass(frozen=True, slots=True)
class _Missing:
    """Offers whose rows are made here, the candidates of each, and who grants the best price."""

    offers: Sequence[Any] = ()
    own: Sequence[Sequence[Any]] = ()
    best: Container[UUID] = ()


async def _missing(
    connection: asyncpg.Connection, caller: Caller, offer_ids: Sequence[UUID]
) -> _Missing:
    if not offer_ids:
        return _Missing()
    asked = {"offer_ids": offer_ids, "scopes": scopes_of(caller.path)}
    rows = await connection.fetch(_OFFERS_BY_ID.sql, *_OFFERS_BY_ID.arguments(**asked))
    by_id = {row[2]: row for row in rows}
    offers = [by_id[offer_id] for offer_id in offer_ids]
    own, best = await _candidates(connection, caller, offers)
    return _Missing(offers, own, best)


async def _candidates(
    connection: asyncpg.Connection, caller: Caller, offers: Sequence[Any]
) -> tuple[list[list[Any]], set[UUID]]:
    """Find the candidates of offers, one list for each, and the suppliers of the best price."""
    rows = await connection.fetch(
        _CANDIDATES.sql,
        *_CANDIDATES.arguments(
            offer_ids=[row[2] for row in offers],
            supplier_ids=[row[0] for row in offers],
            skus=[row[1] for row in offers],
            scopes=scopes_of(caller.path),
            company_id=caller.organization_id,
        ),
    )
    return _by_place(rows, len(offers))


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


def _filled_in(
    page: JoinedPage, missing: _Missing, asked: "_Asked", writer: RowWriter, shape: RowShape
) -> Iterator[bytes]:
    """Give the rows of a page, those made here in the places of what is missing."""
    begun = 0
    between = page.rows.split(MISSING)
    for place, raw in enumerate(between):
        last = place == len(between) - 1
        if not (raw or last):
            continue  # neighbours are written at once
        if begun < place:
            which = slice(begun, place)
            own = missing.own[which]
            yield writer.rows(asked.all_rows(missing.offers[which], own, missing.best))
            begun = place
        yield shape.finished(raw)


@dataclass(slots=True)
class _Answers:
    """What the resolver said of offers that others are like, as the statement is told it."""

    asked: "_Asked"
    shape: RowShape
    known: dict[str, tuple[UUID, Answer | None]] = field(default_factory=dict)
    """By kind: whose offers these are, and the answer; None where amounts may decide."""

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Give the answers as the statement takes them."""
        told = {kind: answer for kind, (_, answer) in self.known.items() if answer is not None}
        columns = {
            f"answers_{name}": [answer[at] for answer in told.values()]
            for at, name in enumerate(Answer._fields)
        }
        return {"answers_known_by": list(told), **columns}

    def samples(self, page: JoinedPage) -> dict[str, UUID]:
        """Give one offer of each kind that is not known; none if asking again would gain little."""
        unknown = [
            (kind, offer_id)
            for kind, offer_id in zip(page.known_by or (), page.missing or (), strict=True)
            if kind is not None and kind not in self.known
        ]
        room = EXPORT_ANSWERS_MAX - len(self.known)
        samples = dict(islice(dict(unknown).items(), room))
        alike = sum(kind in samples for kind, _ in unknown) - len(samples)
        return samples if alike * EXPORT_ASKED_AGAIN_FROM > page.offers else {}

    def learn(self, kinds: Sequence[str | None], missing: _Missing) -> None:
        """Ask the resolver for one offer of each kind that is not known yet."""
        for kind, columns, found in zip(kinds, missing.offers, missing.own, strict=True):
            room = len(self.known) < EXPORT_ANSWERS_MAX
            if kind is None or kind in self.known or not room:
                continue
            policy = Policy.BEST_PRICE if columns[0] in missing.best else Policy.PRIORITY
            self.known[kind] = columns[0], self._answer(kind, columns, found, policy)

    def leave_behind(self, last: UUID) -> None:
        """Forget all kinds but those of the supplier whose offers may go on."""
        self.known = {kind: known for kind, known in self.known.items() if known[0] == last}

    def _answer(
        self, known_by: str, columns: Sequence[Any], found: Sequence[Any], policy: Policy
    ) -> Answer | None:
        """Give what holds for all offers of a kind; None where amounts may decide."""
        if policy is Policy.BEST_PRICE and len(found) > 1:
            return None
        priced, described = self.asked.priced(columns, found, policy)
        head, unit = self.shape.head(str(columns[0])), columns[4]
        if not isinstance(priced, Price):
            return Answer(None, head, None, None, self.shape.unpriced(unit, priced.reason))
        winner, *others = {id(step.candidate): step.candidate for step in priced.steps}.values()
        places = [
            place
            for place, each in enumerate(described_in(known_by), start=1)
            if each == described[id(winner)]
        ]
        if others or len(places) != 1:
            return None
        before, between, after = self.shape.priced(unit, _tail(winner))
        first, *more = winner.ladder.tiers
        if more:
            return Answer(places[0], head, before, between, after)
        least = plain_decimal(first.minimum_quantity)
        return Answer(places[0], head, f"{before}{least}{between}", None, after)


def _tail(candidate: Candidate) -> tuple[str, Any, str, str, str | None]:
    ladder = candidate.ladder
    return (
        candidate.currency,
        ladder.basis,
        ladder.volume_mode.value,
        candidate.level.value,
        _until(candidate),
    )


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
        if len(self.known) < EXPORT_KINDS_MAX:
            self.known[key] = tail
        return tail

    def _resolved(
        self, head: CellRow, columns: Sequence[Any], found: Sequence[Any], policy: Policy
    ) -> list[CellRow]:
        priced, _ = self.priced(columns, found, policy)
        if not isinstance(priced, Price):
            return [(*head, *_NO_PRICE, priced.reason)]
        made: list[CellRow] = []
        for step in priced.steps:
            currency, *others = _tail(step.candidate)
            tier = step.tier
            made.append((*head, currency, tier.minimum_quantity, tier.amount, *others, None))
        return made

    def priced(
        self, columns: Sequence[Any], found: Sequence[Any], policy: Policy
    ) -> tuple[Price | Unpriced, dict[int, str]]:
        """Ask the resolver for one offer; give also by which text each candidate is described."""
        candidates: list[Candidate] = []
        described = {}
        for row in found:
            candidate = read_candidate(row[1:])
            if candidate is not None:
                candidates.append(candidate)
                described[id(candidate)] = row[1]
        terms = read_offer(columns[0], columns[1], columns[2:]).terms
        buyer = buyer_of(self.caller.path, candidates)
        answer = price_offer(terms, candidates, buyer, self.currency, self.as_of, policy=policy)
        return answer, described


def _until(candidate: Candidate) -> str | None:
    end = candidate.validity.until
    return None if end is None else rfc3339(end)
