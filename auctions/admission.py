"""Who has to do with a lot: looked up once per process, since a scheduled lot's list is final."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from auctions.engine.terms import Terms
from auctions.engine.visibility import OWNER, Viewer
from auctions.ledger import AWAY
from auctions.memory import LotMemory
from marketplace.kernel.errors import NotFound, Unavailable, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import Role


@dataclass(frozen=True, slots=True)
class Card:
    """A scheduled auction's lot, its buyer, and those who may bid.

    `currencies` are those of bidders who bid in another than the lot's.
    """

    auction_id: UUID
    lot_id: UUID
    buyer_id: UUID
    bidders: frozenset[UUID]
    currency: str
    currencies: Mapping[UUID, str]
    terms: Terms

    def currency_of(self, bidder: UUID) -> str:
        """Give the currency a bidder bids in."""
        return self.currencies.get(bidder, self.currency)


_CARD: Final = """
select a.status, a.buyer_id, a.currency, l.id as lot_id, l.seq > 0 as scheduled,
       l.terms::text as terms,
       array(select p.organization_id from auction_participants p where p.lot_id = l.id) as bidders,
       array(select p.organization_id::text || ' ' || p.currency from auction_participants p
             where p.lot_id = l.id and p.currency is not null) as currencies
from auctions a join auction_lots l on l.auction_id = a.id
where a.id = $1 order by l.place limit 1
"""


class Admission:
    """Says who may see or bid; no statement where this process has been asked before."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._cards: LotMemory[Card] = LotMemory()

    async def bidders_card(self, auction_id: UUID, company_id: UUID) -> Card:
        """Give the card to one who may bid; raises NotFound to everybody else."""
        card = self._cards.get(auction_id) or await self._load(auction_id, company_id)
        if company_id not in card.bidders:
            raise _unknown()
        return card

    async def viewers_card(self, auction_id: UUID, company_id: UUID) -> tuple[Card, Viewer]:
        """Give the card and as whom the company sees it: as buyer or as bidder.

        Raises NotFound to all others, and WrongState to the buyer of what was never scheduled.
        """
        card = self._cards.get(auction_id) or await self._load(auction_id, company_id)
        if company_id == card.buyer_id:
            return card, OWNER
        if company_id in card.bidders:
            return card, company_id
        raise _unknown()

    async def _load(self, auction_id: UUID, company_id: UUID) -> Card:
        pool = await self._platform.database.fast(Role.ENGINE)
        try:
            async with pool.acquire() as connection:
                row = await connection.fetchrow(_CARD, auction_id)
        except AWAY as error:
            raise Unavailable("The database does not answer.", retry_after_s=1) from error
        if row is None:
            raise _unknown()
        if not row["scheduled"]:
            if company_id == row["buyer_id"]:
                detail = "Nobody was invited to this auction: it was never scheduled."
                raise WrongState(detail, state=row["status"])
            raise _unknown()
        card = Card(
            auction_id=auction_id,
            lot_id=row["lot_id"],
            buyer_id=row["buyer_id"],
            bidders=frozenset(row["bidders"]),
            currency=row["currency"],
            currencies={
                UUID(bidder): currency for bidder, currency in map(str.split, row["currencies"])
            },
            terms=msgspec.json.decode(row["terms"], type=Terms),
        )
        self._cards.put(auction_id, card, len(card.bidders))
        return card


def _unknown() -> NotFound:
    return NotFound("There is no such auction.")
