"""The comparison as its buyer reads it: the rankings of all lots, in as many statements as one."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.money import Money
from marketplace.organizations.service import names_of
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView, shown_amount
from rfq.comparison.estimates import estimates_of, money_or_none
from rfq.comparison.figures import deviation, sum_or_none
from rfq.comparison.schemas import (
    AskedLineView,
    ComparedLineView,
    ComparedLotView,
    ComparedOfferView,
    ComparedScoreView,
    ComparisonView,
    DeviationView,
    SupplierTotalView,
)
from rfq.evaluation.offers import evaluate
from rfq.evaluation.rankings import Ranking, rank_lots
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules.computation import RULES, shown
from rfq.rules.criteria import CriterionKind
from rfq.rules.evaluation import Offer, Part, PricedLine, Standing
from rfq.rules.procedure import Lot, LotStatus, check_bids_readable
from rfq.variants.schemas import VariantView

_REJECTED: Final = "The explanation of its low price was rejected, or its award fell away."


async def read_comparison(platform: Platform, caller: Caller, procedure_id: UUID) -> ComparisonView:
    """Compare all offers of an own procedure.

    Raises NotFound, and WrongState while prices are hidden.
    """
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        return await _compared(tx, loaded)


async def _compared(tx: Transaction, loaded: Loaded) -> ComparisonView:
    auctioned = {
        lot_id for lot_id, status in loaded.lot_statuses.items() if status is LotStatus.AUCTION
    }
    ranked = [lot_id for lot_id in loaded.lot_statuses if lot_id not in auctioned]
    rankings = await rank_lots(tx, loaded, ranked) if ranked else {}
    bids = (await evaluate(tx, loaded)).standings if auctioned else {}
    estimates = await estimates_of(tx, loaded.procedure.id)
    offered = {
        lot.id: list(_offers(rankings.get(lot.id), bids.get(lot.id, ())))
        for lot in loaded.procedure.lots
    }
    bidders = {each[0].offer.bidder_id for offers in offered.values() for each in offers}
    names = await names_of(tx, bidders)
    lots = [
        _lot(loaded, lot, number, offered[lot.id], rankings.get(lot.id), names, estimates)
        for number, lot in enumerate(loaded.procedure.lots, 1)
    ]
    row = loaded.row
    best = [lot for lot in lots if lot.best is not None]
    total = sum((Decimal(lot.best.amount) for lot in best if lot.best), Decimal(0))
    expected = sum_or_none(
        None if lot.estimate is None else Decimal(lot.estimate.amount) for lot in best
    )
    return ComparisonView(
        procedure_id=loaded.procedure.id,
        title=row.title,
        currency=row.currency,
        method=RULES[loaded.procedure.judging.method],
        time_zone=row.time_zone,
        opened_at=row.opened_at,
        budget=money_or_none(row.budget, row.currency),
        best_total=MoneyView.of(Money(total, row.currency)),
        estimate_total=money_or_none(expected, row.currency),
        suppliers=_suppliers(lots, row.currency),
        lots=lots,
    )


Placed = tuple[Standing, Money, int | None, str | None]
"""An offer, the total that counts, its rank, and why it cannot win."""


def _offers(ranking: Ranking | None, bids: Sequence[Standing]) -> Iterator[Placed]:
    if ranking is None:
        yield from ((each, each.total, each.rank, None) for each in bids)
        return
    for rank, final in enumerate(ranking.finals, 1):
        yield final.standing, final.amount, rank, None
    for final in ranking.rejected:
        yield final.standing, final.amount, None, _REJECTED
    for standing, why in ranking.excluded:
        yield standing, standing.total, None, why


def _lot(
    loaded: Loaded,
    lot: Lot,
    number: int,
    offers: Sequence[Placed],
    ranking: Ranking | None,
    names: Mapping[UUID, str],
    estimates: Mapping[UUID, Row[Any]],
) -> ComparedLotView:
    currency = loaded.procedure.currency
    expected = estimates.get(lot.id)
    estimate = None if expected is None else expected.estimate
    baseline = None if expected is None else expected.baseline
    best = min(
        (
            money.amount
            for standing, money, rank, _ in offers
            if rank is not None and not standing.offer.left_out
        ),
        default=None,
    )
    lowest = _lowest([each[0].offer for each in offers if each[2] is not None])
    address = f"/v1/procedures/{loaded.procedure.id}/lots/{lot.id}/computation"
    return ComparedLotView(
        lot_id=lot.id,
        number=number,
        title=lot.title,
        status=loaded.lot_statuses[lot.id],
        estimate=money_or_none(estimate, currency),
        baseline=money_or_none(baseline, currency),
        best=money_or_none(best, currency),
        computation=None if ranking is None else address,
        lines=[
            AskedLineView(
                line_id=line.id,
                description=line.description,
                quantity=plain_decimal(line.quantity),
                unit=line.unit,
            )
            for line in lot.lines
        ],
        offers=[
            ComparedOfferView(
                bid_id=standing.offer.bid_id,
                supplier_id=standing.offer.bidder_id,
                supplier=names.get(standing.offer.bidder_id, str(standing.offer.bidder_id)),
                rank=rank,
                total=MoneyView.of(money),
                source=_source(standing.offer, ranking),
                first_total=MoneyView.of(_first(standing.offer, ranking)),
                score=shown(standing.score),
                scores=[_score(part) for part in standing.parts],
                above_best=_above(standing.offer, money, best),
                above_estimate=_above(standing.offer, money, estimate),
                above_baseline=_above(standing.offer, money, baseline),
                abnormally_low=_flag(standing.offer, ranking),
                excluded=why,
                left_out=standing.offer.left_out,
                variant=VariantView.of(standing.offer.variant),
                lines=[_line(line, lowest) for line in standing.offer.lines],
            )
            for standing, money, rank, why in offers
        ],
    )


def _source(offer: Offer, ranking: Ranking | None) -> str:
    """Name what the total comes from, as the computation's figures do."""
    if ranking is not None and ranking.auction is not None:
        for each in ranking.auction.ranking:
            if each.bidder_id == offer.bidder_id:
                auction = ranking.auction.auction_id
                return f"auction {auction}, entry {each.entry_hash.hex()}"
    if ranking is not None and (agreed := ranking.agreed.get(offer.bid_id)) is not None:
        return f"negotiation {agreed.negotiation_id}"
    return f"bid {offer.bid_id}"


