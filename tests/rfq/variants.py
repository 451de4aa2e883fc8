"""Procedures that take variants, and bids that are some, for the tests of services."""

import msgspec

from marketplace.platform.caller import Caller
from rfq.bids.schemas import ReceiptView, SealedBidInput, VariantInput
from rfq.bids.service import submit_bid
from rfq.evaluation.rankings import read_ranking
from rfq.evaluation.schemas import LotRankingView
from rfq.opening.service import open_procedure
from rfq.procedures.schemas import BuyerProcedureView, ProcedureInput
from rfq.rules.variants import VariantPolicy
from rfq.variants.schemas import (
    DecidedVariantView,
    MinimumRequirementInput,
    VariantDecisionInput,
    VariantTermsInput,
)
from rfq.variants.service import decide_variant, list_variants
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key

LIFE = MinimumRequirementInput(code="LIFE", text="Readable for ten years.")
WHITE = MinimumRequirementInput(code="WHITE", text="At least ISO 80.")


def taking(
    terms: ProcedureInput,
    *,
    most: int = 2,
    policy: VariantPolicy = VariantPolicy.ALLOWED,
    beside_main_bid: bool = True,
) -> ProcedureInput:
    """These terms, with variants taken."""
    variants = VariantTermsInput(
        minimum_requirements=[LIFE, WHITE],
        most=most,
        policy=policy,
        beside_main_bid=beside_main_bid,
    )
    return msgspec.structs.replace(terms, variants=variants)


def variant(made: BuyerProcedureView, label: str, *prices: str) -> SealedBidInput:
    """A bid that is a variant."""
    said = VariantInput(label=label, description=f"It is {label.lower()}.")
    return msgspec.structs.replace(bid(made, *prices), variant=said)


async def send(
    parties: Parties, made: BuyerProcedureView, who: Caller, label: str, *prices: str
) -> ReceiptView:
    """Submit a variant."""
    return await submit_bid(parties.platform, who, made.id, variant(made, label, *prices), key())


async def decide(
    parties: Parties, made: BuyerProcedureView, label: str, *unmet: str
) -> DecidedVariantView:
    """Decide on the variant of this label."""
    listed = await list_variants(parties.platform, parties.buyer, made.id)
    (found,) = [each for each in listed.items if each.variant.label == label]
    return await decide_variant(
        parties.platform,
        parties.buyer,
        made.id,
        found.bid_id,
        data=VariantDecisionInput(unmet=list(unmet), reason="As the laboratory found."),
        version=found.version,
    )


async def opened(
    parties: Parties, made: BuyerProcedureView, move_clock: MoveClock
) -> BuyerProcedureView:
    await move_clock(HOUR)
    return await open_procedure(parties.platform, parties.buyer, made.id)


async def ranked(parties: Parties, made: BuyerProcedureView) -> LotRankingView:
    return await read_ranking(parties.platform, parties.buyer, made.id, made.lots[0].id)


def placed(parties: Parties, ranking: LotRankingView) -> list[tuple[str, str | None]]:
    """Who stands in which order, with which of his offers."""
    names = {who.organization_id: name for name, who in _named(parties)}
    return [(names[each.bidder_id], each.variant and each.variant.label) for each in ranking.items]


def _named(parties: Parties) -> list[tuple[str, object]]:
    return [(name, getattr(parties, name)) for name in ("acme", "bolt", "coil")]
