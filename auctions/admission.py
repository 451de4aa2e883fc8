"""Who has to do with a lot: looked up once per process, since a scheduled lot's list is final."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec

from auctions.engine.terms import Terms
from auctions.engine.visibility import OWNER, Viewer
from auctions.ledger import AWAY
from auctions.memory import LotMemory
from marketplace.kernel.errors import NotFound, Unavailable, WrongState, invalid
from marketplace.platform.core import Platform
from marketplace.platform.database import Role


@dataclass(frozen=True, slots=True)
class Card:
    """A lot of a scheduled auction, its buyer, and those who may bid.

    `currencies` are those of bidders who bid in another than the lot's; `terms` lack the reserve.
    """

    auction_id: UUID
    lot_id: UUID
    buyer_id: UUID
    bidders: frozenset[UUID]
    currency: str
    currencies: Mapping[UUID, str]
    terms: Terms

    @property
    def id(self) -> UUID:
        """The lot's identifier."""
        return self.lot_id

    def currency_of(self, bidder: UUID) -> str:
        """Give the currency a bidder bids in."""
        return self.currencies.get(bidder, self.currency)


class HasId(Protocol):
    """A lot, as a card or a row."""

    @property
    def id(self) -> Any:
        """Its identifier."""


L = TypeVar("L", bound=HasId)
LOT_IN_QUERY: Final = "?lot_id"
LOT_IN_BODY: Final = "/lot_id"

_CARDS: Final = """
select a.id as auction_id, a.status, a.buyer_id, a.currency, l.id as lot_id,
       l.seq > 0 as scheduled, l.terms::text as terms,
       array(select p.organization_id from auction_participants p where p.lot_id = l.id) as bidders,
       array(select p.organization_id::text || ' ' || p.currency from auction_participants p
             where p.lot_id = l.id and p.currency is not null) as currencies
from auctions a join auction_lots l on l.auction_id = a.id
where a.id = $1 order by l.place
"""


class Admission:
    """Says who may see or bid; no statement where this process has been asked before."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._cards: LotMemory[tuple[Card, ...]] = LotMemory()

    async def bidders_card(
        self,
        auction_id: UUID,
        company_id: UUID,
        lot_id: UUID | None = None,
        *,
        pointer: str = LOT_IN_QUERY,
    ) -> Card:
        """Give a lot's card to one who may bid on it.

        `lot_id` may be missing where he may bid on one lot alone. Raises NotFound to everybody
        else, and InvalidInput at `pointer` where the lot must be named.
        """
        cards = self._cards.get(auction_id) or await self._load(auction_id, company_id)
        return _one([card for card in cards if company_id in card.bidders], lot_id, pointer)

    async def viewers_card(
        self, auction_id: UUID, company_id: UUID, lot_id: UUID | None = None
    ) -> tuple[Card, Viewer]:
        """Give a lot's card and as whom the company sees it: as buyer or as bidder.

        Raises NotFound to all others, WrongState to the buyer of what was never scheduled, and
        InvalidInput where the lot must be named.
        """
        cards, viewer = await self.viewers_cards(auction_id, company_id)
        return _one(cards, lot_id), viewer

    async def viewers_cards(self, auction_id: UUID, company_id: UUID) -> tuple[list[Card], Viewer]:
        """Give the cards of all lots a company sees, in their order, and as whom it does.

        Raises NotFound where it sees none, and WrongState as `viewers_card` does.
        """
        cards = self._cards.get(auction_id) or await self._load(auction_id, company_id)
        if company_id == cards[0].buyer_id:
            return list(cards), OWNER
        own = [card for card in cards if company_id in card.bidders]
        if not own:
            raise _unknown()
        return own, company_id

    async def _load(self, auction_id: UUID, company_id: UUID) -> tuple[Card, ...]:
        pool = await self._platform.database.fast(Role.ENGINE)
        try:
            async with pool.acquire() as connection:
                rows = await connection.fetch(_CARDS, auction_id)
        except AWAY as error:
            raise Unavailable("The database does not answer.", retry_after_s=1) from error
        if not rows:
            raise _unknown()
        if not rows[0]["scheduled"]:
            if company_id == rows[0]["buyer_id"]:
                detail = "Nobody was invited to this auction: it was never scheduled."
                raise WrongState(detail, state=rows[0]["status"])
            raise _unknown()
        cards = tuple(map(_card, rows))
        self._cards.put(auction_id, cards, sum(len(card.bidders) for card in cards))
        return cards


def _card(row: Any) -> Card:
    return Card(
        auction_id=row["auction_id"],
        lot_id=row["lot_id"],
        buyer_id=row["buyer_id"],
        bidders=frozenset(row["bidders"]),
        currency=row["currency"],
        currencies={
            UUID(bidder): currency for bidder, currency in map(str.split, row["currencies"])
        },
        terms=msgspec.json.decode(row["terms"], type=Terms),
    )


def _one(cards: list[Card], lot_id: UUID | None, pointer: str = LOT_IN_QUERY) -> Card:
    """Give the card that is meant among those a company sees."""
    if not cards:
        raise _unknown()
    return meant(cards, lot_id, pointer)


def meant(lots: Sequence[L], lot_id: UUID | None, pointer: str = LOT_IN_QUERY) -> L:
    """Give the lot that is meant among those a company sees, by its identifier or as the only one.

    Raises InvalidInput at `pointer` where it must be named, NotFound where it is none of them.
    """
    if lot_id is None and len(lots) > 1:
        raise invalid(pointer, "required", "This auction has several lots: say which is meant.")
    for lot in lots:
        if lot_id in {None, lot.id}:
            return lot
    raise NotFound("There is no such lot.")


def _unknown() -> NotFound:
    return NotFound("There is no such auction.")
