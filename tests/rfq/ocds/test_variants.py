"""Open data tells whether variants are taken, and that one won; no more of them."""

import msgspec

from rfq.opening.service import open_procedure
from rfq.rules.procedure import Openness
from rfq.rules.variants import VariantPolicy
from tests.rfq.awards.tender import proposed
from tests.rfq.ocds.conformance import errors, needs_standard
from tests.rfq.ocds.life import releases_of
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.variants import decide, send, taking


@needs_standard
async def test_releases_tell_the_policy_and_which_winner_is_a_variant_as_the_standard_says(
    parties: Parties, move_clock: MoveClock
) -> None:
    terms = taking(await parties.terms(openness=Openness.OPEN), policy=VariantPolicy.REQUIRED)
    made = await parties.published(terms)
    for who, price, label in ((parties.acme, "2", "Recycled"), (parties.bolt, "3.30", "Grey")):
        await parties.submit(made, who, "3.10", "90")
        await send(parties, made, who, label, price, "90")
    await move_clock(HOUR)
    await open_procedure(parties.platform, parties.buyer, made.id)
    for label in ("Recycled", "Grey"):
        await decide(parties, made, label)
    winner = (await proposed(parties, made)).awards[0]
    kept = await releases_of(parties, made.id)
    releases = [msgspec.json.decode(each) for each in kept]
    assert [found for each in releases for found in errors(each)] == []
    asked, awarded = releases[0], releases[-1]
    lots = asked["tender"]["lots"]
    assert [each["submissionTerms"] for each in lots] == [{"variantPolicy": "required"}]
    assert awarded["tender"]["numberOfTenderers"] == 2
    assert awarded["bids"]["statistics"][0]["value"] == 4
    (bid,) = awarded["bids"]["details"]
    assert (bid["id"], bid["variant"]) == (str(winner.bid_id), True)
    assert "Recycled" not in "".join(kept), "what differs is between the parties"
