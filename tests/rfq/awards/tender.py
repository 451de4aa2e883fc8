"""Opened procedures and what is decided on them, for the tests of awards."""

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from rfq.awards.reading import read_proposal
from rfq.awards.schemas import AwardInput, AwardProposalView
from rfq.awards.service import award_lot
from rfq.opening.service import open_procedure
from rfq.procedures.schemas import BuyerProcedureView
from tests.rfq.parties import HOUR, MoveClock, Parties, key

DAY = timedelta(days=1)
YEAR = 365 * DAY


async def now(platform: Platform) -> Any:
    async with system_transaction(platform, Role.ENGINE) as tx:
        return await tx.scalar(select(func.clock()))


async def opened(
    parties: Parties, move_clock: MoveClock, *, lots: int = 1, **terms: Any
) -> BuyerProcedureView:
    """Bids of 575.00 (Bolt), 580.00 (Acme) and 590.00 (Coil) for each lot, opened."""
    asked = msgspec.structs.replace(await parties.terms(lots=lots), **terms)
    made = await parties.published(asked)
    await parties.submit(made, parties.acme, *("3.10", "90") * lots)
    await parties.submit(made, parties.bolt, *("2.90", "95") * lots)
    await parties.submit(made, parties.coil, *("3.50", "80") * lots)
    await move_clock(HOUR)
    return await open_procedure(parties.platform, parties.buyer, made.id)


async def proposed(
    parties: Parties, made: BuyerProcedureView, *, lot: int = 0, **more: Any
) -> AwardProposalView:
    at = await now(parties.platform)
    data = AwardInput(lot_id=made.lots[lot].id, last_day=(at + YEAR).date(), **more)
    return await award_lot(parties.platform, parties.buyer, made.id, data, key())


async def standing(parties: Parties, proposal: AwardProposalView) -> AwardProposalView:
    return await read_proposal(parties.platform, parties.buyer, proposal.id)
