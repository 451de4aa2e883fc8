"""Variants: sealed, opened, decided on, ranked and awarded as offers of their own."""

from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from marketplace.contracts.reading import read_contract
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.sheets.page import page
from marketplace.platform.sheets.reader import reader_of
from rfq.attachments.sealed import list_attachments
from rfq.awards.leaving import fail_award
from rfq.awards.notices import list_notices
from rfq.awards.schemas import AwardFailureInput
from rfq.bids.schemas import ConditionsInput, VolumeDiscountInput
from rfq.bids.service import confirm_bid, list_receipts, replace_bid, submit_bid, withdraw_bid
from rfq.comparison.page import comparison_sheet
from rfq.comparison.reading import read_comparison
from rfq.evaluation.computing import read_computation
from rfq.evaluation.listing import list_bids
from rfq.evaluation.rankings import BEHIND
from rfq.explanations.schemas import (
    ExplanationDecisionInput,
    ExplanationInput,
    ExplanationRequestInput,
)
from rfq.explanations.service import decide_explanation, explain_offer, request_explanation
from rfq.opening.proofs import read_opening
from rfq.printouts.service import Asked, print_decision, print_minutes, print_procedure
from rfq.procedures.reading import load, read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.procedure import LotStatus
from rfq.rules.proof import verify_opening
from rfq.rules.settlement import Cause
from rfq.rules.variants import VariantPolicy
from rfq.scenarios.reading import prepare
from rfq.scenarios.schemas import ScenarioInput
from rfq.variants.service import list_variants
from tests.rfq.awards.tender import proposed
from tests.rfq.parties import MoveClock, Parties, bid, key
from tests.rfq.test_amendments import amended
from tests.rfq.test_attachments import named, upload
from tests.rfq.test_negotiation import Table
from tests.rfq.variants import decide, opened, placed, ranked, send, taking, variant

ENGLISH = Asked((), None)
FAILED = AwardFailureInput(cause=Cause.INSOLVENT, reason="Insolvency was declared.")
FIRST_ONE = ExplanationDecisionInput(accepted=False, reason="The stock is not enough.")


async def test_a_variant_is_submitted_beside_a_main_bid_replaced_and_withdrawn(
    platform: Platform, parties: Parties
) -> None:
    plain = await parties.published()
    made = await parties.published(taking(await parties.terms()))
    with pytest.raises(InvalidInput, match="takes no variants"):
        await send(parties, plain, parties.acme, "Recycled", "2", "90")
    with pytest.raises(Conflict, match="submit that first"):
        await send(parties, made, parties.acme, "Recycled", "2", "90")
    main = await parties.submit(made, parties.acme, "3.10", "90")
    once, label = key(), "Recycled"
    first, again = [
        await submit_bid(platform, parties.acme, made.id, variant(made, label, "2", "90"), once)
        for _ in range(2)
    ]
    assert (first.bid_id, first.variant) == (again.bid_id, 1), "a request sent again sends no other"
    second = await send(parties, made, parties.acme, "Grey", "1.90", "90")
    assert (main.variant, second.variant, second.version) == (0, 2, 1)
    assert len({main.bid_id, first.bid_id, second.bid_id}) == 3
    with pytest.raises(Conflict, match="2 variants here"):
        await send(parties, made, parties.acme, "Third", "1", "90")
    # Each is replaced by its own kind, at its own version.
    with pytest.raises(InvalidInput) as refused:
        await replace_bid(
            platform,
            parties.acme,
            made.id,
            first.bid_id,
            data=bid(made, "2", "90"),
            version=1,
            key=key(),
        )
    assert [each.pointer for each in refused.value.errors] == ["/variant"]
    better = await replace_bid(
        platform,
        parties.acme,
        made.id,
        first.bid_id,
        data=variant(made, "Recycled", "1.95", "90"),
        version=1,
        key=key(),
    )
    assert (better.variant, better.version) == (1, 2)
    with pytest.raises(Conflict, match="withdraw them first"):
        await withdraw_bid(platform, parties.acme, made.id, main.bid_id, 1)
    for given, version in ((better, 2), (second, 1)):
        await withdraw_bid(platform, parties.acme, made.id, given.bid_id, version)
    # A number is given once: receipts of both would name the same place.
    assert (await send(parties, made, parties.acme, "Fourth", "1", "90")).variant == 3
    receipts = (await list_receipts(platform, parties.acme, made.id)).items
    assert [(each.variant, each.version, each.status) for each in receipts] == [
        (0, 1, "live"),
        (1, 2, "withdrawn"),
        (1, 1, "replaced"),
        (2, 1, "withdrawn"),
        (3, 1, "live"),
    ]
    with pytest.raises(NotFound):
        await withdraw_bid(platform, parties.bolt, made.id, main.bid_id, 1)
    with pytest.raises(WrongState):
        await list_variants(platform, parties.buyer, made.id)


