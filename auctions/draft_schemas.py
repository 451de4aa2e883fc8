"""What a buyer lays down for an auction, on the wire."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, field

from auctions.drafts import AuctionDraft, LotDraft, Participant
from auctions.engine.terms import (
    Disclosure,
    Format,
    Publication,
    Rate,
    Scoring,
    Terms,
    Ties,
    Withdrawals,
)
from auctions.lot_order import LotOrder, Timing, Wish, timings
from auctions.terms_schemas import (
    BiddingTurnsInput,
    CurrencyRateInput,
    DecrementInput,
    Duration,
    OvertimeInput,
    PriceAdjustmentInput,
    PriceClockInput,
    ScoringInput,
)
from marketplace.kernel.limits import (
    AUCTION_LOTS_MAX,
    AUCTION_PARTICIPANTS_MAX,
    AUCTION_RATES_MAX,
)
from marketplace.platform.http.schemas import (
    AmountText,
    CurrencyText,
    Input,
    InstantIn,
    Name,
)


class ParticipantInput(Input):
    """A supplier who may bid. Without an alias one is drawn; it must not tell who he is.

    He bids in `currency`, one the lot has a rate for; without it in the auction's.
    """

    organization_id: UUID
    alias: Name | None = None
    opening_amount: AmountText | None = None
    currency: CurrencyText | None = None
    adjustment: PriceAdjustmentInput | None = None

    def participant(self) -> Participant:
        """Give the value."""
        return Participant(
            organization_id=self.organization_id,
            opening_amount=None if self.opening_amount is None else Decimal(self.opening_amount),
            alias=self.alias,
            currency=self.currency,
            adjustment=None if self.adjustment is None else self.adjustment.adjustment(),
        )


class LotInput(Input, kw_only=True):
    """What suppliers compete for, and the rules of it. Amounts are totals of the lot.

    English auctions need a `decrement`, Dutch and Japanese ones a `clock`, staged ones `turns` and
    a `decrement`. Without a `disclosure` it is the closest of the format: `rank_only` in English
    auctions, `open` in staged ones, else `own_only`. Nobody but you learns the `reserve`, above
    which nobody wins by himself. A `practice` auction awards nothing. With `proxies` bidders may
    have the auction bid for them; with `surrogates` you may enter bids for those who consent.

    The first lot needs `starts_at` and `ends_at`; of the others they follow from `lot_order`. A
    serial lot after the first may say how long it `lasts`.
    """

    title: Name
    format: Format = Format.ENGLISH
    disclosure: Disclosure | None = None
    ceiling: AmountText
    reserve: AmountText | None = None
    decrement: DecrementInput | None = None
    overtime: OvertimeInput | None = None
    clock: PriceClockInput | None = None
    turns: BiddingTurnsInput | None = None
    ties: Ties = Ties.BY_TIME
    scoring: ScoringInput | None = None
    rates: Annotated[list[CurrencyRateInput], Meta(max_length=AUCTION_RATES_MAX)] = field(
        default_factory=list
    )
    starting_gate: bool = True
    buyer_sees_identities: bool = False
    publication: Publication = Publication.AS_SHOWN
    practice: bool = False
    proxies: bool = False
    surrogates: bool = False
    withdrawals: Withdrawals = Withdrawals.BY_BUYER
    starts_at: InstantIn | None = None
    ends_at: InstantIn | None = None
    lasts: Duration | None = None
    participants: Annotated[
        list[ParticipantInput], Meta(min_length=1, max_length=AUCTION_PARTICIPANTS_MAX)
    ]

    def draft(self, currency: str, timing: Timing, pointer: str) -> LotDraft:
        """Give the lot, not checked yet; raises InvalidInput for parts of seconds."""
        return LotDraft(
            title=self.title,
            terms=self._terms(currency, timing, pointer),
            participants=tuple(each.participant() for each in self.participants),
            break_s=timing.break_s,
        )

    def _terms(self, currency: str, timing: Timing, pointer: str) -> Terms:
        overtime, clock, turns = self.overtime, self.clock, self.turns
        return Terms(
            format=self.format,
            disclosure=self.disclosure or closest_disclosure(self.format),
            currency=currency,
            ceiling=Decimal(self.ceiling),
            decrement=None if self.decrement is None else self.decrement.decrement(),
            overtime=None if overtime is None else overtime.overtime(f"{pointer}/overtime"),
            ties=self.ties,
            starting_gate=self.starting_gate,
            buyer_sees_identities=self.buyer_sees_identities,
            starts_at=timing.starts_at,
            ends_at=timing.ends_at,
            reserve=None if self.reserve is None else Decimal(self.reserve),
            clock=None if clock is None else clock.clock(f"{pointer}/clock"),
            turns=None if turns is None else turns.turns(f"{pointer}/turns"),
            scoring=Scoring() if self.scoring is None else self.scoring.scoring(),
            rates=tuple(Rate(given.currency, Decimal(given.rate)) for given in self.rates),
            practice=self.practice,
            publication=self.publication,
            proxies=self.proxies,
            surrogates=self.surrogates,
            withdrawals=self.withdrawals,
        )


_CLOSEST: Final = {Format.ENGLISH: Disclosure.RANK_ONLY, Format.STAGED: Disclosure.OPEN}


def closest_disclosure(format_: Format) -> Disclosure:
    """Give the disclosure of a format that tells bidders the least."""
    return _CLOSEST.get(format_, Disclosure.OWN_ONLY)


class AuctionInput(Input):
    """A reverse auction of one lot or several.

    In `parallel` all lots run at the same time, or each at its own; `staggered` ones start together
    and each closes a `lot_interval` after the one before; `serial` ones start when the one before
    has ended, a `lot_interval` later if there is one.
    """

    title: Name
    currency: CurrencyText
    lots: Annotated[list[LotInput], Meta(min_length=1, max_length=AUCTION_LOTS_MAX)]
    lot_order: LotOrder = LotOrder.PARALLEL
    lot_interval: Duration | None = None

    def draft(self, buyer_id: UUID, unit_id: UUID) -> AuctionDraft:
        """Give the auction, its terms not checked yet; raises InvalidInput for wrong times."""
        wishes = [Wish(lot.starts_at, lot.ends_at, lot.lasts) for lot in self.lots]
        planned = timings(self.lot_order, self.lot_interval, wishes)
        interval = self.lot_interval
        return AuctionDraft(
            buyer_id=buyer_id,
            unit_id=unit_id,
            title=self.title,
            lots=tuple(
                lot.draft(self.currency, timing, f"/lots/{place}")
                for place, (lot, timing) in enumerate(zip(self.lots, planned, strict=True))
            ),
            order=self.lot_order,
            interval_s=None if interval is None else interval // timedelta(seconds=1),
        )
