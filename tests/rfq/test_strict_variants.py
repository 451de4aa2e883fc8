"""Variants that the bidders' own programs seal: numbered by them, and checked once they open."""

from pathlib import Path

import msgspec
import pytest

from marketplace.kernel.errors import Conflict, InvalidInput, StaleVersion
from marketplace.platform.core import Platform
from rfq.bids.service import withdraw_bid
from rfq.opening.proofs import read_opening
from rfq.rules.proof import verify_opening
from rfq.rules.strict import Holder
from rfq.variants.service import list_variants
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.strict_bidders import BUYER, ONE_ENVELOPE, Strict, strict_client
from tests.rfq.variants import taking

RECYCLED = {"label": "Recycled", "description": "Paper of recovered fibre."}


async def test_the_documented_client_seals_variants_that_open_each_in_its_own_place(
    platform: Platform, parties: Parties, move_clock: MoveClock, tmp_path: Path
) -> None:
    terms = msgspec.structs.replace(taking(await parties.terms()), strict=ONE_ENVELOPE)
    made = await parties.published(terms)
    strict = Strict(platform, made, strict_client(), tmp_path)
    acme, bolt = parties.acme, parties.bolt
    first = strict.envelope(acme, "2", "90", number=1, variant=RECYCLED)
    with pytest.raises(Conflict, match="submit that first"):
        await strict.submit(acme, first)
    await strict.submit(acme, strict.envelope(acme, "3.10", "90"))
    sent = await strict.submit(acme, first)
    assert (sent.variant, sent.version) == (1, 1)
    for envelope in (
        strict.envelope(acme, "2", "90", number=3, variant=RECYCLED),
        strict.envelope(acme, "2", "90", number=1, variant=RECYCLED),
    ):
        with pytest.raises(StaleVersion):
            await strict.submit(acme, envelope)
    better = strict.envelope(acme, "1.90", "90", number=1, version=2, variant=RECYCLED)
    replaced = await strict.submit(acme, better)
    assert (replaced.bid_id, replaced.version) == (sent.bid_id, 2)
    # What is no variant, though it was sent as one, is found out when it opens.
    await strict.submit(acme, strict.envelope(acme, "1", "1", number=2))
    with pytest.raises(Conflict, match="2 variants here"):
        await strict.submit(acme, strict.envelope(acme, "1", "1", number=3, variant=RECYCLED))
    # Nor does an envelope open as another offer than it was sealed as.
    main = strict.envelope(bolt, "3.30", "90")
    await strict.submit(bolt, main)
    with pytest.raises(InvalidInput, match="sent this commitment before"):
        await strict.submit(bolt, msgspec.structs.replace(main, variant=1))
    moved = msgspec.structs.replace(main, variant=1, commitment="11" * 32)
    await strict.submit(bolt, moved)
    third = await strict.submit(bolt, strict.envelope(bolt, "1", "1", number=2, variant=RECYCLED))
    await withdraw_bid(platform, bolt, made.id, third.bid_id, 1)

    await move_clock(HOUR)
    await strict.show(parties.buyer, (Holder.BUYER, BUYER))
    proof = await read_opening(platform, parties.buyer, made.id)
    assert all(finding.fits for finding in verify_opening(proof, (), None))
    reasons = {
        (each.bidder_id == acme.organization_id, each.variant): each.invalid_reason
        for each in proof.bids
    }
    assert reasons.pop((True, 2)) == (
        "A variant says what it is called and what differs; a main bid does not."
    )
    assert "does not open" in (reasons.pop((False, 1)) or "")
    assert reasons == {(True, 0): None, (True, 1): None, (False, 0): None}
    (listed,) = (await list_variants(platform, parties.buyer, made.id)).items
    assert (listed.bid_id, listed.variant.label) == (sent.bid_id, "Recycled")


async def test_a_strict_procedure_without_variants_takes_none(
    platform: Platform, parties: Parties, tmp_path: Path
) -> None:
    terms = msgspec.structs.replace(await parties.terms(), strict=ONE_ENVELOPE)
    strict = Strict(platform, await parties.published(terms), strict_client(), tmp_path)
    await strict.submit(parties.acme, strict.envelope(parties.acme, "3", "90"))
    with pytest.raises(InvalidInput, match="takes no variants"):
        await strict.submit(
            parties.acme, strict.envelope(parties.acme, "2", "90", number=1, variant=RECYCLED)
        )
