"""Scenarios as a buyer meets them: solved by the worker, compared, proposed as the award."""

import asyncio
import sys
from asyncio.subprocess import Process
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import structs

from marketplace.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.platform.arrival import Arrival
from marketplace.platform.core import Platform
from marketplace.worker import Worker
from rfq.awards.notices import list_notices
from rfq.awards.reading import read_proposal
from rfq.awards.schemas import AwardInput
from rfq.awards.service import award_lot
from rfq.bids import service as bids
from rfq.bids.schemas import ConditionsInput, PackageInput, VolumeDiscountInput
from rfq.evaluation.computing import read_computation
from rfq.opening.service import open_procedure
from rfq.printouts.service import Asked, print_decision
from rfq.procedures.schemas import BuyerProcedureView
from rfq.qualification.schemas import SupplierQualificationInput
from rfq.qualification.service import put_supplier_qualification
from rfq.rules.awarding import Division
from rfq.rules.scenario_run import ScenarioStatus
from rfq.scenarios import comparing, service
from rfq.scenarios.messages import ScenarioPhase
from rfq.scenarios.proposing import propose_scenario
from rfq.scenarios.schemas import (
    ConstraintsInput,
    IncumbentInput,
    KeptMeasure,
    QualifiedShareInput,
    ScenarioInput,
    ScenarioProposalInput,
    ScenarioView,
)
from tests.rfq.awards.tender import DAY, YEAR, now
from tests.rfq.parties import BUYER_SCOPES, HOUR, MoveClock, Parties, bid, caller, key


async def opened(
    parties: Parties,
    move_clock: MoveClock,
    conditions: ConditionsInput | None = None,
    packages: tuple[str, ...] = (),
    **terms: Any,
) -> BuyerProcedureView:
    """Three lots: Bolt at 575.00, Acme at 580.00, Coil at 590.00 each; Acme has conditions."""
    made = await parties.published(msgspec.structs.replace(await parties.terms(lots=3), **terms))
    offer = bid(made, *("3.10", "90") * 3)
    if packages:
        lot_ids = [lot.id for lot in made.lots]
        named = [PackageInput(lot_ids=lot_ids, percent=percent) for percent in packages]
        conditions = ConditionsInput(packages=named)
    offer.conditions = conditions
    await bids.submit_bid(parties.platform, parties.acme, made.id, offer, key())
    await parties.submit(made, parties.bolt, *("2.90", "95") * 3)
    await parties.submit(made, parties.coil, *("3.50", "80") * 3)
    await move_clock(HOUR)
    return await open_procedure(parties.platform, parties.buyer, made.id)


async def asked(
    parties: Parties, made: BuyerProcedureView, name: str = "Cheapest", **constraints: Any
) -> ScenarioView:
    data = ScenarioInput(name=name, constraints=ConstraintsInput(**constraints), gap_percent="0")
    # As over HTTP: with the request he asks by, of which no job can be made.
    buyer = structs.replace(parties.buyer, arrival=Arrival({"app": object}))
    return await service.create_scenario(parties.platform, buyer, made.id, data, key())


async def solved(
    parties: Parties, worker: Worker, made: BuyerProcedureView, name: str = "x", **constraints: Any
) -> ScenarioView:
    scenario = await asked(parties, made, name, **constraints)
    await worker.run_until_idle()
    return await service.read_scenario(parties.platform, parties.buyer, scenario.id)


async def proposal(parties: Parties, reason: str = "") -> ScenarioProposalInput:
    at = await now(parties.platform)
    return ScenarioProposalInput(last_day=(at + YEAR).date(), reason=reason)


