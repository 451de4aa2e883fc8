"""Prices as their buyer reads them; what is not his is not in them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, cast

from msgspec import UNSET, UnsetType

from catalog.price_lists.rules import Unpriced
from catalog.price_lists.schemas import (
    LadderStepView,
    LosingPriceView,
    NoPriceView,
    PriceSourceView,
    PriceTierView,
    PriceView,
)
from catalog.pricing.resolve import told_to_buyer
from catalog.pricing.terms import Loser, Part, Policy, Price, Source, VolumeMode
from marketplace.contracts.rules import Draw
from marketplace.kernel.canonical import plain_decimal
from marketplace.orders.schemas import (
    OrderPriceSourceView,
    PriceDetailView,
    PriceDiscountView,
    PricedPartView,
    PriceDrawView,
    PricedTierView,
)
from marketplace.platform.http.schemas import MoneyView

SourceKind = Literal["price_list", "contract", "quote"]


def price_view(price: Price, *, explain: bool, to_supplier: bool = False) -> PriceView:
    """Show a price; with `explain` the prices that lost beside it, to its supplier all of them."""
    winner = price.winner
    return PriceView(
        amount=plain_decimal(price.tier.amount),
        basis=plain_decimal(winner.ladder.basis),
        volume_mode=winner.ladder.volume_mode.value,
        unit=winner.unit,
        currency=winner.currency,
        quantity=plain_decimal(price.quantity),
        tier_minimum_quantity=plain_decimal(price.tier.minimum_quantity),
        line_amount=MoneyView(str(price.line_amount), winner.currency),
        level=winner.level,
        source=source_view(winner.source),
        ladder=_ladder(price),
        valid_until=_bounded(winner.validity.until),
        detail=price_detail(price) or UNSET,
        losers=_losers(price.losers, to_supplier=to_supplier) if explain else UNSET,
    )


def _ladder(price: Price) -> list[LadderStepView]:
    """Show the ladder the buyer has.

    The tiers of one candidate are written as they are: a `Tier` has the very fields of a step, and
    msgspec writes its numbers as strings. A page of 100 offers makes 300 structs less by it.
    """
    if _of_best(price):
        return cast("list[LadderStepView]", price.fitting[0].ladder.tiers)
    return [
        LadderStepView(
            minimum_quantity=plain_decimal(step.tier.minimum_quantity),
            amount=plain_decimal(step.tier.amount),
            basis=plain_decimal(step.candidate.ladder.basis),
            volume_mode=step.candidate.ladder.volume_mode.value,
            level=step.candidate.level,
        )
        for step in price.steps
    ]


def _of_best(price: Price) -> bool:
    """Tell whether the buyer's ladder is that of the best candidate alone."""
    if price.policy is not Policy.PRIORITY:
        return False
    if len(price.fitting) == 1:
        return True
    best, *others = price.fitting
    first = best.ladder.tiers[0].minimum_quantity
    return all(other.ladder.tiers[0].minimum_quantity >= first for other in others)


def follows_from_winner(price: Price) -> bool:
    """Tell whether all that is shown of a price but quantity and amount is its winner's and tier's.

    Then two lines at the same tier of the same candidate are written alike.
    """
    winner = price.winner
    return winner is price.fitting[0] and winner.commitment is None and _of_best(price)


def price_detail(price: Price) -> PriceDetailView | None:
    """Give what an order keeps of a price that amount and basis do not explain; None if they do."""
    ladder, discount = price.winner.ladder, price.winner.discount
    plain = discount is None and price.winner.commitment is None
    if plain and ladder.volume_mode is VolumeMode.VOLUME:
        return None
    detail = PriceDetailView(draws=_draw_views(price))
    if price.parts:
        detail.parts = [_part(part) for part in price.parts]
    elif ladder.volume_mode is VolumeMode.GRADUATED:
        detail.volume_mode = "graduated"
        detail.tier_basis = plain_decimal(ladder.basis)
        detail.tiers = [
            PricedTierView(plain_decimal(tier.minimum_quantity), plain_decimal(tier.amount))
            for tier in ladder.tiers
        ]
    if discount is not None:
        detail.discount = PriceDiscountView(
            plain_decimal(discount.percent_off), discount.of_list_id, discount.of_version
        )
    return detail


def _draw_views(price: Price) -> list[PriceDrawView]:
    ends = price.parts or (Part(price.winner, price.tier, price.quantity, price.line_amount),)
    return [
        PriceDrawView(
            contract_price_id=commitment.id,
            measure=commitment.measure.value,
            amount=plain_decimal(commitment.drawn_by(part.quantity, part.line_amount)),
        )
        for part in ends
        if (commitment := part.candidate.commitment) is not None
    ]


def draws(price: Price) -> list[Draw]:
    """Give what a line takes of commitments when it is ordered at this price."""
    if price.winner.commitment is None:
        return []
    return [Draw(each.contract_price_id, Decimal(each.amount)) for each in _draw_views(price)]


def _part(part: Part) -> PricedPartView:
    source = part.candidate.source
    return PricedPartView(
        quantity=plain_decimal(part.quantity),
        amount=plain_decimal(part.tier.amount),
        basis=plain_decimal(part.candidate.ladder.basis),
        line_amount=str(part.line_amount),
        level=part.candidate.level.value,
        source=OrderPriceSourceView(source.kind, source.id, source.version),
    )


def no_price_view(unpriced: Unpriced, *, explain: bool, to_supplier: bool = False) -> NoPriceView:
    """Show why there is no price."""
    minimum = unpriced.minimum_quantity
    return NoPriceView(
        reason=unpriced.reason,
        detail=unpriced.detail,
        minimum_quantity=UNSET if minimum is None else plain_decimal(minimum),
        losers=_losers(unpriced.losers, to_supplier=to_supplier) if explain else UNSET,
    )


def source_view(source: Source) -> PriceSourceView:
    """Show which document a price comes from."""
    return PriceSourceView(
        kind=cast("SourceKind", source.kind),
        id=source.id,
        version=source.version,
        title=source.title or UNSET,
    )


def _losers(losers: Sequence[Loser], *, to_supplier: bool) -> list[LosingPriceView]:
    return [
        LosingPriceView(
            reason=loser.reason,
            level=loser.candidate.level,
            source=source_view(loser.candidate.source),
            unit=loser.candidate.unit,
            currency=loser.candidate.currency,
            basis=plain_decimal(loser.candidate.ladder.basis),
            volume_mode=loser.candidate.ladder.volume_mode.value,
            tiers=[
                PriceTierView(
                    minimum_quantity=plain_decimal(tier.minimum_quantity),
                    amount=plain_decimal(tier.amount),
                )
                for tier in loser.candidate.ladder.tiers
            ],
            valid_from=_bounded(loser.candidate.validity.from_),
            valid_until=_bounded(loser.candidate.validity.until),
            assigned_to=list(loser.candidate.assigned_to) if to_supplier else UNSET,
        )
        for loser in (losers if to_supplier else told_to_buyer(losers))
    ]


def _bounded(at: datetime | None) -> datetime | UnsetType:
    return UNSET if at is None else at
