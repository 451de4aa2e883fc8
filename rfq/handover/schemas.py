"""What goes over the wire about a lot's auction."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from auctions.engine.terms import Disclosure
from auctions.terms_schemas import DecrementInput, OvertimeInput
from marketplace.kernel.limits import AUCTION_PARTICIPANTS_MAX
from marketplace.platform.http.schemas import Input, InstantIn, MoneyView, Output


class LotAuctionInput(Input):
    """A live auction among the best bidders of a lot.

    Each enters with the total of his bid; the ceiling is the highest of them. Without `starts_at`
    it starts at once.
    """

    lot_id: UUID
    bidders: Annotated[
        int, Meta(ge=1, le=AUCTION_PARTICIPANTS_MAX, description="So many of the first ranks.")
    ]
    decrement: DecrementInput
    ends_at: InstantIn
    starts_at: InstantIn | None = None
    overtime: OvertimeInput | None = None
    disclosure: Disclosure = Disclosure.RANK_ONLY
    starting_gate: bool = True
    buyer_sees_identities: bool = False


class LotParticipantView(Output):
    """Who is in a lot's auction, and the total he enters with."""

    organization_id: UUID
    opening_amount: MoneyView


class LotAuctionView(Output):
    """The auction a lot went into."""

    lot_id: UUID
    auction_id: UUID
    participants: list[LotParticipantView]
