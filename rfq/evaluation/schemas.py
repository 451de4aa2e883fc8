"""What goes over the wire about opened bids and rankings."""

from datetime import datetime
from uuid import UUID

from marketplace.platform.http.schemas import MoneyView, Output
from rfq.rules.abnormal import ExplanationStatus
from rfq.variants.schemas import VariantView


class OpenedLineView(Output):
    """One line's price in an opened bid; `amount` is for the asked quantity."""

    line_id: UUID
    unit_amount: str
    basis: str
    sku: str | None
    amount: MoneyView


class OpenedOfferView(Output):
    """What an opened bid offers for one lot, and where it stands there.

    One that cannot win has no rank; `excluded` says why. `left_out` counts the lines of the lot
    that it does not price; `total` is of the others.
    """

    lot_id: UUID
    rank: int | None
    total: MoneyView
    lines: list[OpenedLineView]
    left_out: int
    excluded: str | None


class OpenedBidView(Output):
    """A bid after the opening, as the buyer sees it.

    `content` is the text that was sealed: with `nonce` it gives the receipt's commitment. A bid
    that did not open, or does not answer what was asked, has an `invalid_reason` and no offers.
    With two envelopes `content` is the technical and `prices` the financial one, which of a bid
    that did not pass stays closed for ever; `kept_closed` says why. Each `variant` is a bid of its
    own, placed as if it were of another bidder.
    """

    id: UUID
    bidder_id: UUID
    version: int
    submitted_at: datetime
    commitment: str
    nonce: str | None
    content: str | None
    prices_nonce: str | None
    prices: str | None
    kept_closed: str | None
    invalid_reason: str | None
    variant: VariantView | None
    offers: list[OpenedOfferView]


class OpenedBidList(Output):
    """All bids, best rank first; invalid ones last."""

    items: list[OpenedBidView]


class RankedOfferView(Output):
    """An offer with its place; `abnormally_low` says why it has to be explained.

    `score` is what it is ranked by, exactly: points, or the price as it compares.
    `negotiated` is an offer whose bidder agreed to other prices or terms than he bid.
    `binds_until` is when it ends, null where it names no end or was agreed. `left_out` counts the
    lines of the lot that it does not price.
    """

    rank: int
    bid_id: UUID
    bidder_id: UUID
    total: MoneyView
    score: str
    abnormally_low: str | None
    explanation: ExplanationStatus | None
    negotiated: bool
    binds_until: datetime | None
    left_out: int
    variant: VariantView | None


class ExcludedOfferView(Output):
    """An offer that cannot win, and why."""

    bid_id: UUID
    bidder_id: UUID
    total: MoneyView
    reason: str
    variant: VariantView | None


class LotRankingView(Output):
    """What a lot would be awarded from: its bids, or what was reached in its auction.

    Each bidder is there once, by the best of his offers. `rejected` are the offers whose
    explanation was rejected, `excluded` those of who is not qualified or failed by the panel's
    scores, those that bind no more, variants that were set aside, and offers behind another of
    their bidder; they cannot win. Where
    an auction ended without a winner `no_winner` says why; an award then names a bid, and gives a
    reason.
    """

    lot_id: UUID
    auctioned: bool
    no_winner: str | None
    items: list[RankedOfferView]
    rejected: list[RankedOfferView]
    excluded: list[ExcludedOfferView]