async def five_offers(parties: Parties, move_clock: MoveClock) -> BuyerProcedureView:
    """Acme's 580.00, with a variant of 500.00 and one of 370.00; 575.00 (Bolt), 590.00 (Coil)."""
    made = await parties.published(taking(await parties.terms()))
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    await parties.submit(made, parties.coil, "3.50", "80")
    await send(parties, made, parties.acme, "Recycled", "2.30", "90")
    await send(parties, made, parties.acme, "Grey", "1", "90")
    return await opened(parties, made, move_clock)


async def test_offers_are_ranked_by_themselves_and_each_bidder_by_his_best_that_may_be_taken(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await five_offers(parties, move_clock)
    shown = await read_procedure(platform, parties.acme, made.id)
    assert shown.variants is not None
    assert [each.code for each in shown.variants.minimum_requirements] == ["LIFE", "WHITE"]
    printed = page((await print_procedure(platform, parties.acme, made.id, ENGLISH)).sheet)
    assert b"A variant meets WHITE" in printed
    # As if each offer were of a bidder of its own, until there is one of each.
    bids = (await list_bids(platform, parties.buyer, made.id)).items
    assert [(each.variant and each.variant.label, each.offers[0].rank) for each in bids] == [
        ("Grey", 1),
        ("Recycled", 2),
        (None, 3),
        (None, 4),
        (None, 5),
    ]
    assert placed(parties, await ranked(parties, made))[0] == ("acme", "Grey")
    # Nothing is awarded before all variants are decided, another's neither.
    with pytest.raises(Conflict, match="Decide first"):
        await proposed(parties, made)
    aside = await decide(parties, made, "Grey", "WHITE")
    assert (aside.meets, aside.unmet, aside.version) == (False, ["WHITE"], 1)
    with pytest.raises(Conflict, match="variant 1: Recycled"):
        await proposed(parties, made, bid_ids=[bids[2].id], reason="Nearer.")
    await decide(parties, made, "Recycled")
    ranking = await ranked(parties, made)
    assert placed(parties, ranking) == [("acme", "Recycled"), ("bolt", None), ("coil", None)]
    assert {each.reason for each in ranking.excluded} == {
        "It does not meet the minimum requirements (WHITE): As the laboratory found.",
        BEHIND,
    }
    behind = next(each.bid_id for each in ranking.excluded if each.reason == BEHIND)
    with pytest.raises(InvalidInput, match=BEHIND):
        await proposed(parties, made, bid_ids=[behind], reason="His main bid.")
    seen = page(
        comparison_sheet(
            reader_of(("en",), "UTC"), await read_comparison(platform, parties.buyer, made.id)
        )
    ).decode()
    assert "Acme (variant 1: Recycled)" in seen
    assert BEHIND in seen


async def test_a_variant_wins_its_bidder_falls_with_all_he_offered_and_another_follows(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await five_offers(parties, move_clock)
    await decide(parties, made, "Grey", "WHITE")
    await decide(parties, made, "Recycled")
    proposal = await proposed(parties, made)
    (award,) = proposal.awards
    assert award.total.amount == "500.00"
    assert award.variant is not None
    assert award.variant.label == "Recycled"
    assert award.contract_id is not None
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    assert contract.title == "Office supplies: Lot 1 (variant 1: Recycled)"
    computation = await read_computation(platform, parties.buyer, made.id, made.lots[0].id)
    assert [(each.rank, each.variant) for each in computation.offers] == [
        (1, "variant 1: Recycled"),
        (2, None),
        (3, None),
        (None, "variant 2: Grey"),
        (None, None),
    ]
    with pytest.raises(WrongState, match="awarded"):
        await decide(parties, made, "Grey")
    minutes = page((await print_minutes(platform, parties.buyer, made.id, ENGLISH)).sheet)
    assert b"Acme (variant 2)" in minutes
    decision = page((await print_decision(platform, parties.buyer, made.id, ENGLISH)).sheet)
    assert b"It is recycled." in decision
    for who in (parties.buyer, parties.acme):
        proof = await read_opening(platform, who, made.id)
        assert len(proof.bids) == (5 if who is parties.buyer else 3)
        assert all(finding.fits for finding in verify_opening(proof, (), None))

    # He fails as a person: his main bid, which was valid, falls with him.
    await fail_award(platform, parties.buyer, award.id, FAILED, proposal.version)
    assert placed(parties, await ranked(parties, made)) == [("bolt", None), ("coil", None)]
    again = await proposed(parties, made)
    assert again.awards[0].supplier_id == parties.bolt.organization_id
    assert again.awards[0].variant is None
    told = (await list_notices(platform, parties.acme, made.id)).items[-1]
    assert told.reasons == [
        "An award of this lot to you has ended already. Insolvency was declared."
    ]


async def test_where_only_the_offer_is_rejected_the_next_of_its_bidder_stands(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = structs.replace(taking(await parties.terms()), low_below_next=30)
    made = await parties.published(terms)
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "3.20", "90")
    low = await send(parties, made, parties.acme, "Recycled", "1", "90")
    made = await opened(parties, made, move_clock)
    await decide(parties, made, "Recycled")
    lot_id = made.lots[0].id
    (first, _) = (await ranked(parties, made)).items
    assert first.abnormally_low is not None
    with pytest.raises(Conflict):
        await proposed(parties, made)
    asked = await request_explanation(
        platform,
        parties.buyer,
        made.id,
        lot_id,
        ExplanationRequestInput(bid_id=low.bid_id, question="How so?"),
        key(),
    )
    own = ExplanationInput(explanation="We close a warehouse.")
    given = await explain_offer(platform, parties.acme, asked.id, own, asked.version)
    await decide_explanation(platform, parties.buyer, given.id, FIRST_ONE, given.version)
    ranking = await ranked(parties, made)
    assert placed(parties, ranking) == [("acme", None), ("bolt", None)]
    assert [each.bid_id for each in ranking.rejected] == [low.bid_id]
    assert (await proposed(parties, made)).awards[0].supplier_id == parties.acme.organization_id
    # The loser reads where his offer stood, and nothing of the variant of another.
    (told,) = (await list_notices(platform, parties.bolt, made.id)).items
    assert told.reasons == ["Your offer has rank 2."]


async def test_offers_without_what_stands_beside_them_are_invalid_and_bidders_are_counted_once(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = structs.replace(
        taking(await parties.terms(), policy=VariantPolicy.REQUIRED), minimum_bids=2
    )
    made = await parties.published(terms)
    await parties.submit(made, parties.acme, "3.10", "90")
    await send(parties, made, parties.acme, "Recycled", "2", "90")
    await send(parties, made, parties.acme, "Grey", "2.10", "90")
    await parties.submit(made, parties.bolt, "3", "90")
    made = await opened(parties, made, move_clock)
    bids = (await list_bids(platform, parties.buyer, made.id)).items
    (missing,) = [each for each in bids if each.invalid_reason]
    assert missing.bidder_id == parties.bolt.organization_id
    assert missing.invalid_reason is not None
    assert "require a variant" in missing.invalid_reason
    # Three offers of one company are no competition.
    assert made.lots[0].status is LotStatus.UNSUCCESSFUL


async def test_a_variant_stands_for_amended_terms_only_beside_a_main_bid_that_does(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = structs.replace(taking(await parties.terms()), amendment_notice_hours=0)
    made = await parties.published(terms)
    for who in (parties.acme, parties.bolt):
        main = await parties.submit(made, who, "3.10", "90")
        sent = await send(parties, made, who, "Recycled", "2", "90")
        if who is parties.acme:
            await amended(parties, made)
            await confirm_bid(platform, who, made.id, sent.bid_id, 1)
    receipts = (await list_receipts(platform, parties.acme, made.id)).items
    assert [each.status for each in receipts] == ["unconfirmed", "live"]
    made = await opened(parties, made, move_clock)
    bids = (await list_bids(platform, parties.buyer, made.id)).items
    invalid = {each.bidder_id: each.invalid_reason for each in bids if each.invalid_reason}
    assert list(invalid) == [parties.acme.organization_id]
    assert "no valid one stands beside it" in invalid[parties.acme.organization_id]
    assert main.bid_id in {each.id for each in bids if not each.invalid_reason}


async def test_what_is_agreed_about_a_variant_is_its_price_and_no_other_offers_of_its_bidder(
    parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(taking(await parties.terms()))
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    sent = await send(parties, made, parties.acme, "Recycled", "2.30", "90")
    made = await opened(parties, made, move_clock)
    table = Table(parties, made)
    assert await table.bid_of(parties.acme) == sent.bid_id
    agreed = await table.accept(parties.acme, await table.begin(parties.acme, "2", "90"))
    assert agreed.bid_id == sent.bid_id
    await decide(parties, made, "Recycled")
    (first, second) = (await ranked(parties, made)).items
    assert (first.total.amount, first.negotiated, second.negotiated) == ("470.00", True, False)
    # Set aside, it takes what was agreed about it along; the main bid stands as it was.
    await decide(parties, made, "Recycled", "LIFE")
    items = (await ranked(parties, made)).items
    assert [(each.total.amount, each.negotiated) for each in items] == [
        ("575.00", False),
        ("580.00", False),
    ]
    await decide(parties, made, "Recycled")
    award = await table.award()
    assert (award.bid_id, award.total.amount) == (sent.bid_id, "470.00")


async def test_bids_that_name_one_attachment_are_listed_each_on_whatever_page(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(taking(await parties.terms()))
    leaflet = named(await upload(parties, parties.acme, made, b"%PDF-1.7\n%%EOF\n"))
    for given in (bid(made, "3", "90"), variant(made, "Recycled", "2", "90")):
        whole = msgspec.structs.replace(given, attachments=[leaflet])
        await submit_bid(platform, parties.acme, made.id, whole, key())
    made = await opened(parties, made, move_clock)
    first = await list_attachments(platform, parties.buyer, made.id, PageRequest(1, None))
    rest = await list_attachments(platform, parties.buyer, made.id, PageRequest(1, first.next))
    found = [*first.items, *rest.items]
    assert {each.id for each in found} == {leaflet.attachment_id}
    assert len({each.bid_id for each in found}) == 2
    assert {each.invalid_reason for each in found} == {None}


async def test_lots_decided_together_take_the_best_offers_and_discounts_are_for_main_bids(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(taking(await parties.terms(lots=2)))
    both = ConditionsInput(volume=[VolumeDiscountInput(from_amount="100", percent="10")])
    for who in (parties.acme, parties.bolt):
        given = structs.replace(bid(made, *("3.10", "90") * 2), conditions=both)
        await submit_bid(platform, who, made.id, given, key())
    # For the first lot alone.
    await send(parties, made, parties.acme, "Recycled", "2", "90")
    made = await opened(parties, made, move_clock)
    acme, bolt = parties.acme.organization_id, parties.bolt.organization_id

    async def offers() -> set[tuple[int, UUID, int, bool]]:
        async with transaction(platform, parties.buyer) as tx:
            asked = await prepare(tx, await load(tx, made.id), ScenarioInput(name="All"))
        lots = [lot.id for lot in made.lots]
        return {
            (lots.index(each.part_id), each.bidder, each.amount, each.own)
            for each in asked.problem.offers
        }

    others = {(0, bolt, 58_000, True), (1, acme, 58_000, True), (1, bolt, 58_000, True)}
    assert await offers() == others, "what is not decided on cannot be awarded"
    await decide(parties, made, "Recycled")
    assert await offers() == {(0, acme, 47_000, False), *others}
    await decide(parties, made, "Recycled", "LIFE")
    assert await offers() == {(0, acme, 58_000, True), *others}
