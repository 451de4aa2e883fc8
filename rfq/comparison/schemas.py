"""What goes over the wire about estimates and the comparison."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import AmountText, Input, MoneyView, Output
from rfq.rules.procedure import LotStatus
from rfq.variants.schemas import VariantView


class LotEstimateInput(Input):
    """What a lot is expected to cost, and cost the last time, in the procedure's currency."""

    lot_id: UUID
    estimate: AmountText | None = None
    baseline: AmountText | None = None


class EstimatesInput(Input):
    """All estimates of a procedure; a lot that is left out has none."""

    lots: Annotated[list[LotEstimateInput], Meta(max_length=LINES_MAX)]


class LotEstimateView(Output):
    """What a lot is expected to cost, and cost the last time; bidders see neither."""

    lot_id: UUID
    estimate: MoneyView | None
    baseline: MoneyView | None


class EstimatesView(Output):
    """All estimates of a procedure; version 0 is that of one without any."""

    procedure_id: UUID
    version: int
    lots: list[LotEstimateView]


class DeviationView(Output):
    """How far an amount lies above (or, negative, below) a reference.

    `share` is that part of the reference: 0.05 is 5 % above it.
    """

    amount: str
    share: str


class ComparedScoreView(Output):
    """What a criterion gives an offer: `points` of `weight`; `score` is what the panel gave."""

    criterion_id: UUID
    title: str
    score: str | None
    points: str
    weight: str


class ComparedLineView(Output):
    """One line's price in an offer, and whether none is lower."""

    line_id: UUID
    unit_amount: str
    basis: str
    amount: MoneyView
    lowest: bool


class ComparedOfferView(Output):
    """One supplier's offer for one lot.

    `total` is what counts: the bid's, what was agreed in a negotiation, or what was reached in the
    auction; `source` says which, `first_total` is the bid's. One that cannot win has no rank, and
    `excluded` says why. `score` is what it is ranked by, exactly. `left_out` counts the lines of
    the lot that it does not price: then its total compares with nothing.
    """

    bid_id: UUID
    supplier_id: UUID
    supplier: str
    rank: int | None
    total: MoneyView
    source: str
    first_total: MoneyView
    score: str
    scores: list[ComparedScoreView]
    above_best: DeviationView | None
    above_estimate: DeviationView | None
    above_baseline: DeviationView | None
    abnormally_low: str | None
    excluded: str | None
    left_out: int
    variant: VariantView | None
    lines: list[ComparedLineView]

    @property
    def offered_by(self) -> str:
        """The supplier, and which of his offers it is where it is a variant."""
        if self.variant is None:
            return self.supplier
        return f"{self.supplier} (variant {self.variant.number}: {self.variant.label})"


class AskedLineView(Output):
    """One line of a lot as it was asked for; prices of offers refer to its id."""

    line_id: UUID
    description: str
    quantity: str
    unit: str


class ComparedLotView(Output):
    """One lot with all its offers, best first, then those that cannot win.

    `best` is the lowest total of those for all of it that can win. `computation` is where each step
    of their scores is told; None while the lot is in auction, and `offers` are the bids then.
    """

    lot_id: UUID
    number: int
    title: str
    status: LotStatus
    estimate: MoneyView | None
    baseline: MoneyView | None
    best: MoneyView | None
    computation: str | None
    lines: list[AskedLineView]
    offers: list[ComparedOfferView]


class SupplierTotalView(Output):
    """What one supplier offers in all: the number of lots he can win, is first in, and their sum.

    A lot of which he leaves lines out is not among them.

    Sums of different lots do not compare; `lots` says of how many they are.
    """

    supplier_id: UUID
    supplier: str
    lots: int
    first_in: int
    total: MoneyView


class ComparisonView(Output):
    """All lots with all offers. `best_total` sums the best of each lot that has one.

    `estimate_total` sums the estimates of those lots, None if one of them has none.
    """

    procedure_id: UUID
    title: str
    currency: str
    method: str
    time_zone: str
    opened_at: datetime
    budget: MoneyView | None
    best_total: MoneyView
    estimate_total: MoneyView | None
    suppliers: list[SupplierTotalView]
    lots: list[ComparedLotView]
