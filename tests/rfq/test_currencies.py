"""Bids in another currency, from the terms to the contract."""

import msgspec
import pytest

from auctions.terms_schemas import CurrencyRateInput
from marketplace.contracts.reading import read_contract
from marketplace.kernel.errors import InvalidInput
from marketplace.platform.core import Platform
from marketplace.platform.sheets.page import page
from rfq.bids.service import submit_bid
from rfq.evaluation.computing import read_computation
from rfq.evaluation.rankings import read_ranking
from rfq.opening.service import open_procedure
from rfq.printouts.service import Asked, print_procedure
from rfq.procedures.reading import read_procedure
from tests.rfq.awards.tender import proposed
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key


async def test_a_bid_in_dollars_is_compared_and_contracted_at_the_rate_of_the_terms(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = msgspec.structs.replace(
        await parties.terms(), rates=[CurrencyRateInput(currency="USD", rate="0.9")]
    )
    made = await parties.published(terms)
    seen = await read_procedure(platform, parties.bolt, made.id)
    assert [(each.currency, each.rate) for each in seen.rates] == [("USD", "0.9")]
    shown = page((await print_procedure(platform, parties.bolt, made.id, Asked((), None))).sheet)
    assert b"1 USD is 0.9 EUR" in shown
    await parties.submit(made, parties.acme, "3.10", "90")
    dollars = msgspec.structs.replace(bid(made, "3.20", "100"), currency="USD")
    await submit_bid(platform, parties.bolt, made.id, dollars, key())
    pounds = msgspec.structs.replace(dollars, currency="GBP")
    with pytest.raises(InvalidInput, match="EUR or USD") as refused:
        await submit_bid(platform, parties.coil, made.id, pounds, key())
    assert [each.pointer for each in refused.value.errors] == ["/currency"]
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)

    lot_id = made.lots[0].id
    ranking = await read_ranking(platform, parties.buyer, made.id, lot_id)
    assert [(each.bidder_id, each.total.amount, each.total.currency) for each in ranking.items] == [
        (parties.bolt.organization_id, "558.00", "EUR"),
        (parties.acme.organization_id, "580.00", "EUR"),
    ]
    steps = (await read_computation(platform, parties.buyer, made.id, lot_id)).offers[0].steps
    assert [step.calculation for step in steps[:2]] == ["3.2 × 0.9", "100 × 2.88 ÷ 1"]
    (award,) = (await proposed(parties, made)).awards
    assert award.contract_id is not None
    contract = await read_contract(platform, parties.buyer, award.contract_id)
    assert contract.currency == "EUR"
    assert [each.tiers[0].amount for each in contract.prices] == ["2.88", "90"]
