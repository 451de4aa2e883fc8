"""Who may win at all: decided for each bidder before prices are known, with reasons."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest
from rfq.evaluation.listing import list_bids
from rfq.evaluation.rankings import read_ranking
from rfq.opening.service import open_procedure
from rfq.procedures.judging import RequirementInput
from rfq.procedures.schemas import BuyerProcedureView
from rfq.qualification.schemas import (
    BidderDecisionInput,
    FindingInput,
    OpenedBidderList,
    SupplierQualificationInput,
)
from rfq.qualification.service import (
    decide_bidder,
    end_qualification,
    list_bidders,
    list_supplier_qualifications,
    put_supplier_qualification,
)
from rfq.rules.procedure import LotStatus, Status
from rfq.rules.qualification import Outcome, RequirementKind
from tests.rfq.panels import judging
from tests.rfq.parties import HOUR, MoveClock, Parties, key
from tests.support.amounts import tells

REQUIREMENTS = [
    RequirementInput(kind=RequirementKind.EXCLUSION_GROUND, title="Not insolvent"),
    RequirementInput(kind=RequirementKind.QUALIFICATION, title="Quality", code="ISO-9001"),
]


async def opened(
    parties: Parties, move_clock: MoveClock, *, lots: int = 1, **more: Any
) -> BuyerProcedureView:
    """Acme bids for all lots, Bolt for the first alone, at 580.00 and 575.00 each."""
    terms = await parties.terms(lots=lots)
    made = await parties.published(
        msgspec.structs.replace(terms, requirements=REQUIREMENTS, **more)
    )
    await parties.submit(made, parties.acme, *("3.10", "90") * lots)
    await parties.submit(made, parties.bolt, "2.90", "95")
    await move_clock(HOUR)
    return await open_procedure(parties.platform, parties.buyer, made.id)


async def qualify(parties: Parties, made: BuyerProcedureView, *suppliers: Any) -> None:
    until = made.deadline_at + 48 * HOUR
    data = SupplierQualificationInput(title="ISO 9001", valid_until=until)
    for supplier in suppliers:
        await put_supplier_qualification(
            parties.platform, parties.buyer, supplier.organization_id, "ISO-9001", data
        )


async def decide(
    parties: Parties, made: BuyerProcedureView, bidder: UUID, why_not: str = ""
) -> Outcome:
    first, *others = made.requirements
    findings = [FindingInput(requirement_id=first.id, met=not why_not, reason=why_not)]
    findings += [FindingInput(requirement_id=each.id, met=True) for each in others]
    data = BidderDecisionInput(bidder_id=bidder, findings=findings)
    once = key()
    told = [
        await decide_bidder(parties.platform, parties.buyer, made.id, data, once) for _ in range(2)
    ]
    assert told[0] == told[1], "a request sent again decides nothing anew"
    return told[0].outcome


async def test_bidders_are_decided_on_without_prices_and_the_excluded_learns_why_at_the_end(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    assert made.status is Status.QUALIFICATION
    await qualify(parties, made, parties.acme, parties.bolt)
    bidders = await list_bidders(platform, parties.buyer, made.id)
    assert isinstance(bidders, OpenedBidderList)
    assert not tells(msgspec.json.encode(bidders), "2.90")
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)
    acme, bolt = parties.acme.organization_id, parties.bolt.organization_id
    assert await decide(parties, made, bolt, "An insolvency is registered.") is Outcome.EXCLUDED
    with pytest.raises(Conflict, match="1 bidders"):
        await end_qualification(platform, parties.buyer, made.id, made.version)
    assert (await list_bidders(platform, parties.bolt, made.id)).items == []
    assert await decide(parties, made, acme) is Outcome.QUALIFIED
    after = await end_qualification(platform, parties.buyer, made.id, made.version)
    assert after.status is Status.EVALUATED
    told = (await list_bidders(platform, parties.bolt, made.id)).items
    assert [finding.reason for finding in told[0].findings][:1] == ["An insolvency is registered."]
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    assert [item.bidder_id for item in ranking.items] == [acme]
    assert [(item.bidder_id, item.reason) for item in ranking.excluded] == [
        (bolt, "Not insolvent: An insolvency is registered.")
    ]
    with pytest.raises(WrongState):
        await decide(parties, made, bolt)


async def test_a_qualification_that_is_missing_or_expired_excludes_also_after_the_decision(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await qualify(parties, made, parties.acme)
    acme, bolt = parties.acme.organization_id, parties.bolt.organization_id
    with pytest.raises(InvalidInput) as refusal:
        await decide(parties, made, bolt)
    assert [e.pointer for e in refusal.value.errors] == ["/findings/1/met"]
    await qualify(parties, made, parties.bolt)
    await decide(parties, made, acme)
    await decide(parties, made, bolt)
    await end_qualification(platform, parties.buyer, made.id, made.version)
    expired = SupplierQualificationInput(title="ISO 9001", valid_until=made.deadline_at)
    await put_supplier_qualification(platform, parties.buyer, bolt, "ISO-9001", expired)
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    assert [item.bidder_id for item in ranking.items] == [acme]
    assert "expired" in ranking.excluded[0].reason
    own = await list_supplier_qualifications(platform, parties.bolt, PageRequest(10, None))
    assert [(q.supplier_id, q.code) for q in own.items] == [(bolt, "ISO-9001")]
    first = await list_supplier_qualifications(platform, parties.buyer, PageRequest(1, None))
    rest = await list_supplier_qualifications(platform, parties.buyer, PageRequest(9, first.next))
    assert {q.supplier_id for q in (*first.items, *rest.items)} == {acme, bolt}
    none = await list_supplier_qualifications(platform, parties.coil, PageRequest(9, None))
    assert none.items == []


async def test_a_lot_that_nobody_qualified_is_left_for_fails_and_the_panel_judges_the_others(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=2, judging=judging())
    await qualify(parties, made, parties.bolt)
    acme, bolt = parties.acme.organization_id, parties.bolt.organization_id
    findings = [
        FindingInput(requirement_id=made.requirements[0].id, met=False, reason="Insolvent."),
        FindingInput(requirement_id=made.requirements[1].id, met=False, reason="None held."),
    ]
    data = BidderDecisionInput(bidder_id=acme, findings=findings)
    await decide_bidder(platform, parties.buyer, made.id, data, key())
    await decide(parties, made, bolt)
    after = await end_qualification(platform, parties.buyer, made.id, made.version)
    assert after.status is Status.EVALUATION
    assert [lot.status for lot in after.lots] == [LotStatus.OPENED, LotStatus.UNSUCCESSFUL]


async def test_where_nobody_qualifies_the_procedure_ends(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await qualify(parties, made, parties.acme, parties.bolt)
    for bidder in (parties.acme, parties.bolt):
        await decide(parties, made, bidder.organization_id, "Insolvent.")
    after = await end_qualification(platform, parties.buyer, made.id, made.version)
    assert after.status is Status.UNSUCCESSFUL
    with pytest.raises(NotFound):
        await put_supplier_qualification(
            platform,
            parties.buyer,
            UUID(int=5),
            "X",
            SupplierQualificationInput(title="X", valid_until=made.deadline_at),
        )