def _first(offer: Offer, ranking: Ranking | None) -> Money:
    if ranking is None:
        return offer.total
    return ranking.first_totals.get(offer.bid_id, offer.total)


def _flag(offer: Offer, ranking: Ranking | None) -> str | None:
    flag = None if ranking is None else ranking.flags.get(offer.bid_id)
    return None if flag is None else flag.reason


def _score(part: Part) -> ComparedScoreView:
    criterion = part.criterion
    gate = criterion.kind is CriterionKind.GATE
    return ComparedScoreView(
        criterion_id=criterion.id,
        title=criterion.title,
        score=None if part.mark is None else shown(part.mark.value),
        points="0" if gate else shown(part.points),
        weight=plain_decimal(criterion.weight),
    )


def _lowest(offers: Sequence[Offer]) -> dict[UUID, Decimal]:
    found: dict[UUID, Decimal] = {}
    for offer in offers:
        for line in offer.lines:
            amount = line.amount.amount
            found[line.line.id] = min(found.get(line.line.id, amount), amount)
    return found


def _line(line: PricedLine, lowest: Mapping[UUID, Decimal]) -> ComparedLineView:
    return ComparedLineView(
        line_id=line.line.id,
        unit_amount=plain_decimal(line.unit_amount),
        basis=plain_decimal(line.basis),
        amount=MoneyView.of(line.amount),
        lowest=line.amount.amount == lowest.get(line.line.id),
    )


def _above(offer: Offer, money: Money, reference: Decimal | None) -> DeviationView | None:
    """Tell how far a total lies above another; one without all lines of the lot tells nothing."""
    found = None if offer.left_out else deviation(money.amount, reference)
    if found is None:
        return None
    sign = "-" if found.amount < 0 else ""
    amount = sign + shown_amount(abs(found.amount), money.currency)
    return DeviationView(amount=amount, share=plain_decimal(found.share))


def _suppliers(lots: Sequence[ComparedLotView], currency: str) -> list[SupplierTotalView]:
    offers: dict[UUID, list[ComparedOfferView]] = {}
    for lot in lots:
        for each in lot.offers:
            if each.rank is not None and not each.left_out:
                offers.setdefault(each.supplier_id, []).append(each)
    views = [
        SupplierTotalView(
            supplier_id=supplier_id,
            supplier=of_him[0].supplier,
            lots=len(of_him),
            first_in=sum(each.rank == 1 for each in of_him),
            total=MoneyView.of(
                Money(sum((Decimal(each.total.amount) for each in of_him), Decimal(0)), currency)
            ),
        )
        for supplier_id, of_him in offers.items()
    ]
    return sorted(views, key=lambda view: (-view.first_in, -view.lots, view.supplier))
