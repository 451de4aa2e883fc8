"""Terms of delivery asked for, completed by the bid, are those of the contract an award makes."""

from datetime import timedelta

import msgspec
import pytest

from marketplace.contracts.reading import read_contract
from marketplace.contracts.terms import Address, Incoterm, LineTerms
from marketplace.kernel.errors import InvalidInput
from marketplace.platform.core import Platform
from rfq.amendments.schemas import AmendedLineInput, AmendedLotInput, AmendmentInput
from rfq.amendments.service import amend_procedure, list_amendments
from rfq.awards.schemas import AwardInput
from rfq.awards.service import award_lot
from rfq.bids.schemas import SealedBidInput
from rfq.bids.service import submit_bid
from rfq.opening.service import open_procedure
from rfq.procedures.schemas import BuyerProcedureView
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key

DOCK = Address(name="Dock 4", street=["Hafenstr. 1"], city="Hamburg", country="DE")
ASKED = LineTerms(ship_to=DOCK, incoterm=Incoterm.DAP, delivery_place="Hamburg")


async def published(parties: Parties) -> BuyerProcedureView:
    """Paper is to be delivered at the dock; of toner nothing is said."""
    terms = await parties.terms()
    terms.lots[0].lines[0] = msgspec.structs.replace(terms.lots[0].lines[0], terms=ASKED)
    return await parties.published(terms)


def offering(made: BuyerProcedureView, terms: LineTerms) -> SealedBidInput:
    given = bid(made, "2", "60")
    given.lines[0] = msgspec.structs.replace(given.lines[0], terms=terms)
    return given


async def test_an_award_is_on_the_terms_asked_completed_by_those_offered(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await published(parties)
    assert made.lots[0].lines[0].terms == ASKED
    own = LineTerms(incoterm=Incoterm.DAP, payment_days=30)
    await submit_bid(platform, parties.acme, made.id, offering(made, own), key())
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    last_day = (made.deadline_at + timedelta(days=300)).date()
    won = await award_lot(
        platform,
        parties.buyer,
        made.id,
        AwardInput(lot_id=made.lots[0].id, last_day=last_day),
        key(),
    )
    contract = await read_contract(platform, parties.buyer, won.awards[0].contract_id)
    assert [price.terms for price in contract.prices] == [
        msgspec.structs.replace(ASKED, payment_days=30),
        msgspec.UNSET,
    ]


@pytest.mark.parametrize(
    ("offered", "place", "code"),
    [
        (LineTerms(incoterm=Incoterm.EXW), "incoterm", "not_as_asked"),
        (LineTerms(delivery_place="Bremen"), "delivery_place", "not_as_asked"),
        (LineTerms(ship_to=DOCK), "ship_to", "not_yours"),
    ],
)
async def test_an_offer_on_other_terms_than_asked_is_refused(
    platform: Platform, parties: Parties, offered: LineTerms, place: str, code: str
) -> None:
    made = await published(parties)
    with pytest.raises(InvalidInput) as refused:
        await submit_bid(platform, parties.acme, made.id, offering(made, offered), key())
    errors = [(error.pointer, error.code) for error in refused.value.errors]
    assert errors == [(f"/lines/0/terms/{place}", code)]


async def test_an_amendment_says_which_terms_changed(platform: Platform, parties: Parties) -> None:
    made = await published(parties)
    (lot,) = made.lots
    lines = [
        AmendedLineInput(
            id=line.id,
            quantity=line.quantity,
            unit=line.unit,
            description=line.description,
            sku=line.sku,
            terms=msgspec.structs.replace(ASKED, delivery_place="Kiel"),
        )
        for line in lot.lines[:1]
    ]
    lots = [AmendedLotInput(id=lot.id, title=lot.title, lines=lines)]
    given = AmendmentInput(
        summary="Another dock",
        title=made.title,
        lots=lots,
        deadline_at=made.deadline_at + timedelta(days=2),
    )
    await amend_procedure(platform, parties.buyer, made.id, given, made.version)
    (amended,) = (await list_amendments(platform, parties.acme, made.id)).items
    changed = [(c.place.split(", ")[-1], c.before, c.after) for c in amended.changes]
    assert ("delivery place", "Hamburg", "Kiel") in changed
    assert not [c for c in changed if c[0] == "ship to"]
