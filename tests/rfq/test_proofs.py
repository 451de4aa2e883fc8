import asyncio
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from marketplace.kernel.errors import NotFound, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from rfq.bids.schemas import ReceiptView
from rfq.bids.service import list_receipts, replace_bid, withdraw_bid
from rfq.opening.commands import check_opening
from rfq.opening.proofs import read_opening
from rfq.opening.service import open_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidStatus
from rfq.rules.procedure import Openness
from rfq.rules.proof import Copy, OpeningProof
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key
from tests.support.amounts import tells


async def opened(
    parties: Parties, move_clock: MoveClock
) -> tuple[BuyerProcedureView, list[ReceiptView]]:
    """Acme replaces its bid, Bolt bids, Coil withdraws; opened by the buyer."""
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3.10", "90")
    again = await replace_bid(
        parties.platform,
        parties.acme,
        made.id,
        first.bid_id,
        data=bid(made, "2.81", "90"),
        version=1,
        key=key(),
    )
    bolt = await parties.submit(made, parties.bolt, "2.93", "95")
    coil = await parties.submit(made, parties.coil, "3.00", "80")
    await withdraw_bid(parties.platform, parties.coil, made.id, coil.bid_id, 1)
    await move_clock(HOUR)
    await open_procedure(parties.platform, parties.buyer, made.id)
    return made, [first, again, bolt, coil]


def check(path: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(check_opening, [str(path), *options])
    return done.exit_code, done.output


async def saved(
    parties: Parties, who: Caller, made: BuyerProcedureView, path: Path
) -> OpeningProof:
    opening = await read_opening(parties.platform, who, made.id)
    await asyncio.to_thread(path.write_bytes, msgspec.json.encode(opening))
    return opening


async def test_the_buyers_copy_of_an_opening_proves_itself_offline(
    parties: Parties, move_clock: MoveClock, tmp_path: Path
) -> None:
    made, receipts = await opened(parties, move_clock)
    file = tmp_path / "opening.json"
    opening = await saved(parties, parties.buyer, made, file)
    assert opening.copy is Copy.BUYER
    assert sorted(each.status for each in opening.entries) == [
        BidStatus.LIVE,
        BidStatus.LIVE,
        BidStatus.REPLACED,
        BidStatus.WITHDRAWN,
    ]
    options = ["--key", receipts[0].signing_key]
    for number, receipt in enumerate(receipts):
        kept = tmp_path / f"receipt-{number}.json"
        kept.write_bytes(msgspec.json.encode(receipt))
        options += ["--receipt", str(kept)]
    code, said = check(file, *options)
    assert code == 0, said
    assert "broken" not in said
    assert said.count("signed by the marketplace's key") == 4


async def test_a_file_that_was_changed_is_found(
    parties: Parties, move_clock: MoveClock, tmp_path: Path
) -> None:
    made, _ = await opened(parties, move_clock)
    file = tmp_path / "opening.json"
    await saved(parties, parties.buyer, made, file)
    file.write_text(file.read_text().replace("2.93", "2.51"))
    code, said = check(file)
    assert code == 1
    assert "broken" in said


async def test_a_bidders_copy_shows_him_no_bid_but_his_own(
    parties: Parties, move_clock: MoveClock, tmp_path: Path
) -> None:
    made, _ = await opened(parties, move_clock)
    file = tmp_path / "opening.json"
    opening = await saved(parties, parties.acme, made, file)
    assert [each.bidder_id for each in opening.bids] == [parties.acme.organization_id]
    text = file.read_text()
    assert tells(text, "2.81")
    assert not tells(text, "2.93")
    for rival in (parties.bolt, parties.coil):
        assert str(rival.organization_id) not in text
    assert check(file)[0] == 0
    (withdrawn,) = (await list_receipts(parties.platform, parties.coil, made.id)).items
    assert withdrawn.status == BidStatus.WITHDRAWN
    assert (await read_opening(parties.platform, parties.coil, made.id)).bids == ()


async def test_before_the_opening_there_is_nothing_to_prove(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3.10", "90")
    for who in (parties.buyer, parties.acme):
        with pytest.raises(WrongState):
            await read_opening(platform, who, made.id)


async def test_who_did_not_bid_is_shown_no_opening(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(await parties.terms(openness=Openness.OPEN))
    await parties.submit(made, parties.acme, "3.10", "90")
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    with pytest.raises(NotFound):
        await read_opening(platform, parties.bolt, made.id)


def test_another_file_is_named_as_what_it_is_not(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    code, said = check(file)
    assert code == 1
    assert "is not the document of an opening" in said
