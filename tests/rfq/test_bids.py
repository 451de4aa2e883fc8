import asyncio
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET
from sqlalchemy import insert

from marketplace.kernel.errors import (
    Conflict,
    InvalidInput,
    KeyReused,
    MarketplaceError,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from rfq.bids import service as bids
from rfq.bids.schemas import ReceiptView, SealedBidInput
from rfq.bids.service import list_receipts, replace_bid, withdraw_bid
from rfq.rules.procedure import Openness
from rfq.rules.receipt import Receipt, is_signed_by
from tests.rfq.parties import HOUR, SUPPLIER_SCOPES, MoveClock, Parties, bid, caller, key


def receipt(view: ReceiptView) -> Receipt:
    return Receipt(
        view.procedure_id,
        view.bidder_id,
        view.bid_id,
        view.version,
        view.submitted_at,
        bytes.fromhex(view.commitment),
    )


async def test_a_submission_is_answered_with_a_signed_receipt(parties: Parties) -> None:
    made = await parties.published()
    view = await parties.submit(made, parties.acme, "3.10", "90")
    key_ = Ed25519PublicKey.from_public_bytes(bytes.fromhex(view.signing_key))
    assert is_signed_by(receipt(view), bytes.fromhex(view.signature), key_)
    later = msgspec.structs.replace(view, submitted_at=view.submitted_at + HOUR)
    assert not is_signed_by(receipt(later), bytes.fromhex(view.signature), key_)


async def test_a_company_that_only_buys_bids_in_no_open_procedure(
    platform: Platform, parties: Parties
) -> None:
    """It could win and could not be contracted, or block the auction of the best."""
    made = await parties.published(await parties.terms(openness=Openness.OPEN))
    other = caller(SUPPLIER_SCOPES)
    async with transaction(platform, other) as tx:
        id_ = other.organization_id
        await tx.execute(insert(OrganizationRow).values(id=id_, company_id=id_, name="Other"))
    with pytest.raises(NotPermitted):
        await parties.submit(made, other, "1", "1")


async def test_the_nonce_is_told_once_and_stored_nowhere(
    platform: Platform, parties: Parties, database_text: Any
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3.10", "90", name="k")
    again = await parties.submit(made, parties.acme, "3.10", "90", name="k")
    assert isinstance(first.nonce, str)
    assert again.nonce is UNSET
    assert msgspec.structs.replace(first, nonce=UNSET) == again
    listed = await list_receipts(platform, parties.acme, made.id)
    assert [item.nonce for item in listed.items] == [UNSET]
    everything = await database_text()
    assert first.commitment in everything
    assert first.nonce not in everything


async def test_one_key_makes_one_bid_however_often_it_is_sent(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()

    async def send() -> ReceiptView | MarketplaceError:
        try:
            return await parties.submit(made, parties.acme, "3", "90", name="same")
        except MarketplaceError as refused:
            return refused

    answers = await asyncio.gather(*(send() for _ in range(8)))
    taken = [answer for answer in answers if isinstance(answer, ReceiptView)]
    assert taken
    assert {(view.bid_id, view.version) for view in taken} == {(taken[0].bid_id, 1)}
    assert all(a.status == 409 for a in answers if isinstance(a, MarketplaceError))
    listed = await list_receipts(platform, parties.acme, made.id)
    assert len(listed.items) == 1


async def test_the_same_key_with_another_price_is_refused(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    first, other = key("same", "3"), key("same", "2")
    await bids.submit_bid(platform, parties.acme, made.id, bid(made, "3", "9"), first)
    with pytest.raises(KeyReused):
        await bids.submit_bid(platform, parties.acme, made.id, bid(made, "2", "9"), other)


async def test_a_second_submission_must_replace_the_first(parties: Parties) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3", "90")
    with pytest.raises(Conflict, match="replace"):
        await parties.submit(made, parties.acme, "2", "90")


async def test_of_two_submissions_at_once_one_is_the_bid(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    answers = await asyncio.gather(
        *(parties.submit(made, parties.acme, "3", "90") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, ReceiptView) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    assert len((await list_receipts(platform, parties.acme, made.id)).items) == 1


async def test_a_replaced_version_stays_on_record(platform: Platform, parties: Parties) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3", "90")
    second = await replace_bid(
        platform,
        parties.acme,
        made.id,
        first.bid_id,
        data=bid(made, "2.5", "88"),
        version=1,
        key=key(),
    )
    assert (second.bid_id, second.version) == (first.bid_id, 2)
    listed = await list_receipts(platform, parties.acme, made.id)
    assert [(item.version, item.status) for item in listed.items] == [
        (2, "live"),
        (1, "replaced"),
    ]


async def test_of_two_replacements_of_one_version_one_is_stale(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3", "90")
    answers = await asyncio.gather(
        *(
            replace_bid(
                platform,
                parties.acme,
                made.id,
                first.bid_id,
                data=bid(made, price, "88"),
                version=1,
                key=key(),
            )
            for price in ("1", "2")
        ),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["ReceiptView", "StaleVersion"]


async def test_a_withdrawn_bid_can_be_submitted_anew_as_the_next_version(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3", "90")
    gone = await withdraw_bid(platform, parties.acme, made.id, first.bid_id, 1)
    assert gone.status == "withdrawn"
    with pytest.raises(WrongState):
        await withdraw_bid(platform, parties.acme, made.id, first.bid_id, 1)
    anew = await parties.submit(made, parties.acme, "4", "90")
    assert (anew.bid_id, anew.version) == (first.bid_id, 2)
    with pytest.raises(StaleVersion):
        await withdraw_bid(platform, parties.acme, made.id, first.bid_id, 1)


async def test_nobody_touches_another_bidders_bid(platform: Platform, parties: Parties) -> None:
    made = await parties.published()
    mine = await parties.submit(made, parties.acme, "3", "90")
    with pytest.raises(NotFound):
        await withdraw_bid(platform, parties.bolt, made.id, mine.bid_id, 1)
    with pytest.raises(NotFound):
        await replace_bid(
            platform,
            parties.bolt,
            made.id,
            mine.bid_id,
            data=bid(made, "1", "1"),
            version=1,
            key=key(),
        )
    assert (await list_receipts(platform, parties.bolt, made.id)).items == []


async def test_at_the_deadline_nothing_is_received_replaced_or_withdrawn(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3", "90")
    await move_clock(HOUR)
    with pytest.raises(WrongState, match="deadline"):
        await parties.submit(made, parties.bolt, "3", "90")
    with pytest.raises(WrongState, match="deadline"):
        await withdraw_bid(platform, parties.acme, made.id, first.bid_id, 1)
    with pytest.raises(WrongState, match="deadline"):
        await replace_bid(
            platform,
            parties.acme,
            made.id,
            first.bid_id,
            data=bid(made, "1", "1"),
            version=1,
            key=key(),
        )


async def test_the_buyer_and_the_uninvited_do_not_bid(parties: Parties) -> None:
    made = await parties.published()
    with pytest.raises(NotPermitted):
        await parties.submit(made, parties.buyer, "3", "90")
    draft = await parties.drafted()
    with pytest.raises(NotFound):
        await parties.submit(draft, parties.acme, "3", "90")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"currency": "USD"}, "/currency"),
        ({"lines": 1}, "/lines"),
        ({"sku": "NOT-MINE"}, "/lines/1/sku"),
    ],
)
async def test_a_bid_that_does_not_answer_leaves_nothing_behind(
    platform: Platform, parties: Parties, change: dict[str, Any], pointer: str
) -> None:
    made = await parties.published()
    data = bid(made, "3", "90")
    if "lines" in change:
        change = {"lines": data.lines[:1]}
    if "sku" in change:
        change = {"lines": [data.lines[0], msgspec.structs.replace(data.lines[1], **change)]}
    broken: SealedBidInput = msgspec.structs.replace(data, **change)
    with pytest.raises(InvalidInput) as refusal:
        await bids.submit_bid(platform, parties.acme, made.id, broken, key())
    assert refusal.value.errors[0].pointer == pointer
    assert (await list_receipts(platform, parties.acme, made.id)).items == []


async def test_bids_for_one_lot_and_for_all_are_equally_long(parties: Parties, owner: Any) -> None:
    made = await parties.published(await parties.terms(lots=3))
    await parties.submit(made, parties.acme, "3", "90")
    await parties.submit(made, parties.bolt, "3.123456", "90", "3", "90", "3", "90")
    lengths = await owner.fetch("select distinct length(ciphertext) as n from sealed_bids")
    assert len(lengths) == 1


async def test_a_bidder_reads_his_receipt_and_not_his_envelope(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3", "90")
    async with transaction(platform, parties.acme) as tx:
        raw = await tx.raw()
        assert await raw.fetchval("select commitment from sealed_bids") is not None
        with pytest.raises(Exception, match="permission denied"):
            await raw.fetchval("select ciphertext from sealed_bids")