async def test_a_scenario_waits_for_the_worker_and_then_says_who_gets_what_and_what_rules_cost(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    made = await opened(parties, move_clock)
    waiting = await asked(parties, made, supplier_share_max="40", suppliers_max=3)
    assert (waiting.status, waiting.progress.phase) == (
        ScenarioStatus.QUEUED,
        ScenarioPhase.WAITING,
    )
    await worker.run_until_idle()
    scenario = await service.read_scenario(platform, parties.buyer, waiting.id)
    assert (scenario.status, scenario.progress.phase) == (
        ScenarioStatus.DONE,
        ScenarioPhase.FINISHED,
    )
    assert (scenario.progress.done, scenario.progress.total) == (3, 3)
    result = scenario.result
    assert result is not None
    assert (result.total, result.bound, result.gap_percent) == ("1745.00", "1745.00", "0")
    assert result.solver.startswith("HiGHS 1.")
    assert [(each.name, each.amount, each.share) for each in result.suppliers] == [
        ("Coil", "590.00", "33.81"),
        ("Acme", "580.00", "33.24"),
        ("Bolt", "575.00", "32.95"),
    ]
    assert [(each.name, each.total_without, each.cost) for each in result.constraints] == [
        ("suppliers_max", "1745.00", "0.00"),
        ("supplier_share_max", "1725.00", "20.00"),
    ]
    assert {each.lot_id for each in result.awards} == {lot.id for lot in made.lots}


async def test_a_package_that_makes_an_offer_cheaper_counts_and_is_what_the_contracts_say(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    made = await opened(parties, move_clock, packages=("1.5",))
    scenario = await solved(parties, worker, made)
    result = scenario.result
    assert result is not None
    # 580.00 less 8.70, three times.
    assert result.total == "1713.90"
    assert [(each.condition, each.percent, each.off) for each in result.granted] == [
        ("packages/0", "1.5", "26.10")
    ]
    with pytest.raises(InvalidInput) as refusal:
        await propose_scenario(
            platform, parties.buyer, scenario.id, await proposal(parties), version=2, key=key()
        )
    assert refusal.value.errors[0].pointer == "/reason"
    again = key()
    reason = await proposal(parties, "All three lots from one supplier are cheaper.")
    awarded = await propose_scenario(
        platform, parties.buyer, scenario.id, reason, version=2, key=again
    )
    assert awarded.total.amount == "1713.90"
    assert [each.total.amount for each in awarded.proposals] == ["571.30"] * 3
    repeated = await propose_scenario(
        platform, parties.buyer, scenario.id, reason, version=2, key=again
    )
    assert repeated == awarded
    first = await read_proposal(platform, parties.buyer, awarded.proposals[0].proposal_id)
    (award,) = first.awards
    assert (award.supplier_id, award.total.amount) == (parties.acme.organization_id, "571.30")
    assert sum(Decimal(line.amount.amount) for line in award.lines) == Decimal("571.30")
    assert award.contract_id is not None
    attached = await read_computation(platform, parties.buyer, made.id, first.lot_id)
    assert attached.scenario is not None
    assert attached.scenario.scenario_id == scenario.id
    assert (attached.scenario.total, attached.scenario.granted[0].off) == ("1713.90", "26.10")
    assert [(e.offered, e.amount) for e in attached.scenario.awards] == [("580.00", "571.30")]
    printed = await print_decision(platform, parties.buyer, made.id, Asked(("en",), None))
    facts = [fact for part in printed.sheet.sections for fact in part.facts]
    told = {fact.name: " ".join(fact.value.text.split()) for fact in facts}
    assert told["Decided with other lots"] == "By the scenario “x”: 1,713.90 EUR for all."
    assert told["Discounts for several lots"] == "580.00 EUR less 8.70 EUR"
    own = (await list_notices(platform, parties.acme, made.id)).items
    assert own[0].reasons == [
        "Of your 580.00 EUR for this your conditions for several lots take 8.70 EUR off."
    ]
    read = await service.read_scenario(platform, parties.buyer, scenario.id)
    assert read.status is ScenarioStatus.PROPOSED


async def test_a_scenario_is_all_of_the_past_once_one_lot_is_decided_otherwise(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    made = await opened(parties, move_clock)
    scenario = await solved(parties, worker, made)
    last_day = (await now(platform) + YEAR).date()
    with pytest.raises(StaleVersion):
        await propose_scenario(
            platform, parties.buyer, scenario.id, await proposal(parties), version=1, key=key()
        )
    decision = AwardInput(lot_id=made.lots[0].id, last_day=last_day)
    await award_lot(platform, parties.buyer, made.id, decision, key())
    with pytest.raises(Conflict, match="changed since"):
        await propose_scenario(
            platform, parties.buyer, scenario.id, await proposal(parties), version=2, key=key()
        )


async def test_small_suppliers_are_those_the_buyer_has_qualified_and_not_let_expire(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    made = await opened(parties, move_clock)
    until = await now(platform) + DAY
    qualified = SupplierQualificationInput(title="Small company", valid_until=until)
    await put_supplier_qualification(
        platform, parties.buyer, parties.coil.organization_id, "SME", qualified
    )
    share = [QualifiedShareInput(qualification_code="SME", percent="30")]
    scenario = await solved(parties, worker, made, qualified_shares=share)
    assert scenario.result is not None
    assert scenario.result.total == "1740.00"
    assert [each.name for each in scenario.result.suppliers] == ["Bolt", "Coil"]
    assert [each.cost for each in scenario.result.constraints] == ["15.00"]
    await move_clock(DAY)
    expired = await solved(parties, worker, made, qualified_shares=share)
    assert expired.status is ScenarioStatus.IMPOSSIBLE
    assert expired.result is not None
    assert (expired.result.conflict, expired.result.conflict_proven) == (
        ["qualified_shares/0"],
        True,
    )


async def test_constraints_that_cannot_hold_together_are_named_without_the_innocent(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    made = await opened(parties, move_clock)
    kept = IncumbentInput(
        supplier_id=parties.coil.organization_id,
        percent="50",
        of=KeptMeasure.LOTS,
        lot_ids=[lot.id for lot in made.lots[:2]],
    )
    scenario = await solved(
        parties,
        worker,
        made,
        suppliers_max=3,
        incumbents=[kept],
        without_supplier_ids=[parties.coil.organization_id],
    )
    assert scenario.status is ScenarioStatus.IMPOSSIBLE
    assert scenario.result is not None
    assert scenario.result.conflict == ["incumbents/0", "without_supplier_ids"]
    with pytest.raises(WrongState):
        await propose_scenario(
            platform, parties.buyer, scenario.id, await proposal(parties), version=2, key=key()
        )


async def test_what_fits_nothing_is_refused_at_once_with_all_pointers(
    parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    unknown = IncumbentInput(supplier_id=made.id, percent="10", lot_ids=[made.id])
    with pytest.raises(InvalidInput) as refusal:
        await asked(
            parties,
            made,
            suppliers_per_lot_max=1,
            incumbents=[unknown],
            without_supplier_ids=[made.id],
        )
    assert [error.pointer for error in refusal.value.errors] == [
        "/constraints/suppliers_per_lot_max",
        "/constraints/incumbents/0/supplier_id",
        "/constraints/incumbents/0/lot_ids",
        "/constraints/incumbents/0/lot_ids/0",
        "/constraints/without_supplier_ids/0",
    ]


async def test_nothing_is_told_before_the_opening_nor_to_others_nor_to_who_may_only_read(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    sealed = await parties.published()
    with pytest.raises(WrongState):
        await asked(parties, sealed)
    made = await opened(parties, move_clock)
    scenario = await solved(parties, worker, made)
    for stranger in (parties.acme, caller(BUYER_SCOPES)):
        able = structs.replace(stranger, scopes=BUYER_SCOPES)
        with pytest.raises(NotFound):
            await service.read_scenario(platform, able, scenario.id)
        with pytest.raises(NotFound):
            await comparing.compare_scenarios(platform, able, made.id)
    reader = structs.replace(parties.buyer, scopes=BUYER_SCOPES - {"rfq:write"})
    with pytest.raises(NotPermitted):
        await service.read_scenario(platform, reader, scenario.id)


async def test_lines_that_are_awarded_apart_have_a_supplier_each_and_at_most_so_many_per_lot(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    made = await opened(parties, move_clock, award_division=Division.LINES)
    apart = await solved(parties, worker, made)
    assert apart.result is not None
    # Paper from Bolt at 290.00, toner from Coil at 240.00.
    assert apart.result.total == "1590.00"
    whole = await solved(parties, worker, made, suppliers_per_lot_max=1)
    assert whole.result is not None
    assert whole.result.total == "1725.00"
    assert [each.cost for each in whole.result.constraints] == ["135.00"]
    awarded = await propose_scenario(
        platform,
        parties.buyer,
        whole.id,
        await proposal(parties, "One delivery per lot."),
        version=2,
        key=key(),
    )
    assert [each.total.amount for each in awarded.proposals] == ["575.00"] * 3


async def test_of_lots_that_are_shared_each_share_goes_to_a_supplier_of_its_own(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    shares = {"award_division": Division.SHARES, "award_shares": [60, 40]}
    made = await opened(parties, move_clock, **shares)
    cheapest = await solved(parties, worker, made)
    assert cheapest.result is not None
    # Bolt stands before Acme, but 60 paper and 2 toner from Acme (366.00) beside 40 and 1 from
    # Bolt (211.00) cost less than 364.00 and 214.00.
    assert cheapest.result.total == "1731.00"
    of_lot = [each for each in cheapest.result.awards if each.lot_id == made.lots[0].id]
    assert [(each.share_rank, each.rank, each.amount, each.line_id) for each in of_lot] == [
        (1, 2, "366.00", None),
        (2, 1, "211.00", None),
    ]
    kept = IncumbentInput(
        supplier_id=parties.coil.organization_id, percent="50", of=KeptMeasure.LOTS
    )
    with_coil = await solved(parties, worker, made, incumbents=[kept])
    assert with_coil.result is not None
    # A share of two lots of three: Coil first, Bolt second at 581.00.
    (kept_by_coil,) = with_coil.result.constraints
    assert (with_coil.result.total, kept_by_coil.cost) == ("1739.00", "8.00")
    assert kept_by_coil.words == "Supplier Coil keeps at least 50 % of the lots."
    compared = await comparing.compare_scenarios(platform, parties.buyer, made.id)
    drawn = comparing.constraint_chart(compared)
    assert drawn.categories == ("x\nSupplier Coil keeps at least 50 % of the lots.",)
    assert (drawn.series[0].values, drawn.ends) == ((8.0,), ("8.00",))
    reason = "It is one euro less per lot."
    awarded = await propose_scenario(
        platform,
        parties.buyer,
        cheapest.id,
        await proposal(parties, reason),
        version=2,
        key=key(),
    )
    assert [each.total.amount for each in awarded.proposals] == ["577.00"] * 3
    first = await read_proposal(platform, parties.buyer, awarded.proposals[0].proposal_id)
    assert [(each.share, each.total.amount) for each in first.awards] == [
        (60, "366.00"),
        (40, "211.00"),
    ]
    # Bolt stood first and got the lesser share: he is told why; Coil stood behind both.
    notices = (await list_notices(platform, parties.buyer, made.id)).items
    told = {each.bidder_id: each.reasons for each in notices if each.lot_id == first.lot_id}
    assert told == {
        parties.acme.organization_id: [],
        parties.bolt.organization_id: [reason],
        parties.coil.organization_id: ["Your offer has rank 3."],
    }


async def test_a_lot_is_not_shared_among_fewer_than_its_terms_say_while_a_low_offer_is_undecided(
    parties: Parties, move_clock: MoveClock
) -> None:
    shares = {"award_division": Division.SHARES, "award_shares": [40, 30, 30]}
    made = await opened(parties, move_clock, **shares, low_below_mean=1)
    with pytest.raises(Conflict, match="more shares than offers"):
        await asked(parties, made)


async def test_volume_discounts_count_from_their_amount_on_and_only_where_they_are_wanted(
    platform: Platform, parties: Parties, move_clock: MoveClock, worker: Worker
) -> None:
    volume = [
        VolumeDiscountInput(from_amount="1160", percent="2"),
        VolumeDiscountInput(from_amount="1740.01", percent="10"),
    ]
    made = await opened(parties, move_clock, ConditionsInput(volume=volume))
    scenario = await solved(parties, worker, made)
    assert scenario.result is not None
    # All three at 1740.00 reach the first discount, and miss the second by a cent.
    assert (scenario.result.total, scenario.result.granted[0].condition) == ("1705.20", "volume/0")
    data = ScenarioInput(name="Prices alone", conditions=False, gap_percent="0")
    plain = await service.create_scenario(platform, parties.buyer, made.id, data, key())
    await worker.run_until_idle()
    read = await service.read_scenario(platform, parties.buyer, plain.id)
    assert read.result is not None
    assert read.result.total == "1725.00"
    compared = await comparing.compare_scenarios(platform, parties.buyer, made.id)
    assert [(item.total, item.above_cheapest) for item in compared.items] == [
        ("1705.20", "0.00"),
        ("1725.00", "19.80"),
    ]
    assert compared.items[1].above_cheapest_percent == "1.16"
    svg = await comparing.plot_scenarios(platform, parties.buyer, made.id)
    assert svg.startswith(b"<?xml")
    assert b"Prices alone: 1725.00" in svg
    with pytest.raises(NotFound):
        await comparing.compare_scenarios(platform, parties.buyer, made.id, [made.id])


async def test_a_scenario_that_is_cancelled_ends_its_process_and_stays_cancelled(
    platform: Platform,
    parties: Parties,
    move_clock: MoveClock,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await opened(parties, move_clock)
    queued = await asked(parties, made)
    cancelled = await service.cancel_scenario(platform, parties.buyer, queued.id, queued.version)
    assert cancelled.status is ScenarioStatus.CANCELLED
    running = await asked(parties, made)
    started = asyncio.create_subprocess_exec

    async def endless(*_command: str, **options: Any) -> Process:
        return await started(sys.executable, "-c", "import time; time.sleep(3600)", **options)

    monkeypatch.setattr("rfq.scenarios.running.asyncio.create_subprocess_exec", endless)
    work = asyncio.create_task(worker.run_until_idle())
    while (
        await service.read_scenario(platform, parties.buyer, running.id)
    ).status is ScenarioStatus.QUEUED:
        await asyncio.sleep(0.01)
    await service.cancel_scenario(platform, parties.buyer, running.id, running.version)
    await work
    for each in (queued, running):
        after = await service.read_scenario(platform, parties.buyer, each.id)
        assert (after.status, after.result) == (ScenarioStatus.CANCELLED, None)
    with pytest.raises(WrongState):
        await service.cancel_scenario(platform, parties.buyer, running.id, 2)


async def test_no_more_than_a_few_wait_at_once(parties: Parties, move_clock: MoveClock) -> None:
    made = await opened(parties, move_clock)
    again = key()
    data = ScenarioInput(name="Cheapest")
    first = await service.create_scenario(parties.platform, parties.buyer, made.id, data, again)
    assert first == await service.create_scenario(
        parties.platform, parties.buyer, made.id, data, again
    )
    for _ in range(3):
        await asked(parties, made)
    with pytest.raises(Conflict, match="not solved yet"):
        await asked(parties, made)
